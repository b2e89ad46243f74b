//! Facts: what the machine is and allows, as plain data. `probe` reads them; a test may write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::idmap::IdMap;
use crate::path::WorldPath;
use crate::text::Text;

/// Everything that [`lower`](crate::lower) may ask about the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Release of the running kernel.
    pub kernel: Kernel,
    /// Who calls.
    pub caller: Caller,
    /// Which of the descriptors 0, 1, 2 are terminals.
    pub terminals: [bool; 3],
    /// Whether the caller may run on every processor that is online.
    pub any_processor: bool,
    /// Every mount of the caller's mount namespace, in the order of `mountinfo`.
    pub mounts: Vec<MountFact>,
    /// Contents of the root directory and of every directory above a mount point.
    pub directories: BTreeMap<WorldPath, Vec<Entry>>,
    /// A directory of the machine that hardly anything is taken from: `/sys`, or `/` where there is
    /// none. While a world is built its scratch filesystem hangs there.
    pub spot: WorldPath,
    /// A directory on disk, not yet there, that a layer may be put into: where tmpfs cannot carry one.
    /// tmpfs has `user.*` attributes since Linux 6.6 only, and without them an overlay of a user
    /// namespace cannot make a directory anew that was removed.
    pub disk_layer: Option<Text>,
    /// Files in `directories`, and files that something is mounted on, that the caller may write: their
    /// sizes.
    pub writable_files: BTreeMap<WorldPath, u64>,
    /// What is found at the sources of the grants and at the root directory's, links followed.
    pub sources: BTreeMap<Text, Found>,
    /// What is found at the places in the world that the Plan and the rules name, links followed: in
    /// the machine's own tree, or in the root directory.
    pub places: BTreeMap<WorldPath, Found>,
    /// Where a grant really goes when its place is reached through links of the machine's, in paths of the
    /// world.
    pub real_places: BTreeMap<WorldPath, WorldPath>,
    /// Where the links in the source of a grant lead, for those in which there are any.
    pub real_paths: BTreeMap<Text, WorldPath>,
    /// Absolute paths that Unix sockets of the caller's network namespace are bound to, where the Plan
    /// shows trees of the machine in which there might be some.
    pub sockets: Vec<WorldPath>,
    /// Files of the machine that hold secrets and that the caller could read by its capabilities.
    pub secrets: Vec<Secret>,
    /// Where `/etc/resolv.conf` really is and what it says, when it is a link out of `/etc`.
    pub resolv_conf: Option<(WorldPath, Text)>,
    /// The control groups of the machine, where the Plan asks for limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroups: Option<crate::cgroups::Cgroups>,
    /// The version of Landlock's interface, where the Plan asks for it; 0 where there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub landlock: u32,
    /// Program that writes a user map for others, see `newuidmap(1)`.
    pub newuidmap: Option<Text>,
    /// Program that writes a group map for others, see `newgidmap(1)`.
    pub newgidmap: Option<Text>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A kernel release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kernel {
    /// `6` of 6.18.
    pub major: u32,
    /// `18` of 6.18.
    pub minor: u32,
}

impl Kernel {
    /// Whether the release is `major.minor` or newer.
    #[must_use]
    pub fn since(self, major: u32, minor: u32) -> bool {
        self >= Kernel { major, minor }
    }
}

/// Who calls, and with which rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Name in the user database, or the number.
    pub name: Text,
    /// The program's home directory.
    pub home: Text,
    /// The caller's home directories under every name known: the user database's, the program's, and
    /// where links in them lead. None of them is shown unless asked for.
    pub homes: Vec<WorldPath>,
    /// Effective capabilities, bit n for capability n.
    pub capabilities: u64,
    /// The caller's own user namespace, as `/proc/self/uid_map` shows it; empty for a caller without
    /// capabilities, to whom it makes no difference.
    pub uid_map: IdMap,
    /// The same for groups.
    pub gid_map: IdMap,
    /// The caller's lines of `/etc/subuid`: (first, count).
    pub subuids: Vec<(u32, u32)>,
    /// The caller's lines of `/etc/subgid`.
    pub subgids: Vec<(u32, u32)>,
}

/// `CAP_SYS_ADMIN`, see `capabilities(7)`.
pub const CAP_SYS_ADMIN: u32 = 21;

impl Caller {
    /// Whether the caller may mount and make namespaces without a user namespace of its own.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.capabilities & (1 << CAP_SYS_ADMIN) != 0
    }
}

/// A line of `/proc/self/mountinfo`; `proc_pid_mountinfo(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountFact {
    /// Mount id. It and `parent` must fit together: by them it is told which mount hides which.
    pub id: u64,
    /// Mount id of the parent.
    pub parent: u64,
    /// The directory (or file) of the filesystem that is mounted.
    pub root: Text,
    /// Where.
    pub point: WorldPath,
    /// Type of the filesystem.
    pub fstype: Text,
    /// Device or other source.
    pub source: Text,
    /// Whether the mount or its filesystem is read-only.
    pub read_only: bool,
    /// Whether programs cannot be run from it.
    pub noexec: bool,
    /// Whether the mount point is a directory.
    pub is_dir: bool,
    /// Whether the caller may search (a directory) or read (a file) it.
    pub reachable: bool,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: Text,
    /// What it is; links are not followed.
    pub found: Found,
}

/// What is found at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Nothing.
    Missing,
    /// A directory that the caller can list.
    Directory {
        /// Whether it is known to have no entries.
        empty: bool,
        /// Permission bits.
        mode: u32,
    },
    /// A directory that the caller cannot list.
    ClosedDirectory,
    /// A regular file.
    File,
    /// A symbolic link (where links are not followed) and where it points.
    Link(Text),
    /// A Unix socket.
    Socket,
    /// A character or block device.
    Device,
    /// A FIFO.
    Fifo,
    /// It cannot be told: the error number of `stat(2)`.
    Denied(i32),
}

impl Found {
    /// Whether it is a directory of any kind.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        matches!(self, Found::Directory { .. } | Found::ClosedDirectory)
    }

    /// Whether something is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        !matches!(self, Found::Missing | Found::Denied(_))
    }
}

/// A file or directory of the machine that a world started by root does not see as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Where it is.
    pub path: WorldPath,
    /// What the world sees in its place.
    pub shown: Shown,
}

/// What stands in the place of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// An empty directory.
    EmptyDirectory,
    /// Nothing: the file is gone from the layer.
    Nothing,
    /// A copy without the secret part.
    Redacted(Text),
}
