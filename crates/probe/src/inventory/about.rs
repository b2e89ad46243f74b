//! What is read about one world when it is shown.

use std::time::{Duration, SystemTime};

use dwell_plan::{NamespaceKind, Text};
use dwell_sys::{hostname, pidfd};

use super::makers::{Evidence, Maker, below, recognise};
use super::model::{Inventory, Process};
use super::process::{command_line, read_of};
use super::worlds::{World, Worlds};
use crate::bytes::number;

/// A world for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Who made it.
    pub maker: Option<Maker>,
    /// Its host name, where that is its own and may be read.
    pub hostname: Option<String>,
    /// The process to enter it by, as its place: the first, or where that is an engine's own the
    /// first child of it.
    pub main: usize,
    /// The arguments of that process; its name where it has none.
    pub command: Vec<Text>,
    /// When the world's first process was started.
    pub since: Option<SystemTime>,
}

impl About {
    /// What the world is called: by its engine, by its host name unless every world of that engine
    /// has the same, else by its program.
    #[must_use]
    pub fn name(&self) -> String {
        let by_engine = self.maker.as_ref().map(|m| m.name.clone()).filter(|n| !n.is_empty());
        let by_host = || self.hostname.clone().filter(|name| name != DEFAULT_HOST);
        by_engine.or_else(by_host).unwrap_or_else(|| {
            let program = self.command.first().map(ToString::to_string).unwrap_or_default();
            let base = program.rsplit('/').next().unwrap_or_default();
            base.trim_start_matches('-').split(' ').next().unwrap_or_default().to_owned()
        })
    }
}

/// The host name of worlds that were given none.
const DEFAULT_HOST: &str = "dwell";

/// More of a command line is not read.
const COMMAND: usize = 64 << 10;

/// Clock ticks in a second, wherever procfs counts them (`USER_HZ`).
const TICKS: u64 = 100;

/// Reads what there is to know about a world. What ended in the meantime stays unknown.
#[must_use]
pub fn about(inventory: &Inventory, worlds: &Worlds, world: &World) -> About {
    let none = Process::default();
    let first = inventory.processes.get(world.first).unwrap_or(&none);
    let parent = inventory.process(first.parent).unwrap_or(&none);
    let groups = |process: &Process| read_of(process.pid, "cgroup", COMMAND).unwrap_or_default();
    let outer = world.inside.and_then(|at| inventory.processes.get(worlds.list.get(at)?.first));
    let cgroup = below(&groups(first), &outer.map(groups).unwrap_or_default());
    let arguments = command_line(first.pid, COMMAND).unwrap_or_default();
    let maker = recognise(&Evidence {
        cgroup: &cgroup,
        name: first.name.as_bytes(),
        arguments: &arguments,
        parent: parent.name.as_bytes(),
    });
    let main = main(inventory, world, maker.as_ref());
    let process = inventory.processes.get(main).unwrap_or(first);
    About {
        hostname: own_hostname(world, process),
        command: command(process),
        since: started(first.started),
        maker,
        main,
    }
}

/// KERNEL: the process that the engine leaves behind in a world to reap others may be in another user
/// namespace than the programs.
fn main(inventory: &Inventory, world: &World, maker: Option<&Maker>) -> usize {
    let reaper = maker.is_some_and(|m| m.engine == "dwell" || m.engine == "bubblewrap");
    let Some(first) = inventory.processes.get(world.first).filter(|_| reaper) else {
        return world.first;
    };
    let is_child = |at: &usize| {
        inventory.processes.get(*at).is_some_and(|p| p.parent == first.pid && p.state != b'Z')
    };
    world.processes.iter().copied().find(is_child).unwrap_or(world.first)
}

fn own_hostname(world: &World, process: &Process) -> Option<String> {
    if !world.walls.has(NamespaceKind::Uts) {
        return None;
    }
    let pidfd = pidfd::open(process.pid).ok()?;
    let name = hostname::of_process(&pidfd).ok()?;
    // A copy of the machine's tells nothing.
    let is_copy = rustix::system::uname().nodename().to_bytes() == name;
    let name = String::from_utf8_lossy(&name).into_owned();
    (!is_copy && !name.is_empty()).then_some(name)
}

fn command(process: &Process) -> Vec<Text> {
    let line = command_line(process.pid, COMMAND).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    if line.is_empty() {
        return vec![process.name.clone()];
    }
    line.split(|b| *b == 0).map(Text::from).collect()
}

/// Ticks since the machine was started, as a time of day.
fn started(ticks: u64) -> Option<SystemTime> {
    let stat = crate::file::read(b"/proc/stat").ok()?;
    let booted = crate::bytes::lines(&stat).find_map(|line| line.strip_prefix(b"btime "))?;
    let booted: u64 = number(booted)?;
    let since = Duration::from_millis(ticks.saturating_mul(1000 / TICKS));
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(booted))?.checked_add(since)
}
