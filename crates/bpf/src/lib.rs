//! Filters: seccomp profiles become classic BPF, device rules become eBPF.
//!
//! Pure functions from data to programs; loading them is `sys`'s business.
#![forbid(unsafe_code)]

pub mod devices;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod seccomp;
