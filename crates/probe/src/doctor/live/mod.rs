//! Looks at this machine. Nothing is changed: acts are tried by children in namespaces of their own,
//! which are gone when they end, and every wait is bounded.

mod acts;
mod child;
mod files;
mod mounts;
mod network;
mod outside;
mod places;
mod programs;
mod settings;
mod subids;
mod system;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;

use acts::{ACTS, Prepared};
use dwell_sys::raw;
use dwell_sys::raw::consts::SIGCHLD;

use super::observations::{OBSERVATIONS_VERSION, Observations, Who};

/// Looks at everything. `dwell` is the program whose defaults are tried.
#[must_use]
pub fn observe(dwell: &Path) -> Observations {
    // KERNEL: whoever ignores this signal, as some parents make their children do, collects no child.
    let _ = raw::default_signal(SIGCHLD);
    let mut seen = look();
    let prepared = Prepared::new(&seen.caller);
    for act in ACTS {
        let report = child::attempt(act.flags, |answer| (act.run)(&prepared, answer));
        seen.acts.insert(act.name.to_owned(), report.into());
    }
    seen.programs = programs::find();
    seen.places = places::look(seen.caller.uid);
    add_subid_acts(&mut seen);
    seen.cgroup = outside::cgroup(&seen);
    seen.run = Some(programs::run(dwell, &[]));
    seen.walls = Some(programs::run(dwell, &["--verify"]));
    seen
}

/// Looks, and tries the acts of these names.
pub(super) fn attempt(names: &[&str]) -> Observations {
    let _ = raw::default_signal(SIGCHLD);
    let mut seen = look();
    let prepared = Prepared::new(&seen.caller);
    for act in ACTS.iter().filter(|act| names.contains(&act.name)) {
        let report = child::attempt(act.flags, |answer| (act.run)(&prepared, answer));
        seen.acts.insert(act.name.to_owned(), report.into());
    }
    seen
}

/// What can be seen without trying anything: cheap enough for a command that has just failed.
pub(super) fn look() -> Observations {
    let caller = who();
    Observations {
        version: OBSERVATIONS_VERSION,
        program: own_path(),
        files: settings::read(),
        acts: BTreeMap::new(),
        subuid: outside::subids("/etc/subuid", caller.uid),
        subgid: outside::subids("/etc/subgid", caller.uid),
        resolv_conf: outside::resolv_conf(),
        other_root_than_init: outside::other_root_than_init(),
        pid: raw::getpid(),
        proc_self: outside::proc_self(),
        stdin_is_terminal: rustix::termios::isatty(rustix::stdio::stdin()),
        user_bus: outside::user_bus(caller.uid),
        caller,
        ..Observations::default()
    }
}

fn own_path() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.to_string_lossy().into_owned()
}

fn who() -> Who {
    let uid = rustix::process::geteuid().as_raw();
    let sets = rustix::thread::capabilities(None).ok();
    Who {
        uid,
        gid: rustix::process::getegid().as_raw(),
        named: crate::user_by_uid(Path::new("/etc/passwd"), uid).is_some(),
        effective: sets.map_or(0, |sets| sets.effective.bits()),
        bounding: bounding_set(),
    }
}

fn bounding_set() -> u64 {
    let has = |cap: &u32| raw::cap_bounding_read(*cap) == Ok(true);
    (0..64).filter(has).fold(0, |set, cap| set | 1 << cap)
}

/// Tries the programs that map subordinate ids, where there are such ids.
fn add_subid_acts(seen: &mut Observations) {
    for (name, ids, own) in
        [("newuidmap", &seen.subuid, seen.caller.uid), ("newgidmap", &seen.subgid, seen.caller.gid)]
    {
        let (Some(range), Some(helper)) = (ids.own.first(), seen.programs.get(name)) else {
            continue;
        };
        let outcome = subids::attempt(Path::new(&helper.path), own, *range);
        seen.acts.insert(name.to_owned(), outcome);
    }
}

impl Prepared {
    fn new(caller: &Who) -> Self {
        let map = |id: u32| CString::new(format!("0 {id} 1")).unwrap_or_default();
        Prepared { uid_map: map(caller.uid), gid_map: map(caller.gid) }
    }
}

/// The names of everything that is tried.
#[cfg(test)]
pub(super) fn act_names() -> Vec<&'static str> {
    ACTS.iter().map(|act| act.name).chain(["newuidmap", "newgidmap"]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn every_act_ends_and_leaves_no_child() {
        let prepared = Prepared::new(&who());
        for act in ACTS {
            let report = child::attempt(act.flags, |answer| (act.run)(&prepared, answer));
            let outcome = Outcome::from(report);
            assert!(!matches!(outcome, Outcome::Stuck(_)), "{}: {outcome:?}", act.name);
        }
    }

    #[test]
    fn the_settings_are_there() {
        let seen = look();
        assert!(seen.status("Seccomp").is_some());
        assert!(seen.mounts().next().is_some());
        assert!(seen.since(3, 0));
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let uid = format!(":{}:", seen.caller.uid);
        assert_eq!(seen.caller.named, passwd.lines().any(|l| l.contains(&uid)));
    }
}
