//! What the processes around the program cost while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::job::Job;
use super::lab::Lab;

/// How long the idle world is watched.
const IDLE: Duration = Duration::from_secs(3);

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### memory: while a program sleeps, as an ordinary user\n");
    let who = lab.user()?;
    let mut jobs = lab.dwells("dwell", &who, &[]);
    jobs.push(lab.bwrap(&who));
    println!(
        "| | processes | private KiB | of it written | proportional KiB | context switches in 3 s |"
    );
    println!("| --- | --: | --: | --: | --: | --: |");
    for job in jobs.into_iter().map(|job| job.with(&["sleep", "30"])) {
        match watch(&job) {
            Ok(seen) => {
                let name = &job.name;
                print!("| {name} | {} | {} ", seen.processes, seen.private.join(" + "));
                print!("| {} | {} ", seen.dirty.join(" + "), seen.shared.join(" + "));
                println!("| {} |", seen.switches);
                let value = json!({
                    "private_kib": seen.private, "dirty_kib": seen.dirty, "pss_kib": seen.shared,
                    "switches": seen.switches,
                });
                lab.store_value("memory", who.label, name, value);
            }
            Err(error) => println!("| {} | left out: {error:#} | | | | |", job.name),
        }
    }
    println!("\nOuter process + process 1 of the world, where that has a memory of its own.");
    Ok(())
}

struct Seen {
    processes: usize,
    private: Vec<String>,
    dirty: Vec<String>,
    shared: Vec<String>,
    switches: u64,
}

/// Ends the process it holds.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Its world ends with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(job: &Job) -> Result<Seen> {
    let child = job.command()?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let child = Running(child);
    let around = until_asleep(child.0.id())?;
    let (mut private, mut dirty, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    let mut counted = Vec::new();
    for pid in &around {
        // Processes that share one memory have it once.
        let path = format!("/proc/{pid}/smaps");
        let all = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        if counted.contains(&all) {
            continue;
        }
        counted.push(all);
        let path = format!("/proc/{pid}/smaps_rollup");
        let rollup = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let of = |names: &[&str]| names.iter().map(|n| number(&rollup, n)).sum::<u64>().to_string();
        private.push(of(&["Private_Clean:", "Private_Dirty:"]));
        dirty.push(of(&["Private_Dirty:"]));
        shared.push(of(&["Pss:"]));
    }
    let before = switches(&around)?;
    sleep(IDLE);
    let switches = switches(&around)?.saturating_sub(before);
    Ok(Seen { processes: around.len(), private, dirty, shared, switches })
}

/// Waits until the program sleeps; returns the processes above it, the outermost first.
fn until_asleep(outer: u32) -> Result<Vec<u32>> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        let parents = parents();
        let program = parents.iter().find(|(_, (parent, name))| {
            name == "sleep" && above(&parents, *parent).contains(&outer)
        });
        if let Some((_, (parent, _))) = program {
            // What came before the sleep has settled by then; dwell gives memory back after a second.
            sleep(Duration::from_millis(1500));
            let mut around = above(&parents, *parent);
            around.reverse();
            let from = around.iter().position(|pid| *pid == outer).unwrap_or(0);
            return Ok(around.split_off(from));
        }
        sleep(Duration::from_millis(20));
    }
    bail!("the program was not seen to start")
}

/// `pid` and all its ancestors.
fn above(parents: &BTreeMap<u32, (u32, String)>, pid: u32) -> Vec<u32> {
    std::iter::successors(Some(pid), |pid| parents.get(pid).map(|(parent, _)| *parent)).collect()
}

/// Of every process its parent and its name.
fn parents() -> BTreeMap<u32, (u32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let all = pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        Some((pid, (rest.split(' ').nth(1)?.parse().ok()?, name.to_owned())))
    });
    all.collect()
}

fn switches(pids: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for pid in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        sum += number(&status, "voluntary_ctxt_switches:");
        sum += number(&status, "nonvoluntary_ctxt_switches:");
    }
    Ok(sum)
}

fn number(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|v| v.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
