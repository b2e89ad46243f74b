//! The contents of the directories above mount points.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use dwell_plan::facts::{Entry, Found, MountFact};
use dwell_plan::{Text, WorldPath};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx};
use rustix::io::Errno;

use crate::error::ProbeError;
use crate::look;
use dwell_plan::data_mount::{MountTree, in_system_tree};

/// Filesystems that may wait for a server or a program, for ever if that is gone. They are asked
/// nothing that the kernel does not know by itself.
const SLOW: &[&str] = &[
    "9p", "afs", "autofs", "beegfs", "ceph", "cifs", "fuse", "fuseblk", "gpfs", "lustre", "nfs",
    "nfs4", "smb3", "smbfs",
];

fn is_slow(mount: &MountFact) -> bool {
    let fstype = mount.fstype.as_bytes();
    SLOW.iter().any(|name| mount.fstype == **name) || fstype.starts_with(b"fuse.")
}

/// Finds out for every data mount, and every mount below one of `asked`, whether it is a directory and
/// whether the caller gets in.
pub(crate) fn check_mounts(mounts: &mut [MountFact], asked: &[WorldPath]) -> Vec<WorldPath> {
    let tree = MountTree::new(mounts);
    let mut indices = tree.data_mount_indices();
    for dir in asked {
        indices.extend(tree.indices_below(dir));
    }
    indices.sort_unstable();
    indices.dedup();
    let mut points = Vec::with_capacity(indices.len());
    for index in indices {
        let Some(mount) = mounts.get_mut(index) else { continue };
        check(mount);
        points.push(mount.point.clone());
    }
    points
}

/// Sizes of the files among `points`, and of those in the listed directories, that the caller may
/// write.
pub(crate) fn writable_files(
    points: &[WorldPath],
    directories: &BTreeMap<WorldPath, Vec<Entry>>,
) -> BTreeMap<WorldPath, u64> {
    let listed = directories.iter().flat_map(|(dir, entries)| {
        let files = entries.iter().filter(|entry| entry.found == Found::File);
        files.map(|entry| dir.join(entry.name.as_bytes()))
    });
    let size = |path: WorldPath| {
        let bytes = path.as_bytes();
        rustix::fs::accessat(CWD, bytes, Access::WRITE_OK, AtFlags::EACCESS).ok()?;
        let stat = rustix::fs::stat(bytes).ok()?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        regular.then(|| (path.clone(), u64::try_from(stat.st_size).unwrap_or(u64::MAX)))
    };
    listed.chain(points.iter().cloned()).filter_map(size).collect()
}

/// Lists `/` and every directory above one of `points`, in the operating system's trees only where one
/// of `asked` lies in them. Directories that cannot be listed are left out.
///
/// # Errors
/// There is too little of something to list one: the world would lack what is in it.
pub(crate) fn survey(
    mounts: &[MountFact],
    points: &[WorldPath],
    asked: &[WorldPath],
) -> Result<BTreeMap<WorldPath, Vec<Entry>>, ProbeError> {
    let mut above = BTreeSet::from([WorldPath::root()]);
    let wanted = |point: &&WorldPath| {
        let inside = asked.iter().filter(|dir| in_system_tree(dir));
        !in_system_tree(point) || inside.clone().any(|dir| dir.contains(point))
    };
    for point in points.iter().filter(wanted) {
        let mut next = point.parent();
        while let Some(dir) = next {
            next = dir.parent();
            if !above.insert(dir) {
                break;
            }
        }
    }
    let slow: Vec<&WorldPath> = mounts.iter().filter(|m| is_slow(m)).map(|m| &m.point).collect();
    let mut lister = Lister { slow, buffer: vec![MaybeUninit::uninit(); ROOM] };
    let mut out = BTreeMap::new();
    for dir in above {
        match lister.list(&dir) {
            Ok(list) => drop(out.insert(dir, list)),
            Err(no) if look::is_shortage(no) => {
                return Err(ProbeError::kernel("list", &dir.to_string(), "getdents64", no));
            }
            Err(_) => {}
        }
    }
    Ok(out)
}

/// Sets `is_dir` and `reachable`.
fn check(mount: &mut MountFact) {
    let path = mount.point.as_bytes();
    let stat = look::stat(CWD, path, AtFlags::empty());
    mount.is_dir = match &stat {
        Ok(stat) => look::file_type(stat) == FileType::Directory,
        // KERNEL: FUSE refuses stat(2) to everybody but who mounted it; open with O_PATH does not
        // ask it.
        Err(_) => is_dir_by_open(path),
    };
    mount.reachable = stat.is_ok() && (is_slow(mount) || may_enter(path, mount.is_dir));
}

fn is_dir_by_open(path: &[u8]) -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).err() != Some(Errno::NOTDIR)
}

fn may_enter(path: &[u8], is_dir: bool) -> bool {
    let access = if is_dir { Access::EXEC_OK } else { Access::READ_OK };
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

/// Bytes of entries that one call gives: most directories that are listed have few.
const ROOM: usize = 4 << 10;

struct Lister<'a> {
    slow: Vec<&'a WorldPath>,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Lister<'_> {
    /// The entries of `dir`, by name.
    fn list(&mut self, dir: &WorldPath) -> Result<Vec<Entry>, Errno> {
        let slow: Vec<&[u8]> = self
            .slow
            .iter()
            .filter(|point| point.parent().as_ref() == Some(dir))
            .map(|point| point.name())
            .collect();
        let fd = rustix::fs::openat(CWD, dir.as_bytes(), look::LIST, Mode::empty())?;
        let mut out = Vec::new();
        let mut entries = RawDir::new(&fd, &mut self.buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if look::is_dot(name) {
                continue;
            }
            let kind = entry.file_type();
            let found = if dir.is_root() && kind == FileType::Directory && is_known(name) {
                Found::Directory { empty: false, mode: 0o755 }
            } else {
                examine(fd.as_fd(), name, kind, slow.contains(&name))
            };
            if let Found::Denied(no) = found {
                let no = Errno::from_raw_os_error(no);
                if look::is_shortage(no) {
                    return Err(no);
                }
            }
            if found != Found::Missing {
                out.push(Entry { name: Text::from(name), found });
            }
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }
}

/// The entries of one directory; none where it cannot be listed.
pub(crate) fn entries(dir: &WorldPath) -> Vec<Entry> {
    let mut lister = Lister { slow: Vec::new(), buffer: vec![MaybeUninit::uninit(); ROOM] };
    lister.list(dir).unwrap_or_default()
}

/// Directories right below `/` that are the same in every world, whatever they hold and whoever may
/// read them.
fn is_known(name: &[u8]) -> bool {
    const MADE_NEW: [&[u8]; 6] = [b"dev", b"home", b"proc", b"run", b"sys", b"tmp"];
    MADE_NEW.contains(&name) || in_system_tree(&WorldPath::root().join(name))
}

/// What the entry `name` of `dir` is; `Missing` when it went away in the meantime.
fn examine(dir: BorrowedFd<'_>, name: &[u8], kind: FileType, slow: bool) -> Found {
    match kind {
        FileType::Symlink => link(dir, name),
        FileType::Directory | FileType::Unknown => examine_by_stat(dir, name, kind, slow),
        other => look::no_directory(other),
    }
}

fn examine_by_stat(dir: BorrowedFd<'_>, name: &[u8], kind: FileType, slow: bool) -> Found {
    let stat = match look::stat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Found::Missing,
        Err(no) if kind == FileType::Directory && !look::is_shortage(no) => {
            return Found::ClosedDirectory;
        }
        Err(no) => return look::failed(no),
    };
    let mode = look::mode(&stat);
    match look::file_type(&stat) {
        FileType::Directory if slow || has_directories(&stat) => {
            Found::Directory { empty: false, mode }
        }
        FileType::Directory => look::look_into(dir, name, OFlags::NOFOLLOW, mode),
        FileType::Symlink => link(dir, name),
        other => look::no_directory(other),
    }
}

/// Whether a directory that everybody may list is known to have directories in it, which saves
/// opening it.
// KERNEL: two links are the name and `.`, every further one is the `..` of a directory in it.
// Filesystems that do not count (btrfs, overlayfs) show one. An ACL that denies a single user what
// everybody else may is not seen here.
fn has_directories(stat: &Statx) -> bool {
    stat.stx_nlink > 2 && look::mode(stat) & 0o444 == 0o444
}

fn link(dir: BorrowedFd<'_>, name: &[u8]) -> Found {
    match rustix::fs::readlinkat(dir, name, Vec::new()) {
        Ok(target) => Found::Link(Text::from(target.into_bytes())),
        Err(no) => look::failed(no),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_without_following() {
        let dir = std::env::temp_dir().join(format!("dwell-probe-list-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("full/x")).unwrap();
        std::fs::create_dir_all(dir.join("empty")).unwrap();
        std::fs::write(dir.join("file"), "").unwrap();
        std::os::unix::fs::symlink("full", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.join("dangling")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
        let path = WorldPath::new(dir.as_os_str().as_encoded_bytes(), b"/");
        let mut lister = Lister { slow: vec![], buffer: vec![MaybeUninit::uninit(); 1024] };
        let list = lister.list(&path).unwrap();
        let shown: Vec<String> = list.iter().map(|e| format!("{} {:?}", e.name, e.found)).collect();
        std::fs::remove_dir_all(dir).unwrap();
        assert_eq!(
            shown,
            [
                "dangling Link(\"nowhere\")",
                "empty Directory { empty: true, mode: 493 }",
                "file File",
                "full Directory { empty: false, mode: 493 }",
                "link Link(\"full\")",
                "socket Socket",
            ]
        );
    }

    #[test]
    fn slow_mounts_are_not_looked_into() {
        let proc = WorldPath::abs("/proc");
        let mut lister = Lister { slow: vec![&proc], buffer: vec![MaybeUninit::uninit(); 32768] };
        let root = lister.list(&WorldPath::root()).unwrap();
        let proc = root.iter().find(|e| e.name == *"proc").unwrap();
        assert!(matches!(proc.found, Found::Directory { empty: false, .. }));
        assert!(lister.list(&WorldPath::abs("/nonexistent")).is_err());
    }

    #[test]
    fn slow_filesystems() {
        let slow = |t: &str| is_slow(&MountFact { fstype: Text::from(t), ..MountFact::default() });
        assert!(slow("nfs4") && slow("fuse.sshfs") && slow("fuse") && slow("autofs"));
        assert!(!slow("ext4") && !slow("fusectl") && !slow("overlay"));
    }
}
