//! The list of the process that becomes the program.

use super::Context;
use super::builder::Builder;
use super::landlock::{self, Confinement};
use super::proofs;
use super::{seccomp, setup};
use crate::caps::CapSet;
use crate::errno::{EACCES, ENOENT, ENOTDIR, EPERM};
use crate::namespace::NamespaceKind;
use crate::plan::{CapabilityChange, Command, Origin, User};
use crate::program::{Filter, Op, Slot, Topic, own_terminal};
use crate::rlimit;
use crate::text::Text;

/// What `execve(2)` is given.
pub(super) struct Prepared {
    pub(super) candidates: Vec<Text>,
    pub(super) env: Vec<Text>,
    pub(super) groups: Vec<u32>,
    pub(super) filter: Option<Filter>,
}

const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";

pub(super) fn write(
    cx: &Context<'_>,
    b: &mut Builder,
    peer: Option<Slot>,
    (confinement, ruleset): (Option<&Confinement>, Option<Slot>),
) -> Prepared {
    b.step("start", "the program's process", None);
    if setup::pins(cx) {
        b.op(Op::Unpin);
        // KERNEL: the parent, which has just gone to sleep, still counts for this processor (Linux 6.12: until it
        // would have had its turn), and execve(2) would move the program to another one, which has to wake.
        b.op(Op::Yield);
    }
    terminal(cx, b, peer);
    limits(cx, b);
    let Rights { groups, held, bounded } = rights(cx, b);
    working_directory(cx, b);
    // KERNEL: whoever changes its ids does not die with its parent any more (prctl(2)).
    if !cx.owns(NamespaceKind::Pid) || cx.plan.process.as_pid_1 {
        b.step("start", "the program's process", None);
        b.op(Op::DieWithParent);
    }
    let program = cx.plan.command.argv.first().cloned().unwrap_or_default();
    b.step("run", program.to_string(), None);
    b.op(Op::RestoreUmask);
    b.op(Op::KeepDescriptors);
    b.op(Op::ResetSignals);
    if cx.no_new_code() {
        b.step("refuse", "memory that is written and executed", None);
        b.op(Op::RefuseExecGain);
    }
    landlock::confine(confinement, ruleset, b);
    proofs::before_filter(cx, b, held.0, bounded);
    // Last: what a profile refuses may be what the ops before need.
    let filter = seccomp::filter(cx, b);
    proofs::after_filter(cx, b, filter.is_some());
    b.step("run", program.to_string(), None);
    b.op(Op::Exec);
    let candidates = candidates(&cx.plan.command, DEFAULT_PATH);
    Prepared { candidates, env: environment(cx), groups, filter }
}

/// KERNEL: `kill(0, …)` reaches the whole process group and a terminal's signals its foreground group,
/// so the program leads a group of its own; process 1 leads the session.
fn terminal(cx: &Context<'_>, b: &mut Builder, peer: Option<Slot>) {
    if !cx.plan.process.as_pid_1 {
        b.op(Op::NewGroup);
    }
    let Some(peer) = peer else { return };
    b.op(Op::Foreground(peer));
    for (fd, is_terminal) in (0u8..).zip(own_terminal(cx.plan.process.pty, cx.facts.terminals)) {
        if is_terminal {
            b.op(Op::Stdio { from: peer, to: fd });
        }
    }
}

/// KERNEL: a core dump goes where the machine's `kernel.core_pattern` says: into a file or to a program
/// that runs on the machine as root. 1 is the one limit by which neither happens: with 0 such a program is
/// still started (`core(5)`, fs/coredump.c).
const NO_CORE: u64 = 1;

fn limits(cx: &Context<'_>, b: &mut Builder) {
    if !cx.plan.process.rlimits.iter().any(|limit| limit.name == "core")
        && let Some(resource) = rlimit::resource("core")
    {
        b.step("set", "the limit core", None);
        let from = b.mark();
        b.op(Op::Rlimit { resource, soft: NO_CORE, hard: NO_CORE });
        // The caller's own limit is 0 already, and only root may raise it.
        b.rescue_since(from, &[EPERM]);
        b.decide(
            Topic::Process,
            "no core dumps",
            "they would leave the world: to a file or a program that the machine chooses",
        );
    }
    for limit in cx.plan.process.rlimits.iter().chain(&cx.enforced.rlimits) {
        let Some(resource) = rlimit::resource(&limit.name) else { continue };
        b.step("set", format!("the limit {}", limit.name), None);
        let value = |v: Option<u64>| v.unwrap_or(u64::MAX);
        b.op(Op::Rlimit { resource, soft: value(limit.soft), hard: value(limit.hard) });
    }
    if let Some(nice) = cx.plan.process.nice {
        b.step("set", "the nice value", Some(&Origin::Option(format!("--nice {nice}"))));
        b.op(Op::Nice(nice));
    }
}

/// What the program may do.
struct Rights {
    groups: Vec<u32>,
    /// The capabilities that it has.
    held: CapSet,
    /// Whether it can get no others.
    bounded: bool,
}

/// KERNEL: the order matters. Dropping from the bounding set needs `CAP_SETPCAP`, changing groups
/// `CAP_SETGID`, so both come before the ids change, which takes all capabilities from anybody but
/// id 0; ambient ones can only be raised when permitted and inheritable hold them.
fn rights(cx: &Context<'_>, b: &mut Builder) -> Rights {
    let keep = kept(cx);
    let ids = &cx.ids;
    let mut groups = Vec::new();
    b.step("set", "the program's ids and capabilities", None);
    let may_bound = cx.owns(NamespaceKind::User) || cx.facts.caller.is_admin();
    if may_bound {
        b.op(Op::BoundingSet { keep: keep.0 });
    }
    if ids.change {
        if let Some(like) = &cx.plan.process.surroundings {
            groups.extend(&like.groups);
            let from = b.mark();
            b.op(Op::SetGroups);
            // The caller's have been left behind already, or could not be.
            b.rescue_since(from, &[EPERM]);
        } else if cx.plan.identity.user != User::Caller {
            groups.push(ids.gid);
            b.op(Op::SetGroups);
        }
        b.op(Op::SetIds { uid: ids.uid, gid: ids.gid });
    }
    let held = if ids.change && ids.uid != 0 { CapSet::EMPTY } else { keep };
    b.op(Op::Capabilities { set: held.0, inheritable: if ids.uid == 0 { 0 } else { held.0 } });
    b.op(Op::Ambient { set: if ids.uid == 0 { 0 } else { held.0 } });
    b.op(Op::NoNewPrivs);
    b.decide(
        Topic::Process,
        format!("capabilities: {held:?}"),
        if held == CapSet::EMPTY && cx.is_confined() {
            "without namespaces they would be power over the machine"
        } else if held == CapSet::EMPTY {
            "the program is not the world's root"
        } else {
            "the program is the world's root"
        },
    );
    b.decide(
        Topic::Process,
        "no new privileges",
        "set-user-ID programs and file capabilities add nothing",
    );
    Rights { groups, held, bounded: may_bound }
}

/// What the program keeps: nothing as a user, a safe selection as root; then what was asked for.
pub(super) fn kept(cx: &Context<'_>) -> CapSet {
    // Without namespaces a capability is power over the machine.
    let root = cx.ids.uid == 0 && !cx.is_confined();
    let mut set = if root { CapSet::WORLD_ROOT } else { CapSet::EMPTY };
    for change in &cx.plan.process.capabilities {
        let (CapabilityChange::Add(name) | CapabilityChange::Drop(name)) = change;
        let named = CapSet::named(name).unwrap_or_default();
        set = if matches!(change, CapabilityChange::Add(_)) {
            set.with(named)
        } else {
            set.without(named)
        };
    }
    available(cx, set)
}

/// What the first process has to hold to pass signals on to the program and to end what that leaves.
///
/// KERNEL: a process of another user is signalled with `CAP_KILL` alone (`kill(2)`); and a program that may
/// change its user can become one.
pub(super) fn to_end_program(cx: &Context<'_>) -> CapSet {
    let ids = &cx.ids;
    let becomes = ids.change && ids.uid != 0;
    if !becomes && kept(cx).0 & CapSet::SETUID.0 == 0 {
        return CapSet::EMPTY;
    }
    available(cx, CapSet::KILL)
}

/// What can be had of a set: all in another user namespace, else what the caller has.
fn available(cx: &Context<'_>, set: CapSet) -> CapSet {
    if cx.leaves_users() { set } else { CapSet(set.0 & cx.facts.caller.capabilities) }
}

fn working_directory(cx: &Context<'_>, b: &mut Builder) {
    let Some(workdir) = &cx.plan.command.workdir else { return };
    b.step("change to", format!("the working directory {}", workdir.path), None);
    let path = b.str(workdir.path.as_bytes());
    let from = b.mark();
    b.op(Op::Chdir(path));
    if !workdir.required {
        b.rescue_since(from, &[ENOENT, ENOTDIR, EACCES]);
    }
}

/// The paths to try for the program: itself, or in each directory of its `PATH`.
pub(super) fn candidates(command: &Command, default_path: &[u8]) -> Vec<Text> {
    let program = command.argv.first().cloned().unwrap_or_default();
    if program.as_bytes().contains(&b'/') {
        return vec![program];
    }
    let path = command.env.iter().rev().find(|v| v.name == "PATH");
    let path = path.map_or(default_path, |v| v.value.as_bytes());
    let full = |dir: &[u8]| {
        let dir = if dir.is_empty() { b"." } else { dir };
        Text::from([dir, b"/", program.as_bytes()].concat())
    };
    path.split(|b| *b == b':').map(full).collect()
}

fn environment(cx: &Context<'_>) -> Vec<Text> {
    let mut env = variables(&cx.plan.command);
    if let Some(workdir) = &cx.plan.command.workdir {
        env.push(Text::from([b"PWD=", workdir.path.as_bytes()].concat()));
    }
    env
}

/// The environment as `execve(2)` takes it.
pub(super) fn variables(command: &Command) -> Vec<Text> {
    let one = |name: &[u8], value: &[u8]| Text::from([name, b"=", value].concat());
    command.env.iter().map(|v| one(v.name.as_bytes(), v.value.as_bytes())).collect()
}
