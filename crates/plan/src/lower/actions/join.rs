//! Entering namespaces.
//!
//! KERNEL: a namespace is entered by who has the rights in the user namespace that owns it. Entering a
//! user namespace gives all rights in it and takes those outside. So what can be entered before it is
//! entered before it, what then is left after it, and only the second refusal counts.

use super::super::builder::Builder;
use super::{ORDER, open};
use crate::action::{Join, Source, Target};
use crate::facts::Facts;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::program::{Op, OpenFor, Slot, Topic};
use crate::text::Text;

/// What is open by the time the namespaces are entered.
pub(super) struct Joins {
    /// Pidfds of the target with the kinds that are entered by each: the user namespace by one of its
    /// own.
    whole: Vec<(NamespaceSet, Slot)>,
    /// Files of single namespaces, in the order in which they are entered.
    files: Vec<(NamespaceKind, Slot)>,
}

pub(super) fn hold(join: &Join, facts: &Facts, b: &mut Builder) -> Joins {
    let mut files: Vec<(NamespaceKind, Slot)> = join
        .from
        .iter()
        .filter(|(_, source)| matches!(source, Source::File(_) | Source::Number(_)))
        .map(|(kind, source)| (*kind, by_itself(source, b)))
        .collect();
    let mut whole = Vec::new();
    if let Some(target) = join.target {
        of_target(join, target, facts, &mut whole, &mut files, b);
    }
    for (kind, source) in &join.from {
        if let Source::ParentOf(path) = source {
            files.push((*kind, parent_of(path, b)));
        }
    }
    files.sort_by_key(|(kind, _)| ORDER.iter().position(|k| k == kind));
    Joins { whole, files }
}

fn by_itself(source: &Source, b: &mut Builder) -> Slot {
    match source {
        Source::Number(number) => {
            b.says(format!("cannot open namespace of id {number}"));
            let into = b.slot();
            b.op(Op::NamespaceByNumber { number: *number, into });
            into
        }
        Source::File(path) | Source::ParentOf(path) => open(path, OpenFor::Reading, b),
        Source::Socket(_) => Slot::CWD,
    }
}

fn parent_of(path: &Text, b: &mut Builder) -> Slot {
    let of = open(path, OpenFor::Reading, b);
    b.says("failed to open parent namespace");
    let into = b.slot();
    b.op(Op::ParentNamespace { of, into });
    into
}

/// KERNEL: a pidfd stands for all namespaces of its process since 5.8. Where there is none, as when the
/// process has just ended, each is entered by its file.
fn of_target(
    join: &Join,
    target: Target,
    facts: &Facts,
    whole: &mut Vec<(NamespaceSet, Slot)>,
    files: &mut Vec<(NamespaceKind, Slot)>,
    b: &mut Builder,
) {
    let socket = join.from.iter().find_map(|(_, source)| match source {
        Source::Socket(fd) => Some(*fd),
        _ => None,
    });
    let by_pidfd = facts.kernel.since(5, 8);
    let needed = by_pidfd && !join.of_target.is_empty();
    if !needed && socket.is_none() && target.inode.is_none() {
        files.extend(each_of(join.of_target, target, b));
        return;
    }
    b.says(words_for(target));
    let (from, into) = (b.mark(), b.slot());
    b.op(Op::Pidfd { target, into });
    if needed {
        b.decide(
            Topic::Walls,
            format!("{} namespaces of process {} joined (setns)", join.of_target, target.pid),
            "a pidfd stands for them all since Linux 5.8",
        );
        by_descriptor(join.of_target, into, whole, b);
        let to = b.mark();
        if target.inode.is_none() && socket.is_none() {
            let over = b.leave();
            b.rescue_to_here(from, to);
            files.extend(each_of(join.of_target, target, b));
            b.land(over);
        }
    } else {
        files.extend(each_of(join.of_target, target, b));
    }
    if let Some(fd) = socket {
        b.says(format!("pidfd_getfd({}, {fd})", target.pid));
        let network = b.slot();
        b.op(Op::NetworkOfSocket { process: into, fd, into: network });
        files.push((NamespaceKind::Net, network));
    }
}

fn words_for(target: Target) -> String {
    match target.inode {
        Some(inode) => format!("cannot open the process {}:{inode}", target.pid),
        None => format!("failed to pidfd_open() for {}", target.pid),
    }
}

/// One setns for all but the user namespace, and one for that.
fn by_descriptor(
    of_target: NamespaceSet,
    pidfd: Slot,
    whole: &mut Vec<(NamespaceSet, Slot)>,
    b: &mut Builder,
) {
    let user = NamespaceSet::from_iter([NamespaceKind::User]);
    let others = of_target.without(user);
    match (of_target.has(NamespaceKind::User), others.is_empty()) {
        (true, true) => whole.push((user, pidfd)),
        (true, false) => {
            let into = b.slot();
            b.op(Op::Duplicate { from: pidfd, into });
            whole.extend([(user, into), (others, pidfd)]);
        }
        (false, _) => whole.push((others, pidfd)),
    }
}

fn each_of(kinds: NamespaceSet, target: Target, b: &mut Builder) -> Vec<(NamespaceKind, Slot)> {
    let wanted = ORDER.into_iter().filter(|kind| kinds.has(*kind));
    wanted
        .map(|kind| {
            let path = format!("/proc/{}/ns/{}", target.pid, kind.proc_name());
            (kind, open(&Text::from(path), OpenFor::Reading, b))
        })
        .collect()
}

pub(super) fn enter(joins: &Joins, b: &mut Builder) {
    b.says("reassociate to namespaces failed");
    let is_user = |kinds: NamespaceSet| kinds.has(NamespaceKind::User);
    let has_user = joins.whole.iter().any(|(kinds, _)| is_user(*kinds))
        || joins.files.iter().any(|(kind, _)| *kind == NamespaceKind::User);
    if has_user {
        for (kinds, slot) in joins.steps().filter(|(kinds, _)| !is_user(*kinds)) {
            let from = b.mark();
            b.op(Op::EnterOnce { ns: slot, kinds });
            b.rescue_since(from, &[]);
        }
    }
    for (kinds, slot) in joins.steps().filter(|(kinds, _)| is_user(*kinds)) {
        enter_now(joins, kinds, slot, b);
    }
    for (kinds, slot) in joins.steps().filter(|(kinds, _)| !is_user(*kinds)) {
        enter_now(joins, kinds, slot, b);
    }
}

fn enter_now(joins: &Joins, kinds: NamespaceSet, slot: Slot, b: &mut Builder) {
    if joins.whole.iter().any(|(_, pidfd)| *pidfd == slot) {
        b.says("reassociate to namespaces failed");
    } else if let Some(kind) = kinds.iter().next() {
        b.says(format!("reassociate to namespace 'ns/{}' failed", kind.proc_name()));
    }
    b.op(Op::EnterOnce { ns: slot, kinds });
}

impl Joins {
    fn steps(&self) -> impl Iterator<Item = (NamespaceSet, Slot)> {
        let files = self.files.iter().map(|(kind, slot)| (NamespaceSet::from_iter([*kind]), *slot));
        self.whole.iter().copied().chain(files)
    }
}
