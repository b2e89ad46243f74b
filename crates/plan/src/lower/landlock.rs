//! Landlock: as a second wall around a world of mounts, or as the only one around the machine's own files.

use super::Context;
use super::builder::Builder;
use super::view::{KernelFs, Node, Placed, View};
use crate::data_mount::SYSTEM_TREES;
use crate::errno::{EACCES, EINVAL, ELOOP, ENOENT, ENOTDIR};
use crate::facts::Found;
use crate::landlock::{self as rights, Landlock, Wall};
use crate::namespace::NamespaceKind;
use crate::path::WorldPath;
use crate::plan::{Grant, GrantKind, Origin, SeccompProfile};
use crate::program::{Op, Slot, Topic, own_terminal};
use crate::refusal::Refusal;

/// What the ruleset is about and what it allows.
#[derive(Debug, Default)]
pub(super) struct Confinement {
    files: u64,
    network: u64,
    scoped: u64,
    flags: u32,
    rules: Vec<Rule>,
    /// Walls that were asked for, are not there, and whose absence is accepted.
    pub(super) notes: Vec<String>,
}

/// Rights on a path and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    path: WorldPath,
    rights: u64,
    origin: Option<Origin>,
    /// That nothing is there is fine.
    optional: bool,
}

/// The machine's trees that a program without a mount namespace reads. Neither homes nor what programs
/// that run keep in `/run`, `/tmp` and `/var`.
const READ: [&str; 3] = ["/opt", "/proc", "/sys"];
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];
/// What a rule that is there by default may meet.
const ABSENT: &[i32] = &[ENOENT, ENOTDIR, EACCES, ELOOP, EINVAL];

impl Context<'_> {
    /// Whether Landlock alone keeps the machine's files apart.
    pub(super) fn is_confined(&self) -> bool {
        let files = self.plan.landlock.as_ref().is_some_and(|asked| asked.wants(Wall::Files));
        files && !self.owns(NamespaceKind::Mount)
    }

    /// Whether the filter of system calls refuses the sockets that Landlock cannot.
    pub(super) fn closes_sockets(&self) -> bool {
        let wanted = self.plan.landlock.as_ref().is_some_and(|asked| asked.wants(Wall::Sockets));
        wanted && self.may_filter_sockets()
    }

    /// Whether Landlock keeps TCP ports, so that the filter of system calls has to close the ways around it.
    pub(super) fn closes_tcp(&self) -> bool {
        let wanted = self.plan.landlock.as_ref().is_some_and(|asked| asked.wants(Wall::Tcp));
        wanted && rights::network(self.facts.landlock) != 0
    }

    fn may_filter_sockets(&self) -> bool {
        let seccomp = &self.plan.process.seccomp;
        let own = matches!(seccomp.profile, SeccompProfile::Default | SeccompProfile::Strict);
        own && !seccomp.log
    }

    /// Whether Landlock tells Unix sockets apart by their paths.
    pub(super) fn tells_sockets_apart(&self) -> bool {
        rights::all(self.facts.landlock) & rights::RESOLVE_UNIX != 0
    }
}

/// Decides what is built; an error where that is less than was asked for.
pub(super) fn decide(
    cx: &Context<'_>,
    view: Option<&View>,
    b: &mut Builder,
) -> Result<Option<Confinement>, Refusal> {
    let Some(asked) = &cx.plan.landlock else { return Ok(None) };
    let abi = cx.facts.landlock;
    let mut built = Confinement::default();
    for wall in &asked.walls {
        missing(cx, asked, *wall, &mut built)?;
    }
    if asked.wants(Wall::Files) && abi > 0 {
        built.files = rights::all(abi);
        built.rules = match view {
            Some(view) => of_view(cx, view),
            None => of_machine(cx)?,
        };
        for rule in &mut built.rules {
            rule.rights &= built.files;
        }
        built.rules.retain(|rule| rule.rights != 0);
    }
    let wanted = |wall, bits| if asked.wants(wall) { bits } else { 0 };
    built.network = wanted(Wall::Tcp, rights::network(abi));
    let scopes = wanted(Wall::Signals, rights::SCOPE_SIGNAL)
        | wanted(Wall::Abstract, rights::SCOPE_ABSTRACT);
    built.scoped = scopes & rights::scopes(abi);
    built.flags = rights::restrict_flags(abi);
    if b.explains() {
        explain(cx, asked, &built, b);
    }
    Ok(Some(built))
}

/// A wall that cannot be had here is an error, or a note where its absence is accepted by name.
fn missing(
    cx: &Context<'_>,
    asked: &Landlock,
    wall: Wall,
    built: &mut Confinement,
) -> Result<(), Refusal> {
    let (needs, release, what) = wall.needs();
    let abi = cx.facts.landlock;
    let why = match wall {
        Wall::Sockets if cx.may_filter_sockets() => return Ok(()),
        Wall::Sockets => {
            "without namespaces dwell's own filter of system calls closes Unix, UDP and raw sockets, and it was left out".to_owned()
        }
        _ if needs <= abi => return Ok(()),
        _ if abi == 0 => "this kernel does not answer as one with Landlock".to_owned(),
        _ => format!(
            "this kernel's Landlock has version {abi}, and {what} came with version {needs} (Linux {release})"
        ),
    };
    if asked.accept_missing.contains(&wall) {
        built.notes.push(format!("the wall {wall} is not there: {why}"));
        return Ok(());
    }
    let doctor = if abi == 0 && needs > 0 { "; `dwell doctor` tells why" } else { "" };
    Err(Refusal::with_hint(
        format!("cannot put up the wall {wall}: {why} ({})", asked.origin),
        format!("--allow-degraded {wall} goes on without it{doctor}"),
    ))
}

/// The rules of a world with mounts of its own: each place as it is shown.
fn of_view(cx: &Context<'_>, view: &View) -> Vec<Rule> {
    let abi = cx.facts.landlock;
    let mut rules = Vec::with_capacity(view.places.len());
    for (path, placed) in &view.places {
        rules.push(Rule {
            path: path.clone(),
            rights: of_node(abi, cx.read_only(), view, path, placed),
            origin: placed.origin.clone(),
            optional: placed.optional || placed.origin.is_none(),
        });
    }
    for grant in &cx.plan.grants {
        if let GrantKind::Socket { .. } = grant.what {
            rules.push(of_grant(grant, grant.dest.clone(), rights::RESOLVE_UNIX));
        }
    }
    rules
}

/// Rights go down to all that lies below a place, so what only holds other places is not to be written:
/// else what is read-only below would be so by its mount alone.
fn of_node(abi: u32, read_only: bool, view: &View, path: &WorldPath, placed: &Placed) -> u64 {
    let (read, write) = (rights::reading(abi), rights::writing(abi));
    let written = |yes: bool| if yes { write } else { read };
    match &placed.node {
        Node::Bind { device: true, .. } => device(abi),
        Node::Bind { read_only, dir, .. } => {
            written(!read_only) & if *dir { u64::MAX } else { rights::of_files(abi) }
        }
        Node::Layer { read_only, .. } => written(!read_only),
        Node::Fresh(fresh) if fresh.own_filesystem => write,
        Node::Fresh(fresh) => {
            let everybodys = fresh.users_own || fresh.mode & 0o002 != 0;
            written(!read_only && (everybodys || !has_below(view, path)))
        }
        Node::Copy { .. } => write & rights::of_files(abi),
        Node::Groups { read_only, .. } => written(!read_only),
        Node::Kernel(KernelFs::Proc) => read | rights::WRITE_FILE,
        Node::Kernel(KernelFs::Sysfs) | Node::Frozen => read,
        Node::Kernel(KernelFs::Devpts) => read | device(abi),
        Node::Kernel(KernelFs::Mqueue) => write,
        // A file of the world's own lies in a directory that has its rights; a link leads elsewhere.
        Node::Link(_) | Node::File { .. } | Node::Hidden { .. } | Node::Removed => 0,
    }
}

fn device(abi: u32) -> u64 {
    let rights = rights::READ_FILE | rights::WRITE_FILE | rights::IOCTL_DEV;
    (rights | (rights::writing(abi) & 1 << 14)) & rights::of_files(abi)
}

fn has_below(view: &View, path: &WorldPath) -> bool {
    view.places.range(path.clone()..).nth(1).is_some_and(|(next, _)| path.contains(next))
}

/// The rules where the files are the machine's: the trees of the operating system for reading, and what
/// was granted.
fn of_machine(cx: &Context<'_>) -> Result<Vec<Rule>, Refusal> {
    let abi = cx.facts.landlock;
    let mut rules = Vec::new();
    // A home directory in one of them is not the system's.
    let homes = &cx.facts.caller.homes;
    let holds_home = |tree: &&&str| homes.iter().any(|home| WorldPath::abs(tree).contains(home));
    for tree in SYSTEM_TREES.iter().chain(READ.iter().filter(|tree| !holds_home(tree))) {
        let rule = by_default(WorldPath::abs(tree), rights::reading(abi));
        spread(cx, rule, true, &mut rules);
    }
    for name in DEVICES {
        rules.push(by_default(WorldPath::abs(&format!("/dev/{name}")), device(abi)));
    }
    if let Some((path, _)) = &cx.facts.resolv_conf {
        rules.push(by_default(path.clone(), rights::READ_FILE));
    }
    for grant in &cx.plan.grants {
        granted(cx, grant, &mut rules)?;
    }
    for grant in cx.plan.grants.iter().filter(|grant| grant.what == GrantKind::Hide) {
        let above =
            |rule: &&Rule| rule.path.contains(&grant.dest) && rule.rights != rights::READ_DIR;
        if let Some(rule) = rules.iter().find(above) {
            return Err(Refusal::with_hint(
                format!(
                    "{} cannot hide what lies below {}, which can be read: Landlock has no exceptions",
                    grant.origin, rule.path
                ),
                "a world with a mount namespace can: leave --walls out",
            ));
        }
    }
    Ok(rules)
}

fn by_default(path: WorldPath, rights: u64) -> Rule {
    Rule { path, rights, origin: None, optional: true }
}

fn of_grant(grant: &Grant, path: WorldPath, rights: u64) -> Rule {
    let optional = !matches!(grant.origin, Origin::Option(_));
    Rule { path, rights, origin: Some(grant.origin.clone()), optional }
}

/// The rules of one grant, or why Landlock cannot keep it.
fn granted(cx: &Context<'_>, grant: &Grant, rules: &mut Vec<Rule>) -> Result<(), Refusal> {
    let abi = cx.facts.landlock;
    let asked = matches!(grant.origin, Origin::Option(_));
    let not_here = |why: &str, hint: &str| {
        Err(Refusal::with_hint(
            format!("{} needs the mount namespace: {why}", grant.origin),
            hint.to_owned(),
        ))
    };
    let given = match &grant.what {
        GrantKind::ReadOnly { .. } => rights::reading(abi),
        GrantKind::ReadWrite { .. } => rights::writing(abi),
        GrantKind::Device { .. } => device(abi),
        GrantKind::Socket { .. } if cx.tells_sockets_apart() => rights::RESOLVE_UNIX,
        GrantKind::Socket { .. } => {
            return not_here(
                "without it all Unix sockets are closed, and Landlock tells them apart since version 9 (Linux 7.1)",
                "--allow-degraded sockets opens all of them",
            );
        }
        GrantKind::CopyOnWrite { .. } if asked => {
            return not_here(
                "without it no change can be thrown away",
                "--ro or --rw grants the path",
            );
        }
        GrantKind::CopyOnWrite { .. } => rights::reading(abi),
        GrantKind::Tmpfs { .. } => {
            return not_here("without it nothing can be put in a place", "--rw grants a directory");
        }
        GrantKind::Hide => return Ok(()),
    };
    let Some(source) = grant.what.source() else { return Ok(()) };
    let real = cx.real_path(source);
    if *source != *grant.dest.text() && real != grant.dest {
        return not_here(
            "without it a path can be shown in no other place",
            "name the path alone, without DEST",
        );
    }
    let dir = cx.facts.sources.get(source).is_none_or(Found::is_dir);
    let rule = of_grant(grant, real, if dir { given } else { given & rights::of_files(abi) });
    spread(cx, rule, dir, rules);
    Ok(())
}

/// Adds a rule for a tree, around the secrets in it: where there are some, one for each entry, but none for
/// the links, which may lead anywhere.
fn spread(cx: &Context<'_>, rule: Rule, dir: bool, rules: &mut Vec<Rule>) {
    let mut below = cx.facts.secrets.iter().filter(|secret| rule.path.contains(&secret.path));
    let named = |secret: &crate::facts::Secret| secret.path == rule.path;
    match below.next() {
        // A secret is shown when it is granted by its own path, and only then.
        Some(secret) if named(secret) => {
            if rule.origin.is_some() {
                rules.push(rule);
            }
            return;
        }
        None => {
            let rights = if dir { rule.rights } else { rule.rights & rights::of_files(u32::MAX) };
            rules.push(Rule { rights, ..rule });
            return;
        }
        Some(_) => {}
    }
    rules.push(Rule { rights: rights::READ_DIR, ..rule.clone() });
    for entry in cx.facts.directories.get(&rule.path).into_iter().flatten() {
        let path = rule.path.join(entry.name.as_bytes());
        let shown = matches!(entry.found, Found::File) || entry.found.is_dir();
        // An entry that is gone when its turn comes is nobody's loss.
        let part = Rule { path, rights: rule.rights, origin: None, optional: true };
        if shown && !cx.facts.secrets.iter().any(|secret| secret.path == part.path) {
            spread(cx, part, entry.found.is_dir(), rules);
        }
    }
}

/// Writes the ops that make the ruleset: in the first process, which still has the rights to reach what
/// was granted, and after all mounts.
pub(super) fn write(
    cx: &Context<'_>,
    built: &Confinement,
    peer: Option<Slot>,
    b: &mut Builder,
) -> Option<Slot> {
    if built.files == 0 && built.network == 0 && built.scoped == 0 {
        return None;
    }
    b.step("make", "the ruleset of Landlock", None);
    let ruleset = b.slot();
    let Confinement { files, network, scoped, .. } = *built;
    b.op(Op::Ruleset { files, network, scoped, into: ruleset });
    for rule in &built.rules {
        b.step("allow", rule.path.to_string(), rule.origin.as_ref());
        let path = b.str(rule.path.as_bytes());
        let from = b.mark();
        b.op(Op::AllowPath { ruleset, path, rights: rule.rights });
        if rule.optional {
            b.rescue_since(from, ABSENT);
        }
    }
    if let Some(peer) = peer.filter(|_| files != 0) {
        b.step("allow", "the program's terminal", None);
        let rights = files & (rights::READ_FILE | rights::WRITE_FILE | rights::IOCTL_DEV);
        b.op(Op::AllowFile { ruleset, file: peer, rights });
    }
    if files != 0 {
        stdio(cx, ruleset, files, b);
    }
    Some(ruleset)
}

/// `/dev/stdout` and the like open anew what the descriptor is of. KERNEL: pipes and sockets need no rule
/// and cannot have one (EBADFD).
fn stdio(cx: &Context<'_>, ruleset: Slot, files: u64, b: &mut Builder) {
    let read = files & (rights::READ_FILE | rights::IOCTL_DEV);
    let write = files & device(u32::MAX) & !rights::READ_FILE;
    let replaced = own_terminal(cx.plan.process.pty, cx.facts.terminals);
    for (fd, _) in (0u8..).zip(replaced).filter(|(_, replaced)| !replaced) {
        b.step("allow", format!("standard descriptor {fd}"), None);
        let from = b.mark();
        b.op(Op::AllowStdio { ruleset, fd, read, write });
        b.rescue_since(from, &[]);
    }
}

/// Writes the op by which the program's process begins to live by it.
pub(super) fn confine(built: Option<&Confinement>, ruleset: Option<Slot>, b: &mut Builder) {
    if let (Some(built), Some(ruleset)) = (built, ruleset) {
        b.step("put up", "the walls of Landlock", None);
        b.op(Op::Confine { ruleset, flags: built.flags });
    }
}

fn explain(cx: &Context<'_>, asked: &Landlock, built: &Confinement, b: &mut Builder) {
    let wall = |b: &mut Builder, wall: Wall, there: bool, what: String, why: &str| {
        if asked.wants(wall) && there {
            b.decide(Topic::Walls, format!("{wall}: {what} (Landlock)"), why);
        }
    };
    let writable = built.rules.iter().filter(|rule| rule.rights & rights::WRITE_FILE != 0).count();
    wall(
        b,
        Wall::Files,
        built.files != 0,
        format!(
            "files in {} places can be opened, those in {writable} of them for writing",
            built.rules.len()
        ),
        "what is read-only below a place that can be written is so by its mount alone",
    );
    wall(
        b,
        Wall::Tcp,
        built.network != 0,
        "no TCP socket can be bound or connected, on the loopback interface neither".to_owned(),
        "the network was not granted",
    );
    if cx.closes_tcp() {
        let listen = if cx.owns(NamespaceKind::Net) { "" } else { ", and nothing can listen" };
        b.decide(
            Topic::Walls,
            format!("landlock-tcp: no MPTCP, SMC or RDS, no TCP fast open{listen} (seccomp)"),
            "they lead around Landlock",
        );
    }
    wall(
        b,
        Wall::Signals,
        built.scoped & rights::SCOPE_SIGNAL != 0,
        "processes outside cannot be signalled".to_owned(),
        "they are outside of the program's domain",
    );
    wall(
        b,
        Wall::Abstract,
        built.scoped & rights::SCOPE_ABSTRACT != 0,
        "abstract Unix sockets outside cannot be connected to".to_owned(),
        "they are outside of the program's domain",
    );
    b.decide(
        Topic::Walls,
        "processes outside cannot be traced, nor their environment, memory and descriptors read; nothing can be mounted",
        "Landlock allows neither to who lives by it",
    );
    if cx.closes_sockets() {
        let unix = if cx.tells_sockets_apart() { "" } else { "Unix, " };
        let others = if asked.wants(Wall::Tcp) { "UDP and raw sockets" } else { "rare sockets" };
        b.decide(
            Topic::Walls,
            format!("sockets: {unix}{others} cannot be made (seccomp)"),
            "Landlock does not know them",
        );
    }
    if cx.is_confined() {
        for (what, why) in NOT_HIDDEN {
            b.decide(Topic::Files, what, why);
        }
    }
}

/// What a world without namespaces does not hide.
const NOT_HIDDEN: [(&str, &str); 4] = [
    (
        "names, sizes and permissions of the machine's files can be seen, and your own files' permissions, times and attributes be changed",
        "Landlock is about opening files, and about making, removing and moving them",
    ),
    ("the machine's processes and their arguments show in /proc", "there is no pid namespace"),
    (
        "queues, semaphores and shared memory of the machine can be used",
        "there is no ipc namespace",
    ),
    (
        "changes are real, and only what --rw grants can be changed; there is no /tmp",
        "there is no mount namespace",
    ),
];
