//! Layers on disk, for kernels whose tmpfs cannot carry them.
//!
//! The directory is locked for as long as its world lives. One that nobody has locked was left behind
//! by a world that was killed together with its supervisor: the next start removes it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// A directory of layers; removed when this is dropped.
#[derive(Debug)]
pub(crate) struct DiskLayer {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl DiskLayer {
    /// Makes and locks the directory, and removes those that were left behind beside it.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        remove_stale(path);
        fs::DirBuilder::new().mode(0o700).create(path)?;
        let lock = File::open(path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(DiskLayer { path: path.to_owned(), _lock: lock })
    }
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
    let own = rustix::process::geteuid().as_raw();
    for entry in entries.flatten() {
        let named = entry.file_name().to_string_lossy().starts_with(&prefix);
        let mine = || entry.metadata().is_ok_and(|m| m.is_dir() && m.uid() == own);
        let path = entry.path();
        if named && mine() && is_free(&path) && remove(&path).is_ok() {
            gone.push(path);
        }
    }
    gone
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

fn is_free(path: &Path) -> bool {
    File::open(path).is_ok_and(|dir| flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// KERNEL: an overlay leaves a directory with no permissions at all in its work directory.
fn remove(path: &Path) -> io::Result<()> {
    open_up(path)?;
    fs::remove_dir_all(path)
}

fn open_up(dir: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(dir)?.permissions().mode();
    if mode & 0o700 != 0o700 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    for entry in fs::read_dir(dir)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path())?;
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
        let living = DiskLayer::create(&at(1)).unwrap();
        fs::create_dir_all(at(2).join("w/0/work")).unwrap();
        fs::set_permissions(at(2).join("w/0/work"), Permissions::from_mode(0o0)).unwrap();
        let next = DiskLayer::create(&at(3)).unwrap();
        assert!(at(1).exists() && !at(2).exists() && at(3).exists());
        drop((living, next));
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
        fs::remove_dir(&base).unwrap();
    }
}
