//! A child with a copy of the caller's memory: `clone3(2)`, with `clone(2)` to fall back on.

use linux_raw_sys::general;

use super::call::{low32, syscall};
use super::consts::{CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP, CLONE_NEWTIME, CLONE_PARENT};
use super::{Errno, Fd, exit_group};
use crate::stack::Stack;

/// What kind of child is wanted.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneArgs {
    /// `CLONE_NEW…`, `CLONE_PARENT`, `CLONE_CLEAR_SIGHAND` … — whatever needs no pointer and shares
    /// no memory.
    pub flags: u64,
    /// The signal its end sends to the parent: `SIGCHLD`, or 0 for none, which then takes `__WALL`
    /// to wait for. Without meaning beside `CLONE_PARENT`: the caller's own is used.
    pub exit_signal: i32,
    /// The cgroup (v2) directory it starts in (Linux 5.7).
    pub cgroup: Option<Fd>,
    /// A pidfd for it is wanted (Linux 5.2).
    pub want_pidfd: bool,
}

/// The child, as its parent sees it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Cloned {
    /// Its process id in the caller's pid namespace.
    pub pid: i32,
    /// The pidfd that was asked for; close-on-exec.
    pub pidfd: Option<Fd>,
}

/// These share memory or need a pointer that only this module can supply.
pub(super) const REFUSED: u64 = (general::CLONE_VM
    | general::CLONE_SIGHAND
    | general::CLONE_THREAD
    | general::CLONE_SETTLS
    | general::CLONE_PARENT_SETTID
    | general::CLONE_CHILD_SETTID
    | general::CLONE_CHILD_CLEARTID
    | general::CLONE_PIDFD) as u64
    | CLONE_INTO_CGROUP;

/// Makes a child with a copy of the caller's memory, as `fork(2)` does, runs `child` in it and ends
/// it with the result as exit code (`clone3(2)`, Linux 5.3).
///
/// # What the child may do
///
/// Only what [`raw`](super) offers, on memory prepared beforehand: no allocation, no `std`, no panic.
/// (A panic ends the child with code 101.) Signal handlers of the caller are still in place in the
/// child: block signals before the clone and reset them in the child, or ask for
/// `CLONE_CLEAR_SIGHAND`. The C library does not know about the child: its `getpid` may lie and
/// handlers of `pthread_atfork` do not run.
///
/// # Errors
///
/// `EINVAL` for flags that share memory (`CLONE_VM`, `CLONE_THREAD` …) or need pointers. `ENOSYS`
/// where clone3 does not exist, or a seccomp filter pretends so, and `clone(2)` cannot express the
/// arguments: cgroup, `CLONE_CLEAR_SIGHAND`, `CLONE_NEWTIME`.
pub fn clone_child<F: FnOnce() -> i32>(args: &CloneArgs, child: F) -> Result<Cloned, Errno> {
    if args.flags & REFUSED != 0 {
        return Err(Errno::INVAL);
    }
    let mut pidfd = -1i32;
    let pid = match clone3(args, &mut pidfd) {
        Err(Errno::NOSYS) => clone_legacy(args, &mut pidfd)?,
        answer => answer?,
    };
    if pid == 0 {
        let _guard = ExitOnUnwind;
        exit_group(child());
    }
    Ok(Cloned { pid, pidfd: args.want_pidfd.then_some(Fd(pidfd)) })
}

/// A panic in the child must not unwind into frames that belong to the parent's affairs.
struct ExitOnUnwind;

impl Drop for ExitOnUnwind {
    fn drop(&mut self) {
        exit_group(101);
    }
}

/// What clone3 is given: `args`, what else is shared, and for a child on a stack of its own that stack.
#[inline(always)]
pub(super) fn arguments(
    args: &CloneArgs,
    sharing: u32,
    pidfd: &mut i32,
    stack: Option<&Stack>,
) -> general::clone_args {
    let mut flags = args.flags | u64::from(sharing);
    let mut cgroup = 0;
    if args.want_pidfd {
        flags |= u64::from(general::CLONE_PIDFD);
    }
    if let Some(fd) = args.cgroup {
        flags |= CLONE_INTO_CGROUP;
        cgroup = u64::from(fd.0.cast_unsigned());
    }
    general::clone_args {
        flags,
        pidfd: (&raw mut *pidfd).expose_provenance() as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: exit_signal(args),
        stack: stack.map_or(0, |stack| stack.base().expose_provenance() as u64),
        stack_size: stack.map_or(0, |stack| stack.size() as u64),
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup,
    }
}

/// KERNEL: clone3 refuses an exit signal beside `CLONE_PARENT` (EINVAL), where clone ignores it: the
/// caller's own is used.
#[inline(always)]
pub(super) fn exit_signal(args: &CloneArgs) -> u64 {
    let inherits = args.flags & CLONE_PARENT != 0;
    if inherits { 0 } else { u64::from(args.exit_signal.cast_unsigned()) }
}

/// Returns 0 in the child.
#[inline(always)]
fn clone3(args: &CloneArgs, pidfd: &mut i32) -> Result<i32, Errno> {
    let wanted = arguments(args, 0, pidfd, None);
    // KERNEL: a structure longer than the kernel knows is E2BIG only when the excess is not zero, so
    // the one of Linux 5.7 serves every version.
    let size = size_of_val(&wanted);
    // SAFETY: the structure asks for a copy of the memory on the same stack, as fork does; the
    // kernel reads it and writes a number to `pidfd`.
    unsafe { syscall!(__NR_clone3, &raw const wanted, size) }.map(low32)
}

/// Returns 0 in the child.
#[inline(always)]
fn clone_legacy(args: &CloneArgs, pidfd: &mut i32) -> Result<i32, Errno> {
    if args.cgroup.is_some() || args.flags & (CLONE_CLEAR_SIGHAND | CLONE_NEWTIME) != 0 {
        return Err(Errno::NOSYS);
    }
    // KERNEL: the low eight bits of the flags are the exit signal, which is why CLONE_NEWTIME, one of
    // them, cannot be asked for here.
    let mut flags = args.flags;
    if args.exit_signal & !0xff != 0 || flags & 0xff != 0 || flags > u64::from(u32::MAX) {
        return Err(Errno::INVAL);
    }
    flags |= u64::from(args.exit_signal.cast_unsigned());
    if args.want_pidfd {
        flags |= u64::from(general::CLONE_PIDFD);
    }
    // SAFETY: no stack is given, so this is a fork; the kernel writes the pidfd to the place of the
    // parent's tid. The other pointers are null, so their order, which differs between
    // architectures, does not matter.
    unsafe { syscall!(__NR_clone, flags, 0usize, &raw mut *pidfd, 0usize, 0usize) }.map(low32)
}
