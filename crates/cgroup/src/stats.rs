//! What a group has used, and which of its limits were reached.

use std::fs;
use std::path::Path;

use dwell_plan::cgroups::Version;
use serde::Serialize;

use crate::files::{number, value, value_in};
use crate::group::Part;
use crate::tree;

/// What a group has used since it was made. What its hierarchies do not count is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The most memory at one time, in bytes (`memory.peak`, Linux 5.19; `memory.max_usage_in_bytes`).
    pub memory_peak: Option<u64>,
    /// Memory in use, in bytes.
    pub memory_current: Option<u64>,
    /// Processor time.
    pub cpu: Option<CpuTime>,
    /// Bytes read from and written to block devices.
    pub io: Option<BlockIo>,
    /// The most processes and threads at one time (`pids.peak`, Linux 6.1).
    pub processes_peak: Option<u64>,
    /// Time in which processes had to wait (`CONFIG_PSI`; version 2).
    pub pressure: Option<Pressure>,
}

/// Processor time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CpuTime {
    /// All of it.
    pub total_us: u64,
    /// In programs.
    pub user_us: u64,
    /// In the kernel.
    pub system_us: u64,
    /// How long it was held back by its quota.
    pub throttled_us: Option<u64>,
}

/// Bytes moved from and to block devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockIo {
    /// Read.
    pub read: u64,
    /// Written.
    pub written: u64,
}

/// Pressure stall information, see the kernel's `Documentation/accounting/psi.rst`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pressure {
    /// Waiting for a processor.
    pub cpu: Option<Stalled>,
    /// Waiting for memory.
    pub memory: Option<Stalled>,
    /// Waiting for a block device.
    pub io: Option<Stalled>,
}

/// Stalled time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stalled {
    /// In which some processes waited.
    pub some_us: u64,
    /// In which all that wanted to run did.
    pub full_us: u64,
}

/// Which limits were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Processes that were killed because memory ran out.
    pub oom_kills: u64,
    /// How often the group's own limit on memory was met.
    pub memory_limit: u64,
    /// How often no process could be made because of the limit.
    pub pids_limit: u64,
}

pub(crate) fn read(parts: &[Part]) -> Stats {
    let mut stats = Stats::default();
    for part in parts {
        match part.version {
            Version::V1 => of_v1(&part.outer, &mut stats),
            Version::V2 => of_v2(&part.outer, &mut stats),
        }
    }
    stats
}

/// Keeps what is known where the other has nothing.
fn or<T>(known: &mut Option<T>, new: Option<T>) {
    if known.is_none() {
        *known = new;
    }
}

fn of_v1(dir: &Path, stats: &mut Stats) {
    or(&mut stats.memory_peak, number(&dir.join("memory.max_usage_in_bytes")));
    or(&mut stats.memory_current, number(&dir.join("memory.usage_in_bytes")));
    or(&mut stats.processes_peak, number(&dir.join("pids.peak")));
    let throttled = value_in(&dir.join("cpu.stat"), "throttled_time").map(|ns| ns / 1000);
    if let Some(total) = number(&dir.join("cpuacct.usage")) {
        let part = |name: &str| number(&dir.join(name)).unwrap_or(0) / 1000;
        let (user_us, system_us) = (part("cpuacct.usage_user"), part("cpuacct.usage_sys"));
        let known = stats.cpu.unwrap_or_default();
        let throttled_us = throttled.or(known.throttled_us);
        stats.cpu = Some(CpuTime { total_us: total / 1000, user_us, system_us, throttled_us });
    } else if throttled.is_some() {
        // The quota may be counted in another hierarchy than the time.
        stats.cpu.get_or_insert_default().throttled_us = throttled;
    }
    if let Ok(text) = fs::read_to_string(dir.join("blkio.throttle.io_service_bytes_recursive")) {
        or(&mut stats.io, Some(BlockIo { read: sum(&text, "Read"), written: sum(&text, "Write") }));
    }
}

/// `8:0 Read 4096`, and a total last.
fn sum(text: &str, kind: &str) -> u64 {
    let of = |line: &str| {
        let mut words = line.split(' ');
        let (_device, what, n) = (words.next()?, words.next()?, words.next()?);
        if what == kind { n.parse::<u64>().ok() } else { None }
    };
    text.lines().filter_map(of).sum()
}

fn of_v2(dir: &Path, stats: &mut Stats) {
    or(&mut stats.memory_peak, number(&dir.join("memory.peak")));
    or(&mut stats.memory_current, number(&dir.join("memory.current")));
    or(&mut stats.processes_peak, number(&dir.join("pids.peak")));
    let text = fs::read_to_string(dir.join("cpu.stat")).unwrap_or_default();
    if let Some(total_us) = value(&text, "usage_usec")
        && stats.cpu.is_none_or(|cpu| cpu.total_us == 0)
    {
        let part = |key| value(&text, key).unwrap_or(0);
        let known = stats.cpu.and_then(|cpu| cpu.throttled_us);
        stats.cpu = Some(CpuTime {
            total_us,
            user_us: part("user_usec"),
            system_us: part("system_usec"),
            throttled_us: value(&text, "throttled_usec").or(known),
        });
    }
    if let Ok(text) = fs::read_to_string(dir.join("io.stat")) {
        or(
            &mut stats.io,
            Some(BlockIo { read: io(&text, "rbytes="), written: io(&text, "wbytes=") }),
        );
    }
    let pressure = Pressure {
        cpu: stalled(&dir.join("cpu.pressure")),
        memory: stalled(&dir.join("memory.pressure")),
        io: stalled(&dir.join("io.pressure")),
    };
    if pressure != Pressure::default() {
        or(&mut stats.pressure, Some(pressure));
    }
}

/// `8:0 rbytes=4096 wbytes=0 …`.
fn io(text: &str, key: &str) -> u64 {
    let of = |word: &str| word.strip_prefix(key)?.parse::<u64>().ok();
    text.split_ascii_whitespace().filter_map(of).sum()
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`.
fn stalled(path: &Path) -> Option<Stalled> {
    let text = fs::read_to_string(path).ok()?;
    let total = |kind: &str| {
        let line = text.lines().find(|line| line.starts_with(kind))?;
        line.rsplit_once("total=")?.1.parse().ok()
    };
    Some(Stalled { some_us: total("some")?, full_us: total("full").unwrap_or(0) })
}

/// KERNEL: version 2 counts an event in all groups above as well; version 1 only where it happened, and
/// processes are in the inner group.
pub(crate) fn reached(parts: &[Part]) -> Reached {
    let mut reached = Reached::default();
    for part in parts {
        if part.version == Version::V2 {
            let text = fs::read_to_string(part.outer.join("memory.events")).unwrap_or_default();
            reached.oom_kills += value(&text, "oom_kill").unwrap_or(0);
            reached.memory_limit += value(&text, "max").unwrap_or(0);
            reached.pids_limit += pids_limit(&part.outer);
            continue;
        }
        for dir in [&part.outer, &part.inner] {
            let killed = value_in(&dir.join("memory.oom_control"), "oom_kill");
            reached.oom_kills += killed.unwrap_or(0);
            // KERNEL: where there is no swap to be had, it is the sum of both that is met first.
            for file in ["memory.failcnt", "memory.memsw.failcnt"] {
                reached.memory_limit += number(&dir.join(file)).unwrap_or(0);
            }
            reached.pids_limit += value_in(&dir.join("pids.events"), "max").unwrap_or(0);
        }
    }
    reached
}

/// How often no process could be made in a group of version 2 or below it.
///
/// KERNEL: Linux 6.11 counts it where the limit stands, and in the groups above. Before, it is counted in
/// the group alone whose process wanted another one, whichever group's limit it was.
fn pids_limit(outer: &Path) -> u64 {
    let count = |dir: &Path| value_in(&dir.join("pids.events"), "max").unwrap_or(0);
    if outer.join("pids.events.local").exists() {
        return count(outer);
    }
    tree::below(outer).iter().map(|dir| count(dir)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the file where the kernel has it: in each group with the controller.
    #[test]
    fn pids_events_of_both_kinds_of_kernels() {
        let top = std::env::temp_dir().join(format!("dwell-events-{}", std::process::id()));
        let inner = top.join("box/within");
        fs::create_dir_all(&inner).unwrap();
        fs::write(top.join("pids.events"), "max 0\n").unwrap();
        fs::write(top.join("box/pids.events"), "max 2\n").unwrap();
        fs::write(inner.join("pids.events"), "max 1\n").unwrap();
        let old = pids_limit(&top);
        fs::write(top.join("pids.events"), "max 3\n").unwrap();
        fs::write(top.join("pids.events.local"), "max 3\n").unwrap();
        let new = pids_limit(&top);
        fs::remove_dir_all(&top).unwrap();
        assert_eq!((old, new), (3, 3));
    }

    #[test]
    fn sums() {
        let v1 = "8:0 Read 10\n8:0 Write 5\n8:0 Total 15\n8:16 Read 1\nTotal 16\n";
        assert_eq!((sum(v1, "Read"), sum(v1, "Write")), (11, 5));
        let v2 = "8:0 rbytes=10 wbytes=5 rios=1\n8:16 rbytes=1 wbytes=0\n";
        assert_eq!((io(v2, "rbytes="), io(v2, "wbytes=")), (11, 5));
        assert_eq!(value("oom 3\noom_kill 2\n", "oom_kill"), Some(2));
        assert_eq!(value("oom_kill_disable 0\noom_kill 2\n", "oom_kill"), Some(2));
    }
}
