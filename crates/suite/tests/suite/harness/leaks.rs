//! What must not be left behind by the whole suite.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, waitpid};

use super::machine::patience;
use super::process;

/// Directories in which a tool might leave something under its own name.
const PLACES: [&str; 6] = ["/tmp", "/var/tmp", "/run", "/dev/shm", "/dev/mqueue", "/run/lock"];

/// How long what is ending may take to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was there before the first case.
#[derive(Debug)]
pub(crate) struct Before {
    mounts: Vec<String>,
    files: BTreeSet<PathBuf>,
    given: Given,
}

impl Before {
    /// Looks around. From here on, processes that lose their parent become the suite's children.
    pub(crate) fn look() -> Before {
        // Where it fails orphans are not found; nothing else depends on it.
        let _ = set_child_subreaper(Some(rustix::process::getpid()));
        Before { mounts: mounts(), files: files(), given: Given::look() }
    }

    /// What is left now, a line each.
    pub(crate) fn left(&self) -> Vec<String> {
        let end = Instant::now() + patience(PATIENCE);
        loop {
            let left = self.now();
            if left.is_empty() || Instant::now() > end {
                end_all();
                self.given.restore();
                return left;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn now(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mounts = mounts();
        if mounts.len() != self.mounts.len() {
            let new = mounts.iter().filter(|line| !self.mounts.contains(line));
            left.extend(new.map(|line| format!("mount: {line}")));
            left.push(format!("{} mounts instead of {}", mounts.len(), self.mounts.len()));
        }
        left.extend(files().difference(&self.files).map(|f| format!("file: {}", f.display())));
        let own = std::process::id();
        for process in process::descendants(own) {
            if process.is_alive() {
                left.push(format!("process: {process:?}: {}", process.arguments()));
            } else if process.parent == own {
                reap(process.pid);
            }
        }
        left
    }
}

/// The controllers that roots of version 2 give to the groups in them. dwell has them give more, for
/// good: other worlds' limits may stand on it. The suite takes back what it was the cause of.
#[derive(Debug)]
struct Given(Vec<(PathBuf, BTreeSet<String>)>);

impl Given {
    fn look() -> Given {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let controls = roots.map(|root| root.join("cgroup.subtree_control"));
        let there = controls.into_iter().filter_map(|path| {
            let given = controllers(&path)?;
            Some((path, given))
        });
        Given(there.collect())
    }

    fn restore(&self) {
        for (control, before) in &self.0 {
            let root = control.parent().unwrap_or(control);
            if groups(root).iter().any(|group| called_after_dwell(group)) {
                // Of somebody else who tests, and has limits in it.
                continue;
            }
            for name in controllers(control).unwrap_or_default().difference(before) {
                // EBUSY: another group has come to give it on.
                let _ = fs::write(control, format!("-{name}"));
            }
        }
    }
}

fn controllers(control: &Path) -> Option<BTreeSet<String>> {
    let text = fs::read_to_string(control).ok()?;
    Some(text.split_whitespace().map(str::to_owned).collect())
}

/// What is left has been told of: it does not stay on the machine.
fn end_all() {
    for process in process::descendants(std::process::id()) {
        if let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn reap(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // Somebody else's by now, or gone: just as well.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

fn mounts() -> Vec<String> {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Files and control groups that are called after dwell.
fn files() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let called = |path: &Path| {
        // `dwell-SOMETHING-PID`: of another test that runs beside the suite.
        let name = path.to_string_lossy().into_owned();
        let of = name.rsplit('-').next().map(|pid| format!("/proc/{pid}"));
        called_after_dwell(path) && !of.is_some_and(|process| Path::new(&process).exists())
    };
    for place in PLACES {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        found.extend(entries.map(|e| e.path()).filter(|p| called(p)));
    }
    found.extend(groups(Path::new("/sys/fs/cgroup")).into_iter().filter(|p| called(p)));
    found
}

fn called_after_dwell(path: &Path) -> bool {
    path.file_name().unwrap_or_default().to_string_lossy().contains("dwell")
}

/// The directories below `top`.
fn groups(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                found.push(entry.path());
                open.push(entry.path());
            }
        }
    }
    found
}
