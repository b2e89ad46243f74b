//! Control groups: makes the group that a [`Program`](dwell_plan::Program) describes, changes its
//! limits, tells what it has used, and removes it.
//!
//! What is to be written where was decided before, from a Plan and the facts: here is only the doing.
//! Detection is [`detect`].
#![forbid(unsafe_code)]

mod devices;
mod error;
mod files;
mod freeze;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod group;
mod kill;
mod stats;
mod sweep;
mod systemd;
mod tree;

pub use dwell_probe::cgroups::detect;
pub use error::Error;
pub use group::Group;
pub use stats::{BlockIo, CpuTime, Pressure, Reached, Stalled, Stats};
pub use sweep::{sweep_all, sweep_beside};
