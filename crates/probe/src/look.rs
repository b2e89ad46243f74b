//! What is at a path: one `statx(2)`, and one look into a directory where it matters.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dwell_plan::WorldPath;

use dwell_plan::facts::Found;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Statx, StatxFlags};
use rustix::io::Errno;

/// Opens a directory for listing.
pub(crate) const LIST: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// Neither triggers an automount nor asks a server that may not answer.
const QUIET: AtFlags = AtFlags::NO_AUTOMOUNT.union(AtFlags::STATX_DONT_SYNC);

/// `statx(2)` for type, mode and number of links.
pub(crate) fn stat(dir: BorrowedFd<'_>, path: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    let mask = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::NLINK;
    rustix::fs::statx(dir, path, flags | QUIET, mask)
}

/// What is at a path of the machine, links followed. A directory is not looked into.
pub(crate) fn follow(path: &[u8]) -> Found {
    stat(CWD, path, AtFlags::empty()).map_or_else(failed, |stat| found(&stat))
}

/// The same of an open file.
pub(crate) fn stat_open(fd: impl AsFd) -> Result<Statx, Errno> {
    stat(fd.as_fd(), b"", AtFlags::EMPTY_PATH)
}

/// What an open file is. A directory is not looked into.
pub(crate) fn opened(fd: impl AsFd) -> Found {
    stat_open(fd).map_or_else(failed, |stat| found(&stat))
}

/// Whether an error says something of what is there: that there is nothing, that the caller does not get at
/// it. Others come and go, or are a filter's that does not know the call (`EPERM`, `ENOSYS`); whoever takes
/// them for an answer shows what should have been covered.
pub(crate) fn is_answer(no: Errno) -> bool {
    !matches!(no, Errno::IO | Errno::PERM | Errno::NOSYS) && !is_shortage(no)
}

/// Whether an error is about the caller's means, or about this moment, and not about what is looked at.
pub(crate) fn is_shortage(no: Errno) -> bool {
    let all = [Errno::NOMEM, Errno::INTR, Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::AGAIN];
    all.contains(&no)
}

/// The answer that an error number is.
pub(crate) fn failed(no: Errno) -> Found {
    match no {
        Errno::NOENT | Errno::NOTDIR => Found::Missing,
        other => Found::Denied(other.raw_os_error()),
    }
}

pub(crate) fn file_type(stat: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(stat.stx_mode))
}

fn found(stat: &Statx) -> Found {
    match file_type(stat) {
        FileType::Directory => Found::Directory { empty: false, mode: mode(stat) },
        other => no_directory(other),
    }
}

/// The answer for a type that is neither a directory nor a link.
pub(crate) fn no_directory(kind: FileType) -> Found {
    match kind {
        FileType::Socket => Found::Socket,
        FileType::CharacterDevice | FileType::BlockDevice => Found::Device,
        FileType::Fifo => Found::Fifo,
        _ => Found::File,
    }
}

/// Permission bits, with set-id and sticky.
pub(crate) fn mode(stat: &Statx) -> u32 {
    u32::from(stat.stx_mode) & 0o7777
}

/// A directory that was found to have `mode`, now looked into; `flags` may say not to follow links.
pub(crate) fn look_into(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: u32) -> Found {
    match is_empty(dir, path, flags) {
        Ok(empty) => Found::Directory { empty, mode },
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Found::Missing,
        Err(no) if is_shortage(no) => failed(no),
        Err(_) => Found::ClosedDirectory,
    }
}

fn is_empty(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<bool, Errno> {
    let fd = rustix::fs::openat(dir, path, LIST | flags, Mode::empty())?;
    // Room for `.`, `..` and one entry with the longest name.
    let mut buffer = [MaybeUninit::uninit(); 512];
    let mut entries = RawDir::new(&fd, &mut buffer);
    while let Some(entry) = entries.next() {
        if !is_dot(entry?.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a name is `.` or `..`.
pub(crate) fn is_dot(name: &[u8]) -> bool {
    name == b"." || name == b".."
}

/// The path without links of what `path` leads to, as the kernel names it; None where nothing is there, or
/// nothing that the caller gets at.
pub(crate) fn real_path(path: &[u8]) -> Result<Option<WorldPath>, Errno> {
    // Most have no links in them, and asking procfs takes ten times as long.
    let flags = crate::file::PATH;
    let straight =
        || rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    if path.first() == Some(&b'/') && straight().is_ok() {
        return Ok(Some(WorldPath::new(path, b"/")));
    }
    let Some(fd) = known(rustix::fs::openat(CWD, path, flags, Mode::empty()))? else {
        return Ok(None);
    };
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let name = known(rustix::fs::readlinkat(CWD, link.as_str(), Vec::new()))?.unwrap_or_default();
    let name = name.as_bytes();
    Ok((name.first() == Some(&b'/')).then(|| WorldPath::new(name, b"/")))
}

/// The path without links of what `path` leads to, as the kernel names it, where `/proc` is there to tell.
#[must_use]
pub fn canonical(path: &Path) -> Option<PathBuf> {
    let real = real_path(path.as_os_str().as_bytes()).ok()??;
    Some(real.text().as_path().to_owned())
}

/// Where the link at `path` leads, links above followed; None where there is none.
pub(crate) fn link(path: &WorldPath) -> Result<Option<Vec<u8>>, Errno> {
    let target = known(rustix::fs::readlinkat(CWD, path.as_bytes(), Vec::new()))?;
    Ok(target.map(std::ffi::CString::into_bytes))
}

/// What was found; None when the error says that there is nothing.
pub(crate) fn known<T>(found: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(no) if is_answer(no) => Ok(None),
        Err(no) => Err(no),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert!(follow(b"/").is_dir());
        assert_eq!(follow(b"/dev/null"), Found::Device);
        assert_eq!(follow(b"/proc/self/status"), Found::File);
        assert_eq!(follow(b"/nonexistent/x"), Found::Missing);
        assert_eq!(follow(b"/proc/self/status/x"), Found::Missing);
        assert_eq!(failed(Errno::ACCESS), Found::Denied(13));
    }

    #[test]
    fn where_paths_lead() {
        let dir = std::env::temp_dir().join(format!("dwell-probe-real-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", dir.join("l")).unwrap();
        let dir = dir.canonicalize().unwrap();
        let real = |tail: &str| {
            real_path(dir.join(tail).as_os_str().as_encoded_bytes()).map(|real| {
                real.map(|real| real.text().as_path().strip_prefix(&dir).unwrap().to_owned())
            })
        };
        let leads =
            [("a/b", "a/b"), ("l/b", "a/b"), ("l", "a"), ("a//./b/../b", "a/b"), ("l/..", "")];
        for (path, to) in leads {
            assert_eq!(real(path), Ok(Some(PathBuf::from(to))), "{path}");
        }
        assert_eq!((real("n"), real("l/n/..")), (Ok(None), Ok(None)));
        assert_eq!(canonical(Path::new(".")), std::env::current_dir().ok());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn emptiness() {
        let dir = std::env::temp_dir().join(format!("dwell-probe-empty-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.as_os_str().as_encoded_bytes();
        let look = || look_into(CWD, path, OFlags::empty(), 0o700);
        assert_eq!(look(), Found::Directory { empty: true, mode: 0o700 });
        std::fs::write(dir.join("n".repeat(255)), "").unwrap();
        assert_eq!(look(), Found::Directory { empty: false, mode: 0o700 });
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(look(), Found::Missing);
    }
}
