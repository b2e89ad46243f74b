//! Files, directories and paths.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;

use common::TempDir;
use dwell_sys::Errno;
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, Fd};

fn listing(path: &std::ffi::CStr, room: usize) -> BTreeMap<Vec<u8>, u8> {
    let fd = raw::openat(Fd::CWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0).unwrap();
    let mut buf = vec![0; room];
    let mut found = BTreeMap::new();
    loop {
        let filled = raw::getdents64(fd, &mut buf).unwrap();
        if filled == 0 {
            break;
        }
        for (name, kind) in raw::dir_entries(&buf[..filled]) {
            found.insert(name.to_bytes().to_vec(), kind);
        }
    }
    raw::close(fd).unwrap();
    found
}

#[test]
fn directories_as_std_reads_them() {
    for path in ["/", "/dev", "/etc", "/proc/self"] {
        let mut expected = BTreeMap::new();
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let number = match () {
                () if kind.is_dir() => DT_DIR,
                () if kind.is_file() => DT_REG,
                () if kind.is_symlink() => DT_LNK,
                () if kind.is_char_device() => DT_CHR,
                () if kind.is_block_device() => DT_BLK,
                () if kind.is_fifo() => DT_FIFO,
                () => DT_SOCK,
            };
            expected.insert(entry.file_name().as_bytes().to_vec(), number);
        }
        let mut found = listing(&CString::new(path).unwrap(), 512);
        assert_eq!(found.remove(b".".as_slice()), Some(DT_DIR));
        assert_eq!(found.remove(b"..".as_slice()), Some(DT_DIR));
        assert_eq!(found, expected);
    }
}

#[test]
fn nonsense_ends_the_iteration() {
    assert_eq!(raw::dir_entries(&[]).count(), 0);
    assert_eq!(raw::dir_entries(&[0; 100]).count(), 0);
    assert_eq!(raw::dir_entries(&[0xff; 100]).count(), 0);
    assert_eq!(raw::dir_entries(&[1; 17]).count(), 0);
}

#[test]
fn resolve_in_root() {
    let temp = TempDir::new("root");
    let root = raw::openat(Fd::CWD, &temp.c_path(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0).unwrap();
    raw::mkdirat(root, c"etc", 0o755).unwrap();
    let flags = O_CREAT | O_WRONLY | O_CLOEXEC;
    let file = raw::openat(root, c"etc/mark", flags, 0o600).unwrap();
    raw::write_all(file, b"inside").unwrap();
    raw::close(file).unwrap();
    raw::symlinkat(c"../../../etc/mark", root, c"up").unwrap();
    raw::symlinkat(c"/etc/mark", root, c"abs").unwrap();
    let how = u64::from(O_RDONLY | O_CLOEXEC);
    for link in [c"up", c"abs", c"/etc/../../etc/mark"] {
        let fd = raw::openat2(root, link, how, 0, RESOLVE_IN_ROOT).unwrap();
        let mut text = [0; 10];
        let n = raw::read(fd, &mut text).unwrap();
        assert_eq!(&text[..n], b"inside");
        raw::close(fd).unwrap();
        assert_eq!(raw::openat2(root, link, how, 0, RESOLVE_BENEATH), Err(Errno::XDEV));
    }
    let mut target = [0; 64];
    let n = raw::readlinkat(root, c"abs", &mut target).unwrap();
    assert_eq!(&target[..n], b"/etc/mark");
    raw::close(root).unwrap();
}

#[test]
fn stat_as_std_does() {
    for path in ["/", "/dev/null", "/etc/passwd", "/proc/self/exe"] {
        let expected = std::fs::symlink_metadata(path).unwrap();
        let name = CString::new(path).unwrap();
        let stat = raw::statx_at(Fd::CWD, &name, AT_SYMLINK_NOFOLLOW).unwrap();
        let fd = raw::openat(Fd::CWD, &name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0).unwrap();
        let same = raw::fstat_mode_uid(fd).unwrap();
        raw::close(fd).unwrap();
        assert_eq!((stat.mode, stat.dev, stat.rdev), (same.mode, same.dev, same.rdev));
        assert_eq!(stat.mode, expected.st_mode());
        assert_eq!((stat.uid, stat.gid), (expected.st_uid(), expected.st_gid()));
        assert_eq!((stat.dev, stat.rdev), (expected.st_dev(), expected.st_rdev()));
        if path != "/proc/self/exe" {
            assert_eq!((stat.ino, stat.size), (expected.st_ino(), expected.st_size()));
            assert_eq!(u64::from(stat.nlink), expected.st_nlink());
        }
    }
    assert_eq!(raw::makedev(1, 3), 0x103);
    assert_eq!(raw::makedev(0x1234, 0x5_6789), 0x1000_5672_3489);
}

#[test]
fn making_and_changing() {
    let temp = TempDir::new("make");
    let dir = raw::openat(Fd::CWD, &temp.c_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0).unwrap();
    raw::mknodat(dir, c"pipe", S_IFIFO | 0o600, 0).unwrap();
    raw::mknodat(dir, c"file", S_IFREG | 0o600, 0).unwrap();
    assert_eq!(raw::mknodat(dir, c"far", S_IFREG, 1 << 40), Err(Errno::INVAL));
    raw::linkat(dir, c"file", dir, c"same", 0).unwrap();
    raw::fchmodat(dir, c"file", 0o640).unwrap();
    let stat = raw::statx_at(dir, c"same", 0).unwrap();
    assert_eq!((stat.mode, stat.nlink, stat.file_type()), (S_IFREG | 0o640, 2, S_IFREG));
    raw::fchownat(dir, c"file", u32::MAX, u32::MAX, 0).unwrap();
    let file = raw::openat(dir, c"file", O_RDWR | O_CLOEXEC, 0).unwrap();
    raw::fchmod(file, 0o600).unwrap();
    let (name, path) = (c"user.dwell", temp.0.join("file"));
    match raw::setxattr_fd(file, name, b"x") {
        Ok(()) | Err(Errno::OPNOTSUPP) => {}
        Err(errno) => panic!("{errno}"),
    }
    let path = CString::new(path.to_str().unwrap()).unwrap();
    assert_eq!(raw::lsetxattr(&path, c"nonsense", b"x"), Err(Errno::OPNOTSUPP));
    let high = raw::dup_min(file, 200).unwrap();
    assert!(high.0 >= 200);
    raw::set_cloexec(high, false).unwrap();
    assert_eq!(raw::dup3(file, Fd(250), O_CLOEXEC), Ok(Fd(250)));
    assert_eq!(raw::dup3(file, file, 0), Err(Errno::INVAL));
    for fd in [high, Fd(250), file] {
        raw::close(fd).unwrap();
    }
    assert_eq!(raw::close(file), Err(Errno::BADF));
    for name in [c"pipe", c"file", c"same"] {
        raw::unlinkat(dir, name, 0).unwrap();
    }
    assert_eq!(listing(&temp.c_path(), 4096).len(), 2);
    raw::close(dir).unwrap();
}
