//! The options of `unshare`, and what they ask for.

use std::ffi::{OsStr, OsString};

use dwell_plan::action::{IdBlock, Propagation, Setgroups};
use dwell_plan::{NamespaceKind, NamespaceSet, Text};

use crate::applets::read::{self, Bad};
use crate::applets::start::Told;
use crate::applets::values;
use crate::applets::values::number_or;
use crate::getopt::{Getopt, Operands, Spelling, Takes};

/// What an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    Namespace(NamespaceKind),
    Fork,
    ForwardSignals,
    KillChild,
    MountProc,
    MountBinfmt,
    LoadInterp,
    MapUser,
    MapGroup,
    MapRootUser,
    MapCurrentUser,
    MapUsers,
    MapGroups,
    MapAuto,
    MapSubids,
    Owner,
    Propagation,
    Setgroups,
    KeepCaps,
    Root,
    Wd,
    Setuid,
    Setgid,
    Monotonic,
    Boottime,
    ClearEnv,
    WhitelistEnv,
    Help,
    Version,
    /// Of `dwell unshare` alone.
    NoFork,
    NoMountProc,
    Explain,
    Plan,
}

use NamespaceKind as N;
use Opt as O;
use Takes::{Nothing, Perhaps, Value};

/// Every spelling, in the order in which the C library lists them when one is ambiguous.
pub(super) const TABLE: &[Spelling<Opt>] = &[
    Spelling::both(O::Help, b'h', "help", Nothing),
    Spelling::both(O::Version, b'V', "version", Nothing),
    Spelling::short(O::Namespace(N::Mount), b'm', Nothing),
    Spelling::long(O::Namespace(N::Mount), "mount", Perhaps),
    Spelling::short(O::Namespace(N::Uts), b'u', Nothing),
    Spelling::long(O::Namespace(N::Uts), "uts", Perhaps),
    Spelling::short(O::Namespace(N::Ipc), b'i', Nothing),
    Spelling::long(O::Namespace(N::Ipc), "ipc", Perhaps),
    Spelling::short(O::Namespace(N::Net), b'n', Nothing),
    Spelling::long(O::Namespace(N::Net), "net", Perhaps),
    Spelling::short(O::Namespace(N::Pid), b'p', Nothing),
    Spelling::long(O::Namespace(N::Pid), "pid", Perhaps),
    Spelling::short(O::Namespace(N::User), b'U', Nothing),
    Spelling::long(O::Namespace(N::User), "user", Perhaps),
    Spelling::short(O::Namespace(N::Cgroup), b'C', Nothing),
    Spelling::long(O::Namespace(N::Cgroup), "cgroup", Perhaps),
    Spelling::short(O::Namespace(N::Time), b'T', Nothing),
    Spelling::long(O::Namespace(N::Time), "time", Perhaps),
    Spelling::both(O::Fork, b'f', "fork", Nothing),
    Spelling::long(O::KillChild, "kill-child", Perhaps),
    Spelling::long(O::ForwardSignals, "forward-signals", Nothing),
    Spelling::long(O::MountProc, "mount-proc", Perhaps),
    Spelling::long(O::MountBinfmt, "mount-binfmt", Perhaps),
    Spelling::long(O::MapUser, "map-user", Value),
    Spelling::long(O::MapUsers, "map-users", Value),
    Spelling::long(O::MapGroup, "map-group", Value),
    Spelling::long(O::MapGroups, "map-groups", Value),
    Spelling::both(O::MapRootUser, b'r', "map-root-user", Nothing),
    Spelling::both(O::MapCurrentUser, b'c', "map-current-user", Nothing),
    Spelling::long(O::MapAuto, "map-auto", Nothing),
    Spelling::long(O::MapSubids, "map-subids", Nothing),
    Spelling::long(O::Owner, "owner", Value),
    Spelling::long(O::Propagation, "propagation", Value),
    Spelling::long(O::Setgroups, "setgroups", Value),
    Spelling::long(O::KeepCaps, "keep-caps", Nothing),
    Spelling::both(O::Setuid, b'S', "setuid", Value),
    Spelling::both(O::Setgid, b'G', "setgid", Value),
    Spelling::both(O::Root, b'R', "root", Value),
    Spelling::both(O::Wd, b'w', "wd", Value),
    Spelling::long(O::Monotonic, "monotonic", Value),
    Spelling::long(O::Boottime, "boottime", Value),
    Spelling::both(O::LoadInterp, b'l', "load-interp", Value),
    Spelling::long(O::ClearEnv, "clear-env", Nothing),
    Spelling::long(O::WhitelistEnv, "whitelist-env", Value),
];

/// What `dwell unshare` has beside them.
pub(super) const TABLE_OF_COMMAND: &[Spelling<Opt>] = &[
    Spelling::long(O::NoFork, "no-fork", Nothing),
    Spelling::long(O::NoMountProc, "no-mount-proc", Nothing),
    Spelling::long(O::Explain, "explain", Nothing),
    Spelling::long(O::Plan, "plan", Value),
];

/// The environment of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Environment {
    #[default]
    Inherited,
    /// Nothing of it but these.
    Only(Vec<Text>),
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) own: NamespaceSet,
    pub(super) persist: Vec<(NamespaceKind, Text)>,
    pub(super) fork: bool,
    pub(super) forward_signals: bool,
    pub(super) kill_child: Option<i32>,
    pub(super) proc: Option<Text>,
    pub(super) binfmt: Option<Text>,
    pub(super) interpreter: Option<Text>,
    pub(super) map_user: Option<u32>,
    pub(super) map_group: Option<u32>,
    pub(super) users: Vec<IdBlock>,
    pub(super) groups: Vec<IdBlock>,
    pub(super) owner: Option<(u32, u32)>,
    /// None leaves it as it is.
    pub(super) propagation: Option<Propagation>,
    pub(super) setgroups: Option<Setgroups>,
    pub(super) keep_caps: bool,
    pub(super) root: Option<Text>,
    pub(super) workdir: Option<Text>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) monotonic: Option<i64>,
    pub(super) boottime: Option<i64>,
    pub(super) env: Environment,
    pub(super) no_fork: bool,
    pub(super) no_mount_proc: bool,
    pub(super) told: Told,
    pub(super) program: Vec<OsString>,
}

/// What the options come down to.
pub(super) type Read = read::Read<Wanted>;

const PROC: &str = "/proc";
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// Reads the options; `ids` are the caller's effective ones.
pub(super) fn read(
    table: &[Spelling<Opt>],
    args: Vec<OsString>,
    ids: impl Fn() -> (u32, u32),
) -> Result<Read, Bad> {
    let mut options = Getopt::new(table, Operands::EndOptions, args);
    let mut wanted = Wanted { propagation: Some(Propagation::Private), ..Wanted::default() };
    while let Some((opt, value)) = options.next_option()? {
        match opt {
            O::Help => return Ok(Read::Help),
            O::Version => return Ok(Read::Version),
            _ => wanted.take(opt, value, &ids)?,
        }
    }
    wanted.program = options.operands();
    Ok(Read::Wanted(Box::new(wanted)))
}

impl Wanted {
    fn take(
        &mut self,
        opt: Opt,
        value: Option<OsString>,
        ids: &impl Fn() -> (u32, u32),
    ) -> Result<(), String> {
        let text = || value.clone().map(Text::from).unwrap_or_default();
        match opt {
            O::Namespace(kind) => {
                self.own.insert(kind);
                if value.is_some() {
                    self.persist.retain(|(other, _)| *other != kind);
                    self.persist.push((kind, text()));
                }
            }
            O::Fork => self.fork = true,
            O::ForwardSignals => (self.fork, self.forward_signals) = (true, true),
            O::KillChild => {
                self.fork = true;
                self.kill_child = Some(value.as_deref().map_or(Ok(SIGKILL), values::signal)?);
            }
            O::MountProc => {
                self.own.insert(N::Mount);
                self.proc = Some(value.map_or_else(|| Text::from(PROC), Text::from));
            }
            O::MountBinfmt => self.mount_binfmt(value.map(Text::from)),
            O::LoadInterp => {
                if self.binfmt.is_none() {
                    self.mount_binfmt(None);
                }
                self.own.insert(N::Mount);
                self.own.insert(N::User);
                self.interpreter = Some(text());
            }
            O::KeepCaps => self.keep_caps = true,
            O::Root => self.root = Some(text()),
            O::Wd => self.workdir = Some(text()),
            O::ClearEnv => {
                if self.env == Environment::Inherited {
                    self.env = Environment::Only(Vec::new());
                }
            }
            O::WhitelistEnv => self.keep_variables(&text()),
            O::NoFork => self.no_fork = true,
            O::NoMountProc => self.no_mount_proc = true,
            O::Explain => self.told = Told::Actions,
            O::Plan => self.told = Told::plan(value.as_deref().unwrap_or_default())?,
            O::Help | O::Version => {}
            _ => return self.take_id(opt, value.as_deref().unwrap_or_default(), ids),
        }
        Ok(())
    }

    fn take_id(
        &mut self,
        opt: Opt,
        value: &OsStr,
        ids: &impl Fn() -> (u32, u32),
    ) -> Result<(), String> {
        match opt {
            O::MapUser => self.map_user = Some(values::user(value)?),
            O::MapGroup => self.map_group = Some(values::group(value)?),
            O::MapRootUser => (self.map_user, self.map_group) = (Some(0), Some(0)),
            O::MapCurrentUser => {
                let (uid, gid) = ids();
                (self.map_user, self.map_group) = (Some(uid), Some(gid));
            }
            O::MapUsers => self.users.push(values::id_block(value)?),
            O::MapGroups => self.groups.push(values::id_block(value)?),
            O::MapAuto | O::MapSubids => {
                let auto = opt == O::MapAuto;
                let block = if auto { IdBlock::Subordinate } else { IdBlock::SubordinateAsTheyAre };
                self.users.push(block);
                self.groups.push(block);
            }
            O::Owner => self.owner = Some(values::owner(value)?),
            O::Setuid => self.uid = Some(number_or(value, "failed to parse uid")?),
            O::Setgid => self.gid = Some(number_or(value, "failed to parse gid")?),
            O::Monotonic => {
                self.monotonic = Some(number_or(value, "failed to parse monotonic offset")?);
            }
            O::Boottime => {
                self.boottime = Some(number_or(value, "failed to parse boottime offset")?);
            }
            O::Propagation => self.propagation = propagation(value)?,
            O::Setgroups => self.setgroups = Some(setgroups(value)?),
            _ => {}
        }
        let maps = matches!(opt, O::MapUser | O::MapGroup | O::MapRootUser | O::MapCurrentUser);
        let blocks = matches!(opt, O::MapUsers | O::MapGroups | O::MapAuto | O::MapSubids);
        if maps || blocks || opt == O::Owner {
            self.own.insert(N::User);
        }
        Ok(())
    }

    fn mount_binfmt(&mut self, at: Option<Text>) {
        self.own.insert(N::Mount);
        self.own.insert(N::User);
        if at.is_none() && self.proc.is_none() {
            self.proc = Some(Text::from(PROC));
        }
        self.binfmt = Some(at.unwrap_or_else(|| Text::from(BINFMT)));
    }

    fn keep_variables(&mut self, list: &Text) {
        let names = list.as_bytes().split(|b| *b == b',').filter(|name| !name.is_empty());
        let names = names.map(Text::from);
        match &mut self.env {
            Environment::Only(kept) => kept.extend(names),
            Environment::Inherited => self.env = Environment::Only(names.collect()),
        }
    }
}

const SIGKILL: i32 = 9;

fn propagation(value: &OsStr) -> Result<Option<Propagation>, String> {
    match value.to_str() {
        Some("private") => Ok(Some(Propagation::Private)),
        Some("shared") => Ok(Some(Propagation::Shared)),
        Some("slave") => Ok(Some(Propagation::Slave)),
        Some("unchanged") => Ok(None),
        _ => Err(format!("unsupported propagation mode: {}", value.to_string_lossy())),
    }
}

fn setgroups(value: &OsStr) -> Result<Setgroups, String> {
    match value.to_str() {
        Some("allow") => Ok(Setgroups::Allow),
        Some("deny") => Ok(Setgroups::Deny),
        _ => Err(format!("unsupported --setgroups argument '{}'", value.to_string_lossy())),
    }
}
