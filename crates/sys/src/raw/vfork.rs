//! A child that shares the caller's memory until it runs another program.

use core::ffi::c_void;

use linux_raw_sys::general;

use super::Errno;
use super::arch;
use super::call::{Arg, check, low32};
use super::clone::{CloneArgs, REFUSED, arguments};
use super::consts::{CLONE_CLEAR_SIGHAND, CLONE_NEWTIME, SIGCHLD};
use crate::stack::Stack;

/// What the child finds on its stack.
struct Job<'a, T> {
    entry: fn(&mut T) -> i32,
    arg: &'a mut T,
}

extern "C" fn run<T>(job: *mut c_void) -> i32 {
    // SAFETY: `vfork_child` passes a pointer to its `Job<T>`, which outlives the child's use of it,
    // and it touches the job no more while the child has it.
    let job = unsafe { &mut *job.cast::<Job<'_, T>>() };
    (job.entry)(job.arg)
}

/// Makes a child that shares the caller's memory, runs `entry(arg)` on `stack` and ends with the
/// result as exit code, unless `entry` becomes another program (`clone3(2)` with
/// `CLONE_VM | CLONE_VFORK`; falls back to `clone(2)`). Returns the child's process id.
///
/// This is the cheapest way to a new process: no page table is copied, however large the caller.
///
/// # Contract
///
/// * The calling thread stands still until the child has called [`execve`](super::execve) or has
///   ended; the caller's other threads run on. What the child writes to memory, the caller will find
///   there: `entry` may leave results in `arg`.
/// * `entry` may use only [`raw`](super): it borrows the thread-local storage of the caller, so that
///   `errno`, locks and the allocator are the caller's own.
/// * Signal handlers of the caller would run in the child, on the shared memory. Block all signals
///   before and restore the mask afterwards; the child calls
///   [`reset_dispositions`](super::reset_dispositions) before it unblocks any; or pass
///   `CLONE_CLEAR_SIGHAND`.
/// * `extra_flags` may name namespaces, `CLONE_PARENT`, `CLONE_CLEAR_SIGHAND`; nothing that needs a
///   pointer (`EINVAL`). The exit signal is `SIGCHLD`, or with `CLONE_PARENT` the caller's own.
/// * A panic in `entry` aborts the child.
pub fn vfork_child<T>(
    stack: &mut Stack,
    extra_flags: u64,
    entry: fn(&mut T) -> i32,
    arg: &mut T,
) -> Result<i32, Errno> {
    if extra_flags & REFUSED != 0 {
        return Err(Errno::INVAL);
    }
    let args = CloneArgs { flags: extra_flags, exit_signal: SIGCHLD, ..CloneArgs::default() };
    let sharing = general::CLONE_VM | general::CLONE_VFORK;
    let mut job = Job { entry, arg };
    let data = (&raw mut job).cast::<c_void>();
    let wanted = arguments(&args, sharing, &mut -1, Some(stack));
    let flags = wanted.flags;
    let exit_signal = wanted.exit_signal;
    let args = [(&raw const wanted).arg(), size_of_val(&wanted), 0, 0, 0];
    // SAFETY: the child gets a stack nobody else uses, as the exclusive borrow proves, and `data` is
    // what `run::<T>` expects.
    let answer = unsafe { arch::vfork_on_stack(general::__NR_clone3, args, run::<T>, data) };
    match check(answer) {
        Err(Errno::NOSYS) => {}
        answer => return answer.map(low32),
    }
    if flags & (CLONE_CLEAR_SIGHAND | CLONE_NEWTIME) != 0 {
        return Err(Errno::NOSYS);
    }
    // KERNEL: here the stack is given by its end, and the low eight bits are the exit signal.
    let end = stack.base().arg().wrapping_add(stack.size());
    let args = [(flags | exit_signal).arg(), end, 0, 0, 0];
    // SAFETY: as above.
    let answer = unsafe { arch::vfork_on_stack(general::__NR_clone, args, run::<T>, data) };
    check(answer).map(low32)
}
