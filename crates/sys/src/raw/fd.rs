//! A file descriptor by number.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A file descriptor by number, without ownership: closing it is an explicit [`close`](super::close).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

impl Fd {
    /// The current working directory (`AT_FDCWD`), wherever a call takes a directory.
    pub const CWD: Self = Self(linux_raw_sys::general::AT_FDCWD);
}

impl From<BorrowedFd<'_>> for Fd {
    fn from(fd: BorrowedFd<'_>) -> Self {
        Self(fd.as_raw_fd())
    }
}

impl Fd {
    /// The number behind anything that holds a descriptor.
    pub fn of(fd: &impl AsFd) -> Self {
        fd.as_fd().into()
    }
}
