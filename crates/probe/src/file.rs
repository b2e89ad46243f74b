//! Reading files: the whole of one, or its lines until the wanted one is found.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use dwell_plan::WorldPath;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::ProbeError;
use crate::look;

/// `O_NONBLOCK` does nothing to a file, and keeps a FIFO of that name from holding us up.
pub(crate) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
pub(crate) const PATH: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// More than any file that is read here has; a bigger one is refused.
const LIMIT: usize = 64 << 20;

/// The `proc` filesystem, known to be one.
pub(crate) struct Proc(OwnedFd);

impl Proc {
    pub(crate) fn open() -> Result<Self, ProbeError> {
        let fail = |call, no| ProbeError::kernel("open", "/proc", call, no);
        let fd = rustix::fs::openat(CWD, "/proc", PATH | OFlags::DIRECTORY, Mode::empty())
            .map_err(|no| fail("openat", no))?;
        let stat = rustix::fs::fstatfs(&fd).map_err(|no| fail("fstatfs", no))?;
        if stat.f_type != rustix::fs::PROC_SUPER_MAGIC {
            return Err(ProbeError::words("use", "/proc", "it is not a proc filesystem"));
        }
        Ok(Proc(fd))
    }

    /// Its root directory.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The text of `/proc/<path>`; none where the kernel has no such file.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ProbeError> {
        let opened = match open_beneath(self.0.as_fd(), path) {
            Err(Errno::NOENT) => return Ok(None),
            other => other,
        };
        let fail = |call, no| ProbeError::kernel("read", &format!("/proc/{path}"), call, no);
        let fd = opened.map_err(|no| fail("openat2", no))?;
        read_all(&fd).map(Some).map_err(|no| fail("read", no))
    }
}

/// Opens a file of procfs, and nothing that was mounted over it.
fn open_beneath(proc: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::openat2(proc, path, READ, Mode::empty(), ResolveFlags::NO_XDEV) {
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(proc, path, READ, Mode::empty()),
        other => other,
    }
}

/// Reads `path` of the machine, links followed.
pub(crate) fn read(path: &[u8]) -> Result<Vec<u8>, Errno> {
    read_all(rustix::fs::openat(CWD, path, READ, Mode::empty())?)
}

/// Reads to the end of `fd`.
pub(crate) fn read_all(fd: impl AsFd) -> Result<Vec<u8>, Errno> {
    let mut text = Vec::with_capacity(8 << 10);
    while fill(fd.as_fd(), &mut text)? {}
    text.shrink_to_fit();
    Ok(text)
}

/// Reads once, at the end of `text`; whether there was anything.
fn fill(fd: BorrowedFd<'_>, text: &mut Vec<u8>) -> Result<bool, Errno> {
    if text.len() > LIMIT {
        return Err(Errno::FBIG);
    }
    if text.spare_capacity_mut().len() < 1024 {
        text.reserve(text.len());
    }
    loop {
        match rustix::io::read(fd, rustix::buffer::spare_capacity(text)) {
            Err(Errno::INTR) => {}
            other => return other.map(|n| n > 0),
        }
    }
}

/// What `take` makes of the first line that it wants, reading no further than that line. Nothing where
/// there is no such file, or none that the caller gets at.
pub(crate) fn find_line<T>(
    path: &Path,
    take: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Errno> {
    let opened = rustix::fs::openat(CWD, path, READ, Mode::empty());
    let Some(fd) = look::known(opened)? else { return Ok(None) };
    let mut text = Vec::with_capacity(8 << 10);
    let mut more = true;
    while more {
        more = fill(fd.as_fd(), &mut text)?;
        let whole = if more {
            text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1)
        } else {
            text.len()
        };
        let lines = text.get(..whole).unwrap_or_default();
        let found = crate::bytes::lines(lines).find_map(&take);
        if found.is_some() {
            return Ok(found);
        }
        text.drain(..whole);
    }
    Ok(None)
}

/// Reads the file at `path` of the root filesystem directory `root`, links resolved inside it: a
/// link of the directory cannot lead to a file of the machine. None where there is none, or something else: a
/// device of the machine's may do something as soon as it is opened.
///
/// # Errors
/// The kernel's, other than that it does not exist.
pub fn read_in_root(root: &Path, path: &WorldPath) -> Result<Option<Vec<u8>>, ProbeError> {
    let object = || format!("{path} in {}", root.display());
    let fail = |call, no| ProbeError::kernel("read", &object(), call, no);
    let directory = rustix::fs::openat(CWD, root, PATH | OFlags::DIRECTORY, Mode::empty())
        .map_err(|no| fail("openat", no))?;
    let found = match open_in_root(directory.as_fd(), path, PATH) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(no) => return Err(fail("openat2", no)),
    };
    let stat = look::stat_open(&found).map_err(|no| fail("statx", no))?;
    if look::file_type(&stat) != FileType::RegularFile {
        return Ok(None);
    }
    // The same file, whatever has become of its name.
    let itself = format!("/proc/self/fd/{}", found.as_raw_fd());
    let fd = rustix::fs::openat(CWD, itself, READ, Mode::empty());
    read_all(fd.map_err(|no| fail("openat", no))?).map(Some).map_err(|no| fail("read", no))
}

/// Whether there is a file at `path` of the root filesystem directory `root`, links resolved inside it.
#[must_use]
pub fn is_in_root(root: &Path, path: &WorldPath) -> bool {
    let directory = rustix::fs::openat(CWD, root, PATH | OFlags::DIRECTORY, Mode::empty());
    directory.is_ok_and(|root| open_in_root(root.as_fd(), path, PATH).is_ok())
}

/// Opens `path` with `root` as the root directory.
pub(crate) fn open_in_root(
    root: BorrowedFd<'_>,
    path: &WorldPath,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    // KERNEL: EAGAIN when something was renamed during the walk and `..` may have led outside.
    for _ in 0..16 {
        let fd = rustix::fs::openat2(
            root,
            path.as_bytes(),
            flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        );
        if fd.as_ref().err() != Some(&Errno::AGAIN) {
            return fd;
        }
    }
    Err(Errno::AGAIN)
}

/// The text of a small file, or nothing.
pub(crate) fn read_small(path: &str) -> Option<String> {
    String::from_utf8(read(path.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("dwell-probe-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn lines_are_found_across_reads() {
        let mut text = Vec::new();
        for i in 0..5000 {
            text.extend_from_slice(format!("line {i}\n").as_bytes());
        }
        text.extend_from_slice(&[b'x'; 20_000]);
        text.extend_from_slice(b"\nthe last");
        let path = scratch("lines", &text);
        let get = |want: &[u8]| find_line(&path, |l| (l == want).then(|| l.to_vec()));
        for want in ["line 0", "line 2500", "line 4999", "the last"] {
            assert_eq!(get(want.as_bytes()), Ok(Some(want.as_bytes().to_vec())));
        }
        assert_eq!(get(&[b'x'; 20_000]).map(|l| l.map(|l| l.len())), Ok(Some(20_000)));
        assert_eq!(get(b"line 5000"), Ok(None));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn missing_and_empty_files_have_no_line() {
        assert_eq!(find_line(Path::new("/nonexistent/x"), |_| Some(())), Ok(None));
        let path = scratch("empty", b"");
        assert_eq!(find_line(&path, |_| Some(())), Ok(None));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_link_stays_in_its_root() {
        let root = std::env::temp_dir().join(format!("dwell-probe-root-{}", std::process::id()));
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(root.join("secret"), "inside").unwrap();
        std::os::unix::fs::symlink("/../../secret", root.join("etc/passwd")).unwrap();
        let text = read_in_root(&root, &WorldPath::abs("/etc/passwd")).unwrap();
        assert_eq!(text.as_deref(), Some(&b"inside"[..]));
        assert_eq!(read_in_root(&root, &WorldPath::abs("/etc/group")).unwrap(), None);
        // Neither a directory nor a socket is read.
        assert_eq!(read_in_root(&root, &WorldPath::abs("/etc")).unwrap(), None);
        let _socket = std::os::unix::net::UnixListener::bind(root.join("etc/group")).unwrap();
        assert_eq!(read_in_root(&root, &WorldPath::abs("/etc/group")).unwrap(), None);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn proc_is_proc() {
        let proc = Proc::open().unwrap();
        assert!(proc.read("self/mountinfo").unwrap().is_some());
        assert_eq!(proc.read("self/no-such-file").unwrap(), None);
    }
}
