//! What has to be known for a Plan with actions, and about the process that it is aimed at.

use std::path::Path;

use dwell_plan::action::{Action, IdBlock};
use dwell_plan::facts::{Caller, Facts, Kernel};
use dwell_plan::plan::Plan;
use dwell_plan::{NamespaceKind, NamespaceSet, Text};
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;

use crate::caller::subordinates;
use crate::error::ProbeError;
use crate::file::{self, Proc};
use crate::gather::kernel;
use crate::{passwd, subid};

/// The facts that the actions of `plan` need, and no others: mostly none.
pub(crate) fn facts(plan: &Plan) -> Result<Facts, ProbeError> {
    let needs = |wanted: fn(&Action) -> bool| plan.actions.iter().any(wanted);
    let mut facts = Facts::default();
    if needs(|a| matches!(a, Action::Join(_))) {
        facts.kernel = running_kernel();
    }
    let outside = needs(|a| matches!(a, Action::MapFromOutside { .. }));
    if outside || needs(|a| matches!(a, Action::MapOwnUser(_) | Action::MapOwnGroup(_))) {
        facts.caller.uid = rustix::process::geteuid().as_raw();
        facts.caller.gid = rustix::process::getegid().as_raw();
    }
    if outside {
        add_ids(plan, &mut facts.caller)?;
    }
    Ok(facts)
}

fn running_kernel() -> Kernel {
    kernel(rustix::system::uname().release().to_bytes())
}

fn add_ids(plan: &Plan, caller: &mut Caller) -> Result<(), ProbeError> {
    let blocks = plan.actions.iter().filter_map(|action| match action {
        Action::MapFromOutside { users, groups } => Some(users.iter().chain(groups)),
        _ => None,
    });
    let blocks: Vec<&IdBlock> = blocks.flatten().collect();
    let subordinate =
        |b: &&IdBlock| matches!(b, IdBlock::Subordinate | IdBlock::SubordinateAsTheyAre);
    if blocks.iter().any(subordinate) {
        let entry = passwd::user_by_uid(Path::new("/etc/passwd"), caller.uid).unwrap_or_default();
        let number = || Text::from(caller.uid.to_string());
        caller.name = if entry.name.is_empty() { number() } else { entry.name };
        caller.subuids = subordinates("/etc/subuid", caller)?;
        caller.subgids = subordinates("/etc/subgid", caller)?;
    }
    if blocks.iter().any(|b| **b == IdBlock::All) {
        let proc = Proc::open()?;
        let map = |path| proc.read(path).map(|text| subid::parse_map(&text.unwrap_or_default()));
        (caller.uid_map, caller.gid_map) = (map("self/uid_map")?, map("self/gid_map")?);
    }
    Ok(())
}

/// The namespaces of process `pid` that this process may want to enter: of kinds that the kernel has,
/// and its user namespace unless this process is in it, for entering that again is refused.
///
/// # Errors
/// That there is no such process, or that it is out of reach: the path and the kernel's reason.
pub fn joinable(pid: i32) -> Result<NamespaceSet, (String, Errno)> {
    let own = |kind: NamespaceKind| {
        rustix::fs::stat(format!("/proc/self/ns/{}", kind.proc_name()))
            .map(|s| (s.st_dev, s.st_ino))
    };
    let mut kinds = NamespaceSet::EMPTY;
    for kind in NamespaceKind::ALL {
        let Ok(own) = own(kind) else { continue };
        if kind == NamespaceKind::User {
            let path = format!("/proc/{pid}/ns/user");
            let of_target = rustix::fs::stat(&path).map_err(|errno| (path, errno))?;
            if (of_target.st_dev, of_target.st_ino) == own {
                continue;
            }
        }
        kinds.insert(kind);
    }
    Ok(kinds)
}

/// The environment that process `pid` was started with, `NAME=VALUE`.
///
/// # Errors
/// The kernel's.
pub fn environment_of(pid: i32) -> Result<Vec<Text>, Errno> {
    let text = file::read(format!("/proc/{pid}/environ").as_bytes())?;
    let entries = text.split(|b| *b == 0).filter(|entry| entry.contains(&b'='));
    Ok(entries.map(Text::from).collect())
}

/// Why the control group of a process cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCgroup {
    /// `/sys/fs/cgroup` is not a cgroup2 file system.
    NotV2,
    /// It cannot be looked at.
    Unknown(Errno),
    /// The process has none there, or does not tell.
    Process(Errno),
}

/// The `cgroup.procs` of the control group that process `pid` is in; cgroup v2 alone.
///
/// # Errors
/// There is no such hierarchy, or no such process.
pub fn cgroup_procs_of(pid: i32) -> Result<Text, NoCgroup> {
    const ROOT: &str = "/sys/fs/cgroup";
    const CGROUP2: rustix::fs::FsWord = 0x6367_7270;
    let found = rustix::fs::statfs(ROOT).map_err(NoCgroup::Unknown)?;
    if found.f_type != CGROUP2 {
        return Err(NoCgroup::NotV2);
    }
    let text = file::read(format!("/proc/{pid}/cgroup").as_bytes()).map_err(NoCgroup::Process)?;
    let path = crate::bytes::lines(&text).find_map(|line| line.strip_prefix(b"0::"));
    let path = path.ok_or(NoCgroup::Process(Errno::NOENT))?;
    Ok(Text::from([ROOT.as_bytes(), path, b"/cgroup.procs"].concat()))
}

/// The SELinux context of process `pid`; none where SELinux is not in use.
///
/// # Errors
/// The kernel's.
pub fn selinux_context_of(pid: i32) -> Result<Option<Text>, Errno> {
    if rustix::fs::openat(CWD, "/sys/fs/selinux/enforce", file::PATH, Mode::empty()).is_err() {
        return Ok(None);
    }
    let text = file::read(format!("/proc/{pid}/attr/current").as_bytes())?;
    let end = text.iter().position(|b| *b == 0 || *b == b'\n').unwrap_or(text.len());
    Ok(text.get(..end).map(Text::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let kinds = joinable(pid).unwrap();
        assert!(kinds.has(NamespaceKind::Mount) && !kinds.has(NamespaceKind::User));
        assert!(environment_of(pid).unwrap().iter().all(|e| e.as_bytes().contains(&b'=')));
        assert!(joinable(i32::MAX).is_err());
        assert_eq!(environment_of(i32::MAX), Err(Errno::NOENT));
    }
}
