//! Listing namespaces, beside the tool of util-linux: many processes in a few hundred namespaces.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::job::{Job, Who, which};
use super::lab::Lab;
use super::sample::{Sample, alternate};

/// How many processes; 300 namespaces each time.
const COUNTS: [u32; 4] = [1000, 2500, 5000, 10_000];
/// Each group has three namespaces of its own.
const GROUPS: u32 = 100;

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### lsns: processes in {} namespaces, as root\n", 3 * GROUPS);
    let Some(who) = lab.people.iter().find(|who| who.uid == 0).cloned() else {
        println!("Left out: making the namespaces takes root.");
        return Ok(());
    };
    println!(
        "| processes | dwell lsns, ms | µs a process | util-linux, ms | ÷ util-linux |\n\
         | --: | --: | --: | --: | --: |"
    );
    for count in COUNTS {
        let crowd = Crowd::start(count)?;
        let ours = lab.dwell.display().to_string();
        let jobs = [("dwell lsns", vec![ours.as_str(), "lsns"]), ("lsns", vec!["lsns"])];
        let mut all = vec![crowd.job("nothing", &who, &[&who.nothing().display().to_string()])];
        all.extend(jobs.iter().map(|(name, argv)| crowd.job(name, &who, argv)));
        let samples = alternate(&lab.working(all), (lab.rounds / 10).max(5))?;
        row(count, &samples);
        lab.store(&format!("lsns-{count}"), who.label, &samples);
    }
    Ok(())
}

fn row(count: u32, samples: &[Sample]) {
    let median =
        |name: &str| samples.iter().find(|s| s.name == name).map_or(f64::NAN, Sample::median);
    // Getting into the namespace in which they run costs the same for both.
    let nothing = median("nothing");
    let (ours, theirs) = (median("dwell lsns") - nothing, median("lsns") - nothing);
    println!(
        "| {count} | {:.1} | {:.1} | {:.1} | {:.2} |",
        ours / 1e3,
        ours / f64::from(count),
        theirs / 1e3,
        ours / theirs
    );
}

/// Many processes in a pid namespace that ends with its holder.
struct Crowd {
    holder: Child,
    first: u32,
}

impl Crowd {
    fn start(count: u32) -> Result<Crowd> {
        let script = format!(
            "g=0; while [ $g -lt {GROUPS} ]; do g=$((g+1)); unshare --net --uts --ipc sh -c '
             i=1; while [ $i -lt {} ]; do i=$((i+1)); sleep 1000 & done; wait' & done
             while [ $(ls -d /proc/[0-9]* | wc -l) -lt {} ]; do sleep 0.2; done; echo ready; wait",
            count / GROUPS,
            count - GROUPS,
        );
        let unshare = which("unshare".as_ref()).context("unshare is not installed")?;
        let mut holder = Command::new(unshare)
            .args(["--fork", "--kill-child", "--pid", "--mount-proc", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = holder.stdout.take().context("no pipe")?;
        let mut crowd = Crowd { holder, first: 0 };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.trim() != "ready" {
            bail!("the processes could not be made");
        }
        let id = crowd.holder.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        crowd.first = children.trim().parse().context("the first process")?;
        Ok(crowd)
    }

    /// A program among them.
    fn job(&self, name: &str, who: &Who, argv: &[&str]) -> Job {
        let target = self.first.to_string();
        Job::new(name, who, &["nsenter", "--target", &target, "--mount", "--pid"]).with(argv)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // KERNEL: with the first process of a pid namespace all others end.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
