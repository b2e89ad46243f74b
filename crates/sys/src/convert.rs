//! From a descriptor by number to one with an owner.

use std::os::fd::{FromRawFd, OwnedFd};

use crate::raw::Fd;

/// Takes ownership of a descriptor that a call of [`raw`](crate::raw) has returned.
///
/// The caller vouches that `fd` is open and that nobody else owns or closes it: two owners would close
/// each other's files. It may still be *used* by number while the owner lives.
///
/// # Panics
///
/// When `fd` is negative, and so no descriptor ([`Fd::CWD`] is one such).
pub fn adopt(fd: Fd) -> OwnedFd {
    assert!(fd.0 >= 0, "not a descriptor: {}", fd.0);
    // SAFETY: the contract above; the number is not negative.
    unsafe { OwnedFd::from_raw_fd(fd.0) }
}
