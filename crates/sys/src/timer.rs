//! A timer as something to poll (`timerfd_create(2)`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::Errno;
use crate::raw::{self, Fd};

/// A one-shot timer on the monotonic clock: readable once its time has come.
#[derive(Debug)]
pub struct TimerFd(OwnedFd);

impl TimerFd {
    /// A timer that is not running; non-blocking and close-on-exec.
    pub fn new() -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        timerfd_create(TimerfdClockId::Monotonic, flags).map(Self)
    }

    /// Starts it anew, to go off after `delay`; a delay of nothing is one nanosecond.
    pub fn start(&self, delay: Duration) -> Result<(), Errno> {
        // KERNEL: a time of zero would stop the timer.
        let delay = delay.max(Duration::from_nanos(1));
        self.set(Timespec {
            tv_sec: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: delay.subsec_nanos().into(),
        })
    }

    /// Stops it, and forgets that it went off.
    pub fn stop(&self) -> Result<(), Errno> {
        self.set(Timespec { tv_sec: 0, tv_nsec: 0 })
    }

    /// Whether it has gone off since it was last asked or started.
    pub fn expired(&self) -> Result<bool, Errno> {
        match raw::read(Fd::of(self), &mut [0u8; 8]) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn set(&self, value: Timespec) -> Result<(), Errno> {
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once).map(drop)
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
