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

/// KERNEL: a blocked signal is queued even where it is ignored, since that may change before it is taken.
fn is_ignored(signal: i32) -> bool {
    raw::is_ignored(signal).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

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
