//! The machine's processes, as `/proc` shows them.

use std::fs;
use std::time::{Duration, Instant};

use super::machine::patience;
use super::outcome::{Outcome, fail};

/// The namespace kinds, as `--unshare` calls them and as `/proc/PID/ns` does.
pub(crate) const KINDS: [(&str, &str); 8] = [
    ("pid", "pid"),
    ("mount", "mnt"),
    ("net", "net"),
    ("uts", "uts"),
    ("ipc", "ipc"),
    ("user", "user"),
    ("cgroup", "cgroup"),
    ("time", "time"),
];

/// A line of `/proc/PID/stat`.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    pub(crate) state: char,
}

impl Process {
    fn read(pid: u32) -> Option<Process> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        let (head, rest) = stat.rsplit_once(") ")?;
        let (_, name) = head.split_once(" (")?;
        let mut rest = rest.split(' ');
        let state = rest.next()?.chars().next()?;
        let parent = rest.next()?.parse().ok()?;
        Some(Process { pid, parent, name: name.to_owned(), state })
    }

    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }

    /// Its arguments, with blanks between them.
    pub(crate) fn arguments(&self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    }
}

/// Every process that can be seen.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}

/// The processes below `root`, parents first.
pub(crate) fn descendants(root: u32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|p| p.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Living processes that have `marker` among their arguments.
pub(crate) fn marked(marker: &str) -> Vec<Process> {
    all().into_iter().filter(|p| p.is_alive() && p.arguments().contains(marker)).collect()
}

/// The identity of a namespace of a process, e.g. `net:[4026531840]`.
pub(crate) fn namespace(pid: u32, proc_name: &str) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/ns/{proc_name}")).ok()?;
    link.into_os_string().into_string().ok()
}

/// Waits until `done` gives something.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> Option<T>,
) -> Outcome<T> {
    let limit = patience(limit);
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = done() {
            return Ok(value);
        }
        if Instant::now() > end {
            return fail(format!("after {limit:?} still not: {what}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until nothing that lives has `marker` among its arguments.
pub(crate) fn wait_gone(marker: &str, limit: Duration) -> Outcome {
    let limit = patience(limit);
    let end = Instant::now() + limit;
    loop {
        let left = marked(marker);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            return fail(format!("after {limit:?} still there: {left:?}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The letter of its state; none when it is gone.
pub(crate) fn state(pid: u32) -> Option<char> {
    Process::read(pid).map(|process| process.state)
}
