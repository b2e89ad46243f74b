//! Mounts: the interface of Linux 5.2 and 5.12 on descriptors, and what is still needed of the old.

use core::ffi::CStr;

use linux_raw_sys::general::{self, fsconfig_command};

use super::call::{syscall, to_fd};
use super::{Errno, Fd};

/// Picks a mount by path, or with `OPEN_TREE_CLONE` copies it into a detached tree
/// (`open_tree(2)`, Linux 5.2).
#[inline]
pub fn open_tree(dir: Fd, path: &CStr, flags: u32) -> Result<Fd, Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_open_tree, dir, path, flags) }.map(to_fd)
}

/// Attaches a detached tree, or moves a mount (`move_mount(2)`, Linux 5.2).
#[inline]
pub fn move_mount(
    from_fd: Fd,
    from_path: &CStr,
    to_fd: Fd,
    to_path: &CStr,
    flags: u32,
) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated paths.
    unsafe { syscall!(__NR_move_mount, from_fd, from_path, to_fd, to_path, flags) }.map(drop)
}

/// Changes attributes of a mount, of its whole tree with `AT_RECURSIVE`
/// (`mount_setattr(2)`, Linux 5.12).
///
/// `propagation` is one of `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, `MS_UNBINDABLE` or 0; `userns_fd`
/// counts only when `attr_set` has `MOUNT_ATTR_IDMAP`.
#[inline]
pub fn mount_setattr(
    dir: Fd,
    path: &CStr,
    at_flags: u32,
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
) -> Result<(), Errno> {
    let attr = general::mount_attr { attr_set, attr_clr, propagation, userns_fd };
    let size = size_of_val(&attr);
    // SAFETY: the kernel only reads the path and the `size` bytes of `attr`.
    unsafe { syscall!(__NR_mount_setattr, dir, path, at_flags, &raw const attr, size) }.map(drop)
}

/// Begins a new filesystem of type `fstype`; close-on-exec (`fsopen(2)`, Linux 5.2).
///
/// What the kernel has to say about later failures can be [`read`](super::read) from the result.
#[inline]
pub fn fsopen(fstype: &CStr) -> Result<Fd, Errno> {
    // SAFETY: the kernel only reads the NUL-terminated name.
    unsafe { syscall!(__NR_fsopen, fstype, general::FSOPEN_CLOEXEC) }.map(to_fd)
}

/// Takes up the filesystem mounted at `path` for reconfiguration; close-on-exec
/// (`fspick(2)`, Linux 5.2).
#[inline]
pub fn fspick(dir: Fd, path: &CStr, flags: u32) -> Result<Fd, Errno> {
    let flags = flags | general::FSPICK_CLOEXEC;
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_fspick, dir, path, flags) }.map(to_fd)
}

/// Sets an option `key=value` (`fsconfig(2)`, Linux 5.2).
// KERNEL: a value has at most 255 bytes; longer ones, such as many overlay layers, are EINVAL.
#[inline]
pub fn fsconfig_string(fd: Fd, key: &CStr, value: &CStr) -> Result<(), Errno> {
    let cmd = fsconfig_command::FSCONFIG_SET_STRING as u32;
    // SAFETY: the kernel only reads the NUL-terminated strings.
    unsafe { syscall!(__NR_fsconfig, fd, cmd, key, value, 0u32) }.map(drop)
}

/// Sets an option without a value (`fsconfig(2)`, Linux 5.2).
#[inline]
pub fn fsconfig_flag(fd: Fd, key: &CStr) -> Result<(), Errno> {
    let cmd = fsconfig_command::FSCONFIG_SET_FLAG as u32;
    // SAFETY: the kernel only reads the NUL-terminated key.
    unsafe { syscall!(__NR_fsconfig, fd, cmd, key, 0usize, 0u32) }.map(drop)
}

/// Sets an option to an open descriptor (`fsconfig(2)`, Linux 5.2; overlay layers, Linux 6.13).
#[inline]
pub fn fsconfig_fd(fd: Fd, key: &CStr, value: Fd) -> Result<(), Errno> {
    let cmd = fsconfig_command::FSCONFIG_SET_FD as u32;
    // SAFETY: the kernel only reads the NUL-terminated key.
    unsafe { syscall!(__NR_fsconfig, fd, cmd, key, 0usize, value) }.map(drop)
}

/// Creates the filesystem, all options being set (`fsconfig(2)`, Linux 5.2).
#[inline]
pub fn fsconfig_create(fd: Fd) -> Result<(), Errno> {
    fsconfig_command(fd, fsconfig_command::FSCONFIG_CMD_CREATE)
}

/// Reconfigures the filesystem that was picked (`fsconfig(2)`, Linux 5.2).
#[inline]
pub fn fsconfig_reconfigure(fd: Fd) -> Result<(), Errno> {
    fsconfig_command(fd, fsconfig_command::FSCONFIG_CMD_RECONFIGURE)
}

#[inline]
fn fsconfig_command(fd: Fd, command: fsconfig_command) -> Result<(), Errno> {
    // SAFETY: these commands take no pointers.
    unsafe { syscall!(__NR_fsconfig, fd, command as u32, 0usize, 0usize, 0u32) }.map(drop)
}

/// Turns a created filesystem into a detached mount with attributes `MOUNT_ATTR_…`; close-on-exec
/// (`fsmount(2)`, Linux 5.2).
#[inline]
pub fn fsmount(fd: Fd, attr: u64) -> Result<Fd, Errno> {
    let Ok(attr) = u32::try_from(attr) else { return Err(Errno::INVAL) };
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fsmount, fd, general::FSMOUNT_CLOEXEC, attr) }.map(to_fd)
}

/// Sets how a mount propagates: one of `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, `MS_UNBINDABLE`, with
/// `MS_REC` for the whole tree (`mount(2)`).
#[inline]
pub fn set_propagation(path: &CStr, flags: u64) -> Result<(), Errno> {
    mount(None, path, None, flags, None)
}

/// Mounts the old way (`mount(2)`).
#[inline]
pub fn mount_legacy(
    source: &CStr,
    target: &CStr,
    fstype: &CStr,
    flags: u64,
    data: Option<&CStr>,
) -> Result<(), Errno> {
    mount(Some(source), target, Some(fstype), flags, data)
}

/// Mounts what is at `source` at `target` as well, without what is mounted below it (`mount(2)` with
/// `MS_BIND`).
#[inline]
pub fn bind_legacy(source: &CStr, target: &CStr) -> Result<(), Errno> {
    mount(Some(source), target, None, u64::from(general::MS_BIND), None)
}

#[inline]
fn mount(
    source: Option<&CStr>,
    target: &CStr,
    fstype: Option<&CStr>,
    flags: u64,
    data: Option<&CStr>,
) -> Result<(), Errno> {
    // KERNEL: copies up to a page of data, but copes with it ending in unreadable memory earlier, so
    // a NUL-terminated string of any length is fine.
    // SAFETY: the kernel only reads, and treats data as ended by its NUL for every filesystem here.
    unsafe { syscall!(__NR_mount, source, target, fstype, flags, data) }.map(drop)
}

/// Unmounts (`umount2(2)`).
#[inline]
pub fn umount2(path: &CStr, flags: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_umount2, path, flags) }.map(drop)
}

/// Makes the mount `new` the root and puts the old one at `old` (`pivot_root(2)`).
// KERNEL: `pivot_root(".", ".")` stacks the old root upon the new; `umount2(".", MNT_DETACH)` then
// takes it away without a directory having been needed for it.
#[inline]
pub fn pivot_root(new: &CStr, old: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated paths.
    unsafe { syscall!(__NR_pivot_root, new, old) }.map(drop)
}
