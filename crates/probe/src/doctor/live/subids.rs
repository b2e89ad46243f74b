//! Mapping subordinate ids as `dwell` does it: by `newuidmap(1)` and `newgidmap(1)`, from outside.

use std::path::Path;
use std::process::{Command, Stdio};

use dwell_sys::raw::consts::CLONE_NEWUSER;
use dwell_sys::raw::{self, Fd};
use rustix::io::Errno;

use super::child::start;
use super::programs::wait;
use crate::doctor::observations::Outcome;

/// Maps the caller's own id and the first subordinate one into a user namespace of a child's.
pub(crate) fn attempt(helper: &Path, own: u32, (first, _): (u32, u32)) -> Outcome {
    let waiting = start(CLONE_NEWUSER, |_| {
        let _ = raw::poll1(Fd(-1), 0, 15_000);
        Ok(())
    });
    let child = match waiting {
        Ok(child) => child,
        Err(refusal) => {
            let (call, errno) = (refusal.call.to_owned(), refusal.errno.raw_os_error());
            return Outcome::Refused { call, errno };
        }
    };
    let map = ["0".to_owned(), own.to_string(), "1".to_owned(), "1".to_owned(), first.to_string()];
    let started = Command::new(helper)
        .arg(child.pid.to_string())
        .args(map)
        .arg("1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let name = helper.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let outcome = match started.map(|mut process| wait(&mut process)) {
        Ok(Some(0)) => Outcome::Done(String::new()),
        Ok(Some(_)) => Outcome::Refused { call: name, errno: Errno::PERM.raw_os_error() },
        Ok(None) => Outcome::Stuck(format!("{name} did not end in time")),
        Err(error) => Outcome::Refused {
            call: format!("execve {name}"),
            errno: error.raw_os_error().unwrap_or_default(),
        },
    };
    child.abandon();
    outcome
}
