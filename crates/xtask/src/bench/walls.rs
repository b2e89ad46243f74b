//! What each wall costs: the same world with it and without it.

use anyhow::Result;

use super::job::Who;
use super::lab::Lab;
use super::sample::{Sample, alternate};
use super::start::behind;

/// A wall, the options of a world without it, and of one with it.
const WALLS: [(&str, &[&str], &[&str]); 16] = [
    ("pid namespace", &["--share", "pid"], &[]),
    ("mount namespace", &["--share", "mount"], &[]),
    ("net namespace", &["--share", "net"], &[]),
    ("uts namespace", &["--share", "uts"], &[]),
    ("ipc namespace", &["--share", "ipc"], &[]),
    ("cgroup namespace", &["--share", "cgroup"], &[]),
    ("user namespace", &["--share", "user"], &[]),
    ("time namespace", &[], &["--unshare", "all"]),
    ("filter of system calls", &["--seccomp", "none"], &[]),
    ("the strict one instead", &[], &["--seccomp", "strict"]),
    ("capabilities dropped", &["--root", "--cap-add", "all"], &["--root"]),
    ("`--proc pids`", &[], &["--proc", "pids"]),
    ("`--proc tools`", &[], &["--proc", "tools"]),
    ("`--proc full`", &[], &["--proc", "full"]),
    // The program lies in the current directory, which is a layer.
    ("`--no-new-code`", &["--ro", "."], &["--ro", ".", "--no-new-code"]),
    ("`--verify`", &[], &["--verify"]),
];

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### walls: the default world with each wall and without it\n");
    for who in lab.people.clone() {
        measure(lab, &who)?;
    }
    Ok(())
}

fn measure(lab: &mut Lab, who: &Who) -> Result<()> {
    let mut jobs = vec![lab.nothing(who)];
    let mut known = Vec::new();
    for options in WALLS.iter().flat_map(|(_, without, with)| [*without, *with]) {
        let name = named(options);
        if !known.contains(&name) {
            jobs.extend(behind(lab.dwells(&name, who, options).into_iter().take(1).collect(), who));
            known.push(name);
        }
    }
    let jobs = lab.working(jobs);
    let samples = alternate(&jobs, lab.rounds)?;
    let median = |name: &str| samples.iter().find(|s| s.name == name).map(Sample::median);
    println!("\nAs {}:\n\n| wall | without | with | cost |", who.label);
    println!("| --- | --: | --: | --: |");
    for (wall, without, with) in WALLS {
        let (Some(without), Some(with)) = (median(&named(without)), median(&named(with))) else {
            continue;
        };
        println!("| {wall} | {without:.0} | {with:.0} | {:+.0} |", with - without);
    }
    lab.store("walls", who.label, &samples);
    Ok(())
}

fn named(options: &[&str]) -> String {
    if options.is_empty() { "dwell".to_owned() } else { options.join(" ") }
}
