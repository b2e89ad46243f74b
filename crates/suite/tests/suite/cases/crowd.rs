//! Ten thousand processes: what lists them takes its time, and no more than that.

use std::fs;
use std::time::Duration;

use crate::harness::{Ctx, Outcome, cases, ensure, fail, patience, rounds, skip};

cases! {
    root: lsns, ls;
}

const FEW: usize = 2000;
/// How many times as many there are then.
const TIMES: u32 = 5;
const MANY: usize = 10_000;
/// Of these, each in a UTS namespace of its own.
const OWN: usize = 300;

/// What there has to be, in KiB: the kernel's own memory for so many is some 400 MiB.
const ROOM: u64 = 1 << 20;

/// What one run took, and what it printed.
struct Took {
    least: Duration,
    /// The most memory, in KiB.
    memory: u64,
    out: String,
}

/// Starts `command` among so many processes, some times.
fn among(ctx: &Ctx, count: usize, command: &str) -> Outcome<Took> {
    ctx.needs("gcc")?;
    let free = fs::read_to_string("/proc/meminfo")?;
    let free = free.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = free.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    if free < ROOM {
        return skip(format!("{free} KiB of memory are too little for {MANY} processes"));
    }
    if !ctx.path("crowd").exists() {
        ctx.file("crowd.c", include_str!("crowd.c"))?;
        ctx.shell("gcc -O1 -static -o crowd crowd.c 2>&1").go()?.exits(0)?;
    }
    let words = ["--fork", "--pid", "--mount-proc", "--kill-child", "./crowd"];
    let numbers = [count.to_string(), OWN.to_string(), rounds(5).to_string()];
    let run = ctx.host("unshare").args(words).args(numbers).args(command.split(' ')).limit(120);
    let got = run.go()?;
    if got.status().code() == Some(75) {
        return skip(format!("{count} processes may not be made here"));
    }
    got.exits(0)?.silent()?;
    let out = got.out();
    let last = out.trim_end().rsplit('\n').next().unwrap_or_default();
    let mut numbers = last.split(' ').map(|n| n.parse().unwrap_or(u64::MAX));
    let (Some(least), Some(memory)) = (numbers.next(), numbers.next()) else {
        return fail(format!("two numbers were expected last: {out}"));
    };
    let printed = out.trim_end().strip_suffix(last).unwrap_or_default().to_owned();
    Ok(Took { least: Duration::from_micros(least), memory, out: printed })
}

/// Five times as many take five times as long, of which twice as much is let pass; were it the square, it would
/// be twenty-five times.
fn is_linear(few: &Took, many: &Took) -> Outcome {
    let most = few.least * TIMES * 2;
    ensure!(many.least <= most, "{FEW}: {:?}, {MANY}: {:?}", few.least, many.least);
    let limit = patience(Duration::from_secs(10));
    ensure!(many.least < limit, "{MANY} processes took {:?}", many.least);
    ensure!(many.memory < 24 << 10, "{MANY} processes took {} KiB", many.memory);
    Ok(())
}

/// All are counted, those in the namespace of their maker together.
fn lsns(ctx: &Ctx) -> Outcome {
    let command = format!("{} lsns -n -r -l -t uts -t pid -o TYPE,NPROCS", ctx.dwell.display());
    let (few, many) = (among(ctx, FEW, &command)?, among(ctx, MANY, &command)?);
    for (count, took) in [(FEW, &few), (MANY, &many)] {
        // The one that made them, and the one that lists them.
        let (all, outer) = (format!("pid {}", count + 2), format!("uts {}", count + 2 - OWN));
        let lines = |wanted: &str| took.out.lines().filter(|line| *line == wanted).count();
        ensure!(
            lines(&all) == 1 && lines(&outer) == 1 && lines("uts 1") == OWN,
            "{count} processes: {}",
            took.out
        );
    }
    is_linear(&few, &many)
}

/// Those with a namespace of their own are worlds.
fn ls(ctx: &Ctx) -> Outcome {
    let command = format!("{} ls", ctx.dwell.display());
    let (few, many) = (among(ctx, FEW, &command)?, among(ctx, MANY, &command)?);
    for took in [&few, &many] {
        let worlds = took.out.lines().filter(|line| line.contains(" uts ")).count();
        ensure!(worlds == OWN, "{OWN} worlds were expected: {}", took.out);
    }
    is_linear(&few, &many)
}
