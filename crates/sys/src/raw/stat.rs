//! What a file is: `statx(2)` cut down to what dwell asks.

use core::ffi::CStr;

use linux_raw_sys::general;

use super::call::syscall;
use super::{Errno, Fd};

/// What a file is and whose.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Owner, as seen in the caller's user namespace.
    pub uid: u32,
    /// Group, as seen in the caller's user namespace.
    pub gid: u32,
    /// Inode number.
    pub ino: u64,
    /// Device the file lives on.
    pub dev: u64,
    /// Device the file stands for, if it is a device node.
    pub rdev: u64,
    /// Length in bytes.
    pub size: u64,
    /// Hard links.
    pub nlink: u32,
    /// The root of a mount; `None` where the kernel does not say (before Linux 5.8).
    pub mount_root: Option<bool>,
}

impl Stat {
    /// The file type alone: one of the `S_IF…` constants.
    #[inline]
    pub const fn file_type(&self) -> u32 {
        self.mode & general::S_IFMT
    }
}

/// The number of a device as the C library composes it (`makedev(3)`).
#[inline]
pub const fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (major & 0xfff) << 8 | (major & !0xfff) << 32 | minor & 0xff | (minor & !0xff) << 12
}

/// What the open file `fd` is; `O_PATH` will do (`statx(2)` with `AT_EMPTY_PATH`).
#[inline]
pub fn fstat_mode_uid(fd: Fd) -> Result<Stat, Errno> {
    statx_at(fd, c"", general::AT_EMPTY_PATH)
}

/// What `path` leads to; with `AT_SYMLINK_NOFOLLOW`, what it is itself (`statx(2)`).
pub fn statx_at(dir: Fd, path: &CStr, flags: u32) -> Result<Stat, Errno> {
    let mut out = core::mem::MaybeUninit::<general::statx>::zeroed();
    let mask = general::STATX_BASIC_STATS;
    // SAFETY: the kernel reads the path and writes one `struct statx`.
    unsafe { syscall!(__NR_statx, dir, path, flags, mask, out.as_mut_ptr()) }?;
    // SAFETY: all-zero, as it was made, is already a valid value: it is numbers throughout.
    let st = unsafe { out.assume_init() };
    let root = u64::from(general::STATX_ATTR_MOUNT_ROOT);
    Ok(Stat {
        mode: u32::from(st.stx_mode),
        uid: st.stx_uid,
        gid: st.stx_gid,
        ino: st.stx_ino,
        dev: makedev(st.stx_dev_major, st.stx_dev_minor),
        rdev: makedev(st.stx_rdev_major, st.stx_rdev_minor),
        size: st.stx_size,
        nlink: st.stx_nlink,
        mount_root: (st.stx_attributes_mask & root != 0).then_some(st.stx_attributes & root != 0),
    })
}
