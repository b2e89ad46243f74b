//! What processes have used.

use core::mem::MaybeUninit;

use linux_raw_sys::general;

use super::call::syscall;

/// What the children of a process, and theirs, have used.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct ChildrenUsage {
    /// Processor time in programs, in microseconds.
    pub user_us: u64,
    /// Processor time in the kernel, in microseconds.
    pub system_us: u64,
    /// The most memory that any one of them held at a time, in bytes.
    pub max_rss: u64,
}

/// What the children that have ended and been waited for have used, with those that they had waited for
/// (`getrusage(2)` with `RUSAGE_CHILDREN`).
#[must_use]
pub fn children_usage() -> ChildrenUsage {
    let mut usage = MaybeUninit::<general::rusage>::zeroed();
    // SAFETY: the kernel writes one structure to the place given.
    let called = unsafe { syscall!(__NR_getrusage, general::RUSAGE_CHILDREN, usage.as_mut_ptr()) };
    if called.is_err() {
        return ChildrenUsage::default();
    }
    // SAFETY: it is plain numbers, and was filled with zeros before the kernel wrote it.
    let usage = unsafe { usage.assume_init() };
    let us = |t: general::__kernel_old_timeval| {
        t.tv_sec.cast_unsigned().wrapping_mul(1_000_000).wrapping_add(t.tv_usec.cast_unsigned())
    };
    ChildrenUsage {
        user_us: us(usage.ru_utime),
        system_us: us(usage.ru_stime),
        // KERNEL: in units of 1024 bytes.
        max_rss: usage.ru_maxrss.cast_unsigned().wrapping_mul(1024),
    }
}
