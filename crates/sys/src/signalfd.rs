//! Signals as something to read (`signalfd(2)`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::raw::consts::{O_CLOEXEC, O_NONBLOCK};
use crate::raw::{self, Fd, SigInfo, SigSet};
use crate::{Errno, adopt};

/// Takes delivery of a set of signals, which the process must have blocked in every thread.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

/// The kernel's `struct signalfd_siginfo`.
const RECORD: usize = 128;

impl SignalFd {
    /// Opens one for `set`; non-blocking and close-on-exec. Does not block the signals:
    /// [`sigmask`](raw::sigmask) does.
    pub fn new(set: &SigSet) -> Result<Self, Errno> {
        raw::signalfd(Fd(-1), set, O_CLOEXEC | O_NONBLOCK).map(adopt).map(Self)
    }

    /// Takes the next signal, if one is pending.
    pub fn read(&self) -> Result<Option<SigInfo>, Errno> {
        let mut record = [0u8; RECORD];
        loop {
            return match raw::read(Fd::of(self), &mut record) {
                Ok(RECORD) => Ok(Some(decode(&record))),
                Ok(_) => Err(Errno::IO),
                Err(Errno::AGAIN) => Ok(None),
                Err(Errno::INTR) => continue,
                Err(errno) => Err(errno),
            };
        }
    }
}

/// The record begins with 32-bit numbers: signo, errno, code, pid, uid, fd, tid, band, overrun,
/// trapno, status.
fn decode(record: &[u8; RECORD]) -> SigInfo {
    let (words, _) = record.as_chunks::<4>();
    let word = |at: usize| words.get(at).map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    SigInfo { signo: word(0), code: word(2), pid: word(3), status: word(10) }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
