//! A signal that comes before the program is there to take it.
//!
//! It is passed on like any other and waits: who builds the world has all signals blocked. Where a file system does
//! not answer there may never be a program. Then the signal ends the world, as it would have ended a program that
//! has not yet said what it does about it.

use std::time::{Duration, Instant};

use dwell_sys::raw::{self, consts};
use rustix::event::Timespec;

/// How long the program may take to be there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Such a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Early {
    pub(crate) signal: i32,
    due: Instant,
}

impl Early {
    /// None for a signal that does not ask for the end, or that the caller has ignored (`nohup`): what is ignored
    /// stays so in the program.
    pub(crate) fn of(signal: i32) -> Option<Early> {
        let asks = [consts::SIGHUP, consts::SIGINT, consts::SIGQUIT, consts::SIGTERM];
        let ends = asks.contains(&signal) && !is_ignored(signal);
        ends.then(|| Early { signal, due: Instant::now() + PATIENCE })
    }

    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// How long it has patience.
    pub(crate) fn left(&self) -> Timespec {
        let left = self.due.saturating_duration_since(Instant::now());
        Timespec { tv_sec: 0, tv_nsec: left.min(Duration::from_millis(999)).subsec_nanos().into() }
    }
}

/// A first process that was killed while it built the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Killed {
    due: Instant,
}

/// How long it may take to be gone.
const AT_MOST: Duration = Duration::from_secs(10);

impl Killed {
    /// What is said of one that does not end.
    pub(crate) const SENTENCE: &str = "the world's first process cannot be ended: it waits for a file \
                                       system that does not answer, and ends when that does";

    pub(crate) fn now() -> Killed {
        Killed { due: Instant::now() + AT_MOST }
    }

    /// KERNEL: a process that waits for a FUSE server which has taken its request ends when there is an answer,
    /// whatever signal it is sent (fs/fuse/dev.c).
    pub(crate) fn is_stuck(&self) -> bool {
        Instant::now() >= self.due
    }

    pub(crate) fn left(&self) -> Timespec {
        let left = self.due.saturating_duration_since(Instant::now());
        Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
    }
}

/// KERNEL: a blocked signal is queued even where it is ignored, since that may change before it is taken.
fn is_ignored(signal: i32) -> bool {
    raw::is_ignored(signal).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_killed_has_its_time() {
        let killed = Killed::now();
        assert!(!killed.is_stuck() && killed.left().tv_sec >= 4);
        let late = Killed { due: Instant::now() };
        assert!(late.is_stuck() && late.left() == Timespec { tv_sec: 0, tv_nsec: 0 });
    }

    #[test]
    fn which_signals_end_a_start() {
        assert!(Early::of(consts::SIGTERM).is_some_and(|early| !early.is_due()));
        for other in [consts::SIGCONT, consts::SIGTSTP, consts::SIGWINCH, 10, 64] {
            assert!(Early::of(other).is_none(), "{other}");
        }
        // What the standard library ignores at its start.
        assert!(is_ignored(consts::SIGPIPE) && !is_ignored(consts::SIGTERM));
    }
}
