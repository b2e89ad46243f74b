//! Work inside of worlds against the same work without one.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use anyhow::Result;

use super::job::{Job, Who};
use super::lab::Lab;
use super::sample::{Sample, alternate};

/// (name, what `sh` is told, for how many runs of a start one of this). A tar whose output is `/dev/null` reads
/// nothing, hence the pipe.
const TASKS: [(&str, &str, usize); 5] = [
    ("start", ":", 1),
    ("find /usr", "find /usr > /dev/null 2>&1; :", 5),
    ("tar /usr/include", "tar cf - /usr/include | cat > /dev/null", 5),
    ("100,000 stats", "./stats /usr 100000", 5),
    (
        "compile 10 files",
        "for n in 0 1 2 3 4 5 6 7 8 9; do gcc -pipe -O1 -c $n.c || exit 1; done",
        20,
    ),
];

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### work: in the default world of an ordinary user against without a world\n");
    let who = lab.user()?;
    sources(&who)?;
    let cwd = who.cwd();
    println!("The start of the world and of the shell is taken off.\n");
    println!(
        "| | runs of each | without | dwell | ÷ without | of minima | bwrap | ÷ without | of minima |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    let mut starts: Option<Vec<Sample>> = None;
    for (name, task, share) in TASKS {
        let rounds = (lab.rounds / share).max(5);
        let bwrap = lab.bwrap(&who).with(&["--bind".as_ref(), cwd.as_os_str(), cwd.as_os_str()]);
        let mut jobs = vec![Job::new("without", &who, &["env"])];
        jobs.extend(lab.dwells("dwell", &who, &[]).into_iter().take(1));
        jobs.push(bwrap);
        let jobs = jobs.into_iter().map(|job| job.with(&["sh", "-c", task])).collect();
        let jobs = lab.working(jobs);
        let samples = alternate(&jobs, rounds)?;
        row(name, rounds, &samples, starts.as_deref());
        for sample in &samples {
            lab.store_value("work", &sample.name, name, sample.json());
        }
        if name == "start" {
            starts = Some(samples);
        }
    }
    Ok(())
}

/// Milliseconds, less those of the start; ratios of medians and, as the steadier ones on a machine
/// with other work to do, of minima.
fn row(name: &str, rounds: usize, samples: &[Sample], starts: Option<&[Sample]>) {
    let find = |samples: &[Sample], name: &str, of: fn(&Sample) -> f64| {
        samples.iter().find(|s| s.name == name).map_or(f64::NAN, of)
    };
    let time = |name: &str, of| {
        (find(samples, name, of) - starts.map_or(0.0, |starts| find(starts, name, of))) / 1e3
    };
    let without = (time("without", Sample::median), time("without", Sample::min));
    print!("| {name} (ms) | {rounds} | {:.2} ", without.0);
    for program in ["dwell", "bwrap"] {
        let (median, min) = (time(program, Sample::median), time(program, Sample::min));
        print!("| {median:.2} | {:.3} | {:.3} ", median / without.0, min / without.1);
    }
    println!("|");
}

fn sources(who: &Who) -> Result<()> {
    for n in 0..10 {
        let mut text =
            String::from("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n");
        for f in 0..100 {
            writeln!(
                text,
                "int f{f}(const char *s) {{ char b[64]; snprintf(b, sizeof b, \"%s%d\", s, {n}); \
                 return (int)strlen(b) + atoi(s) * {f}; }}"
            )?;
        }
        let path = who.cwd().join(format!("{n}.c"));
        fs::write(&path, text)?;
        give(&path, who)?;
    }
    Ok(())
}

fn give(path: &Path, who: &Who) -> Result<()> {
    Ok(chown(path, Some(who.uid), Some(who.gid))?)
}
