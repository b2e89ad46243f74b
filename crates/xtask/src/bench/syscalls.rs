//! How many system calls a whole run takes, by all its processes.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::job::{Job, which};
use super::lab::Lab;
use super::start::behind;

/// How many kinds of call are named.
const NAMED: usize = 6;

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### syscalls: of a whole run of `true`, as an ordinary user\n");
    if which("strace".as_ref()).is_none() {
        println!("Left out: strace is not installed.");
        return Ok(());
    }
    let who = lab.user()?;
    let mut jobs = vec![lab.nothing(&who)];
    let mut dwells = lab.dwells("dwell", &who, &[]);
    dwells.extend(lab.dwells("dwell --ro /", &who, &["--ro", "/"]));
    dwells.extend(lab.dwells("dwell --unshare none", &who, &["--unshare", "none"]));
    dwells.extend([lab.floor(&who), lab.bwrap(&who)]);
    jobs.extend(behind(dwells, &who));
    let jobs = lab.working(jobs);
    println!("\n| | calls | failed | most of them |\n| --- | --: | --: | --- |");
    for job in jobs {
        let count = count(&job)?;
        println!("| {} | {} | {} | {} |", job.name, count.calls, count.errors, count.most);
        lab.store_value("syscalls", who.label, &job.name, json!(count.calls));
    }
    Ok(())
}

struct Count {
    calls: u64,
    errors: u64,
    most: String,
}

fn count(job: &Job) -> Result<Count> {
    let file = job.who.cwd().join("strace.out");
    let strace = Job::new("strace", &job.who, &["strace", "-f", "-c", "-S", "calls", "-o"]);
    let strace = strace.with(&[&file]).with(&job.argv);
    let status = strace.command()?.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !status.success() {
        bail!("{} under strace: {status}", job.name);
    }
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    // % time, seconds, usecs/call, calls, errors (if any), name
    let rows = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|r| r.len() >= 5 && r.first() != Some(&"%")).collect();
    let calls = |row: &Vec<&str>| row.get(3).and_then(|n| n.parse::<u64>().ok());
    let total = rows.iter().find(|r| r.last() == Some(&"total")).context("no total of strace")?;
    let errors = if total.len() > 5 { total.get(4).and_then(|n| n.parse().ok()) } else { None };
    let named = rows.iter().filter(|r| calls(r).is_some() && r.last() != Some(&"total"));
    let most: Vec<_> = named
        .take(NAMED)
        .map(|r| format!("{} {}", calls(r).unwrap_or(0), r.last().unwrap_or(&"")))
        .collect();
    Ok(Count {
        calls: calls(total).unwrap_or(0),
        errors: errors.unwrap_or(0),
        most: most.join(", "),
    })
}
