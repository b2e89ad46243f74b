//! The list of a process that starts its program in place: each action as the ops it comes down to,
//! in the order that was asked for.
//!
//! The words of the errors are those of `unshare(1)` and `nsenter(1)`, which scripts look for.

mod check;
mod ids;
mod join;
mod mounts;
mod words;

use super::builder::{Builder, List};
use super::entry;
use crate::action::{Action, Fork, Id, Place, Setgroups};
use crate::errno::ENOENT;
use crate::facts::Facts;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::plan::{ClockOffset, Plan};
use crate::program::{Op, OpenFor, Program, Slot, Start, Str, Topic, clock_name};
use crate::refusal::Refusal;
use crate::text::Text;
use join::Joins;

pub(crate) use check::check;

/// Kinds in the order in which namespaces are entered and bound: the user namespace first.
const ORDER: [NamespaceKind; 8] = [
    NamespaceKind::User,
    NamespaceKind::Cgroup,
    NamespaceKind::Ipc,
    NamespaceKind::Uts,
    NamespaceKind::Net,
    NamespaceKind::Pid,
    NamespaceKind::Mount,
    NamespaceKind::Time,
];

/// Where `execvp(3)` looks without a `PATH`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

pub(super) fn write(plan: &Plan, facts: &Facts, b: &mut Builder) -> Result<Program, Refusal> {
    let host_maps = ids::host_maps(plan, facts, b)?;
    b.write_to(List::Entry);
    let held: Vec<Held> = plan.actions.iter().map(|action| hold(action, facts, b)).collect();
    let helpers = start_helpers(plan, b);
    let mut list = Lowering { plan, facts, helpers, forked: None, owner_known: false };
    for (action, held) in plan.actions.iter().zip(held) {
        words::tell(action, b);
        list.action(action, held, b);
    }
    let name = plan.command.argv.first().cloned().unwrap_or_default();
    b.says(format!("failed to execute {name}"));
    b.op(Op::Exec);
    list.parent(b);
    Ok(Program {
        host_maps,
        candidates: candidates(plan, &name),
        argv: argv(plan, &name),
        env: entry::variables(&plan.command),
        ..in_place(facts, b)
    })
}

fn in_place(facts: &Facts, b: &mut Builder) -> Program {
    Program {
        start: Start::InPlace,
        arena: std::mem::take(&mut b.arena),
        slots: b.slot_count(),
        steps: std::mem::take(&mut b.steps),
        setup: std::mem::take(&mut b.setup),
        entry: std::mem::take(&mut b.entry),
        helpers: std::mem::take(&mut b.helpers),
        decisions: std::mem::take(&mut b.decisions),
        kernel: facts.kernel,
        ..Program::default()
    }
}

fn is_login_shell(plan: &Plan) -> bool {
    plan.actions.contains(&Action::LoginShell)
}

fn candidates(plan: &Plan, name: &Text) -> Vec<Text> {
    // A shell is named by its path, whatever that looks like.
    if is_login_shell(plan) || name.is_empty() {
        return vec![name.clone()];
    }
    entry::candidates(&plan.command, DEFAULT_PATH)
}

fn argv(plan: &Plan, name: &Text) -> Vec<Text> {
    let mut argv = plan.command.argv.clone();
    if let (true, Some(first)) = (is_login_shell(plan), argv.first_mut()) {
        let base = name.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
        *first = Text::from([b"-", base].concat());
    }
    argv
}

/// What an action needs from before everything else: a way back to where the process comes from.
enum Held {
    Nothing,
    File(Slot),
    Joins(Joins),
}

impl Held {
    fn slot(&self) -> Slot {
        if let Held::File(slot) = self { *slot } else { Slot::CWD }
    }
}

fn hold(action: &Action, facts: &Facts, b: &mut Builder) -> Held {
    let (path, how) = match action {
        Action::Join(join) => return Held::Joins(join::hold(join, facts, b)),
        Action::Chroot { to: Place::Held(path), .. } | Action::Chdir(Place::Held(path)) => {
            (path, OpenFor::Reading)
        }
        Action::SetGid(Id::OwnerOf(path)) | Action::SetUid(Id::OwnerOf(path)) => {
            (path, OpenFor::Reading)
        }
        Action::JoinCgroup(path) => (path, OpenFor::Appending),
        _ => return Held::Nothing,
    };
    if how == OpenFor::Appending {
        b.says("failed to open cgroup.procs");
        return Held::File(open_silently(path, how, b));
    }
    Held::File(open(path, how, b))
}

/// Opens a file whose absence is told by its name.
fn open(path: &Text, how: OpenFor, b: &mut Builder) -> Slot {
    b.says(format!("cannot open {path}"));
    open_silently(path, how, b)
}

fn open_silently(path: &Text, how: OpenFor, b: &mut Builder) -> Slot {
    let (into, path) = (b.slot(), b.str(path.as_bytes()));
    b.op(Op::Open { at: Slot::CWD, path, how, into });
    into
}

/// Opens, writes and closes, with other words for each failure.
fn put(path: &str, data: impl AsRef<[u8]>, words: [&str; 2], b: &mut Builder) {
    let [opening, writing] = words;
    b.says(format!("{opening} {path}"));
    let (into, at) = (b.slot(), b.str(path));
    b.op(Op::Open { at: Slot::CWD, path: at, how: OpenFor::Writing, into });
    b.says(format!("{writing} {path}"));
    let data = b.str(data);
    b.op(Op::Write { to: into, data });
    b.close(into);
}

/// The helpers that were started: those that bind, and those that map.
#[derive(Clone, Copy, Default)]
struct Helpers {
    binding: Option<u16>,
    mapping: Option<u16>,
}

/// KERNEL: a mount that is made in a new mount namespace is seen there alone, and in a new user
/// namespace there are no rights over the old one; a map of more than one's own id is only accepted
/// from outside. So processes that stay outside are started before, and do their part when it is time.
fn start_helpers(plan: &Plan, b: &mut Builder) -> Helpers {
    let mut helpers = Helpers::default();
    let own = unshared(plan);
    if persists(plan) && (own.has(NamespaceKind::Mount) || own.has(NamespaceKind::User)) {
        b.write_to(List::Helper);
        bind(plan, b);
        helpers.binding = Some(b.end_helper());
        b.decide(
            Topic::Walls,
            "namespaces are bound on files by a process that stays outside",
            "in the new mount namespace the files would show them to nobody else",
        );
    }
    if plan.actions.iter().any(|a| matches!(a, Action::MapFromOutside { .. })) {
        b.write_to(List::Helper);
        b.says("cannot map ids");
        b.op(Op::WriteIdMaps);
        helpers.mapping = Some(b.end_helper());
    }
    b.write_to(List::Entry);
    for helper in [helpers.binding, helpers.mapping].into_iter().flatten() {
        b.says("fork failed");
        b.op(Op::StartHelper(helper));
    }
    helpers
}

fn unshared(plan: &Plan) -> NamespaceSet {
    plan.actions.iter().fold(NamespaceSet::EMPTY, |all, action| match action {
        Action::Unshare(set) => all.union(*set),
        _ => all,
    })
}

fn persists(plan: &Plan) -> bool {
    plan.actions.iter().any(|a| matches!(a, Action::Persist { .. }))
}

fn bind(plan: &Plan, b: &mut Builder) {
    for kind in ORDER {
        for action in &plan.actions {
            let Action::Persist { kind: of, path } = action else { continue };
            if *of == kind {
                b.says(format!("cannot bind the {kind} namespace on {path}"));
                let on = b.str(path.as_bytes());
                b.op(Op::BindNamespace { kind, on });
            }
        }
    }
}

struct Lowering<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    helpers: Helpers,
    /// The op that forks.
    forked: Option<(u32, Fork)>,
    owner_known: bool,
}

impl Lowering<'_> {
    fn action(&mut self, action: &Action, held: Held, b: &mut Builder) {
        match action {
            Action::DefaultSigchld => {
                b.says("signal handler reset failed");
                b.op(Op::DefaultSignal(SIGCHLD));
            }
            Action::Become { uid, gid } => {
                ids::drop_groups(crate::action::Demand::Must, b);
                ids::set_gid(Some(*gid), b);
                ids::set_uid(Some(*uid), b);
            }
            Action::Unshare(set) => self.unshare(*set, b),
            Action::MapFromOutside { .. } => self.await_helper(self.helpers.mapping, b),
            Action::MapOwnUser(inner) => ids::map_user(*inner, self.facts, b),
            Action::MapOwnGroup(inner) => ids::map_group(*inner, self.facts, b),
            Action::Setgroups(policy) => ids::setgroups(*policy, b),
            Action::Clock(offset) => clock(*offset, b),
            Action::Fork(fork) => self.fork(*fork, b),
            Action::Persist { .. } if self.forked.is_none() => self.persist(action, b),
            Action::Join(_) => {
                if let Held::Joins(joins) = held {
                    join::enter(&joins, b);
                }
            }
            Action::JoinCgroup(_) => {
                b.says("write cgroup.procs failed");
                let data = b.str("0");
                b.op(Op::Write { to: held.slot(), data });
            }
            Action::ExecContext(context) => {
                let words = ["failed to open", "failed to set exec context"];
                put("/proc/thread-self/attr/exec", context.as_bytes(), words, b);
            }
            Action::SetGid(id) => {
                let id = self.id(id, held.slot(), b);
                ids::set_gid(id, b);
            }
            Action::SetUid(id) => {
                let id = self.id(id, held.slot(), b);
                ids::set_uid(id, b);
            }
            Action::DropGroups(demand) => ids::drop_groups(*demand, b),
            Action::KeepCapabilities => {
                b.says("cannot keep the capabilities");
                b.op(Op::KeepCapabilities);
            }
            Action::Persist { .. } | Action::LoginShell => {}
            _ => mounts::action(action, held.slot(), b),
        }
    }

    fn unshare(&self, set: NamespaceSet, b: &mut Builder) {
        let older = self.keeps_mounts(set).then(|| {
            let from = b.mark();
            let older = open_silently(&Text::from("/proc/self/ns/mnt"), OpenFor::Reading, b);
            b.rescue_since(from, &[]);
            older
        });
        b.says("unshare failed");
        b.op(Op::Unshare(set));
        if let Some(older) = older {
            b.op(Op::RenewMounts { older });
            b.close(older);
        }
    }

    /// KERNEL: a mount namespace can be bound only in an older one. What tells the age is its number, and
    /// since Linux 6.18 each processor hands out numbers from a supply of its own: one that was made
    /// later on another processor can have the smaller one.
    fn keeps_mounts(&self, set: NamespaceSet) -> bool {
        let mounts = NamespaceKind::Mount;
        let kept = |a: &Action| matches!(a, Action::Persist { kind, .. } if *kind == mounts);
        set.has(mounts) && self.plan.actions.iter().any(kept)
    }

    fn await_helper(&self, helper: Option<u16>, b: &mut Builder) {
        if let Some(helper) = helper {
            b.says("waitpid failed");
            b.op(Op::AwaitHelper(helper));
        }
    }

    /// The files are bound all at once, at the first of them.
    fn persist(&self, action: &Action, b: &mut Builder) {
        let first = self.plan.actions.iter().find(|a| matches!(a, Action::Persist { .. }));
        if first.is_some_and(|first| std::ptr::eq(first, action)) {
            self.bind_now(b);
        }
    }

    fn bind_now(&self, b: &mut Builder) {
        match self.helpers.binding {
            Some(_) => self.await_helper(self.helpers.binding, b),
            None => bind(self.plan, b),
        }
    }

    fn fork(&mut self, how: Fork, b: &mut Builder) {
        // KERNEL: a child that shares its parent's memory also stays in its time namespace. And a parent
        // that has something to do meanwhile must not stand still.
        let vfork = !unshared(self.plan).has(NamespaceKind::Time) && !persists(self.plan);
        b.says("fork failed");
        let at = b.mark();
        b.op(Op::Fork { how, vfork, parent: 0 });
        self.forked = Some((at, how));
    }

    /// What the process does that waits.
    fn parent(&self, b: &mut Builder) {
        let Some((at, how)) = self.forked else { return };
        b.land(at);
        if persists(self.plan) {
            self.bind_now(b);
        }
        b.says("waitpid failed");
        b.op(Op::WaitForChild(how.parent));
    }

    fn id(&mut self, id: &Id, held: Slot, b: &mut Builder) -> Option<u32> {
        let Id::Number(number) = id else {
            if !std::mem::replace(&mut self.owner_known, true) {
                b.says("can not get process stat");
                b.op(Op::OwnerOf(held));
            }
            return None;
        };
        Some(*number)
    }
}

/// The same on every architecture that dwell runs on.
const SIGCHLD: i32 = 17;

fn clock(offset: ClockOffset, b: &mut Builder) {
    let line = format!("{} {} 0", clock_name(offset.clock), offset.seconds);
    put("/proc/self/timens_offsets", line, ["failed to open", "failed to write to"], b);
}

/// A string that several ops use.
fn text(text: &Text, b: &mut Builder) -> Str {
    b.str(text.as_bytes())
}

/// KERNEL: there is no such file before Linux 3.19, and then nothing to be said.
fn setgroups(policy: Setgroups, b: &mut Builder) {
    let word = match policy {
        Setgroups::Allow => "allow",
        Setgroups::Deny => "deny",
    };
    let from = b.mark();
    put("/proc/self/setgroups", word, ["cannot open", "write failed"], b);
    b.rescue_since(from, &[ENOENT]);
}
