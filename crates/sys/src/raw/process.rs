//! Namespaces, identity and end of the calling process, and the programs it becomes.

use core::ffi::CStr;

use super::call::{low32, syscall, to_fd};
use super::{Errno, ExecTable, Fd};

/// Moves the caller into new namespaces, or stops sharing other things (`unshare(2)`).
// KERNEL: CLONE_NEWUSER is EINVAL in a process with several threads; CLONE_NEWPID and CLONE_NEWTIME
// concern only the children made later.
#[inline]
pub fn unshare(flags: u64) -> Result<(), Errno> {
    // SAFETY: takes no pointers, and what stops being shared is not memory.
    unsafe { syscall!(__NR_unshare, flags) }.map(drop)
}

/// Enters the namespace behind `fd`, or those of a process that `flags` name when `fd` is a pidfd
/// (`setns(2)`; on a pidfd, Linux 5.8).
#[inline]
pub fn setns(fd: Fd, flags: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setns, fd, flags) }.map(drop)
}

/// The user namespace that owns the namespace of a file (`NS_GET_USERNS` of `ioctl_ns(2)`, Linux 4.9);
/// close-on-exec. `EPERM` when it lies above the caller's.
pub fn namespace_owner(namespace: Fd) -> Result<Fd, Errno> {
    /// `_IO(0xb7, 1)`.
    const NS_GET_USERNS: u32 = 0xb701;
    // SAFETY: the call takes no pointer.
    unsafe { syscall!(__NR_ioctl, namespace, NS_GET_USERNS, 0usize) }.map(to_fd)
}

/// Sets the host name of the UTS namespace (`sethostname(2)`).
#[inline]
pub fn sethostname(name: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the name.
    unsafe { syscall!(__NR_sethostname, name.as_ptr(), name.len()) }.map(drop)
}

/// Sets the NIS domain name of the UTS namespace (`setdomainname(2)`).
#[inline]
pub fn setdomainname(name: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the name.
    unsafe { syscall!(__NR_setdomainname, name.as_ptr(), name.len()) }.map(drop)
}

/// The caller's process id in its pid namespace (`getpid(2)`).
#[inline]
pub fn getpid() -> i32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_getpid) }.map_or(0, low32)
}

/// The parent's process id, 0 when it lives outside the pid namespace (`getppid(2)`).
#[inline]
pub fn getppid() -> i32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_getppid) }.map_or(0, low32)
}

/// The caller's thread id (`gettid(2)`).
#[inline]
pub fn gettid() -> i32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_gettid) }.map_or(0, low32)
}

/// Starts a new session and returns its id (`setsid(2)`).
#[inline]
pub fn setsid() -> Result<i32, Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setsid) }.map(low32)
}

/// Puts a process into a process group; 0 stands for the caller and for its own id (`setpgid(2)`).
#[inline]
pub fn setpgid(pid: i32, pgid: i32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setpgid, pid, pgid) }.map(drop)
}

/// Sends a signal (`kill(2)`).
#[inline]
pub fn kill(pid: i32, sig: i32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_kill, pid, sig) }.map(drop)
}

/// Sends a signal to one thread (`tgkill(2)`).
#[inline]
pub fn tgkill(tgid: i32, tid: i32, sig: i32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_tgkill, tgid, tid, sig) }.map(drop)
}

/// Sends a signal to the process behind a pidfd (`pidfd_send_signal(2)`, Linux 5.1).
#[inline]
pub fn pidfd_send_signal(fd: Fd, sig: i32) -> Result<(), Errno> {
    // SAFETY: the signal information is a null pointer, for the default.
    unsafe { syscall!(__NR_pidfd_send_signal, fd, sig, 0usize, 0u32) }.map(drop)
}

/// A descriptor for the process `pid`; close-on-exec (`pidfd_open(2)`, Linux 5.3).
#[inline]
pub fn pidfd_open(pid: i32, flags: u32) -> Result<Fd, Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_pidfd_open, pid, flags) }.map(to_fd)
}

/// Ends the process with all its threads (`exit_group(2)`). Nothing of the C library or of `std`
/// runs at exit.
#[inline]
pub fn exit_group(code: i32) -> ! {
    loop {
        // SAFETY: takes no pointers. It does not return; the answer is there for the type.
        let _ = unsafe { syscall!(__NR_exit_group, code) };
    }
}

/// Becomes the program at `path` (`execve(2)`). Returns only when that fails.
#[inline]
pub fn execve(path: &CStr, argv: &ExecTable, envp: &ExecTable) -> Errno {
    // SAFETY: the kernel only reads; the tables hold NUL-terminated strings and end with a null.
    match unsafe { syscall!(__NR_execve, path, argv.as_ptr(), envp.as_ptr()) } {
        Err(errno) => errno,
        Ok(_) => Errno::NOSYS,
    }
}

/// Becomes the program at `path` relative to `fd`, or the open file `fd` itself when `path` is empty
/// and `flags` has `AT_EMPTY_PATH` (`execveat(2)`). Returns only when that fails.
// KERNEL: a script on a close-on-exec descriptor is ENOENT: its interpreter gets it by number.
#[inline]
pub fn execveat(fd: Fd, path: &CStr, argv: &ExecTable, envp: &ExecTable, flags: u32) -> Errno {
    // SAFETY: the kernel only reads; the tables hold NUL-terminated strings and end with a null.
    match unsafe { syscall!(__NR_execveat, fd, path, argv.as_ptr(), envp.as_ptr(), flags) } {
        Err(errno) => errno,
        Ok(_) => Errno::NOSYS,
    }
}
