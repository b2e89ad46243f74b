//! Landlock: a process gives up rights, without any privilege and without a way back. `landlock(7)`.

use core::ffi::CStr;

use super::call::{low32, syscall, to_fd};
use super::consts::{O_CLOEXEC, O_PATH};
use super::{Errno, Fd, close, openat};

/// What a ruleset is about: what it names is refused unless a rule allows it.
#[repr(C)]
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// `LANDLOCK_ACCESS_FS_…`.
    pub files: u64,
    /// `LANDLOCK_ACCESS_NET_…` (version 4, Linux 6.7).
    pub network: u64,
    /// `LANDLOCK_SCOPE_…` (version 6, Linux 6.12).
    pub scoped: u64,
}

/// The version of Landlock's interface (`landlock_create_ruleset(2)` with
/// `LANDLOCK_CREATE_RULESET_VERSION`, Linux 5.13). `ENOSYS` when it is not built in, `EOPNOTSUPP`
/// when it was switched off at boot.
#[inline]
pub fn landlock_abi() -> Result<i32, Errno> {
    const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
    let flags = LANDLOCK_CREATE_RULESET_VERSION;
    // SAFETY: no attributes are given, which is how the version is asked for.
    unsafe { syscall!(__NR_landlock_create_ruleset, 0usize, 0usize, flags) }.map(low32)
}

/// A ruleset without rules; close-on-exec (`landlock_create_ruleset(2)`). `EINVAL` for a right that the
/// kernel does not know, `ENOMSG` when nothing is named.
// KERNEL: versions that do not know the later fields take the longer structure as long as those are zero.
#[inline]
pub fn landlock_create_ruleset(handled: &Handled) -> Result<Fd, Errno> {
    let (attr, size) = (core::ptr::from_ref(handled), size_of::<Handled>());
    // SAFETY: the kernel reads the structure, whose size it is given.
    unsafe { syscall!(__NR_landlock_create_ruleset, attr, size, 0u32) }.map(to_fd)
}

/// Allows `rights` on a file, or on a directory and all below it (`landlock_add_rule(2)` with
/// `LANDLOCK_RULE_PATH_BENEATH`). `EINVAL` for rights that the ruleset is not about, or that a file that
/// is no directory cannot have; `EBADFD` for a pseudo file.
pub fn landlock_allow_beneath(ruleset: Fd, file: Fd, rights: u64) -> Result<(), Errno> {
    /// `struct landlock_path_beneath_attr`.
    #[repr(C, packed)]
    struct PathBeneath {
        rights: u64,
        file: i32,
    }
    const LANDLOCK_RULE_PATH_BENEATH: u32 = 1;
    let attr = PathBeneath { rights, file: file.0 };
    let kind = LANDLOCK_RULE_PATH_BENEATH;
    // SAFETY: the kernel reads the 12 bytes of the structure.
    unsafe { syscall!(__NR_landlock_add_rule, ruleset, kind, &raw const attr, 0u32) }.map(drop)
}

/// [`landlock_allow_beneath`] of what lies at `path`.
pub fn landlock_allow_path(ruleset: Fd, path: &CStr, rights: u64) -> Result<(), Errno> {
    let file = openat(Fd::CWD, path, O_PATH | O_CLOEXEC, 0)?;
    let allowed = landlock_allow_beneath(ruleset, file, rights);
    close(file)?;
    allowed
}

/// The calling thread, and all that it starts, lives by the ruleset from here on, beside what it lives by
/// already (`landlock_restrict_self(2)`). Takes `no_new_privs`, or `CAP_SYS_ADMIN` in the user namespace.
#[inline]
pub fn landlock_restrict_self(ruleset: Fd, flags: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_landlock_restrict_self, ruleset, flags) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landlock_has_a_version_or_is_not_there() {
        match landlock_abi() {
            Ok(abi) => assert!(abi > 0),
            Err(no) => assert!([Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM].contains(&no), "{no}"),
        }
    }

    #[test]
    fn rights_that_are_not_there_are_refused() {
        if landlock_abi().is_err() {
            return;
        }
        let none = landlock_create_ruleset(&Handled::default());
        assert!(matches!(none, Err(Errno::NOMSG)), "{none:?}");
        let unknown = landlock_create_ruleset(&Handled { files: 1 << 63, ..Handled::default() });
        assert!(matches!(unknown, Err(Errno::INVAL)), "{unknown:?}");
        let ruleset = landlock_create_ruleset(&Handled { files: 4, ..Handled::default() }).unwrap();
        assert_eq!(landlock_allow_beneath(ruleset, Fd(-1), 4), Err(Errno::BADF));
        // KERNEL: the right to confine oneself is looked at first.
        let refused = landlock_restrict_self(Fd(-1), 0);
        assert!(matches!(refused, Err(Errno::BADF | Errno::PERM)), "{refused:?}");
        super::super::close(ruleset).unwrap();
    }

    /// In a thread of its own, since there is no way back.
    #[test]
    fn what_is_not_allowed_is_refused() {
        use std::fs::File;
        use std::os::fd::AsRawFd;
        if landlock_abi().is_err() {
            return;
        }
        let confined = std::thread::spawn(|| {
            const READ_FILE: u64 = 4;
            let handled = Handled { files: READ_FILE, ..Handled::default() };
            let ruleset = landlock_create_ruleset(&handled).unwrap();
            let etc = File::open("/etc").unwrap();
            landlock_allow_beneath(ruleset, Fd(etc.as_raw_fd()), READ_FILE).unwrap();
            super::super::set_no_new_privs().unwrap();
            landlock_restrict_self(ruleset, 0).unwrap();
            super::super::close(ruleset).unwrap();
            let kind = |path: &str| File::open(path).map(drop).map_err(|e| e.kind());
            (kind("/etc/passwd"), kind("/proc/version"))
        });
        let (inside, outside) = confined.join().unwrap();
        assert_eq!(inside, Ok(()));
        assert_eq!(outside, Err(std::io::ErrorKind::PermissionDenied));
    }
}
