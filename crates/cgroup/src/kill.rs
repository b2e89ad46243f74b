//! Ending every process of a group.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use dwell_plan::cgroups::Version;
use dwell_sys::pidfd;

use crate::error::Error;
use crate::{files, freeze, tree};

const SIGKILL: i32 = 9;
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends every process in the group at `dir` and below it, and waits until there is none.
pub(crate) fn all(version: Version, dir: &Path) -> Result<(), Error> {
    if is_empty(version, dir) {
        return Ok(());
    }
    let end = Instant::now() + PATIENCE;
    let at_once = version == Version::V2 && by_file(dir)?;
    // While they stand still they make no new ones. A group without a freezer goes without: then it
    // takes more rounds.
    let freezable = !at_once && dir.join(freezer(version)).exists();
    loop {
        if freezable {
            let _ = freeze::set(version, dir, true);
        }
        if !at_once {
            signal(dir);
        }
        if freezable {
            // KERNEL: version 1 does not wake a frozen process for SIGKILL.
            let _ = freeze::set(version, dir, false);
        }
        match version {
            Version::V2 if !is_empty(version, dir) => {
                freeze::wait_for_event(dir, Duration::from_millis(20));
            }
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
        if is_empty(version, dir) {
            return Ok(());
        }
        if Instant::now() > end {
            let left = tree::processes(dir);
            return Err(Error::new(format!(
                "cannot end the processes in {}: {left:?} are still there after SIGKILL",
                dir.display()
            )));
        }
    }
}

fn freezer(version: Version) -> &'static str {
    match version {
        Version::V1 => "freezer.state",
        Version::V2 => "cgroup.freeze",
    }
}

/// `cgroup.kill`, Linux 5.14. Whether the kernel has it.
fn by_file(dir: &Path) -> Result<bool, Error> {
    let path = dir.join("cgroup.kill");
    match files::put(&path, "1") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::of_call("end the processes", "write", &path, &error)),
    }
}

/// A number may belong to another process by now: one that is held and still listed does not.
fn signal(dir: &Path) {
    let held: Vec<_> = tree::processes(dir)
        .into_iter()
        .filter_map(|pid| Some((pid, pidfd::open(pid).ok()?)))
        .collect();
    let still = tree::processes(dir);
    for (pid, fd) in held {
        if still.contains(&pid) {
            // It may have ended meanwhile.
            let _ = pidfd::send_signal(&fd, SIGKILL);
        }
    }
}

pub(crate) fn is_empty(version: Version, dir: &Path) -> bool {
    match version {
        Version::V2 => files::value_in(&dir.join("cgroup.events"), "populated") != Some(1),
        Version::V1 => tree::processes(dir).is_empty(),
    }
}

/// Ends what runs in a group and removes it.
///
/// KERNEL: a process that has just ended may still count for a moment (EBUSY).
pub(crate) fn and_remove(version: Version, outer: &Path) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        match tree::remove(outer) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ResourceBusy && tries < 500 => {
                tries += 1;
                all(version, outer)?;
                if tries > 1 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            Err(error) => {
                return Err(Error::of_call("remove the control group", "rmdir", outer, &error));
            }
        }
    }
}
