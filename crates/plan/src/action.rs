//! What a process does to itself before it becomes the program: the vocabulary of `unshare(1)` and
//! `nsenter(1)`.
//!
//! A world is declared and its order is found; here the order is what is asked for. No process stands
//! beside the program unless an action forks.

use serde::{Deserialize, Serialize};

use crate::idmap::IdRange;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::plan::ClockOffset;
use crate::text::Text;

/// One thing that the process does. Each names the call it comes down to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// SIGCHLD is at its default again, whatever the caller did with it.
    DefaultSigchld,
    /// Takes these ids without supplementary groups, so that what is made next belongs to them.
    Become {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
    /// `unshare(2)`; of nothing, too.
    Unshare(NamespaceSet),
    /// Maps of the new user namespace that only a process outside of it may write: it is started
    /// before [`Action::Unshare`] and writes them now.
    MapFromOutside {
        /// User ids; none leaves the map unwritten.
        users: Vec<IdBlock>,
        /// Group ids.
        groups: Vec<IdBlock>,
    },
    /// The caller's own user id in the new user namespace: `/proc/self/uid_map`.
    MapOwnUser(u32),
    /// The caller's own group id: `/proc/self/setgroups` says `deny`, then `/proc/self/gid_map`.
    MapOwnGroup(u32),
    /// `/proc/self/setgroups`; `user_namespaces(7)`, Linux 3.19.
    Setgroups(Setgroups),
    /// `/proc/self/timens_offsets`, before any process is in the time namespace.
    Clock(ClockOffset),
    /// The rest of the list is done by a child; this process waits for it.
    Fork(Fork),
    /// Binds the new namespace of a kind on a file, where it stays when its last process is gone. What
    /// is bound for a process that forks is bound by the one that waits.
    Persist {
        /// Which.
        kind: NamespaceKind,
        /// On what.
        path: Text,
    },
    /// `setns(2)`.
    Join(Join),
    /// Propagation of all mounts below `/`; `mount_namespaces(7)`.
    Propagation(Propagation),
    /// A new procfs.
    MountProc {
        /// Where.
        at: Text,
        /// What is mounted there is made private before, so that the new mount does not spread.
        private: bool,
    },
    /// A new binfmt_misc, the user namespace's own since Linux 6.7.
    MountBinfmt {
        /// Where.
        at: Text,
    },
    /// Registers an interpreter for a format of programs.
    RegisterBinfmt {
        /// Where the binfmt_misc is mounted.
        at: Text,
        /// The line for its `register`.
        line: Text,
    },
    /// `chroot(2)`.
    Chroot {
        /// The new root.
        to: Place,
        /// The current directory stays what it was, though it may lie outside.
        stay: bool,
    },
    /// `chdir(2)`.
    Chdir(Place),
    /// Moves to the control group whose `cgroup.procs` this is. The file is opened before anything else.
    JoinCgroup(Text),
    /// `/proc/thread-self/attr/exec`: the SELinux context of the program.
    ExecContext(Text),
    /// `setgroups(2)` with none.
    DropGroups(Demand),
    /// `setgid(2)`.
    SetGid(Id),
    /// `setuid(2)`.
    SetUid(Id),
    /// Every permitted capability becomes inheritable and ambient, so that the program has it too;
    /// `capabilities(7)`.
    KeepCapabilities,
    /// The program is told by a `-` before its name that it is a login shell.
    LoginShell,
}

/// Ids of a map that is written from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdBlock {
    /// The caller's own id at this one; every other block makes room for it. At most one.
    Own(u32),
    /// These.
    Range(IdRange),
    /// The caller's first subordinate ids, from 0 on.
    Subordinate,
    /// The same under their own numbers.
    SubordinateAsTheyAre,
    /// Every id of the caller's user namespace under its own number.
    All,
}

/// What `/proc/self/setgroups` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setgroups {
    /// `setgroups(2)` may be called in the namespace.
    Allow,
    /// It may not, for ever.
    Deny,
}

/// How a process is forked and waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// What the parent does with signals meanwhile.
    pub parent: Parent,
    /// The signal that the child gets when the parent ends.
    pub kill_child: Option<i32>,
}

/// A parent that waits. It ends as the child does: with its exit code, or by the same signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parent {
    /// It ignores SIGINT and SIGTERM.
    Ignores,
    /// It passes SIGINT and SIGTERM on.
    PassesOn,
    /// It stops and goes on together with the child.
    StopsToo,
}

/// The namespaces to enter. All that can be entered without the user namespace are, then the user
/// namespace and what is left: to give rights up it must be entered last, to get some first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The process whose namespaces are meant.
    pub target: Option<Target>,
    /// Those of the target.
    pub of_target: NamespaceSet,
    /// Those found elsewhere.
    pub from: Vec<(NamespaceKind, Source)>,
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its number.
    pub pid: i32,
    /// The inode of its pidfd: another process that got the same number has another (Linux 6.9).
    pub inode: Option<u64>,
}

/// Where a namespace is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file of `/proc/PID/ns`, or one that a namespace is bound on.
    File(Text),
    /// Its number for life (`NS_GET_ID`, Linux 6.19).
    Number(u64),
    /// The network of a socket that the target has open.
    Socket(i32),
    /// The user namespace above the one of a file.
    ParentOf(Text),
}

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Opened before anything else is done.
    Held(Text),
    /// What the path leads to when its turn has come.
    There(Text),
    /// The same, but opened: it must be readable.
    Opened(Text),
}

/// How a group list is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// It must be.
    Must,
    /// That it is refused is no failure yet.
    Try,
    /// It must be, unless an earlier try was not refused.
    MustOnce,
}

/// An id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Id {
    /// This one.
    Number(u32),
    /// That of the owner of a directory (`/proc/PID`), as it is seen once the namespaces are entered.
    /// The directory is opened before anything else.
    OwnerOf(Text),
}

/// Propagation of mounts; `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// `MS_PRIVATE`.
    Private,
    /// `MS_SHARED`.
    Shared,
    /// `MS_SLAVE`.
    Slave,
}
