//! Runs a [`Program`](dwell_plan::Program).
//!
//! ```text
//!   host side                          first process (pid 1)        program
//!   prepare: open, copy, size
//!   clone3 ───────────────────────────▶ setup list
//!   barrier: id maps ◀─────────────────  waits
//!                    ─────────────────▶ mounts, pivot
//!   terminal ◀──── its master ─────────
//!                                        clone3 ──────────────────▶ entry list, execve
//!   supervise: signals, terminal, time   reaps, forwards            runs
//!   end ◀─────────── how it ended ──────  exits: the kernel ends all others
//! ```
//!
//! A Program that starts in place is run by the calling process itself: [`become_program`].
//!
//! The two sides of a world talk over one `SOCK_SEQPACKET` pair in the messages of [`message`].
#![forbid(unsafe_code)]

mod ahead;
mod aside;
mod child;
mod claims;
mod disk;
mod early;
mod failure;
#[cfg(feature = "faults")]
pub mod faults;
mod filter;
mod groups;
mod held;
mod host;
mod idmaps;
mod in_place;
mod jail;
mod keeper;
mod message;
mod prepared;
mod processors;
mod proof;
mod pty;
mod relay;
mod sealed;
mod supervise;

pub use ahead::Ahead;
pub use disk::sweep_layers;
pub use dwell_cgroup::{Reached, Stalled, Stats};
pub use dwell_plan::group::Told;
pub use dwell_sys::raw::ArgArea;
pub use failure::{Cause, Failure};
pub use host::run;
pub use in_place::{Tell, become_program};
pub use sealed::go_on_sealed;

/// The first process's stack: enough for counting the files of a deep layer. Pages that are not used cost
/// nothing.
const STACK: usize = 512 * 1024;

/// What a run does beside what its Program says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The caller's own arguments and environment in memory, to be hidden from the world.
    pub arguments: Option<ArgArea>,
    /// The calling process is there for this world alone. The first process then shares its memory, so
    /// nobody can trace the caller either and its arguments are hidden outside too; and once the world
    /// has settled, the caller gives the pages of its code back.
    pub settles: bool,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub how: How,
    /// Files changed below the working directory in a layer that is thrown away.
    pub changed: Option<u32>,
    /// It was ended because its time was up.
    pub timed_out: bool,
    /// What its control group has to tell, where there was one or it was asked for.
    pub usage: Option<Box<Usage>>,
    /// What could not be cleared away, a sentence each.
    pub left: Vec<String>,
    /// A sentence, where something that the program wrote to a terminal of its own did not reach the
    /// caller's standard output.
    pub lost: Option<String>,
}

/// What a world has used, and which of its limits it met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What was used. Without a control group: what the kernel counts for processes that have ended.
    pub stats: Stats,
    /// The memory is that of the largest process, not of all together.
    pub of_processes: bool,
    /// Limits that were reached.
    pub reached: Reached,
    /// The limits.
    pub told: Told,
}

/// Exit or signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `exit(2)` with this code.
    Exited(i32),
    /// Ended by this signal.
    Signaled(i32),
}

impl Ended {
    /// The exit code that a shell would show: 128 + n for signal n, 124 when the time was up.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self.how {
            _ if self.timed_out => 124,
            How::Exited(code) => code,
            How::Signaled(signal) => 128 + signal,
        }
    }
}
