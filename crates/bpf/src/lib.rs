//! Filters: seccomp profiles become classic BPF, device rules become eBPF.
//!
//! Pure functions from data to programs; loading them is `sys`'s business.
#![forbid(unsafe_code)]

pub mod devices;
pub mod seccomp;
