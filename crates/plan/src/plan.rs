//! The Plan: what a world is, independent of the machine it will run on.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::action::Action;
use crate::hardening::Hardening;
use crate::idmap::IdMap;
use crate::landlock::Landlock;
use crate::limits::Limits;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::path::WorldPath;
use crate::seccomp::Profile;
use crate::text::Text;

/// The version of the Plan's JSON form that this crate reads and writes.
pub const PLAN_VERSION: u32 = 1;

/// A whole world, declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// The program.
    pub command: Command,
    /// Which namespaces are new, and which are somebody else's.
    pub namespaces: Namespaces,
    /// Who the program is.
    #[serde(default)]
    pub identity: Identity,
    /// Where the files come from.
    #[serde(default)]
    pub root: RootSource,
    /// What is added to, or taken from, the files. A more specific path wins over a less specific
    /// one; of two for the same path the later wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Nothing can be written but what `ReadWrite` and `Tmpfs` grants allow.
    #[serde(default)]
    pub read_only: bool,
    /// The most that the throw-away layer may hold, in bytes; the kernel's default (half of the
    /// memory) without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<u64>,
    /// The name `uname -n` prints in an own UTS namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Text>,
    /// Offsets of clocks in an own time namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockOffset>,
    /// What the world may use.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// Its control group.
    #[serde(default, skip_serializing_if = "ControlGroup::is_default")]
    pub cgroup: ControlGroup,
    /// Life of the process.
    #[serde(default)]
    pub process: Process,
    /// What makes it harder than its walls.
    #[serde(default, skip_serializing_if = "Hardening::is_default")]
    pub hardening: Hardening,
    /// What the process itself does, in this order, before it becomes the program. A plan with actions
    /// is no world: it has nothing else but its command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// What Landlock keeps apart, beside the namespaces or without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landlock: Option<Landlock>,
}

impl Plan {
    /// The grant that shows what lies at `path`: the nearest one above it.
    #[must_use]
    pub fn grant_above(&self, path: &WorldPath) -> Option<&Grant> {
        let above = |grant: &&Grant| grant.dest.contains(path) && grant.dest != *path;
        self.grants.iter().filter(above).max_by_key(|grant| grant.dest.as_bytes().len())
    }

    /// A Plan that asks for nothing but a program in these namespaces.
    #[must_use]
    pub fn new(command: Command, namespaces: Namespaces) -> Plan {
        Plan {
            version: PLAN_VERSION,
            command,
            namespaces,
            identity: Identity::default(),
            root: RootSource::default(),
            grants: Vec::new(),
            read_only: false,
            scratch: None,
            hostname: None,
            clocks: Vec::new(),
            limits: Limits::default(),
            cgroup: ControlGroup::default(),
            process: Process::default(),
            hardening: Hardening::default(),
            actions: Vec::new(),
            landlock: None,
        }
    }
}

/// The program and what it is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program and arguments. Without a slash the program is looked up in the world's `PATH`.
    pub argv: Vec<Text>,
    /// The whole environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// The working directory, in the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<Workdir>,
}

/// A working directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workdir {
    /// The directory.
    pub path: WorldPath,
    /// Whether it was asked for: then its absence is an error. Otherwise `/` takes its place.
    pub required: bool,
}

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// The name; no `=`.
    pub name: Text,
    /// The value.
    pub value: Text,
}

/// The namespaces of a world. What is neither own nor joined is shared with the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespaces {
    /// Made new.
    pub own: NamespaceSet,
    /// Entered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<Join>,
}

impl Namespaces {
    /// Whether the world has a namespace of this kind that it does not share with the caller.
    #[must_use]
    pub fn owns(&self, kind: NamespaceKind) -> bool {
        self.own.has(kind)
    }

    /// Whether a namespace of this kind is joined.
    #[must_use]
    pub fn joins(&self, kind: NamespaceKind) -> bool {
        self.join.iter().any(|j| j.kind == kind)
    }
}

/// An existing namespace to enter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Its kind.
    pub kind: NamespaceKind,
    /// Where it is found: `/proc/PID/ns/KIND` or a file it is bound on.
    pub path: Text,
    /// Who asked.
    pub origin: Origin,
}

/// Who the program is inside, and which ids exist there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// The program's user.
    pub user: User,
    /// Which user ids exist.
    pub users: Mapping,
    /// Which group ids exist.
    pub groups: Mapping,
}

/// The program's user and group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum User {
    /// The caller's own ids.
    #[default]
    Caller,
    /// uid 0 and gid 0 of the world.
    Root,
    /// These ids of the world.
    Ids {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

/// Which ids exist in a world's user namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mapping {
    /// For root every id as it is, for a user their own id alone (with a root filesystem directory:
    /// `Subids` where the user has any).
    #[default]
    Default,
    /// The caller's own id and all their subordinate ids (`subuid(5)`).
    Subids,
    /// Exactly these.
    Ranges(IdMap),
}

/// Where the world's files come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootSource {
    /// The machine's own files, copy-on-write where the caller could write.
    Host {
        /// Whether the home directory is there (copy-on-write) or empty.
        home: bool,
    },
    /// A root filesystem directory.
    Directory {
        /// Its path on the machine.
        path: Text,
        /// Whether changes go into it; else into a throw-away layer.
        writable: bool,
        /// Who asked.
        origin: Origin,
    },
}

impl Default for RootSource {
    fn default() -> Self {
        RootSource::Host { home: false }
    }
}

/// One thing added to, or taken from, the files of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Where in the world.
    pub dest: WorldPath,
    /// What.
    pub what: GrantKind,
    /// Who asked.
    pub origin: Origin,
}

/// What a grant puts at its place. Sources are paths on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// The machine's files, live, not to be changed.
    ReadOnly {
        /// Path on the machine.
        source: Text,
    },
    /// The machine's files, live; changes are real.
    ReadWrite {
        /// Path on the machine.
        source: Text,
    },
    /// The machine's files, changes go to the throw-away layer.
    CopyOnWrite {
        /// Path on the machine.
        source: Text,
    },
    /// Nothing: an empty directory or an unreadable empty file, whichever is there.
    Hide,
    /// An own empty directory in memory.
    Tmpfs {
        /// The most it may hold, in bytes.
        size: Option<u64>,
    },
    /// A device node, usable.
    Device {
        /// Path on the machine.
        source: Text,
    },
    /// A Unix socket that stays connectable.
    Socket {
        /// Path on the machine.
        source: Text,
    },
}

impl GrantKind {
    /// The path on the machine, for those that have one.
    #[must_use]
    pub fn source(&self) -> Option<&Text> {
        match self {
            GrantKind::ReadOnly { source }
            | GrantKind::ReadWrite { source }
            | GrantKind::CopyOnWrite { source }
            | GrantKind::Device { source }
            | GrantKind::Socket { source } => Some(source),
            GrantKind::Hide | GrantKind::Tmpfs { .. } => None,
        }
    }
}

/// Who asked for an item: so that an error can name the user's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An option as it was typed, e.g. `--ro /srv`.
    Option(String),
    /// A rule of dwell's own, by name.
    Rule(String),
}

impl Origin {
    /// A rule of dwell's own.
    #[must_use]
    pub fn rule(name: &str) -> Self {
        Origin::Rule(name.to_owned())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Option(text) => write!(f, "`{text}`"),
            Origin::Rule(name) => write!(f, "the default for {name}"),
        }
    }
}

/// A clock of a time namespace; `time_namespaces(7)`, Linux 5.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_BOOTTIME`.
    Boottime,
}

/// How far a clock is ahead inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockOffset {
    /// The clock.
    pub clock: Clock,
    /// Seconds, may be negative.
    pub seconds: i64,
}

/// How limits are enforced, and what else is asked of the world's control group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlGroup {
    /// Who makes it.
    pub manager: GroupManager,
    /// The world may make groups in its own.
    pub writable: bool,
    /// Where no group can be had, limits of single processes are good enough.
    pub rlimit_fallback: bool,
    /// What was used is told at the end.
    pub stats: bool,
    /// What was used is written into this file of the machine, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats_file: Option<Text>,
}

impl ControlGroup {
    fn is_default(&self) -> bool {
        *self == ControlGroup::default()
    }

    /// Whether what was used is to be told.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.stats || self.stats_file.is_some()
    }

    /// Whether the Plan has to know the machine's control groups.
    #[must_use]
    pub fn asks_for_a_group(&self) -> bool {
        self.counts() || self.writable
    }
}

/// Who makes control groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupManager {
    /// systemd where it runs and has not left its part of the tree to the caller, else the caller.
    #[default]
    Auto,
    /// The caller, by files.
    Fs,
    /// systemd, as a transient scope.
    Systemd,
}

/// Life of the process: what it inherits and how it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// The program itself is process 1 of its PID namespace, without a reaper.
    pub as_pid_1: bool,
    /// Whether it gets a terminal of its own.
    pub pty: Pty,
    /// Descriptors beyond 0–2 that it keeps, under their numbers.
    pub keep_fds: Vec<i32>,
    /// Resource limits; `setrlimit(2)`.
    pub rlimits: Vec<Rlimit>,
    /// The nice value, -20 to 19; `setpriority(2)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// How readily the kernel ends it when memory runs out, -1000 to 1000; `proc_pid_oom_score_adj(5)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// After so many milliseconds SIGTERM, then SIGKILL.
    pub timeout_ms: Option<u64>,
    /// Capabilities added to or taken from the default set.
    pub capabilities: Vec<CapabilityChange>,
    /// Which system calls it can make.
    #[serde(skip_serializing_if = "Seccomp::is_default")]
    pub seccomp: Seccomp,
    /// The process that stands where the program is to stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<Surroundings>,
}

/// Which system calls a program can make; `seccomp(2)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seccomp {
    /// What is done about each.
    pub profile: SeccompProfile,
    /// What is not allowed is logged and made all the same.
    pub log: bool,
}

impl Seccomp {
    fn is_default(&self) -> bool {
        *self == Seccomp::default()
    }
}

/// What is done about each system call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeccompProfile {
    /// dwell's own, which nearly every program can live with.
    #[default]
    Default,
    /// dwell's own, without what few programs need.
    Strict,
    /// All are made.
    None,
    /// One that was given.
    Given {
        /// What it says.
        #[serde(deserialize_with = "owned_profile")]
        profile: Box<Profile<'static>>,
        /// Who asked.
        origin: Origin,
    },
}

fn owned_profile<'de, D: Deserializer<'de>>(from: D) -> Result<Box<Profile<'static>>, D::Error> {
    Profile::deserialize(from).map(|profile| Box::new(profile.into_owned()))
}

/// What the program takes over from a process that exists, once its namespaces have been joined: its root
/// directory, its working directory, its groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surroundings {
    /// The process.
    pub pid: i32,
    /// Whether the working directory is taken over as well.
    pub workdir: bool,
    /// Its supplementary groups, as the joined user namespace has them.
    #[serde(default)]
    pub groups: Vec<u32>,
    /// Files by which one gets into its control groups: `cgroup.procs` of version 2, `tasks` of version 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Text>,
    /// Who asked.
    pub origin: Origin,
}

/// Whether the program gets a pseudo-terminal of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pty {
    /// In the place of every standard descriptor that is a terminal; but not when standard input is one
    /// and standard output is not.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: the descriptors are handed on as they are.
    Never,
}

/// A resource limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rlimit {
    /// Name as in `getrlimit(2)` without `RLIMIT_`, lower case: `nofile`, `core` …
    pub name: String,
    /// Soft limit; none is infinity.
    pub soft: Option<u64>,
    /// Hard limit; none is infinity.
    pub hard: Option<u64>,
}

/// A change to the default set of capabilities, applied in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapabilityChange {
    /// Add one by name (`net_admin`), or `all`.
    Add(String),
    /// Drop one by name, or `all`.
    Drop(String),
}
