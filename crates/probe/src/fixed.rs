//! Trees in which an ordinary user can change nothing: small ones of root's, looked through whole.
//!
//! A layer over such a tree would cost time at the start and at the end, and give nothing.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dwell_plan::data_mount::in_system_tree;
use dwell_plan::facts::{Facts, Found};
use dwell_plan::{Plan, WorldPath};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx, StatxFlags};
use rustix::io::Errno;

use crate::look;

/// As many files are looked at in a tree: it takes as long as a third of a layer.
const MOST: u32 = 40;

/// Those among the directories right below `/`, and `/usr/local`.
pub(crate) fn fixed(plan: &Plan, facts: &Facts) -> BTreeSet<WorldPath> {
    // Whoever has a capability may be let past owner and mode, by that or by the maps it can write.
    let ordinary = facts.caller.uid != 0 && facts.caller.capabilities == 0;
    let mapped = |first: u32| facts.caller.subuids.iter().any(|(start, _)| *start == first);
    if !ordinary || plan.read_only || mapped(0) {
        return BTreeSet::new();
    }
    let root = WorldPath::root();
    let top = facts.directories.get(&root).into_iter().flatten();
    let full = top.filter(|entry| matches!(entry.found, Found::Directory { empty: false, .. }));
    let local = WorldPath::abs("/usr/local");
    full.map(|entry| root.join(entry.name.as_bytes()))
        .filter(|tree| !look::is_made_new(tree.name()) && !in_system_tree(tree))
        .chain([local])
        .filter(|tree| !facts.mounts.iter().any(|mount| tree.contains(&mount.point)))
        .filter(|tree| is_fixed(tree).unwrap_or(false))
        .collect()
}

fn is_fixed(tree: &WorldPath) -> Result<bool, Errno> {
    let mut walk = Walk { left: MOST, open: Vec::new() };
    let fd = open(CWD, tree.as_bytes())?;
    if !is_roots(&stat(fd.as_fd(), b"", AtFlags::EMPTY_PATH)?) {
        return Ok(false);
    }
    walk.open.push(fd);
    while let Some(dir) = walk.open.pop() {
        if !walk.entries_are_fixed(&dir)? {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Walk {
    left: u32,
    /// Directories that are still to be listed.
    open: Vec<OwnedFd>,
}

impl Walk {
    fn entries_are_fixed(&mut self, dir: &OwnedFd) -> Result<bool, Errno> {
        let mut buffer = [MaybeUninit::uninit(); 2048];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if look::is_dot(name) {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
            self.left = left;
            let fixed = match entry.file_type() {
                // Nobody writes to a link; where it leads is looked at there.
                FileType::Symlink => true,
                FileType::RegularFile => {
                    is_roots(&stat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?)
                }
                FileType::Directory => self.enters(dir.as_fd(), name)?,
                // What can be connected to or opened for writing on a read-only mount; and what is of no known type.
                _ => false,
            };
            if !fixed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a directory is root's alone; what is in it is looked at later.
    fn enters(&mut self, dir: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
        let stat = stat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match open(dir, name) {
            Ok(fd) => self.open.push(fd),
            // Nobody else gets to what is in it.
            Err(Errno::ACCESS) if stat.stx_mode & 0o011 == 0 => {}
            Err(_) => return Ok(false),
        }
        Ok(is_roots(&stat))
    }
}

fn open(dir: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, path, look::LIST | OFlags::NOFOLLOW, Mode::empty())
}

fn stat(dir: BorrowedFd<'_>, path: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    let mask = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID;
    rustix::fs::statx(dir, path, flags | look::QUIET, mask)
}

/// KERNEL: where an access control list lets somebody write, the bits of the group say so (`acl(5)`, the mask).
fn is_roots(stat: &Statx) -> bool {
    stat.stx_uid == 0 && stat.stx_mode & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    }

    #[test]
    fn trees_of_roots() {
        let dir = std::env::temp_dir().join(format!("dwell-probe-fixed-{}", std::process::id()));
        fs::create_dir_all(dir.join("bin/more")).expect("mkdir");
        let file = dir.join("bin/more/file");
        fs::write(&file, "").expect("write");
        symlink("/", dir.join("link")).expect("symlink");
        let tree = WorldPath::abs(dir.to_str().expect("a name"));
        for path in [&dir, &dir.join("bin"), &dir.join("bin/more")] {
            allow(path, 0o755);
        }
        allow(&file, 0o644);
        let fixed = || is_fixed(&tree).expect("an answer");
        if rustix::process::geteuid().is_root() {
            assert!(fixed());
            for (path, mode) in [(&dir, 0o775), (&dir.join("bin/more"), 0o1777), (&file, 0o666)] {
                allow(path, mode);
                assert!(!fixed(), "{path:?} with {mode:o}");
                allow(path, 0o755);
            }
            let socket = UnixListener::bind(dir.join("socket")).expect("a socket");
            allow(&dir.join("socket"), 0o600);
            assert!(!fixed(), "with a socket");
            drop(socket);
            fs::remove_file(dir.join("socket")).expect("unlink");
            for n in 0..MOST {
                fs::write(dir.join(format!("n{n}")), "").expect("write");
            }
        }
        assert!(!fixed(), "too large, or not root's");
        fs::remove_dir_all(&dir).expect("removed");
    }
}
