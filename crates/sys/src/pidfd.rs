//! Processes held by descriptor, so that a reused process id can do no harm (`pidfd_open(2)`).

use std::os::fd::{AsFd, OwnedFd};

use crate::raw::consts::{WEXITED, WNOHANG};
use crate::raw::{self, Fd, WaitStatus};
use crate::{Errno, adopt};

/// Opens the process `pid` (`pidfd_open(2)`, Linux 5.3).
pub fn open(pid: i32) -> Result<OwnedFd, Errno> {
    raw::pidfd_open(pid, 0).map(adopt)
}

/// Sends a signal; `ESRCH` when the process has ended and been waited for (`pidfd_send_signal(2)`,
/// Linux 5.1).
pub fn send_signal(process: &impl AsFd, sig: i32) -> Result<(), Errno> {
    raw::pidfd_send_signal(Fd::of(process), sig)
}

/// Collects the process if it has ended, and does not wait for it to (`waitid(2)` with `P_PIDFD`,
/// Linux 5.4). To wait, poll the descriptor for `POLLIN`. `ECHILD` when it is not a child.
pub fn try_wait(process: &impl AsFd) -> Result<WaitStatus, Errno> {
    raw::waitid_pidfd(Fd::of(process), WEXITED | WNOHANG)
}
