//! Files, directories and descriptors.

use core::ffi::CStr;

use linux_raw_sys::general;

use super::call::{low32, syscall, to_fd};
use super::{Errno, Fd};

/// Opens `path`, relative to `dir` (`openat(2)`).
#[inline]
pub fn openat(dir: Fd, path: &CStr, flags: u32, mode: u32) -> Result<Fd, Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_openat, dir, path, flags, mode) }.map(to_fd)
}

/// Opens `path` with limits on how it is resolved (`openat2(2)`, Linux 5.6).
///
/// `EAGAIN` means that a rename raced with a `..` below `RESOLVE_BENEATH` or `RESOLVE_IN_ROOT`: try
/// again.
#[inline]
pub fn openat2(dir: Fd, path: &CStr, flags: u64, mode: u64, resolve: u64) -> Result<Fd, Errno> {
    let how = general::open_how { flags, mode, resolve };
    let size = size_of_val(&how);
    // SAFETY: the kernel only reads the path and the `size` bytes of `how`.
    unsafe { syscall!(__NR_openat2, dir, path, &raw const how, size) }.map(to_fd)
}

/// Closes a descriptor (`close(2)`). It is gone even when this returns an error.
#[inline]
pub fn close(fd: Fd) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_close, fd) }.map(drop)
}

/// Reads at most `buf.len()` bytes; 0 is the end (`read(2)`).
#[inline]
pub fn read(fd: Fd, buf: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most the buffer's length into it.
    unsafe { syscall!(__NR_read, fd, buf.as_mut_ptr(), buf.len()) }
}

/// Writes some of `buf` and returns how much (`write(2)`).
#[inline]
pub fn write(fd: Fd, buf: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel only reads the buffer.
    unsafe { syscall!(__NR_write, fd, buf.as_ptr(), buf.len()) }
}

/// Writes all of `buf`, going on after interruptions and short writes (`write(2)`).
///
/// A write of nothing is an `EIO`, so that this always ends. Not for `/proc` files such as `uid_map`,
/// which must be written in one go: use [`write()`].
pub fn write_all(fd: Fd, mut buf: &[u8]) -> Result<(), Errno> {
    while !buf.is_empty() {
        match write(fd, buf) {
            Ok(0) => return Err(Errno::IO),
            Ok(n) => buf = buf.get(n..).unwrap_or(&[]),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Makes a directory (`mkdirat(2)`).
#[inline]
pub fn mkdirat(dir: Fd, path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_mkdirat, dir, path, mode) }.map(drop)
}

/// Makes a symbolic link at `path` that says `target` (`symlinkat(2)`).
#[inline]
pub fn symlinkat(target: &CStr, dir: Fd, path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated strings.
    unsafe { syscall!(__NR_symlinkat, target, dir, path) }.map(drop)
}

/// Makes a file, FIFO, socket or device node; `dev` as from [`makedev`](super::makedev)
/// (`mknodat(2)`).
#[inline]
pub fn mknodat(dir: Fd, path: &CStr, mode: u32, dev: u64) -> Result<(), Errno> {
    // KERNEL: the call takes 32 bits of device number and drops the others silently.
    let Ok(dev) = u32::try_from(dev) else { return Err(Errno::INVAL) };
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_mknodat, dir, path, mode, dev) }.map(drop)
}

/// Removes a name; a directory's with `AT_REMOVEDIR` (`unlinkat(2)`).
#[inline]
pub fn unlinkat(dir: Fd, path: &CStr, flags: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_unlinkat, dir, path, flags) }.map(drop)
}

/// Makes a hard link (`linkat(2)`).
#[inline]
pub fn linkat(from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr, flags: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated paths.
    unsafe { syscall!(__NR_linkat, from_dir, from, to_dir, to, flags) }.map(drop)
}

/// Sets the mode of what `path` leads to (`fchmodat(2)`).
// KERNEL: follows symbolic links and has no flags; that came with fchmodat2, Linux 6.6.
#[inline]
pub fn fchmodat(dir: Fd, path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_fchmodat, dir, path, mode) }.map(drop)
}

/// Sets the mode of an open file (`fchmod(2)`). Not for `O_PATH` descriptors (`EBADF`).
#[inline]
pub fn fchmod(fd: Fd, mode: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fchmod, fd, mode) }.map(drop)
}

/// Sets owner and group (`fchownat(2)`); `u32::MAX` leaves one as it is. An empty path with
/// `AT_EMPTY_PATH` means `dir` itself, which may be an `O_PATH` descriptor.
#[inline]
pub fn fchownat(dir: Fd, path: &CStr, uid: u32, gid: u32, flags: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_fchownat, dir, path, uid, gid, flags) }.map(drop)
}

/// Sets an extended attribute of an open file (`fsetxattr(2)`). Not for `O_PATH` (`EBADF`).
#[inline]
pub fn setxattr_fd(fd: Fd, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the name and the value.
    unsafe { syscall!(__NR_fsetxattr, fd, name, value.as_ptr(), value.len(), 0u32) }.map(drop)
}

/// Sets an extended attribute of `path` itself, not of what it links to (`lsetxattr(2)`).
#[inline]
pub fn lsetxattr(path: &CStr, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the strings and the value.
    unsafe { syscall!(__NR_lsetxattr, path, name, value.as_ptr(), value.len(), 0u32) }.map(drop)
}

/// Reads a symbolic link into `buf`, cut off at its length (`readlinkat(2)`).
#[inline]
pub fn readlinkat(dir: Fd, path: &CStr, buf: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel reads the path and writes at most the buffer's length into it.
    unsafe { syscall!(__NR_readlinkat, dir, path, buf.as_mut_ptr(), buf.len()) }
}

/// Makes an open directory the current one (`fchdir(2)`).
#[inline]
pub fn fchdir(fd: Fd) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fchdir, fd) }.map(drop)
}

/// Makes `path` the current directory (`chdir(2)`).
#[inline]
pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_chdir, path) }.map(drop)
}

/// Makes `path` the root directory (`chroot(2)`). The current directory stays where it was.
#[inline]
pub fn chroot(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the NUL-terminated path.
    unsafe { syscall!(__NR_chroot, path) }.map(drop)
}

/// Sets the file mode creation mask and returns the old one (`umask(2)`).
#[inline]
pub fn umask(mask: u32) -> u32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_umask, mask) }.map_or(0, |old| low32(old).cast_unsigned())
}

/// Makes `new` a copy of `old`, closing what `new` was (`dup3(2)`). `EINVAL` when they are the same.
#[inline]
pub fn dup3(old: Fd, new: Fd, flags: u32) -> Result<Fd, Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_dup3, old, new, flags) }.map(to_fd)
}

/// Copies `fd` to the lowest free number that is not below `min`, with close-on-exec
/// (`F_DUPFD_CLOEXEC` of `fcntl(2)`).
#[inline]
pub fn dup_min(fd: Fd, min: i32) -> Result<Fd, Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fcntl, fd, general::F_DUPFD_CLOEXEC, min) }.map(to_fd)
}

/// How a descriptor was opened: `O_RDONLY`, `O_APPEND` … (`F_GETFL` of `fcntl(2)`).
#[inline]
pub fn open_flags(fd: Fd) -> Result<u32, Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fcntl, fd, general::F_GETFL) }.map(|flags| low32(flags).cast_unsigned())
}

/// Sets or clears close-on-exec (`F_SETFD` of `fcntl(2)`).
#[inline]
pub fn set_cloexec(fd: Fd, on: bool) -> Result<(), Errno> {
    let flags = if on { general::FD_CLOEXEC } else { 0 };
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fcntl, fd, general::F_SETFD, flags) }.map(drop)
}

/// Whether a descriptor goes when a program is executed (`F_GETFD` of `fcntl(2)`).
#[inline]
pub fn is_cloexec(fd: Fd) -> Result<bool, Errno> {
    // SAFETY: takes no pointers.
    let flags = unsafe { syscall!(__NR_fcntl, fd, general::F_GETFD) };
    flags.map(|flags| flags & general::FD_CLOEXEC as usize != 0)
}

/// Closes, or with `CLOSE_RANGE_CLOEXEC` (Linux 5.11) marks close-on-exec, every descriptor from
/// `first` to `last` inclusive (`close_range(2)`, Linux 5.9).
#[inline]
pub fn close_range(first: u32, last: u32, flags: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_close_range, first, last, flags) }.map(drop)
}

/// Makes a pipe: the reading end, then the writing end (`pipe2(2)`).
#[inline]
pub fn pipe2(flags: u32) -> Result<(Fd, Fd), Errno> {
    let mut pair = [-1i32; 2];
    // SAFETY: the kernel writes two descriptors into `pair`.
    unsafe { syscall!(__NR_pipe2, pair.as_mut_ptr(), flags) }?;
    let [reader, writer] = pair;
    Ok((Fd(reader), Fd(writer)))
}
