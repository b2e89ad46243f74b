//! What was typed, option by option: syntax is checked, nothing is looked up.

use std::ffi::OsString;

use dwell_plan::hardening::Hardening;
use dwell_plan::idmap::IdRange;
use dwell_plan::landlock::Wall;
use dwell_plan::limits::{IoDevice, Limits};
use dwell_plan::plan::{CapabilityChange, ClockOffset, ControlGroup, Pty, Rlimit};
use dwell_plan::{NamespaceKind, NamespaceSet};

use super::Detail;

/// A value and the words that gave it, e.g. `--ro /srv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed<T> {
    /// The value.
    pub value: T,
    /// The option as it was typed.
    pub words: String,
}

/// A path on the machine or in the world, escapes resolved, `~` not.
pub(super) type RawPath = Vec<u8>;

/// Everything that was typed after `dwell run`.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is the option of the same name; the table explains it")]
pub struct LowArgs {
    /// The program and its arguments.
    pub program: Vec<OsString>,
    /// The first option that changes the Plan.
    pub shaping: Option<String>,
    /// All of `--rw`, `--ro`, `--cow`, `--hide`, `--tmpfs`, `--dev` and `--socket`, in order.
    pub grants: Vec<Typed<LowGrant>>,
    pub workdir: Option<Typed<RawPath>>,
    pub from: Option<Typed<RawPath>>,
    pub writable: Option<Typed<()>>,
    pub home: Option<Typed<()>>,
    pub read_only: Option<Typed<()>>,
    pub scratch: Option<Typed<u64>>,
    pub unshare: Vec<Typed<Kinds>>,
    pub share: Vec<Typed<Kinds>>,
    pub join: Vec<Typed<LowJoin>>,
    pub net: Option<Typed<Net>>,
    pub hostname: Option<Typed<String>>,
    pub time_offsets: Vec<Typed<ClockOffset>>,
    pub user: Option<Typed<LowUser>>,
    pub root: Option<Typed<()>>,
    pub map_users: Vec<Typed<LowMap>>,
    pub map_groups: Vec<Typed<LowMap>>,
    /// `--cap-add` and `--cap-drop`, in order.
    pub capabilities: Vec<CapabilityChange>,
    /// `--env`, `--env-file` and `--env-all`, in order.
    pub env: Vec<Typed<EnvSource>>,
    pub rlimits: Vec<Rlimit>,
    pub limits: Limits,
    /// `--io`: the devices are looked up later.
    pub io: Vec<Typed<LowIo>>,
    pub cgroup: ControlGroup,
    pub stats_file: Option<Typed<RawPath>>,
    pub nice: Option<i32>,
    pub oom_score: Option<i32>,
    pub timeout_ms: Option<u64>,
    pub pty: Pty,
    pub keep_fds: Vec<i32>,
    pub seccomp: Option<Typed<LowSeccomp>>,
    pub seccomp_log: Option<Typed<()>>,
    pub walls: Option<Typed<LowWalls>>,
    pub allow_degraded: Vec<Typed<Vec<Wall>>>,
    pub as_pid_1: Option<Typed<()>>,
    /// `--no-new-code`, `--proc`, `--sysctl` and `--verify`.
    pub hardening: Hardening,
    pub explain: Option<Typed<()>>,
    pub plan: Option<Typed<PlanForm>>,
    pub from_plan: Option<Typed<RawPath>>,
    pub help: Option<Detail>,
}

/// A grant before its paths are made absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are those of the options")]
pub enum LowGrant {
    ReadWrite { path: RawPath, dest: Option<RawPath> },
    ReadOnly { path: RawPath, dest: Option<RawPath> },
    CopyOnWrite { path: RawPath, dest: Option<RawPath> },
    Hide { path: RawPath },
    Tmpfs { dest: RawPath, size: Option<u64> },
    Device { path: RawPath },
    Socket { path: RawPath },
}

/// `--io`: a device by path, and its limits, the numbers still missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowIo {
    /// The device.
    pub path: RawPath,
    /// The limits.
    pub limits: IoDevice,
}

/// A comma list of namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// All that the list means.
    pub set: NamespaceSet,
    /// Those that it calls by name: `all` names none.
    pub named: NamespaceSet,
}

/// `--join KIND=PID|PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowJoin {
    /// The kind.
    pub kind: NamespaceKind,
    /// A process's number, or a path.
    pub from: RawPath,
}

/// `--net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// No network but an own loopback interface.
    None,
    /// The machine's.
    Host,
}

/// `--walls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LowWalls {
    /// Namespaces are made, as other options choose them.
    pub namespaces: bool,
    /// What Landlock is asked for.
    pub landlock: Vec<Wall>,
}

/// `--user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowUser {
    /// The user.
    pub user: IdSpec,
    /// The group, where one was given.
    pub gid: Option<u32>,
}

/// A user by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdSpec {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

/// `--map-users` and `--map-groups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowMap {
    /// The caller's id and their subordinate ones.
    Auto,
    /// One line of the map.
    Range(IdRange),
}

/// `--seccomp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LowSeccomp {
    /// dwell's own profile.
    Default,
    /// dwell's own strict one.
    Strict,
    /// No filter.
    None,
    /// A profile in a file.
    File(RawPath),
}

/// Where variables come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvSource {
    /// `-e NAME=VALUE`.
    Set(Vec<u8>, Vec<u8>),
    /// `-e NAME`: the caller's value.
    Copy(Vec<u8>),
    /// `--env-file`.
    File(RawPath),
    /// `--env-all`.
    All,
}

/// `--plan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanForm {
    /// For machines.
    Json,
    /// For people.
    Text,
}
