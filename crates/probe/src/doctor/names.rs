//! Names of error numbers and file systems.

use rustix::io::Errno;

/// Error numbers that the calls here answer with.
const ERRNOS: &[(Errno, &str)] = &[
    (Errno::PERM, "EPERM"),
    (Errno::NOENT, "ENOENT"),
    (Errno::SRCH, "ESRCH"),
    (Errno::IO, "EIO"),
    (Errno::NXIO, "ENXIO"),
    (Errno::BADF, "EBADF"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::ACCESS, "EACCES"),
    (Errno::BUSY, "EBUSY"),
    (Errno::EXIST, "EEXIST"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NOTDIR, "ENOTDIR"),
    (Errno::INVAL, "EINVAL"),
    (Errno::NFILE, "ENFILE"),
    (Errno::MFILE, "EMFILE"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::ROFS, "EROFS"),
    (Errno::USERS, "EUSERS"),
    (Errno::NOSYS, "ENOSYS"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    (Errno::PROTONOSUPPORT, "EPROTONOSUPPORT"),
    (Errno::AFNOSUPPORT, "EAFNOSUPPORT"),
    (Errno::TIMEDOUT, "ETIMEDOUT"),
];

/// `EPERM (Operation not permitted)`.
pub(crate) fn errno_name(errno: Errno) -> String {
    let words = dwell_sys::words::of_number(errno.raw_os_error());
    match ERRNOS.iter().find(|(no, _)| *no == errno) {
        Some((_, name)) => format!("{name} ({words})"),
        None => words.into_owned(),
    }
}

/// Magic numbers of `statfs(2)`.
const FILE_SYSTEMS: &[(u64, &str)] = &[
    (0x0102_1994, "tmpfs"),
    (0x6367_7270, "cgroup2"),
    (0x0027_e0eb, "cgroup"),
    (0x794c_7630, "overlay"),
    (0x6969, "NFS"),
    (0x6573_5546, "FUSE"),
    (0x0187, "autofs"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
    (0xef53, "ext4"),
    (0x5846_5342, "XFS"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "ZFS"),
    (0xf2f5_2010, "F2FS"),
    (0xf15f, "eCryptfs"),
    (0x8584_58f6, "ramfs"),
];

/// The name of the file system with this magic number.
pub(crate) fn file_system(kind: u64) -> String {
    match FILE_SYSTEMS.iter().find(|(magic, _)| *magic == kind) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("a file system of type {kind:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(errno_name(Errno::PERM), "EPERM (Operation not permitted)");
        assert_eq!(errno_name(Errno::XDEV), "Invalid cross-device link");
        assert_eq!(file_system(0x6969), "NFS");
        assert_eq!(file_system(0x12), "a file system of type 0x12");
    }
}
