//! Terminals: pseudo-terminal pairs, the controlling terminal, its foreground group.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use linux_raw_sys::{general, ioctl};

use super::call::{syscall, to_fd};
use super::{Errno, Fd, openat};

/// Opens a new pseudo-terminal's master at `path`, such as `ptmx` in a devpts (`pts(4)`).
#[inline]
pub fn open_ptmx(dir: Fd, path: &CStr) -> Result<Fd, Errno> {
    openat(dir, path, general::O_RDWR | general::O_NOCTTY | general::O_CLOEXEC, 0)
}

/// Lets the other end of a master be opened (`TIOCSPTLCK`, see `unlockpt(3)`).
#[inline]
pub fn unlock_pt(fd: Fd) -> Result<(), Errno> {
    let locked = 0i32;
    // SAFETY: the kernel reads one number.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TIOCSPTLCK, &raw const locked) }.map(drop)
}

/// Opens the other end of a master, without a path that could mislead (`TIOCGPTPEER`, Linux 4.13).
#[inline]
pub fn pt_peer(fd: Fd, flags: u32) -> Result<Fd, Errno> {
    // SAFETY: the argument is a number, not a pointer.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TIOCGPTPEER, flags) }.map(to_fd)
}

/// The number of a master's other end: its name in the devpts (`TIOCGPTN`, see `ptsname(3)`).
#[inline]
pub fn pt_number(fd: Fd) -> Result<u32, Errno> {
    let mut number = 0u32;
    // SAFETY: the kernel writes one number.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TIOCGPTN, &raw mut number) }?;
    Ok(number)
}

/// Makes the terminal the controlling one of the caller's new session (`TIOCSCTTY`).
#[inline]
pub fn set_controlling_tty(fd: Fd) -> Result<(), Errno> {
    // SAFETY: the argument is a number, not a pointer.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TIOCSCTTY, 0u32) }.map(drop)
}

/// Makes a process group the terminal's foreground (`tcsetpgrp(3)`).
// KERNEL: from a background group this raises SIGTTOU unless that is blocked or ignored.
#[inline]
pub fn tcsetpgrp(fd: Fd, pgid: i32) -> Result<(), Errno> {
    // SAFETY: the kernel reads one number.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TIOCSPGRP, &raw const pgid) }.map(drop)
}

/// The terminal's foreground process group (`tcgetpgrp(3)`).
#[inline]
pub fn tcgetpgrp(fd: Fd) -> Result<i32, Errno> {
    let mut pgid = 0i32;
    // SAFETY: the kernel writes one number.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TIOCGPGRP, &raw mut pgid) }?;
    Ok(pgid)
}

/// Gives a terminal the size of another (`TIOCGWINSZ`, `TIOCSWINSZ`).
pub fn copy_winsize(from: Fd, to: Fd) -> Result<(), Errno> {
    let mut size = [0u16; 4];
    // SAFETY: the kernel writes four numbers.
    unsafe { syscall!(__NR_ioctl, from, ioctl::TIOCGWINSZ, size.as_mut_ptr()) }?;
    // SAFETY: the kernel reads four numbers.
    unsafe { syscall!(__NR_ioctl, to, ioctl::TIOCSWINSZ, size.as_ptr()) }.map(drop)
}

/// A terminal passes on what is written as it is (`OPOST` of `termios(3)` taken away).
pub fn pass_output(fd: Fd) -> Result<(), Errno> {
    let mut modes = MaybeUninit::<general::termios>::uninit();
    // SAFETY: the kernel writes the structure that it has of that name.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TCGETS, modes.as_mut_ptr()) }?;
    // SAFETY: the call has succeeded, so it is written.
    let mut modes = unsafe { modes.assume_init() };
    modes.c_oflag &= !general::OPOST;
    // SAFETY: the kernel reads the same structure.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TCSETS, &raw const modes) }.map(drop)
}
