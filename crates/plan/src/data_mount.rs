//! Which mounts of the machine hold data that a world has to be shown.
//!
//! Depends on nothing but the types of this crate.

use std::collections::BTreeMap;

use crate::facts::MountFact;
use crate::path::WorldPath;

/// Filesystems that show the kernel's state, not files.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.lxcfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
];

/// What a world gets anew, and the layers of container engines and of snap: nothing that is
/// mounted there, or below, is data.
const NOT_DATA: &[&str] = &[
    "/dev",
    "/proc",
    "/run",
    "/snap",
    "/sys",
    "/tmp",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/lib/snapd/snap",
    "/var/run",
    "/var/tmp",
];

/// Trees of the operating system: below them nothing belongs to an ordinary user, and what belongs to
/// ids that the world does not have can never be copied up. A layer would only slow them down.
pub const SYSTEM_TREES: [&str; 12] = [
    "/usr", "/etc", "/boot", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix",
    "/gnu", "/snap",
];

/// Trees that programs lie in. In a world that brings no code of its own they cannot be changed.
pub const PROGRAM_TREES: [&str; 11] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu", "/snap",
];

/// Whether a path lies in a tree of the operating system's. `/usr/local` is the administrator's, but
/// what is mounted below it is shown with `/usr`.
#[must_use]
pub fn in_system_tree(path: &WorldPath) -> bool {
    SYSTEM_TREES.iter().any(|tree| at_or_below(path.as_bytes(), tree.as_bytes()))
}

/// The layers of rootless podman and buildah, in any home.
const USER_LAYERS: &[u8] = b"/.local/share/containers/";

/// Whether a mount holds data, as far as that can be told from the mount alone: the root mount,
/// pseudo filesystems, what a world gets anew (`/proc`, `/tmp` …) and layers of container engines
/// do not. Whether another mount hides it only a [`MountTree`] can tell.
#[must_use]
pub fn is_data_mount(mount: &MountFact) -> bool {
    let point = mount.point.as_bytes();
    let excluded = NOT_DATA.iter().any(|dir| at_or_below(point, dir.as_bytes()));
    !excluded && is_data_filesystem(mount)
}

fn is_data_filesystem(mount: &MountFact) -> bool {
    let pseudo = PSEUDO.iter().any(|name| mount.fstype == **name);
    !(mount.point.is_root() || pseudo || in_user_layers(mount.point.as_bytes()))
}

fn at_or_below(point: &[u8], dir: &[u8]) -> bool {
    point.strip_prefix(dir).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

fn in_user_layers(point: &[u8]) -> bool {
    let whole = USER_LAYERS.strip_suffix(b"/").unwrap_or(USER_LAYERS);
    point.ends_with(whole) || point.windows(USER_LAYERS.len()).any(|w| w == USER_LAYERS)
}

/// Mounts by what they are mounted on, to find the one that a path leads to.
///
/// Of several mounts on one point a path leads to the uppermost, and to none that lies below a
/// directory over which something was mounted. This goes by the ids of mounts and their parents,
/// which have to be the kernel's: the order of `mountinfo` says nothing (a root that was entered
/// by `pivot_root(2)` stands behind its children).
#[derive(Debug)]
pub struct MountTree<'a> {
    mounts: &'a [MountFact],
    /// By what each is mounted on: a mount, none for one that is not in the list, and a path.
    places: BTreeMap<(Option<usize>, &'a [u8]), usize>,
}

impl<'a> MountTree<'a> {
    /// The tree of the mounts that `mountinfo` lists.
    #[must_use]
    pub fn new(mounts: &'a [MountFact]) -> Self {
        let ids: BTreeMap<u64, usize> = mounts.iter().enumerate().map(|(i, m)| (m.id, i)).collect();
        let on = |m: &MountFact| ids.get(&m.parent).copied().filter(|_| m.parent != m.id);
        let entry = |(i, m): (usize, &'a MountFact)| ((on(m), m.point.as_bytes()), i);
        MountTree { mounts, places: mounts.iter().enumerate().map(entry).collect() }
    }

    /// The mounts that hold data and that a path leads to, in the order of their mount points.
    #[must_use]
    pub fn data_mounts(&self) -> Vec<&'a MountFact> {
        self.facts(self.data_mount_indices())
    }

    /// Where in the list the [`data_mounts`](Self::data_mounts) are.
    #[must_use]
    pub fn data_mount_indices(&self) -> Vec<usize> {
        self.shown(is_data_mount)
    }

    /// The mounts that a path leads to and that hold data below `dir`, wherever that is: for a directory
    /// that was asked for.
    #[must_use]
    pub fn below(&self, dir: &WorldPath) -> Vec<&'a MountFact> {
        self.facts(self.indices_below(dir))
    }

    /// Where in the list those [`below`](Self::below) are.
    #[must_use]
    pub fn indices_below(&self, dir: &WorldPath) -> Vec<usize> {
        self.shown(|m| m.point != *dir && dir.contains(&m.point) && is_data_filesystem(m))
    }

    /// The mount that a path lies on.
    #[must_use]
    pub fn mount_of(&self, path: &WorldPath) -> Option<&'a MountFact> {
        self.mounts.get(self.at(path.as_bytes())?)
    }

    fn facts(&self, indices: Vec<usize>) -> Vec<&'a MountFact> {
        indices.into_iter().filter_map(|i| self.mounts.get(i)).collect()
    }

    fn shown(&self, wanted: impl Fn(&MountFact) -> bool) -> Vec<usize> {
        let mut shown: Vec<(usize, &MountFact)> = self
            .mounts
            .iter()
            .enumerate()
            .filter(|(i, m)| wanted(m) && self.at(m.point.as_bytes()) == Some(*i))
            .collect();
        shown.sort_by(|a, b| a.1.point.cmp(&b.1.point));
        shown.into_iter().map(|(i, _)| i).collect()
    }

    /// The mount that a path without links leads to: what the kernel's walk does.
    fn at(&self, path: &[u8]) -> Option<usize> {
        let mut mount = self.top(None, b"/");
        let ends = path.iter().enumerate().skip(1).filter(|(_, b)| **b == b'/').map(|(i, _)| i);
        for end in ends.chain([path.len()]) {
            mount = self.top(mount, path.get(..end).unwrap_or(path));
        }
        mount
    }

    /// The uppermost of the mounts that are stacked on `path` of `mount`.
    fn top(&self, mut mount: Option<usize>, path: &[u8]) -> Option<usize> {
        // Parents that go round in a circle are nothing the kernel makes, but a test may.
        for _ in 0..=self.places.len() {
            match self.places.get(&(mount, path)) {
                Some(next) => mount = Some(*next),
                None => break,
            }
        }
        mount
    }
}

#[cfg(test)]
mod tests {
    use crate::{Text, WorldPath};

    use super::*;

    fn mount(id: u64, parent: u64, point: &str, fstype: &str) -> MountFact {
        let (point, fstype) = (WorldPath::abs(point), Text::from(fstype));
        MountFact { id, parent, point, fstype, ..MountFact::default() }
    }

    fn ids(mounts: &[MountFact]) -> Vec<u64> {
        MountTree::new(mounts).data_mounts().iter().map(|m| m.id).collect()
    }

    #[test]
    fn data_or_not() {
        let data = |point, fstype| is_data_mount(&mount(2, 1, point, fstype));
        for point in ["/home", "/srv/x", "/runner", "/var", "/var/lib", "/boot/efi", "/snapshots"] {
            assert!(data(point, "ext4"), "{point}");
        }
        for point in ["/", "/tmp", "/run/user/1000", "/snap/core/1", "/var/lib/docker/overlay2/x"] {
            assert!(!data(point, "ext4"), "{point}");
        }
        assert!(!data("/home/u/.local/share/containers/storage/overlay", "overlay"));
        assert!(!data("/home/u/.local/share/containers", "btrfs"));
        assert!(data("/home/u/.local/share/containers2", "btrfs"));
        assert!(data("/x", "ramfs") && data("/x", "tmpfs") && data("/x", "fuse.sshfs"));
        assert!(!data("/x", "cgroup2") && !data("/x", "autofs"));
    }

    #[test]
    fn sorted_by_point_whatever_the_order() {
        let mounts = [
            mount(22, 27, "/proc", "proc"),
            mount(23, 27, "/srv", "ext4"),
            mount(27, 1, "/", "ext4"),
            mount(30, 27, "/home", "ext4"),
            mount(31, 30, "/home/u-x", "nfs"),
            mount(32, 30, "/home/u", "nfs"),
            mount(33, 32, "/home/u/a", "nfs"),
        ];
        assert_eq!(ids(&mounts), [30, 32, 33, 31, 23]);
    }

    #[test]
    fn hidden_mounts_do_not_count() {
        let mounts = [
            mount(1, 0, "/", "ext4"),
            mount(2, 1, "/a", "ext4"),
            mount(3, 2, "/a", "xfs"),
            mount(4, 2, "/a/b", "xfs"),
            mount(5, 3, "/a/c", "xfs"),
            mount(6, 1, "/d/e/f", "xfs"),
            mount(7, 1, "/d", "cgroup2"),
        ];
        assert_eq!(ids(&mounts), [3, 5]);
    }

    #[test]
    fn over_mounted_root() {
        let mounts = [
            mount(1, 1, "/", "rootfs"),
            mount(2, 1, "/old", "ext4"),
            mount(3, 1, "/", "ext4"),
            mount(4, 3, "/new", "ext4"),
        ];
        assert_eq!(ids(&mounts), [4]);
    }

    #[test]
    fn without_the_root_mount_as_in_a_chroot() {
        let mounts = [mount(9, 5, "/data", "ext4"), mount(10, 9, "/data/x", "ext4")];
        assert_eq!(ids(&mounts), [9, 10]);
    }

    #[test]
    fn circles_end() {
        let mounts = [mount(1, 2, "/a", "ext4"), mount(2, 1, "/a", "ext4")];
        assert!(ids(&mounts).is_empty());
    }
}
