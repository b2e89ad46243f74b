//! The Program: the flat list of steps that builds a world, as plain data.
//!
//! An [`Op`] is one system call, or a few that belong together, on numbered descriptor registers
//! ([`Slot`]) and on strings in one arena. No op takes a decision: what to do when a call is refused
//! is a [`Rescue`], data like the rest.

use std::borrow::Cow;

use crate::action::{Demand, Fork, Parent, Propagation, Target};
use crate::caps::CapSet;
use crate::facts::Kernel;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::plan::{Clock, Origin, Pty};
use crate::proof::Act;
use crate::seccomp::Profile;
use crate::seccomp::builtin::{self, Strictness, World};
use crate::text::Text;

/// A string in the arena, followed there by a NUL that `len` does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Str {
    /// Offset of the first byte.
    pub at: u32,
    /// Bytes without the NUL.
    pub len: u32,
}

/// A descriptor register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

impl Slot {
    /// The working directory (`AT_FDCWD`): not a register.
    pub const CWD: Slot = Slot(u16::MAX);
}

/// Attributes of a mount, in the words of `mount_setattr(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attrs {
    /// `MOUNT_ATTR_RDONLY`.
    pub read_only: bool,
    /// `MOUNT_ATTR_NOSUID`.
    pub nosuid: bool,
    /// `MOUNT_ATTR_NODEV`.
    pub nodev: bool,
    /// `MOUNT_ATTR_NOEXEC`.
    pub noexec: bool,
}

impl Attrs {
    /// What every mount of a world has: no set-user-ID programs, no device nodes.
    pub const SAFE: Attrs = Attrs { read_only: false, nosuid: true, nodev: true, noexec: false };
    /// The same, and not to be written.
    pub const SAFE_READ_ONLY: Attrs = Attrs { read_only: true, ..Attrs::SAFE };
    /// For filesystems of the kernel's own data.
    pub const KERNEL: Attrs = Attrs { noexec: true, ..Attrs::SAFE };
    /// The same, and not to be written.
    pub const KERNEL_READ_ONLY: Attrs = Attrs { read_only: true, ..Attrs::KERNEL };
}

/// A point at which the new process waits for the host side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The host side writes the id maps.
    IdMaps,
    /// The host side has the process put into its control group.
    Group,
}

/// One step. Paths are relative to the slot named `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the arguments of the call that each variant names")]
pub enum Op {
    /// Wait until the host side has done its part.
    Barrier(Barrier),
    /// `write(2)` of `0` to a `tasks` file of version 1, then `close(2)`: the calling thread enters the
    /// group.
    EnterGroup(Slot),
    /// `unshare(2)`.
    Unshare(NamespaceSet),
    /// `setns(2)` with a namespace file.
    Enter { ns: Slot, kind: NamespaceKind },
    /// `ioctl(NS_GET_USERNS)` of a namespace file, then `setns(2)` with its owner; `ioctl_ns(2)`. That
    /// it is entered already is fine.
    EnterOwner { ns: Slot },
    /// `clone3(2)` with `CLONE_PARENT`; the list goes on in the new process, the old one ends.
    ForkSibling,
    /// `close(2)` of every descriptor that is neither 0–2 nor in a slot.
    CloseInherited,
    /// `umask(0)`: modes are as the ops say.
    ClearUmask,
    /// `umask(2)` with the caller's.
    RestoreUmask,
    /// `open(2)` of a file that exists, `write(2)`, `close(2)`.
    WriteFile { path: Str, data: Str },
    /// `sethostname(2)`.
    Hostname(Str),
    /// `ioctl(SIOCSIFFLAGS)` with `IFF_UP`; `netdevice(7)`.
    InterfaceUp(Str),
    /// `recvmsg(2)` of the network namespace that the helper makes meanwhile, then `setns(2)`.
    EnterAside { socket: Slot, into: Slot },
    /// `recv(2)`: the helper has brought up the loopback interface of that namespace.
    LoopbackUp(Slot),
    /// `sendmsg(2)` of a descriptor to the other of first process and helper.
    Give { to: Slot, file: Slot },
    /// `recvmsg(2)` of a descriptor from the other, or of why there is none.
    Take { from: Slot, into: Slot },
    /// Takes a piece of work that both have in their lists; the list goes on at `taken` where the other has it.
    Claim { piece: u8, taken: u32 },
    /// `recvmsg(2)` of what the other has made of a piece, or of why it has not. Nothing where this process has
    /// made it.
    Await { piece: u8, from: Slot, into: Slot },
    /// `send(2)`: there is no descriptor, because of the last op that was refused.
    Refuse { to: Slot },
    /// `mount(2)` with `MS_REC|MS_PRIVATE` on `/`: nothing mounted here reaches other namespaces.
    Private,
    /// `fsopen(2)`.
    FsOpen { fstype: Str, into: Slot },
    /// `fsconfig(2)`, `FSCONFIG_SET_STRING`.
    FsString { fs: Slot, key: Str, value: Str },
    /// `fsconfig(2)`, `FSCONFIG_SET_FLAG`.
    FsFlag { fs: Slot, key: Str },
    /// `fsconfig(2)`, `FSCONFIG_CMD_CREATE`.
    FsCreate { fs: Slot },
    /// `fsmount(2)`, then `close(2)` of the configuration.
    FsMount { fs: Slot, attrs: Attrs, into: Slot },
    /// `fsconfig(2)`, `FSCONFIG_SET_STRING` with `/proc/self/fd/N/path` of a slot as the value.
    FsDirectory { fs: Slot, key: Str, at: Slot, path: Str },
    /// `open_tree(2)` with `OPEN_TREE_CLONE`.
    CloneTree { at: Slot, path: Str, recursive: bool, into: Slot },
    /// `mount_setattr(2)` on a tree: adds attributes, makes its propagation private.
    SetAttrs { tree: Slot, attrs: Attrs, recursive: bool },
    /// `move_mount(2)`; onto `to` itself when `path` is empty.
    Attach { tree: Slot, to: Slot, path: Str },
    /// `openat2(2)` with `O_PATH` and `RESOLVE_IN_ROOT`.
    Find { root: Slot, path: Str, into: Slot },
    /// `openat(2)` of a directory for reading.
    OpenDir { at: Slot, path: Str, into: Slot },
    /// `mkdirat(2)`; that it exists is fine.
    Mkdir { at: Slot, path: Str, mode: u32 },
    /// `openat(2)` with `O_CREAT`, `close(2)`: an empty file; that it exists is fine.
    CreateFile { at: Slot, path: Str, mode: u32 },
    /// `openat(2)` with `O_CREAT|O_TRUNC`, `write(2)`, `close(2)`.
    PutFile { at: Slot, path: Str, mode: u32, data: Str },
    /// `openat(2)` of both, `read(2)` and `write(2)` to the end, `fchmod(2)`, `fchownat(2)` where the
    /// owner exists.
    CopyFile { from: Str, at: Slot, path: Str },
    /// `symlinkat(2)`; that it exists is fine.
    Symlink { at: Slot, path: Str, target: Str },
    /// `unlinkat(2)`.
    Remove { at: Slot, path: Str },
    /// `fchownat(2)`.
    Chown { at: Slot, path: Str, uid: u32, gid: u32 },
    /// `statx(2)` of `of`, then `fchmodat(2)` and `fchownat(2)`: a directory gets the mode and, where
    /// they exist in the user namespace, the owners of another; that `of` is missing is fine.
    Likeness { of: Str, at: Slot, path: Str },
    /// `chdir(2)`.
    Chdir(Str),
    /// `fchdir(2)`.
    ChdirTo(Slot),
    /// `chroot(2)`.
    Chroot(Str),
    /// `move_mount(2)` of the tree, which the working directory is in, onto `/`, then `chroot(".")`.
    /// `EINVAL` where `/` is not the root of a mount.
    CoverRoot(Slot),
    /// `pivot_root(".", ".")`: the working directory becomes the root, the old root lies on top.
    PivotRoot,
    /// `umount2(".", MNT_DETACH)`.
    Detach,
    /// `close(2)`.
    Close(Slot),
    /// `prctl(PR_SET_DUMPABLE, 0)`.
    Undumpable,
    /// `prctl(PR_SET_PDEATHSIG, SIGKILL)`, and a look whether the parent is already gone.
    DieWithParent,
    /// `prctl(PR_SET_CHILD_SUBREAPER)`, and as the parent-death signal one that tells the reaper to end
    /// every process below it: without a PID namespace the kernel does not.
    ReapOrphans,
    /// Overwrites the arguments and the environment that `/proc/PID` would show.
    HideArguments,
    /// `seccomp(2)` with the filter that was compiled from the Program's profile.
    Filter,
    /// `landlock_create_ruleset(2)`.
    Ruleset { files: u64, network: u64, scoped: u64, into: Slot },
    /// `open(2)` with `O_PATH`, `landlock_add_rule(2)`, `close(2)`: rights on a path and all below it.
    AllowPath { ruleset: Slot, path: Str, rights: u64 },
    /// `landlock_add_rule(2)`: rights on an open file.
    AllowFile { ruleset: Slot, file: Slot, rights: u64 },
    /// `fcntl(F_GETFL)`, `landlock_add_rule(2)`: rights on the file behind a standard descriptor, as far as
    /// that was opened for.
    AllowStdio { ruleset: Slot, fd: u8, read: u64, write: u64 },
    /// `landlock_restrict_self(2)`.
    Confine { ruleset: Slot, flags: u32 },
    /// Opens `ptmx`, unlocks it and opens its peer (`TIOCGPTPEER`), which gets the size of the caller's
    /// terminal; `pts(4)`.
    OpenPty { ptmx: Str, master: Slot, peer: Slot },
    /// `sendmsg(2)` of the descriptor to the host side, then `close(2)`.
    SendPty(Slot),
    /// `setsid(2)`.
    NewSession,
    /// `setpgid(0, 0)`.
    NewGroup,
    /// `ioctl(TIOCSCTTY)`.
    ControllingTerminal(Slot),
    /// `tcsetpgrp(3)` to the own group.
    Foreground(Slot),
    /// `dup3(2)` to descriptor 0, 1 or 2.
    Stdio { from: Slot, to: u8 },
    /// `setrlimit(2)`.
    Rlimit { resource: u32, soft: u64, hard: u64 },
    /// `setpriority(2)`.
    Nice(i32),
    /// `setgroups(2)` with the Program's groups.
    SetGroups,
    /// `setgroups(2)` with none.
    LeaveGroups,
    /// `setresgid(2)` and `setresuid(2)`.
    SetIds { uid: u32, gid: u32 },
    /// `prctl(PR_CAPBSET_DROP)` of every capability not in `keep`.
    BoundingSet { keep: u64 },
    /// `capset(2)`: effective and permitted alike.
    Capabilities { set: u64, inheritable: u64 },
    /// `prctl(PR_CAP_AMBIENT)`: cleared, then raised for each of the set.
    Ambient { set: u64 },
    /// `prctl(PR_SET_NO_NEW_PRIVS)`.
    NoNewPrivs,
    /// `prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN)`, Linux 6.3: no mapping is writable and executable,
    /// and none becomes executable that was not.
    RefuseExecGain,
    /// Tries a forbidden act. It fails with [`SUCCEEDED`](crate::proof::SUCCEEDED) where that succeeds.
    Prove(Act),
    /// `close_range(2)` with `CLOSE_RANGE_CLOEXEC` from 3 on, then back for the kept ones.
    KeepDescriptors,
    /// Every signal at its default, none blocked.
    ResetSignals,
    /// The list goes on at this op.
    Goto(u32),
    /// `getcpu(2)`, then `sched_setaffinity(2)` with the processor this runs on alone: the next child begins
    /// there.
    Pin,
    /// `sched_setaffinity(2)` with all processors, in whom [`Pin`](Op::Pin) has confined.
    Unpin,
    /// `sched_yield(2)`: the parent is not counted for this processor any more.
    Yield,
    /// Starts the entry list in a new process: `clone3(2)`, with `CLONE_VM|CLONE_VFORK` if `vfork`.
    Spawn { vfork: bool },
    /// Goes on with the entry list in this same process.
    Become,
    /// Waits for the program, reaps orphans and forwards signals; never returns. The directory, if
    /// any, is the upper layer whose changed files are counted at the end. The host side is handed the
    /// namespace that is not to end with this process, if there is one.
    Reap { layer: Option<Slot>, below: Str, outlived: Option<Slot> },
    /// `execve(2)` of the first candidate that exists; never returns on success.
    Exec,
    /// `rt_sigaction(2)`: a signal at its default.
    DefaultSignal(i32),
    /// `open(2)`, relative to a slot.
    Open { at: Slot, path: Str, how: OpenFor, into: Slot },
    /// `write(2)`, in one go.
    Write { to: Slot, data: Str },
    /// `mount(2)` of a new filesystem.
    Mount { fstype: Str, at: Str, attrs: Attrs },
    /// `mount(2)` with `MS_REC`: sets the propagation of what is mounted there and below.
    Propagate { at: Str, to: Propagation },
    /// `mount(2)` with `MS_BIND`: the namespace of this process, or of the one that started the helper,
    /// on a file. Of a kind that only children are put into, the one for children.
    BindNamespace { kind: NamespaceKind, on: Str },
    /// `unshare(2)` of the mount namespace until its number is larger than that of the namespace file:
    /// only then can it be bound on a file there.
    RenewMounts { older: Slot },
    /// `pidfd_open(2)`; where an inode is given, `ESRCH` unless the pidfd has it.
    Pidfd { target: Target, into: Slot },
    /// `fcntl(2)`, `F_DUPFD_CLOEXEC`.
    Duplicate { from: Slot, into: Slot },
    /// `pidfd_getfd(2)`, `ioctl(SIOCGSKNS)`: the network namespace of a socket of another process.
    NetworkOfSocket { process: Slot, fd: i32, into: Slot },
    /// `open_by_handle_at(2)`: a namespace by its number.
    NamespaceByNumber { number: u64, into: Slot },
    /// `ioctl(NS_GET_USERNS)`: the user namespace above, or the owner; then `close(2)` of what it was
    /// asked of.
    ParentNamespace { of: Slot, into: Slot },
    /// `setns(2)` with a namespace file or, for a set, with a pidfd; then `close(2)`. An empty slot has
    /// been entered already.
    EnterOnce { ns: Slot, kinds: NamespaceSet },
    /// `statx(2)`: whose the file is, for `SetGid` and `SetUid`.
    OwnerOf(Slot),
    /// `setgroups(2)` with none.
    DropGroups(Demand),
    /// `setgid(2)`; without a number, the owner's.
    SetGid(Option<u32>),
    /// `setuid(2)`; without a number, the owner's.
    SetUid(Option<u32>),
    /// `capget(2)`, `capset(2)`, `prctl(PR_CAP_AMBIENT_RAISE)`: what is permitted becomes ambient.
    KeepCapabilities,
    /// `clone3(2)`: a process that waits, to run the helper list of this number.
    StartHelper(u16),
    /// Tells the helper to begin and waits for its end. When it has failed this process ends with its
    /// exit code.
    AwaitHelper(u16),
    /// Writes the Program's id maps for the process that started the helper.
    WriteIdMaps,
    /// `clone3(2)`; the list goes on in the child, and in the parent at `parent`. If `vfork`, with
    /// `CLONE_VM|CLONE_VFORK`: the parent goes on when the child has become the program.
    Fork { how: Fork, vfork: bool, parent: u32 },
    /// Waits for the child and ends as it did.
    WaitForChild(Parent),
}

/// What a file is opened for, always with `O_CLOEXEC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFor {
    /// `O_RDONLY`.
    Reading,
    /// `O_WRONLY`.
    Writing,
    /// `O_WRONLY|O_APPEND`.
    Appending,
    /// `O_PATH|O_DIRECTORY`.
    Directory,
}

/// Who runs a Program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// New processes, which another one stands beside: a world.
    #[default]
    World,
    /// The calling process itself, by the entry list alone.
    InPlace,
}

/// What was being done: the words of an error message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As in "cannot VERB OBJECT".
    pub verb: &'static str,
    /// The thing.
    pub object: String,
    /// Who asked for it.
    pub origin: Option<Origin>,
    /// The beginning of the sentence in the place of "cannot VERB OBJECT": in a Program that stands in
    /// for a tool whose words scripts look for.
    pub says: Option<String>,
}

/// What to do when one of a range of ops is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescue {
    /// First op covered.
    pub from: u32,
    /// First op no longer covered.
    pub to: u32,
    /// The error numbers that this is for; none stands for all.
    pub errnos: &'static [i32],
    /// Where the list goes on.
    pub then: u32,
}

/// A list of ops, run by one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The ops.
    pub ops: Vec<Op>,
    /// For each op, the index of its step.
    pub steps: Vec<u32>,
    /// Fallbacks.
    pub rescues: Vec<Rescue>,
}

impl Block {
    /// An empty list with room for this many ops.
    #[must_use]
    pub fn with_capacity(ops: usize) -> Self {
        let rescues = Vec::new();
        Block { ops: Vec::with_capacity(ops), steps: Vec::with_capacity(ops), rescues }
    }

    /// Where the list goes on when op `at` fails with `errno`, if that is foreseen.
    #[must_use]
    pub fn rescue(&self, at: u32, errno: i32) -> Option<u32> {
        self.rescues
            .iter()
            .find(|r| {
                r.from <= at && at < r.to && (r.errnos.is_empty() || r.errnos.contains(&errno))
            })
            .map(|r| r.then)
    }
}

/// A descriptor that the host side opens before the clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFile {
    /// Where it goes.
    pub slot: Slot,
    /// What it is.
    pub what: HostFileKind,
    /// What it is for.
    pub step: u32,
}

/// What the host side opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFileKind {
    /// A namespace file.
    Namespace(Text),
    /// A detached copy of the mount at a path, without what is mounted below it.
    Tree(Text),
    /// The `tasks` file of a control group that the host side has made.
    Tasks(Text),
    /// A directory, by a path whose last part is a link of procfs, for looking up alone.
    Directory(Text),
    /// A process, by a descriptor (`pidfd_open(2)`). That it still lives is looked at when all files have
    /// been opened: so all that were reached through its number are its own.
    Process(i32),
}

/// Who writes the id maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapWriter {
    /// The host side, directly: the caller has the rights.
    Direct,
    /// The set-user-ID helpers: (newuidmap, newgidmap).
    Helpers(Text, Text),
}

/// Id maps that the host side writes at [`Barrier::IdMaps`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMaps {
    /// Content of `uid_map`.
    pub users: crate::idmap::IdMap,
    /// Content of `gid_map`.
    pub groups: crate::idmap::IdMap,
    /// How.
    pub writer: MapWriter,
}

/// The directory in [`Program::disk_layer`] that layers lie in. It belongs to the world's root, who
/// may be another than who removes it.
pub const DISK_LAYER: &str = "l";

/// Where the program's terminal comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PtySource {
    /// It has none: descriptors are handed on.
    #[default]
    None,
    /// From the world's own devpts, sent by the new process.
    World,
    /// From the machine's: the world has no devpts of its own. The slot takes the peer.
    Host(Slot),
}

/// Everything needed to build a world and start its program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Who runs it.
    pub start: Start,
    /// Strings, each followed by a NUL.
    pub arena: Vec<u8>,
    /// How many slots there are.
    pub slots: u16,
    /// The words for errors.
    pub steps: Vec<Step>,
    /// Namespaces that the first clone makes.
    pub clone: NamespaceSet,
    /// The control group that the host side makes, and removes at the end.
    pub group: Option<crate::group::Group>,
    /// What was used is told at the end, with or without a group.
    pub wants_usage: bool,
    /// The first process must not share the host side's memory: what concerns the one must not reach
    /// the other.
    pub own_memory: bool,
    /// What it takes to signal the program and what it leaves: `CAP_KILL`, where that is or can become
    /// another user.
    pub to_end: CapSet,
    /// What the user is told in any case.
    pub notes: Vec<String>,
    /// A directory on disk that the host side makes for the layers, and removes at the end.
    pub disk_layer: Option<Text>,
    /// Directories of the machine that the world adds and the host side removes, where they are empty.
    pub remove_after: Vec<Text>,
    /// What a helper of the host side does beside the first process.
    pub aside: Option<Aside>,
    /// What the host side opens beforehand.
    pub host_files: Vec<HostFile>,
    /// Id maps written by the host side.
    pub host_maps: Option<HostMaps>,
    /// The list of the first process: process 1 of an own PID namespace.
    pub setup: Block,
    /// The list of the process that becomes the program.
    pub entry: Block,
    /// Lists of helper processes.
    pub helpers: Vec<Block>,
    /// Paths tried by `Exec`, in order.
    pub candidates: Vec<Text>,
    /// The program's arguments.
    pub argv: Vec<Text>,
    /// The program's environment, `NAME=VALUE`.
    pub env: Vec<Text>,
    /// For `SetGroups`.
    pub groups: Vec<u32>,
    /// Descriptors that the program keeps.
    pub keep_fds: Vec<i32>,
    /// Its terminal.
    pub pty: PtySource,
    /// Whether what is typed on the caller's standard input goes to that terminal. Else the caller's own is
    /// not in raw mode and makes new lines of line feeds, which this one must then leave to it.
    pub pty_input: bool,
    /// SIGTERM, then SIGKILL, after so many milliseconds.
    pub timeout_ms: Option<u64>,
    /// Which system calls the program can make, for [`Op::Filter`].
    pub filter: Option<Filter>,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
    /// The kernel it was made for.
    pub kernel: Kernel,
}

/// A helper of the host side, beside the first process: it makes the network namespace, which takes the
/// kernel about as long as all the mounts together, and then runs a list of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// In each of both, the socket to the other.
    pub socket: Slot,
    /// In the helper, the first process by its pidfd.
    pub process: Slot,
    /// In the helper, the first descriptor that it is given; it waits for that.
    pub given: Slot,
    /// What it does then.
    pub list: Block,
}

/// A filter of system calls before it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What is done about each call.
    pub rules: Rules,
    /// The capabilities that conditions of the profile are about.
    pub capabilities: CapSet,
    /// What is not allowed is logged and made all the same.
    pub log: bool,
    /// The step that it belongs to.
    pub step: u32,
}

/// What a filter is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rules {
    /// dwell's own profile as it is, of this strictness and for this world.
    Own(Strictness, World),
    /// A profile.
    Of(Profile<'static>),
}

impl Rules {
    /// The rules as a profile.
    #[must_use]
    pub fn profile(&self) -> Cow<'_, Profile<'static>> {
        match self {
            Rules::Own(strictness, world) => Cow::Owned(builtin::profile(*strictness, *world)),
            Rules::Of(profile) => Cow::Borrowed(profile),
        }
    }
}

/// A decision that `lower` took, for `--explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The heading it belongs to.
    pub topic: Topic,
    /// What is done.
    pub what: String,
    /// Because of which fact or request.
    pub why: String,
}

/// Headings of `--explain`, in printing order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// What a process does to itself, in order.
    Actions,
    /// The namespaces.
    Walls,
    /// Users and groups.
    Ids,
    /// Files.
    Files,
    /// Limits and who enforces them.
    Limits,
    /// Terminal, signals, rights.
    Process,
}

impl Program {
    /// Whether the first process waits, when its program has ended, until the host side has read what was
    /// used.
    #[must_use]
    pub fn waits_at_end(&self) -> bool {
        self.group.as_ref().is_some_and(crate::group::Group::ends_with_its_processes)
    }

    /// The bytes of a string.
    #[must_use]
    pub fn bytes(&self, s: Str) -> &[u8] {
        let (at, len) = (s.at as usize, s.len as usize);
        self.arena.get(at..at + len).unwrap_or_default()
    }

    /// The step of an op.
    #[must_use]
    pub fn step(&self, block: &Block, op: u32) -> Option<&Step> {
        block.steps.get(op as usize).and_then(|s| self.steps.get(*s as usize))
    }
}

/// The name of a clock in `/proc/PID/timens_offsets`.
#[must_use]
pub fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Monotonic => "monotonic",
        Clock::Boottime => "boottime",
    }
}

/// Which of the program's standard descriptors become its own terminal, given which of the caller's
/// are one: none, when it gets none.
#[must_use]
pub fn own_terminal(choice: Pty, terminals: [bool; 3]) -> [bool; 3] {
    match choice {
        Pty::Always => [true; 3],
        // A program that reads the terminal and writes elsewhere shares it with whoever reads that: two
        // cannot have its keys.
        Pty::Auto if terminals[0] && !terminals[1] => [false; 3],
        Pty::Auto => terminals,
        Pty::Never => [false; 3],
    }
}
