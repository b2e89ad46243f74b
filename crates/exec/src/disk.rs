//! Layers on disk, for kernels whose tmpfs cannot carry them.
//!
//! They are in a directory of the world's root, which lies in one of the caller's. That one is locked
//! for as long as its world lives. One that nobody has locked was left behind by a world that was killed together with its supervisor: the next start removes it.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use dwell_plan::program::DISK_LAYER;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Gid, Mode, OFlags, Statx, StatxAttributes,
    StatxFlags, Uid, chownat, flock, fstat, mkdirat, openat, statx,
};
use rustix::io::Errno;

/// Opens a directory, and none that a link leads to.
const LIST: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory of layers; removed when this is dropped.
#[derive(Debug)]
pub(crate) struct DiskLayer {
    path: PathBuf,
    /// Holds the lock.
    dir: File,
}

impl DiskLayer {
    /// Makes and locks the directory, and removes those that were left behind beside it. `root` is
    /// whom the world's root is outside, where that may be another than the caller.
    ///
    /// Between making and locking another start may take it for one that was left behind: that one
    /// holds the lock until the directory is gone, and it is made once more.
    pub(crate) fn create(path: &Path, root: Option<(u32, u32)>) -> io::Result<Self> {
        remove_stale(path);
        loop {
            fs::DirBuilder::new().mode(0o700).create(path)?;
            let Some(lock) = lock_what_is_there(path)? else { continue };
            let layer = DiskLayer { path: path.to_owned(), dir: lock };
            // By descriptor: programs of the same user may have put something else in its place.
            let dir = &layer.dir;
            mkdirat(dir, DISK_LAYER, Mode::RWXU)?;
            if let Some((uid, gid)) = root {
                dir.set_permissions(Permissions::from_mode(0o711))?;
                let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
                chownat(dir, DISK_LAYER, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            return Ok(layer);
        }
    }
}

/// The lock of the directory at `path`; None when it is no longer there.
fn lock_what_is_there(path: &Path) -> io::Result<Option<File>> {
    let dir = match openat(CWD, path, LIST, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        opened => File::from(opened?),
    };
    flock(&dir, FlockOperation::LockExclusive)?;
    Ok(is_there(&dir)?.then_some(dir))
}

/// Whether nobody has removed an open directory: a link of its name to it is left.
fn is_there(dir: &File) -> io::Result<bool> {
    Ok(dir.metadata()?.nlink() > 0)
}

impl Drop for DiskLayer {
    fn drop(&mut self) {
        // What cannot be removed now is found by the next start.
        let _ = remove(&self.path);
    }
}

/// Removes what earlier worlds of the same user left in the directory of `path`.
fn remove_stale(path: &Path) -> Vec<PathBuf> {
    let mut gone = Vec::new();
    let (Some(parent), Some(prefix)) = (path.parent(), family(path)) else { return gone };
    let Ok(entries) = fs::read_dir(parent) else { return gone };
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        let Ok(dir) = open_own(&path) else { continue };
        // Held until it is gone. Another start may have removed it meanwhile, and its owner have made it anew.
        let locked = flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok();
        if locked && is_there(&dir).unwrap_or(false) && remove(&path).is_ok() {
            gone.push(path);
        }
    }
    gone
}

/// Opens a directory that can only have been made there by the caller. Anybody may give any name to what they
/// put beside it.
///
/// KERNEL: who can write to a directory of somebody else's can move it here from another one, with all that is
/// in it. A mount is somebody's too: it could answer anything, or not at all.
fn open_own(path: &Path) -> Result<File, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID;
    let is_own = |stat: &Statx| {
        let mode = u32::from(stat.stx_mode);
        !stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
            && FileType::from_raw_mode(mode) == FileType::Directory
            && stat.stx_uid == rustix::process::geteuid().as_raw()
            && mode & 0o022 == 0
    };
    let known = |at: BorrowedFd<'_>, name: &Path, flags| match statx(at, name, flags, wanted) {
        Ok(stat) if is_own(&stat) => Ok(()),
        other => Err(other.err().unwrap_or(Errno::PERM)),
    };
    known(CWD, path, flags)?;
    let dir = openat(CWD, path, LIST, Mode::empty())?;
    known(dir.as_fd(), Path::new(""), flags | AtFlags::EMPTY_PATH)?;
    Ok(File::from(dir))
}

/// The name up to and with the number of the user: `dwell-layer-1000-`.
fn family(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let end = name.match_indices('-').nth(2)?.0;
    Some(name.get(..=end)?.to_owned())
}

/// Removes the layers of all worlds of the caller's that were left behind; gives those that are gone.
#[must_use]
pub fn sweep_layers() -> Vec<PathBuf> {
    let mut gone = Vec::new();
    for dir in dwell_probe::LAYER_DIRECTORIES {
        let uid = rustix::process::geteuid().as_raw();
        gone.extend(remove_stale(
            &Path::new(dir).join(format!("{}{uid}-x", dwell_probe::LAYER_PREFIX)),
        ));
    }
    gone
}

/// KERNEL: an overlay leaves a directory with no permissions at all in its work directory.
fn remove(path: &Path) -> io::Result<()> {
    open_up(CWD, path.as_os_str())?;
    fs::remove_dir_all(path)
}

/// Gives every directory back the permissions that removing needs. Who else has the world's ids can
/// put a link in a directory's place meanwhile: none is followed.
fn open_up(at: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(at, name, flags, Mode::empty())?;
    if fstat(&dir)?.st_mode & 0o700 != 0o700 {
        // Neither fchmod(2) nor, before Linux 6.6, a call with an empty path takes such a descriptor.
        let itself = format!("/proc/self/fd/{}", dir.as_raw_fd());
        fs::set_permissions(itself, Permissions::from_mode(0o700))?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(&dir, ".", flags, Mode::empty())?;
    for entry in Dir::read_from(&dir)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if entry.file_type() == FileType::Directory && name != "." && name != ".." {
            open_up(dir.as_fd(), name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_behind_is_found_and_living_is_not() {
        let base = std::env::temp_dir().join(format!("dwell-disk-test-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        let at = |n: u32| base.join(format!("dwell-layer-7-{n}-1"));
        let living = DiskLayer::create(&at(1), None).unwrap();
        fs::create_dir_all(at(2).join("l/w/0/work")).unwrap();
        fs::set_permissions(at(2).join("l/w/0/work"), Permissions::from_mode(0o0)).unwrap();
        let next = DiskLayer::create(&at(3), None).unwrap();
        assert!(at(1).exists() && !at(2).exists() && at(3).exists());
        // What others could have moved there, and what links lead to.
        fs::create_dir_all(at(4).join("kept")).unwrap();
        fs::set_permissions(at(4), Permissions::from_mode(0o775)).unwrap();
        std::os::unix::fs::symlink(at(1), at(5)).unwrap();
        drop(DiskLayer::create(&at(6), None).unwrap());
        assert!(at(4).join("kept").exists() && at(5).exists());
        fs::remove_dir_all(at(4)).unwrap();
        fs::remove_file(at(5)).unwrap();
        drop((living, next));
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
        fs::remove_dir(&base).unwrap();
    }

    #[test]
    fn many_starts_at_once_leave_each_other_alone() {
        let base = std::env::temp_dir().join(format!("dwell-disk-race-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let base = &base;
                scope.spawn(move || {
                    for n in 0..200 {
                        let path = base.join(format!("dwell-layer-7-{thread}-{n}"));
                        let layer = DiskLayer::create(&path, None).unwrap();
                        fs::create_dir(path.join("l/u")).unwrap();
                        drop(layer);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
        fs::remove_dir(&base).unwrap();
    }
}
