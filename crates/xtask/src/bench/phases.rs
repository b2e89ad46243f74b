//! Where the time goes: the same program with one wall more each time, and the floor beside it.

use anyhow::Result;

use super::job::Job;
use super::lab::Lab;
use super::sample::{Sample, alternate};
use super::start::behind;

/// What is added, the walls so far, and the options of dwell for them.
const PHASES: [(&str, &str, &[&str]); 7] = [
    ("a process", "none", &["--unshare", "none"]),
    ("+ user", "user", &["--unshare", "user"]),
    ("+ pid", "user,pid", &["--unshare", "user,pid"]),
    ("+ uts, ipc, cgroup", "user,pid,uts,ipc,cgroup", &["--unshare", "user,pid,uts,ipc,cgroup"]),
    ("+ net", "user,pid,uts,ipc,cgroup,net", &["--unshare", "user,pid,uts,ipc,cgroup,net"]),
    ("+ mount, `/` read-only", "user,pid,uts,ipc,cgroup,net,mount", &["--ro", "/"]),
    ("the default world", "user,pid,uts,ipc,cgroup,net,mount", &[]),
];

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### phases: with one wall more each time, as an ordinary user\n");
    let who = lab.user()?;
    let mut jobs = vec![lab.nothing(&who)];
    jobs.push(Job::new("dwell --version", &who, &[&lab.dwell]).with(&["--version"]));
    for (name, walls, options) in PHASES {
        let dwell = lab.dwells(name, &who, options).into_iter().take(1).collect();
        jobs.extend(behind(dwell, &who));
        let floor = Job::new(&format!("floor {name}"), &who, &[&lab.floor]);
        jobs.extend(behind(vec![floor.with(&["--walls", walls])], &who));
    }
    let jobs = lab.working(jobs);
    let samples = alternate(&jobs, lab.rounds)?;
    let median =
        |name: &str| samples.iter().find(|s| s.name == name).map_or(f64::NAN, Sample::median);
    let nothing = median("static true");
    println!("\n| | dwell | | floor | | dwell − floor |");
    println!("| --- | --: | --: | --: | --: | --: |");
    println!("| `true` alone | {nothing:.0} | | {nothing:.0} | | |");
    let version = median("dwell --version");
    println!("| `dwell --version` | {version:.0} | | | | |");
    let mut last = (nothing, nothing);
    for (name, _, _) in PHASES {
        let now = (median(name), median(&format!("floor {name}")));
        let (more, least) = (now.0 - last.0, now.1 - last.1);
        print!("| {name} | {:.0} | {more:+.0} | {:.0} | {least:+.0} ", now.0, now.1);
        println!("| {:.0} |", now.0 - now.1);
        last = now;
    }
    lab.store("phases", who.label, &samples);
    Ok(())
}
