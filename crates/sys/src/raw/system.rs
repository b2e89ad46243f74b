//! What remains of a process's properties: name, limits, death, keys, seccomp, time.

use core::ffi::CStr;

use linux_raw_sys::{general, prctl as pr};

use super::Errno;
use super::call::{low32, syscall};

/// Whether the process may dump core and who owns its `/proc` files (`PR_SET_DUMPABLE`).
// KERNEL: a process that is not dumpable has its /proc/self owned by root and refuses its parent's
// writes to uid_map; execve sets it anew.
#[inline]
pub fn set_dumpable(on: bool) -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_DUMPABLE, u32::from(on)) }.map(drop)
}

/// The signal the caller gets when its parent dies; 0 for none (`PR_SET_PDEATHSIG`).
// KERNEL: the parent is the *thread* that made the child. It is cleared by gaining privileges at
// execve and by changing ids, and is too late when the parent has already died: check getppid after.
#[inline]
pub fn set_pdeathsig(sig: i32) -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_PDEATHSIG, sig) }.map(drop)
}

/// Descendants whose parents die become the caller's children (`PR_SET_CHILD_SUBREAPER`).
#[inline]
pub fn set_child_subreaper() -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_CHILD_SUBREAPER, 1u32) }.map(drop)
}

/// Sets the name of the calling thread, cut off at 15 bytes (`PR_SET_NAME`).
#[inline]
pub fn set_name(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads up to the NUL or 15 bytes.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_NAME, name) }.map(drop)
}

/// Sets a resource limit; `u64::MAX` is unlimited (`prlimit64`, see `prlimit(2)`).
#[inline]
pub fn set_rlimit(resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = general::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the kernel reads one limit; the place for the old one is a null pointer.
    unsafe { syscall!(__NR_prlimit64, 0i32, resource, &raw const limit, 0usize) }.map(drop)
}

/// Sets the niceness, -20 to 19 (`setpriority(2)`).
#[inline]
pub fn set_priority(nice: i32) -> Result<(), Errno> {
    const PRIO_PROCESS: u32 = 0;
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setpriority, PRIO_PROCESS, 0i32, nice) }.map(drop)
}

/// Lets others run (`sched_yield(2)`).
#[inline]
pub fn sched_yield() {
    // SAFETY: no memory is involved.
    let _ = unsafe { syscall!(__NR_sched_yield) };
}

/// A set of processors, bit n for processor n.
pub type Processors = [u64; 16];

/// The processor that the caller runs on (`getcpu(2)`).
#[inline]
pub fn current_processor() -> Result<u32, Errno> {
    let mut processor = 0u32;
    // SAFETY: the kernel writes one number to a place that is there; the other places are null pointers.
    unsafe { syscall!(__NR_getcpu, &raw mut processor, 0usize, 0usize) }?;
    Ok(processor)
}

/// The processors that the calling thread may run on (`sched_getaffinity(2)`). `EINVAL` where the kernel has more
/// than the set has room for.
#[inline]
pub fn affinity() -> Result<Processors, Errno> {
    let mut processors = [0; 16];
    let set = &raw mut processors;
    // SAFETY: the kernel writes at most as many bytes as the set has.
    unsafe { syscall!(__NR_sched_getaffinity, 0i32, size_of::<Processors>(), set) }?;
    Ok(processors)
}

/// Lets a thread, the calling one with 0, run on these processors, as far as they are there and its cpuset has them,
/// and on no others (`sched_setaffinity(2)`).
#[inline]
pub fn set_affinity(thread: i32, processors: &Processors) -> Result<(), Errno> {
    let set = &raw const *processors;
    // SAFETY: the kernel reads as many bytes as the set has.
    unsafe { syscall!(__NR_sched_setaffinity, thread, size_of::<Processors>(), set) }.map(drop)
}

/// One instruction of classic BPF, as the kernel reads it (`bpf(4)` of the BSDs).
#[repr(C)]
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SockFilter {
    /// Operation.
    pub code: u16,
    /// How many instructions to skip when a comparison holds.
    pub jt: u8,
    /// How many to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// Installs a seccomp filter (`seccomp(2)`, `SECCOMP_SET_MODE_FILTER`). The result is the listener's
/// descriptor when `flags` asks for one; without such a flag it is 0.
///
/// Takes `CAP_SYS_ADMIN` in the user namespace or [`set_no_new_privs`](super::set_no_new_privs).
pub fn seccomp_set_filter(program: &[SockFilter], flags: u32) -> Result<i32, Errno> {
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const SockFilter,
    }
    const SECCOMP_SET_MODE_FILTER: u32 = 1;
    let Ok(len) = u16::try_from(program.len()) else { return Err(Errno::INVAL) };
    let program = Program { len, filter: program.as_ptr() };
    // SAFETY: the kernel only reads the `len` instructions.
    unsafe { syscall!(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &raw const program) }.map(low32)
}

/// Nanoseconds of the monotonic clock, as the time namespace shows it (`clock_gettime(2)`).
#[inline]
pub fn clock_monotonic_ns() -> u64 {
    let mut now = [0i64; 2];
    // SAFETY: the kernel writes seconds and nanoseconds. The clock exists, so it cannot fail.
    let _ = unsafe { syscall!(__NR_clock_gettime, general::CLOCK_MONOTONIC, now.as_mut_ptr()) };
    let [seconds, nanoseconds] = now;
    seconds.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(nanoseconds.cast_unsigned())
}
