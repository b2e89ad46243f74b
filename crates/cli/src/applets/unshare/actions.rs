//! From what is asked for to the actions, in the order in which `unshare(1)` does them.

use dwell_plan::action::{Action, Demand, Fork, Id, IdBlock, Parent, Place, Propagation};
use dwell_plan::plan::{Clock, ClockOffset};
use dwell_plan::{NamespaceKind, Text};

use super::options::Wanted;

pub(super) fn actions(wanted: &Wanted) -> Vec<Action> {
    let mut list = vec![Action::DefaultSigchld];
    if let Some((uid, gid)) = wanted.owner {
        list.push(Action::Become { uid, gid });
    }
    list.push(Action::Unshare(wanted.own));
    let (users, groups) = outside(wanted);
    let maps_users = users.is_empty();
    let maps_groups = groups.is_empty();
    if !maps_users || !maps_groups {
        list.push(Action::MapFromOutside { users, groups });
    }
    list.extend(clocks(wanted));
    list.extend(fork(wanted));
    list.extend(wanted.persist.iter().map(|(kind, path)| {
        let (kind, path) = (*kind, path.clone());
        Action::Persist { kind, path }
    }));
    list.extend(wanted.map_user.filter(|_| maps_users).map(Action::MapOwnUser));
    list.extend(wanted.map_group.filter(|_| maps_groups).map(Action::MapOwnGroup));
    list.extend(wanted.setgroups.map(Action::Setgroups));
    if wanted.own.has(NamespaceKind::Mount) {
        list.extend(wanted.propagation.map(Action::Propagation));
    }
    files(wanted, &mut list);
    identity(wanted, &mut list);
    list
}

/// The blocks that are mapped from outside. The single id goes with them, for a map is written once;
/// and also where the namespace gets another owner, who may not write it.
fn outside(wanted: &Wanted) -> (Vec<IdBlock>, Vec<IdBlock>) {
    let side = |blocks: &[IdBlock], own: Option<u32>| {
        let mut all = blocks.to_vec();
        if !all.is_empty() || wanted.owner.is_some() {
            all.extend(own.map(IdBlock::Own));
        }
        all
    };
    (side(&wanted.users, wanted.map_user), side(&wanted.groups, wanted.map_group))
}

fn clocks(wanted: &Wanted) -> impl Iterator<Item = Action> {
    let clocks = [(Clock::Boottime, wanted.boottime), (Clock::Monotonic, wanted.monotonic)];
    clocks.into_iter().filter_map(|(clock, seconds)| {
        Some(Action::Clock(ClockOffset { clock, seconds: seconds? }))
    })
}

fn fork(wanted: &Wanted) -> Option<Action> {
    let parent = if wanted.forward_signals { Parent::PassesOn } else { Parent::Ignores };
    let fork = Fork { parent, kill_child: wanted.kill_child };
    wanted.fork.then_some(Action::Fork(fork))
}

/// KERNEL: an interpreter with the flag `F` is opened when it is registered, so that has to be done
/// before the root changes; the new root gets a binfmt_misc all the same.
fn files(wanted: &Wanted, list: &mut Vec<Action>) {
    let proc_binfmt = || Text::from("/proc/sys/fs/binfmt_misc");
    let early = wanted.interpreter.as_ref().filter(|line| wanted.root.is_some() && is_fixed(line));
    if let Some(line) = early {
        list.push(Action::MountBinfmt { at: proc_binfmt() });
        list.push(Action::RegisterBinfmt { at: proc_binfmt(), line: line.clone() });
    }
    if let Some(root) = &wanted.root {
        list.push(Action::Chroot { to: Place::There(root.clone()), stay: false });
    }
    let root = || wanted.root.is_some().then(|| Text::from("/"));
    let workdir = wanted.workdir.clone().or_else(root);
    list.extend(workdir.map(|path| Action::Chdir(Place::There(path))));
    if let Some(at) = &wanted.proc {
        let private = wanted.root.is_none() && wanted.propagation != Some(Propagation::Private);
        list.push(Action::MountProc { at: at.clone(), private });
    }
    if let Some(at) = &wanted.binfmt {
        list.push(Action::MountBinfmt { at: at.clone() });
        if let (Some(line), None) = (&wanted.interpreter, early) {
            list.push(Action::RegisterBinfmt { at: at.clone(), line: line.clone() });
        }
    }
}

/// Whether the flags, which come last, have an `F`.
fn is_fixed(line: &Text) -> bool {
    let flags = line.as_bytes().rsplit(|b| *b == b':').next();
    line.as_bytes().contains(&b':') && flags.is_some_and(|flags| flags.contains(&b'F'))
}

fn identity(wanted: &Wanted, list: &mut Vec<Action>) {
    if let Some(gid) = wanted.gid {
        list.extend([Action::DropGroups(Demand::Must), Action::SetGid(Id::Number(gid))]);
    }
    list.extend(wanted.uid.map(|uid| Action::SetUid(Id::Number(uid))));
    if wanted.keep_caps && wanted.own.has(NamespaceKind::User) {
        list.push(Action::KeepCapabilities);
    }
}
