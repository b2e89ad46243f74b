//! The list of the first process, and the Program around it.

use super::builder::{Builder, List};
use super::emit::{self, Mounted};
use super::settings::{self, Settings};
use super::view::{Node, View};
use super::{Context, beginning, decide_wall, entry, landlock};
use crate::cgroups::Version;
use crate::errno::{EACCES, EINVAL, EPERM};
use crate::group::Maker;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::plan::{Origin, Plan};
use crate::program::{
    Aside, Barrier, HostFileKind, Op, Program, PtySource, Slot, Start, Str, Topic, clock_name,
    own_terminal,
};
use crate::refusal::Refusal;
use crate::text::Text;

pub(super) fn write(
    cx: &Context<'_>,
    view: Option<&View>,
    b: &mut Builder,
) -> Result<Program, Refusal> {
    let confinement = landlock::decide(cx, view, b)?;
    b.write_to(List::Setup);
    beginning::write(cx.plan, &cx.facts.caller, b);
    b.step("prepare", "the new process", None);
    b.op(Op::CloseInherited);
    b.op(Op::ClearUmask);
    b.op(Op::DieWithParent);
    let entered = enter_group(cx, b) || enter_groups_of_process(cx, b);
    let surroundings = find_surroundings(cx, b);
    let mut clone = namespaces(cx, b);
    if entered && clone.has(NamespaceKind::Cgroup) {
        // KERNEL: a cgroup namespace begins at the group of whoever makes it, and a first clone is made
        // by the host side.
        clone.remove(NamespaceKind::Cgroup);
        b.step("make", "the cgroup namespace", None);
        b.op(Op::Unshare(NamespaceSet::from_iter([NamespaceKind::Cgroup])));
    }
    let aside = makes_net_aside(cx.plan).then(|| Beside::new(b));
    if aside.is_some() {
        clone.remove(NamespaceKind::Net);
    }
    ids(cx, b);
    clocks(cx, b);
    if in_steps(cx.plan) {
        beginning::name(cx.plan, b);
    }
    links(cx, aside, b);
    if let Some(found) = surroundings {
        take_surroundings(&found, b);
    }
    let settings = view.is_none().then(|| write_settings(cx, b)).flatten();
    let (layer, settings) = match view {
        Some(view) => files(cx, view, aside, b),
        None => (None, settings),
    };
    second_user_namespace(cx, settings, b);
    if let Some(settings) = settings {
        settings.close(b);
    }
    let (pty, peer) = terminal(cx, b);
    let ruleset = confinement.as_ref().and_then(|built| landlock::write(cx, built, peer, b));
    last_steps(cx, b, peer, layer, aside.map(|aside| aside.net));
    b.write_to(List::Entry);
    let walls = (confinement.as_ref(), ruleset);
    let command = entry::write(cx, b, peer, walls);
    let aside = aside.map(|Beside { socket, process, given, .. }| {
        let list = std::mem::take(&mut b.beside);
        Aside { socket, process, given, list }
    });
    let mut program = Program { clone, aside, pty, ..finish(cx, b, command) };
    program.notes.extend(confinement.into_iter().flat_map(|built| built.notes));
    Ok(program)
}

/// Puts the first process where the limits hold, before anything else. Whether there is such a group.
fn enter_group(cx: &Context<'_>, b: &mut Builder) -> bool {
    if let Some(score) = cx.plan.process.oom_score_adj {
        let origin = Origin::Option(format!("--oom-score {score}"));
        b.step("set", "the OOM score", Some(&origin));
        write_file(b, "/proc/self/oom_score_adj", &score.to_string());
    }
    let Some(group) = &cx.enforced.group else { return false };
    b.step("enter", "the control group", None);
    match group.maker {
        Maker::Systemd { .. } => b.op(Op::Barrier(Barrier::Group)),
        // The part in version 2 is entered by the clone.
        Maker::Caller => {
            for member in group.members.iter().filter(|m| m.version == Version::V1) {
                let tasks = Text::from([group.inner(member).as_bytes(), b"/tasks"].concat());
                let slot = b.host_file(HostFileKind::Tasks(tasks));
                b.op(Op::EnterGroup(slot));
            }
        }
    }
    true
}

/// Puts the first process into the control groups of the process that is followed, while the files by
/// which that is done can be reached. Whether there are any.
fn enter_groups_of_process(cx: &Context<'_>, b: &mut Builder) -> bool {
    let Some(like) = &cx.plan.process.surroundings else { return false };
    for tasks in &like.tasks {
        let object = format!("the control group of process {}", like.pid);
        b.step("enter", object, Some(&like.origin));
        let slot = b.host_file(HostFileKind::Tasks(tasks.clone()));
        b.op(Op::EnterGroup(slot));
    }
    !like.tasks.is_empty()
}

/// Whether the namespaces cannot all be made by the first clone: what is joined must be entered
/// before a new user namespace takes the right to, and a process is never itself in the time namespace
/// that it makes.
pub(super) fn in_steps(plan: &Plan) -> bool {
    let time = plan.namespaces.owns(NamespaceKind::Time);
    !plan.namespaces.join.is_empty() || (plan.process.as_pid_1 && time)
}

fn namespaces(cx: &Context<'_>, b: &mut Builder) -> NamespaceSet {
    let mut own = cx.plan.namespaces.own;
    own.remove(NamespaceKind::Time);
    if !in_steps(cx.plan) {
        return own;
    }
    join(cx, b);
    if !own.is_empty() {
        b.step("make", format!("the {own} namespaces"), None);
        b.op(Op::Unshare(own));
    }
    NamespaceSet::EMPTY
}

/// KERNEL: a namespace is entered by who has the rights in the user namespace that owns it. The program
/// of a world may live in a user namespace below that one, and entering it gives up the rights above: so
/// where a user namespace is joined, first the owner of the others, then those, and it last.
fn join(cx: &Context<'_>, b: &mut Builder) {
    let mut joins: Vec<_> = cx.plan.namespaces.join.iter().collect();
    joins.sort_by_key(|j| (j.kind == NamespaceKind::User, j.kind));
    let user = joins.iter().any(|j| j.kind == NamespaceKind::User);
    for (n, join) in joins.iter().enumerate() {
        b.step("join", format!("the {} namespace {}", join.kind, join.path), Some(&join.origin));
        let ns = b.host_file(HostFileKind::Namespace(join.path.clone()));
        // Root of the machine has the rights over all of them from outside, whoever owns which.
        let from_outside = cx.plan.process.surroundings.is_some() && cx.facts.caller.is_admin();
        if user && n == 0 && join.kind != NamespaceKind::User && !from_outside {
            b.op(Op::EnterOwner { ns });
        }
        let from = b.mark();
        b.op(Op::Enter { ns, kind: join.kind });
        if join.kind == NamespaceKind::User && n > 0 {
            // The owner of the others is the one that was asked for.
            b.rescue_since(from, &[EINVAL]);
        }
        b.close(ns);
    }
}

/// The directories of a process that is to be followed, held by descriptor.
struct Found {
    root: Slot,
    workdir: Option<Slot>,
    pid: i32,
}

/// Opens what is taken over from a process, and leaves the caller's groups behind.
///
/// KERNEL: in a user namespace that allows no `setgroups(2)` nobody can do so any more, and a group of
/// root's would go in. An ordinary caller may not do it here either, and keeps no more than their own.
fn find_surroundings(cx: &Context<'_>, b: &mut Builder) -> Option<Found> {
    let wanted = cx.plan.process.surroundings.as_ref()?;
    let pid = wanted.pid;
    b.step("find", format!("process {pid}"), Some(&wanted.origin));
    let process = b.host_file(HostFileKind::Process(pid));
    b.close(process);
    b.step("find", format!("the root directory of process {pid}"), Some(&wanted.origin));
    let root = b.host_file(HostFileKind::Directory(format!("/proc/{pid}/root").into()));
    let workdir = wanted.workdir.then(|| {
        b.step("find", format!("the working directory of process {pid}"), Some(&wanted.origin));
        b.host_file(HostFileKind::Directory(format!("/proc/{pid}/cwd").into()))
    });
    b.step("leave", "the caller's groups", None);
    let from = b.mark();
    b.op(Op::LeaveGroups);
    b.rescue_since(from, &[EPERM]);
    Some(Found { root, workdir, pid })
}

/// KERNEL: entering a mount namespace puts a process at its very root, wherever its processes are.
fn take_surroundings(found: &Found, b: &mut Builder) {
    let Found { root, workdir, pid } = *found;
    b.step("enter", format!("the root directory of process {pid}"), None);
    b.op(Op::ChdirTo(root));
    let here = b.str(".");
    b.op(Op::Chroot(here));
    b.close(root);
    if let Some(workdir) = workdir {
        b.step("enter", format!("the working directory of process {pid}"), None);
        let from = b.mark();
        b.op(Op::ChdirTo(workdir));
        b.rescue_since(from, &[EACCES]);
        b.close(workdir);
    }
}

fn ids(cx: &Context<'_>, b: &mut Builder) {
    if let Some(maps) = &cx.ids.own_maps
        && beginning::own_maps(cx.plan, &cx.facts.caller).is_none()
    {
        beginning::map_own_id(maps, b);
    }
    if cx.ids.host_maps.is_some() {
        b.step("map", "ids into the user namespace", None);
        b.op(Op::Barrier(Barrier::IdMaps));
        if let Some((uid, gid)) = cx.ids.become_first {
            b.op(Op::SetIds { uid, gid });
        }
    }
}

pub(super) fn write_file(b: &mut Builder, path: &str, data: &str) {
    let (path, data) = (b.str(path), b.str(data));
    b.op(Op::WriteFile { path, data });
}

fn clocks(cx: &Context<'_>, b: &mut Builder) {
    if cx.owns(NamespaceKind::Time) {
        b.step("make", "the time namespace", None);
        b.op(Op::Unshare(NamespaceSet::from_iter([NamespaceKind::Time])));
        let lines: String = cx
            .plan
            .clocks
            .iter()
            .map(|c| format!("{} {} 0\n", clock_name(c.clock), c.seconds))
            .collect();
        if !lines.is_empty() {
            b.step("set", "the offsets of the clocks", None);
            write_file(b, "/proc/self/timens_offsets", &lines);
        }
    }
    // A process that unshares a pid or time namespace is not in it: only its children are.
    if in_steps(cx.plan) && (cx.owns(NamespaceKind::Pid) || cx.plan.process.as_pid_1) {
        b.step("start", "the first process of the namespaces", None);
        b.op(Op::ForkSibling);
        b.op(Op::DieWithParent);
    }
}

/// The namespaces of the first clone, where they follow from the Plan alone and the network namespace
/// is made beside it: then both can be started before anything is known of the machine.
///
/// A process that is to be in a control group of its own must begin there, and one that has a score of its
/// own for when memory runs out must not share the memory.
pub(super) fn ahead(plan: &Plan) -> Option<NamespaceSet> {
    let grouped = !plan.limits.is_none() || plan.cgroup.asks_for_a_group();
    let alone = grouped || plan.process.oom_score_adj.is_some() || !plan.actions.is_empty();
    (makes_net_aside(plan) && !alone).then(|| {
        let mut own = plan.namespaces.own;
        own.remove(NamespaceKind::Time);
        own.remove(NamespaceKind::Net);
        own
    })
}

/// The slots that first process and helper have for each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    pub(super) socket: Slot,
    pub(super) process: Slot,
    pub(super) given: Slot,
    /// The network namespace.
    pub(super) net: Slot,
}

impl Beside {
    fn new(b: &mut Builder) -> Self {
        Beside { socket: b.slot(), process: b.slot(), given: b.slot(), net: b.slot() }
    }
}

/// Whether the network namespace is made by a helper of the host side while the mounts are made.
fn makes_net_aside(plan: &Plan) -> bool {
    let owns = |kind| plan.namespaces.owns(kind);
    owns(NamespaceKind::Net) && owns(NamespaceKind::Mount) && !in_steps(plan)
}

fn links(cx: &Context<'_>, aside: Option<Beside>, b: &mut Builder) {
    if cx.owns(NamespaceKind::Net) && aside.is_none() {
        b.step("bring up", "the loopback interface", None);
        let lo = b.str("lo");
        b.op(Op::InterfaceUp(lo));
    }
}

/// Mounts everything and makes it the root. Returns the upper directory of the layer that the working
/// directory lies in.
fn files(
    cx: &Context<'_>,
    view: &View,
    aside: Option<Beside>,
    b: &mut Builder,
) -> (Option<(Slot, Str)>, Option<Settings>) {
    if !cx.owns(NamespaceKind::User) {
        b.step("make private", "the mounts", None);
        b.op(Op::Private);
    }
    let mounted = emit::mounts(cx, view, aside, b);
    let layer = working_layer(cx, view, &mounted, b);
    let settings = write_settings(cx, b);
    b.added = mounted.added;
    b.step("change", "the root directory", None);
    b.op(Op::ChdirTo(mounted.root));
    exchange_root(cx, mounted.root, b);
    let root = b.str("/");
    b.op(Op::Chdir(root));
    (layer, settings)
}

fn write_settings(cx: &Context<'_>, b: &mut Builder) -> Option<Settings> {
    let settings = settings::open(cx, b)?;
    settings.write_sysctls(cx, b);
    Some(settings)
}

/// KERNEL: the first file system of a mount namespace (an initramfs that stays) hangs nowhere and can be
/// neither moved nor taken away, so `pivot_root(2)` refuses it (EINVAL). It is covered instead. Whoever goes
/// up from below `/` meets what covers it, and only a program that may unmount could take that off: such a
/// world is not started.
fn exchange_root(cx: &Context<'_>, tree: Slot, b: &mut Builder) {
    if cx.root_is_first() {
        b.decide(
            Topic::Files,
            "the world's root covers the machine's (move_mount, chroot)",
            "the machine's root is the kernel's first file system, which pivot_root does not exchange",
        );
        b.op(Op::CoverRoot(tree));
        return;
    }
    let pivot = b.mark();
    b.op(Op::PivotRoot);
    // On top of the new root lies the old one, and on top of that perhaps the scratch.
    if cx.facts.spot.is_root() {
        b.op(Op::Detach);
    }
    b.op(Op::Detach);
    // Where the list of mounts was not wanted for anything else, this is how it shows.
    if cx.facts.mounts.is_empty() && !cx.may_unmount() {
        let over = b.leave();
        b.rescue_one(pivot, &[EINVAL]);
        b.op(Op::CoverRoot(tree));
        b.land(over);
    }
}

fn working_layer(
    cx: &Context<'_>,
    view: &View,
    mounted: &Mounted,
    b: &mut Builder,
) -> Option<(Slot, Str)> {
    let workdir = &cx.plan.command.workdir.as_ref()?.path;
    let (at, placed) = view.nearest(workdir)?;
    let Node::Layer { source, read_only: false } = &placed.node else { return None };
    if *source != *at.text() || cx.plan.process.as_pid_1 {
        return None;
    }
    let (_, number) = mounted.layers.iter().find(|(path, _)| path == at)?;
    b.step("open", "the layer of the working directory", None);
    let into = b.slot();
    let path = b.str(format!("u/{number}"));
    b.op(Op::OpenDir { at: mounted.uppers, path, into });
    let below = b.str(at.remainder(workdir).unwrap_or_default());
    Some((into, below))
}

fn second_user_namespace(cx: &Context<'_>, settings: Option<Settings>, b: &mut Builder) {
    // Where code of its own is refused, the world's own /proc cannot be written any more.
    let proc = settings.filter(|_| cx.no_new_code());
    if let Some(maps) = &cx.ids.second {
        b.step("make", "the program's user namespace", None);
        b.op(Op::Unshare(NamespaceSet::from_iter([NamespaceKind::User])));
        for (file, map) in [("uid_map", &maps.users), ("gid_map", &maps.groups)] {
            match proc {
                Some(proc) => {
                    proc.write(b, &format!("self/{file}"), map.kernel_text().as_bytes());
                }
                None => write_file(b, &format!("/proc/self/{file}"), &map.kernel_text()),
            }
        }
    }
    if let Some(settings) = settings {
        settings.limit_namespaces(cx, b);
    }
}

/// The program's terminal and the slot of its peer.
fn terminal(cx: &Context<'_>, b: &mut Builder) -> (PtySource, Option<Slot>) {
    if own_terminal(cx.plan.process.pty, cx.facts.terminals) == [false; 3] {
        return (PtySource::None, None);
    }
    b.step("open", "a terminal", None);
    let peer = b.slot();
    if !cx.owns(NamespaceKind::Mount) || !cx.ids.has_root {
        return (PtySource::Host(peer), Some(peer));
    }
    let master = b.slot();
    let ptmx = b.str("/dev/pts/ptmx");
    b.op(Op::OpenPty { ptmx, master, peer });
    b.op(Op::SendPty(master));
    (PtySource::World, Some(peer))
}

fn last_steps(
    cx: &Context<'_>,
    b: &mut Builder,
    peer: Option<Slot>,
    layer: Option<(Slot, Str)>,
    net: Option<Slot>,
) {
    b.step("start", "the program's process", None);
    b.op(Op::HideArguments);
    b.op(Op::NewSession);
    if let Some(peer) = peer {
        b.op(Op::ControllingTerminal(peer));
    }
    let own_pids = cx.owns(NamespaceKind::Pid) || cx.plan.process.as_pid_1;
    b.op(if own_pids { Op::DieWithParent } else { Op::ReapOrphans });
    if cx.plan.process.as_pid_1 {
        b.op(Op::Become);
        return;
    }
    b.op(Op::Undumpable);
    // KERNEL: a child that shares its parent's memory also stays in its time namespace.
    let vfork = !cx.owns(NamespaceKind::Time);
    if pins(cx) {
        let from = b.mark();
        b.op(Op::Pin);
        b.rescue_to_here(from, from + 1);
    }
    b.op(Op::Spawn { vfork });
    if pins(cx) {
        b.op(Op::Unpin);
    }
    b.op(Op::Capabilities { set: entry::to_end_program(cx).0, inheritable: 0 });
    b.op(Op::NoNewPrivs);
    let (layer, below) = layer.map_or((None, b.str("")), |(slot, below)| (Some(slot), below));
    b.op(Op::Reap { layer, below, outlived: net });
}

/// Whether the program's process begins on the processor of the first one, which then may use all again.
///
/// KERNEL: a new process goes to the idlest processor, and one that has been idle takes long to wake. With
/// `CLONE_VFORK` its parent stands still at once and has a warm one to give. Who was confined before cannot be given
/// back what it had: what was asked for last holds too when its cpuset gets more processors later (Linux 6.2).
pub(super) fn pins(cx: &Context<'_>) -> bool {
    cx.facts.any_processor && !cx.plan.process.as_pid_1 && !cx.owns(NamespaceKind::Time)
}

fn finish(cx: &Context<'_>, b: &mut Builder, command: entry::Prepared) -> Program {
    Program {
        start: Start::World,
        arena: std::mem::take(&mut b.arena),
        slots: b.slot_count(),
        steps: std::mem::take(&mut b.steps),
        clone: NamespaceSet::EMPTY,
        aside: None,
        group: cx.enforced.group.clone(),
        wants_usage: cx.plan.cgroup.counts(),
        to_end: entry::to_end_program(cx),
        own_memory: has_group(cx) || cx.plan.process.oom_score_adj.is_some(),
        notes: cx.enforced.notes.clone(),
        host_files: std::mem::take(&mut b.host_files),
        disk_layer: cx.disk_layer().cloned(),
        remove_after: std::mem::take(&mut b.added),
        host_maps: cx.ids.host_maps.clone(),
        setup: std::mem::take(&mut b.setup),
        entry: std::mem::take(&mut b.entry),
        helpers: Vec::new(),
        candidates: command.candidates,
        argv: cx.plan.command.argv.clone(),
        env: command.env,
        groups: command.groups,
        keep_fds: cx.plan.process.keep_fds.clone(),
        pty: PtySource::None,
        pty_input: own_terminal(cx.plan.process.pty, cx.facts.terminals)[0],
        timeout_ms: cx.plan.process.timeout_ms,
        filter: command.filter,
        decisions: std::mem::take(&mut b.decisions),
        kernel: cx.facts.kernel,
    }
}

/// Whether the world's processes are in a control group in which the caller is not.
///
/// KERNEL: whoever shares the memory of a process that is killed because a group has no more is killed too.
fn has_group(cx: &Context<'_>) -> bool {
    let joined = cx.plan.process.surroundings.as_ref().is_some_and(|like| !like.tasks.is_empty());
    cx.enforced.group.is_some() || joined
}

/// What each wall hides, for `--explain`.
pub(super) fn explain_walls(plan: &Plan, b: &mut Builder) {
    for kind in NamespaceKind::ALL {
        let (hides, _) = crate::explain::about(kind);
        if plan.namespaces.owns(kind) {
            let aside = kind == NamespaceKind::Net && makes_net_aside(plan);
            let late = kind == NamespaceKind::Time || in_steps(plan) || aside;
            let call = if late { "unshare" } else { "clone3" };
            decide_wall(
                b,
                format!("own {kind} namespace ({call}, {})", kind.clone_flag_name()),
                hides,
            );
        } else if plan.namespaces.joins(kind) {
            decide_wall(b, format!("{kind} namespace joined (setns)"), "asked for");
        } else {
            decide_wall(
                b,
                format!("{kind} namespace shared with the machine"),
                "not among those asked for",
            );
        }
    }
}
