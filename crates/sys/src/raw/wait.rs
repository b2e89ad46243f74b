//! Waiting for children and what became of them.

use linux_raw_sys::general;

use super::call::{low32, syscall};
use super::signals::RawSigInfo;
use super::{Errno, Fd};

/// What became of a process.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// It exited by itself.
    Exited {
        /// Its process id.
        pid: i32,
        /// Its exit code, 0 to 255.
        code: i32,
    },
    /// A signal killed it.
    Signaled {
        /// Its process id.
        pid: i32,
        /// The signal.
        sig: i32,
        /// It left a core dump.
        core: bool,
    },
    /// A signal stopped it.
    Stopped {
        /// Its process id.
        pid: i32,
        /// The signal.
        sig: i32,
    },
    /// It goes on after a stop.
    Continued {
        /// Its process id.
        pid: i32,
    },
    /// `WNOHANG` was given and nothing has happened.
    StillAlive,
}

/// Waits for a child: `pid`, or any child when it is -1 (`wait4(2)`).
///
/// `flags` are of `WNOHANG`, `WUNTRACED`, `WCONTINUED`, `__WALL`. `EINTR` is the caller's to handle.
#[inline]
pub fn wait(pid: i32, flags: u32) -> Result<WaitStatus, Errno> {
    let mut status = 0i32;
    // SAFETY: the kernel writes one number; the usage is a null pointer, for none.
    match unsafe { syscall!(__NR_wait4, pid, &raw mut status, flags, 0usize) } {
        Ok(0) => Ok(WaitStatus::StillAlive),
        Ok(pid) => Ok(decode(low32(pid), status)),
        Err(errno) => Err(errno),
    }
}

/// The status word of `wait4(2)`: the low seven bits are the signal that killed, 0 for an exit, 0x7f
/// for a stop; bit 7 is the core dump; the next byte is the exit code or the stopping signal.
fn decode(pid: i32, status: i32) -> WaitStatus {
    let high = status >> 8 & 0xff;
    match status & 0x7f {
        0 => WaitStatus::Exited { pid, code: high },
        0x7f if status == 0xffff => WaitStatus::Continued { pid },
        0x7f => WaitStatus::Stopped { pid, sig: high },
        sig => WaitStatus::Signaled { pid, sig, core: status & 0x80 != 0 },
    }
}

/// Waits for the child behind a pidfd (`waitid(2)` with `P_PIDFD`, Linux 5.4).
///
/// `flags` are of `WEXITED`, `WSTOPPED`, `WCONTINUED`, `WNOHANG`, `WNOWAIT`. `ECHILD` for a process
/// that is not a child of the caller.
#[inline]
pub fn waitid_pidfd(fd: Fd, flags: u32) -> Result<WaitStatus, Errno> {
    let mut info = RawSigInfo::default();
    // SAFETY: the kernel writes one siginfo; the usage is a null pointer, for none.
    unsafe { syscall!(__NR_waitid, general::P_PIDFD, fd, info.as_mut_ptr(), flags, 0usize) }?;
    let info = info.get();
    // KERNEL: nothing to report with WNOHANG is success with everything zero.
    if info.signo == 0 {
        return Ok(WaitStatus::StillAlive);
    }
    let (pid, status) = (info.pid, info.status);
    Ok(match info.code.cast_unsigned() {
        general::CLD_KILLED => WaitStatus::Signaled { pid, sig: status, core: false },
        general::CLD_DUMPED => WaitStatus::Signaled { pid, sig: status, core: true },
        general::CLD_STOPPED | general::CLD_TRAPPED => WaitStatus::Stopped { pid, sig: status },
        general::CLD_CONTINUED => WaitStatus::Continued { pid },
        _ => WaitStatus::Exited { pid, code: status },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words() {
        assert_eq!(decode(7, 3 << 8), WaitStatus::Exited { pid: 7, code: 3 });
        assert_eq!(decode(7, 9), WaitStatus::Signaled { pid: 7, sig: 9, core: false });
        assert_eq!(decode(7, 0x8b), WaitStatus::Signaled { pid: 7, sig: 11, core: true });
        assert_eq!(decode(7, 0x137f), WaitStatus::Stopped { pid: 7, sig: 19 });
        assert_eq!(decode(7, 0xffff), WaitStatus::Continued { pid: 7 });
    }
}
