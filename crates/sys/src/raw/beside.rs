//! A child that shares the caller's memory and runs beside it.

use core::ffi::c_void;

use linux_raw_sys::general;

use super::arch;
use super::call::{Arg, check, low32};
use super::clone::{CloneArgs, Cloned, REFUSED, arguments, exit_signal};
use super::consts::{__WALL, CLONE_CLEAR_SIGHAND, CLONE_NEWTIME};
use super::{Errno, Fd, wait};
use crate::stack::Stack;

/// What the child finds on its stack.
#[derive(Debug)]
struct Job<T> {
    entry: fn(&mut T) -> i32,
    arg: T,
}

/// A running [`beside_child`]: holds the memory that is the child's alone. Dropping it waits for the
/// child's end, so whoever wants that soon ends the child first.
#[derive(Debug)]
pub struct Beside<T> {
    child: Cloned,
    _stack: Stack,
    _job: Box<Job<T>>,
}

impl<T> Beside<T> {
    /// The child.
    #[must_use]
    pub fn child(&self) -> Cloned {
        self.child
    }

    /// Waits for the child's end.
    pub fn wait(&self) {
        // Somebody may have waited for it before (ECHILD).
        while wait(self.child.pid, __WALL) == Err(Errno::INTR) {}
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        // Its memory is ours: it must have ended before the stack and the job go.
        self.wait();
    }
}

extern "C" fn run<T>(job: *mut c_void) -> i32 {
    // SAFETY: `beside_child` passes a pointer to a `Job<T>` that `Beside` keeps until the child has
    // ended, and that nobody else looks at.
    let job = unsafe { &mut *job.cast::<Job<T>>() };
    (job.entry)(&mut job.arg)
}

/// Makes a process that shares the caller's memory but nothing else, and runs `entry(arg)` in it on a
/// stack of its own, at the same time as the caller goes on (`clone3(2)` with `CLONE_VM`; falls back to
/// `clone(2)`, see [`clone_child`](super::clone_child)). No page table is copied when it starts, and
/// none is taken apart when it ends.
///
/// # Contract
///
/// `entry` may use only [`raw`](super), as in [`vfork_child`](super::vfork_child): it borrows the
/// caller's thread-local storage while the caller uses it too. All signals must be blocked, and the
/// child leaves them so. What the kernel keeps with the memory is common to both: whether they can be
/// traced (`PR_SET_DUMPABLE`), and the arguments and environment in `/proc`.
///
/// # Errors
///
/// Those of [`clone_child`](super::clone_child).
pub fn beside_child<T: Send + 'static>(
    stack: Stack,
    args: &CloneArgs,
    entry: fn(&mut T) -> i32,
    arg: T,
) -> Result<Beside<T>, Errno> {
    if args.flags & REFUSED != 0 {
        return Err(Errno::INVAL);
    }
    let mut pidfd = -1i32;
    let mut job = Box::new(Job { entry, arg });
    let data = (&raw mut *job).cast::<c_void>();
    let pid = match start::<T>(&stack, args, &mut pidfd, data) {
        Err(Errno::NOSYS) => start_legacy::<T>(&stack, args, &mut pidfd, data)?,
        answer => answer?,
    };
    let child = Cloned { pid, pidfd: args.want_pidfd.then_some(Fd(pidfd)) };
    Ok(Beside { child, _stack: stack, _job: job })
}

fn start<T>(
    stack: &Stack,
    args: &CloneArgs,
    pidfd: &mut i32,
    data: *mut c_void,
) -> Result<i32, Errno> {
    let wanted = arguments(args, general::CLONE_VM, pidfd, Some(stack));
    let registers = [(&raw const wanted).arg(), size_of_val(&wanted), 0, 0, 0];
    // SAFETY: the child gets a stack of its own, which lives until it has ended, and `data` is what
    // `run::<T>` expects.
    let answer = unsafe { arch::vfork_on_stack(general::__NR_clone3, registers, run::<T>, data) };
    check(answer).map(low32)
}

fn start_legacy<T>(
    stack: &Stack,
    args: &CloneArgs,
    pidfd: &mut i32,
    data: *mut c_void,
) -> Result<i32, Errno> {
    if args.cgroup.is_some() || args.flags & (CLONE_CLEAR_SIGHAND | CLONE_NEWTIME) != 0 {
        return Err(Errno::NOSYS);
    }
    let mut flags = args.flags | u64::from(general::CLONE_VM) | exit_signal(args);
    if args.want_pidfd {
        flags |= u64::from(general::CLONE_PIDFD);
    }
    // KERNEL: here the stack is given by its end, the low eight bits of the flags are the exit signal,
    // and the pidfd is written to the place of the parent's tid.
    let end = stack.base().arg().wrapping_add(stack.size());
    let registers = [flags.arg(), end, (&raw mut *pidfd).arg(), 0, 0];
    // SAFETY: as above.
    let answer = unsafe { arch::vfork_on_stack(general::__NR_clone, registers, run::<T>, data) };
    check(answer).map(low32)
}
