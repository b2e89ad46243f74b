//! A user and mount namespace with a tmpfs in it, without privilege.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{TempDir, exit_code, fork};
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, CloneArgs, Fd};
use dwell_sys::{Errno, raw::MaskHow, raw::SigSet};

fn put(path: &std::ffi::CStr, text: &[u8]) -> Result<(), Errno> {
    let fd = raw::openat(Fd::CWD, path, O_WRONLY | O_CLOEXEC, 0)?;
    let done = raw::write(fd, text).map(drop);
    raw::close(fd).and(done)
}

fn become_root(uid_map: &[u8], gid_map: &[u8]) -> Result<(), Errno> {
    put(c"/proc/self/setgroups", b"deny")?;
    put(c"/proc/self/uid_map", uid_map)?;
    put(c"/proc/self/gid_map", gid_map)?;
    raw::setresgid(0, 0, 0)?;
    raw::setresuid(0, 0, 0)
}

fn mount_and_use(at: &std::ffi::CStr) -> Result<(), Errno> {
    raw::set_propagation(c"/", MS_REC | MS_PRIVATE)?;
    let fs = raw::fsopen(c"tmpfs")?;
    raw::fsconfig_string(fs, c"size", c"1m")?;
    raw::fsconfig_create(fs)?;
    let mount = raw::fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)?;
    raw::mkdirat(mount, c"inside", 0o755)?;
    raw::move_mount(mount, c"", Fd::CWD, at, MOVE_MOUNT_F_EMPTY_PATH)?;
    raw::fchdir(mount)?;
    if raw::fstat_mode_uid(mount)?.mount_root == Some(false) {
        return Err(Errno::XDEV);
    }

    // A copy of it on a directory of its own, then read-only.
    let copy = raw::open_tree(mount, c"", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)?;
    raw::move_mount(copy, c"", mount, c"inside", MOVE_MOUNT_F_EMPTY_PATH)?;
    match raw::mount_setattr(copy, c"", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, 0) {
        // Before Linux 5.12.
        Err(Errno::NOSYS) => return Ok(()),
        answer => answer?,
    }
    if raw::mkdirat(copy, c"more", 0o755) != Err(Errno::ROFS) {
        return Err(Errno::EXIST);
    }
    raw::umount2(c"inside", MNT_DETACH)?;

    // And a root of its own.
    raw::pivot_root(c".", c".")?;
    raw::umount2(c".", MNT_DETACH)?;
    raw::chdir(c"/")?;
    raw::statx_at(Fd::CWD, c"/inside", 0)?;
    raw::sethostname(b"box")?;
    raw::setdomainname(b"domain")?;
    raw::interface_up(c"lo")?;
    match raw::interface_up(c"no-such") {
        Err(Errno::NODEV) => {}
        _ => return Err(Errno::NODEV),
    }
    raw::cap_bounding_drop(0)?;
    raw::cap_ambient_clear_all()?;
    raw::set_keepcaps(true)?;
    let (effective, permitted, _) = raw::capget()?;
    // What is no longer in the bounding set cannot become inheritable.
    if raw::capset(effective, permitted, permitted) != Err(Errno::PERM) {
        return Err(Errno::ISCONN);
    }
    raw::capset(effective, permitted, permitted & !1)?;
    raw::cap_ambient_raise(21)?;
    raw::set_securebits(1 << 5)?;
    raw::set_dumpable(false)?;
    raw::capset(0, 0, 0)
}

#[test]
fn a_tmpfs_of_ones_own() {
    let temp = TempDir::new("mounts");
    let at = temp.c_path();
    let uid_map = format!("0 {} 1", raw::geteuid());
    let gid_map = format!("0 {} 1", raw::getegid());
    let flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWPID;
    let (reader, writer) = raw::pipe2(O_CLOEXEC).unwrap();
    let child = raw::clone_child(&CloneArgs { flags, ..fork() }, || {
        let _ = raw::sigmask(MaskHow::Set, SigSet::empty());
        // 1: not allowed here; 2: allowed, but it did not work.
        let (code, errno) = match become_root(uid_map.as_bytes(), gid_map.as_bytes()) {
            Err(errno) => (1, errno),
            Ok(()) if raw::getpid() != 1 || raw::getppid() != 0 => (2, Errno::SRCH),
            Ok(()) => match mount_and_use(&at) {
                Err(errno) => (2, errno),
                Ok(()) => return 0,
            },
        };
        let _ = raw::write(writer, &errno.raw_os_error().to_ne_bytes());
        code
    });
    raw::close(writer).unwrap();
    let pid = match child {
        Ok(child) => child.pid,
        Err(errno) => {
            println!("skipped: no user namespace: {errno}");
            return;
        }
    };
    let mut errno = [0; 4];
    let told = raw::read(reader, &mut errno).unwrap() == 4;
    raw::close(reader).unwrap();
    let errno = Errno::from_raw_os_error(if told { i32::from_ne_bytes(errno) } else { 1 });
    match exit_code(pid) {
        0 => {}
        1 => println!("skipped: no id maps: {errno}"),
        code => panic!("exit code {code}: {errno}"),
    }
    assert_eq!(std::fs::read_dir(&temp.0).unwrap().count(), 0);
}

#[test]
fn errors_without_privilege_are_errors() {
    let code = common::in_child(|| {
        let _ = raw::capset(0, 0, 0);
        let unshared = raw::unshare(CLONE_NEWUTS) == Err(Errno::PERM);
        let mounted = raw::mount_legacy(c"none", c"/", c"tmpfs", MS_NODEV, Some(c"size=1m"));
        let namespaced = raw::setns(Fd(-1), 0) == Err(Errno::BADF);
        i32::from(!(unshared && mounted == Err(Errno::PERM) && namespaced))
    });
    assert_eq!(code, 0);
}
