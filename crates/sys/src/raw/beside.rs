//! A child that shares the caller's memory and runs beside it.

use core::ffi::c_void;

use linux_raw_sys::general;

use super::arch;
use super::call::{Arg, check, low32};
use super::consts::{__WALL, SIGCHLD};
use super::{Errno, wait};
use crate::stack::Stack;

/// What the child finds on its stack.
#[derive(Debug)]
struct Job<T> {
    entry: fn(&T) -> i32,
    arg: T,
}

/// A running [`beside_child`]. Dropping it waits for the child's end.
#[derive(Debug)]
pub struct Beside<T> {
    pid: i32,
    _stack: Stack,
    _job: Box<Job<T>>,
}

impl<T> Beside<T> {
    /// Its process id in the caller's pid namespace.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        // Its memory is ours: it must have ended before the stack and the job go.
        while wait(self.pid, __WALL) == Err(Errno::INTR) {}
    }
}

extern "C" fn run<T>(job: *mut c_void) -> i32 {
    // SAFETY: `beside_child` passes a pointer to a `Job<T>` that `Beside` keeps until the child has
    // ended, and that nobody changes.
    let job = unsafe { &*job.cast::<Job<T>>() };
    (job.entry)(&job.arg)
}

/// Makes a process that shares the caller's memory but nothing else, not even descriptors after the
/// call, and runs `entry(arg)` in it on a stack of its own, at the same time as the caller goes on
/// (`clone3(2)` with `CLONE_VM`; falls back to `clone(2)`).
///
/// # Contract
///
/// `entry` may use only [`raw`](super), as in [`vfork_child`](super::vfork_child): it borrows the
/// caller's thread-local storage while the caller uses it too. All signals must be blocked, and the
/// child leaves them so.
///
/// # Errors
///
/// Those of `clone3(2)`.
pub fn beside_child<T: Sync>(
    stack: Stack,
    entry: fn(&T) -> i32,
    arg: T,
) -> Result<Beside<T>, Errno> {
    let mut job = Box::new(Job { entry, arg });
    let data = (&raw mut *job).cast::<c_void>();
    let exit_signal = u64::from(SIGCHLD.cast_unsigned());
    let wanted = general::clone_args {
        flags: u64::from(general::CLONE_VM),
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal,
        stack: stack.base().expose_provenance() as u64,
        stack_size: stack.size() as u64,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    let args = [(&raw const wanted).arg(), size_of_val(&wanted), 0, 0, 0];
    // SAFETY: the child gets a stack of its own, which lives until it has ended, and `data` is what
    // `run::<T>` expects.
    let answer = unsafe { arch::vfork_on_stack(general::__NR_clone3, args, run::<T>, data) };
    let pid = match check(answer) {
        Err(Errno::NOSYS) => {
            let end = stack.base().arg().wrapping_add(stack.size());
            let args = [(u64::from(general::CLONE_VM) | exit_signal).arg(), end, 0, 0, 0];
            // SAFETY: as above.
            let answer = unsafe { arch::vfork_on_stack(general::__NR_clone, args, run::<T>, data) };
            check(answer).map(low32)?
        }
        answer => answer.map(low32)?,
    };
    Ok(Beside { pid, _stack: stack, _job: job })
}
