//! What a world has used, and which limits it met: for people and as JSON.

use std::fmt::Write as _;

use dwell_exec::{Ended, How, Usage};
use serde_json::{Value, json};

/// A line for every limit that was met; empty where none was.
pub(crate) fn reached(ended: &Ended) -> String {
    let mut text = String::new();
    let Some(usage) = &ended.usage else { return text };
    if usage.reached.oom_kills > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "dwell: {}", out_of_memory(ended.how, usage));
    }
    if let Some(limit) = usage.told.pids.filter(|_| usage.reached.pids_limit > 0) {
        let times = match usage.reached.pids_limit {
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let _ = writeln!(
            text,
            "dwell: limit of {limit} processes reached: {times} another one could not be made"
        );
    }
    text
}

fn out_of_memory(how: How, usage: &Usage) -> String {
    let who = match (how, usage.reached.oom_kills) {
        (How::Signaled(9), _) => "killed".to_owned(),
        (_, 1) => "one process was killed".to_owned(),
        (_, n) => format!("{n} processes were killed"),
    };
    let peak = usage.stats.memory_peak.map(|n| format!(", peak {}", bytes(n))).unwrap_or_default();
    // Where memory and swap together are what is met, not every kernel counts it as a failure.
    let near =
        |limit: u64| usage.stats.memory_peak.is_some_and(|n| n.saturating_add(1 << 20) >= limit);
    let met = |limit: &u64| usage.reached.memory_limit > 0 || near(*limit);
    match usage.told.memory.filter(met) {
        Some(limit) => format!("{who}: memory limit {} reached{peak}", bytes(limit)),
        None => format!("{who}: the machine, or a control group above, ran out of memory{peak}"),
    }
}

/// `--stats`.
pub(crate) fn stats(usage: &Usage) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "dwell: {name:<11}{value}");
    };
    let stats = &usage.stats;
    if let Some(peak) = stats.memory_peak {
        let whose = if usage.of_processes { " in one process" } else { "" };
        line("memory", format!("{} at most{whose}", bytes(peak)));
    }
    if let Some(cpu) = stats.cpu {
        let held = cpu.throttled_us.filter(|us| *us > 0);
        let held = held.map(|us| format!(", held back {}", seconds(us))).unwrap_or_default();
        let (user, system) = (seconds(cpu.user_us), seconds(cpu.system_us));
        let total = seconds(cpu.total_us);
        line("processor", format!("{total} ({user} in programs, {system} in the kernel){held}"));
    }
    if let Some(io) = stats.io {
        line("disks", format!("{} read, {} written", bytes(io.read), bytes(io.written)));
    }
    if let Some(peak) = stats.processes_peak {
        line("processes", format!("{peak} at most"));
    }
    if let Some(pressure) = stats.pressure {
        let parts =
            [("processor", pressure.cpu), ("memory", pressure.memory), ("disks", pressure.io)];
        let part = |(name, stalled): (&str, Option<dwell_exec::Stalled>)| {
            stalled.map(|s| format!("{name} {}", seconds(s.some_us)))
        };
        line("waited for", parts.into_iter().filter_map(part).collect::<Vec<_>>().join(", "));
    }
    text
}

/// `--stats-file`.
pub(crate) fn json(ended: &Ended) -> String {
    let usage = ended.usage.as_deref();
    let (exit_code, signal) = match ended.how {
        How::Exited(code) => (Some(code), None),
        How::Signaled(signal) => (None, Some(signal)),
    };
    let used = usage.map_or(Value::Null, |usage| json!(usage.stats));
    let value = json!({
        "exit_code": exit_code,
        "signal": signal,
        "timed_out": ended.timed_out,
        "of_processes": usage.map(|usage| usage.of_processes),
        "used": used,
        "reached": usage.map(|usage| usage.reached),
        "limits": {
            "memory": usage.and_then(|usage| usage.told.memory),
            "pids": usage.and_then(|usage| usage.told.pids),
        },
    });
    format!("{value:#}\n")
}

/// `64 MiB`, `1.5 GiB`: a whole number where it is one.
pub(crate) fn bytes(n: u64) -> String {
    let units = [("GiB", 30u32), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        let size = 1u64 << shift;
        if n < size {
            continue;
        }
        let (whole, tenths) = (n >> shift, ((n & (size - 1)) * 10) >> shift);
        return if tenths == 0 {
            format!("{whole} {unit}")
        } else {
            format!("{whole}.{tenths} {unit}")
        };
    }
    format!("{n} bytes")
}

fn seconds(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us / 1000 % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwell_exec::{Reached, Stats, Told};

    fn ended(how: How, reached: Reached, told: Told) -> Ended {
        let stats = Stats { memory_peak: Some(64 << 20), ..Stats::default() };
        let usage = Usage { stats, of_processes: false, reached, told };
        let usage = Some(Box::new(usage));
        Ended { how, changed: None, timed_out: false, usage, left: vec![], lost: None }
    }

    #[test]
    fn sentences() {
        let told = Told { memory: Some(64 << 20), pids: Some(32), own_processes: 1 };
        let out = Reached { oom_kills: 1, memory_limit: 9, pids_limit: 0 };
        assert_eq!(
            reached(&ended(How::Signaled(9), out, told)),
            "dwell: killed: memory limit 64 MiB reached, peak 64 MiB\n"
        );
        assert_eq!(
            reached(&ended(How::Exited(1), out, told)),
            "dwell: one process was killed: memory limit 64 MiB reached, peak 64 MiB\n"
        );
        let elsewhere = Reached { memory_limit: 0, ..out };
        let wide = Told { memory: Some(70 << 20), ..told };
        assert_eq!(
            reached(&ended(How::Signaled(9), elsewhere, told)),
            "dwell: killed: memory limit 64 MiB reached, peak 64 MiB\n"
        );
        assert!(reached(&ended(How::Exited(1), elsewhere, wide)).contains("group above, ran out"));
        let forks = Reached { pids_limit: 3, ..Reached::default() };
        assert_eq!(
            reached(&ended(How::Exited(0), forks, told)),
            "dwell: limit of 32 processes reached: 3 times another one could not be made\n"
        );
        assert_eq!(reached(&ended(How::Exited(0), Reached::default(), told)), "");
    }

    #[test]
    fn numbers() {
        assert_eq!(bytes(1 << 30), "1 GiB");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(seconds(1_234_567), "1.234 s");
    }

    #[test]
    fn for_machines() {
        let told = Told { memory: Some(5), ..Told::default() };
        let text = json(&ended(How::Signaled(9), Reached::default(), told));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["signal"], 9);
        assert_eq!(value["used"]["memory_peak"], 64 << 20);
        assert_eq!(value["limits"]["memory"], 5);
    }
}
