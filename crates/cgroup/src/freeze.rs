//! Stopping every process of a group at once, and letting them go on.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dwell_plan::cgroups::Version;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::Error;
use crate::files;

/// How long the kernel may take: a process in an uninterruptible call is only stopped after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Freezes or thaws the group at `dir` and waits until it is so.
pub(crate) fn set(version: Version, dir: &Path, frozen: bool) -> Result<(), Error> {
    let what = if frozen { "freeze the control group" } else { "thaw the control group" };
    let (file, text) = match (version, frozen) {
        (Version::V2, true) => ("cgroup.freeze", "1"),
        (Version::V2, false) => ("cgroup.freeze", "0"),
        (Version::V1, true) => ("freezer.state", "FROZEN"),
        (Version::V1, false) => ("freezer.state", "THAWED"),
    };
    let path = dir.join(file);
    files::put(&path, text).map_err(|e| Error::of_call(what, "write", &path, &e))?;
    let end = Instant::now() + PATIENCE;
    while is(version, dir) != frozen {
        if Instant::now() > end {
            let _ = files::put(&path, if version == Version::V2 { "0" } else { "THAWED" });
            return Err(Error::new(format!(
                "cannot {what}: after {} s there are processes that do not stop",
                PATIENCE.as_secs()
            )));
        }
        match version {
            Version::V2 => wait_for_event(dir, Duration::from_millis(100)),
            Version::V1 => {
                // KERNEL: a process that was made while the others were being frozen may have been
                // missed; writing anew takes it in.
                std::thread::sleep(Duration::from_millis(1));
                let _ = files::put(&path, text);
            }
        }
    }
    Ok(())
}

/// Whether all of it stands still.
pub(crate) fn is(version: Version, dir: &Path) -> bool {
    match version {
        Version::V2 => files::value_in(&dir.join("cgroup.events"), "frozen") == Some(1),
        Version::V1 => {
            let state = fs::read_to_string(dir.join("freezer.state")).unwrap_or_default();
            state.trim() == "FROZEN"
        }
    }
}

/// Waits for a change of `cgroup.events`, at most so long.
///
/// KERNEL: a change makes poll report POLLPRI.
pub(crate) fn wait_for_event(dir: &Path, at_most: Duration) {
    let Ok(events) = fs::File::open(dir.join("cgroup.events")) else { return };
    // What has changed before the file was read is not reported any more.
    let mut fds = [PollFd::new(&events, PollFlags::PRI)];
    let timeout = Timespec::try_from(at_most).ok();
    let _ = poll(&mut fds, timeout.as_ref());
}
