//! What a control group costs: a world with limits beside one without, and the group alone.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dwell_cgroup::Group;
use serde_json::json;

use super::job::Who;
use super::lab::Lab;
use super::start::{behind, compare};

/// Limits that take one, three and all of the usual controllers.
const LIMITS: [(&str, &[&str]); 3] = [
    ("dwell --pids", &["--pids", "100"]),
    ("dwell --memory --pids --cpus", &["--memory", "1G", "--pids", "100", "--cpus", "2"]),
    (
        "the same, and --cpuset --stats",
        &["--memory", "1G", "--pids", "100", "--cpus", "2", "--cpuset", "0", "--stats"],
    ),
];

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### limits: `dwell run` with and without a control group\n");
    for who in lab.people.clone() {
        let mut jobs = vec![lab.nothing(&who)];
        jobs.extend(behind(lab.dwells("dwell", &who, &[]), &who));
        for (name, options) in LIMITS {
            jobs.extend(behind(lab.dwells(name, &who, options), &who));
        }
        compare(lab, "limits", &who, jobs)?;
        if who.uid == 0 {
            alone(lab, &who)?;
        }
    }
    Ok(())
}

/// Making and removing the group, without a world.
fn alone(lab: &mut Lab, who: &Who) -> Result<()> {
    println!("\n| the group alone, as root | made, us | removed, us |\n| --- | --: | --: |");
    for (name, options) in LIMITS {
        let (made, removed) = match make_and_remove(lab, options) {
            Ok(times) => times,
            Err(error) => {
                println!("| {name} | left out: {error:#} | |");
                continue;
            }
        };
        println!("| {name} | {made} | {removed} |");
        lab.store_value("limits", who.label, &format!("group of {name}"), json!([made, removed]));
    }
    Ok(())
}

/// Medians in microseconds. The Plan is asked of dwell itself; the names are new each time.
fn make_and_remove(lab: &Lab, options: &[&str]) -> Result<(u128, u128)> {
    let plan = Command::new(&lab.dwell)
        .args(["run", "--plan", "json"])
        .args(options)
        .args(["--", "true"])
        .output()?;
    if !plan.status.success() {
        bail!("{}", String::from_utf8_lossy(&plan.stderr).trim());
    }
    let plan: dwell_plan::Plan = serde_json::from_slice(&plan.stdout)?;
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..lab.rounds {
        let facts = dwell_probe::facts(&plan)?;
        let program = dwell_plan::lower(&plan, &facts)?;
        let spec = program.group.as_ref().context("no group")?;
        let start = Instant::now();
        let group = Group::create(spec)?;
        times.0.push(start.elapsed().as_micros());
        let start = Instant::now();
        group.remove()?;
        times.1.push(start.elapsed().as_micros());
    }
    let median = |mut list: Vec<u128>| {
        list.sort_unstable();
        list.get(list.len() / 2).copied().unwrap_or(0)
    };
    Ok((median(times.0), median(times.1)))
}
