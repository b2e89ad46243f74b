//! What Landlock is asked for, on machines that are written down: every version, with and without mounts.

#![allow(missing_docs, reason = "a test")]

use dwell_plan::facts::{Caller, Entry, Facts, Found, Secret, Shown};
use dwell_plan::landlock::{self as rights, Landlock, Wall};
use dwell_plan::plan::{
    Command, Grant, GrantKind, Namespaces, Origin, Plan, Seccomp, SeccompProfile,
};
use dwell_plan::program::{Op, Program};
use dwell_plan::{NamespaceKind, NamespaceSet, Refusal, Text, WorldPath, explain, lower};
use dwell_plan::{lower_explained, render};

const USER: u32 = 1000;

fn machine(uid: u32, landlock: u32) -> Facts {
    Facts {
        caller: Caller { uid, gid: uid, home: Text::from("/home/ann"), ..Caller::default() },
        landlock,
        ..Facts::default()
    }
}

/// No namespaces, all walls of Landlock, and what stands in for the others.
fn bare() -> Plan {
    let command = Command { argv: vec![Text::from("true")], ..Command::default() };
    let none = Namespaces { own: NamespaceSet::EMPTY, join: Vec::new() };
    let mut plan = Plan::new(command, none);
    let walls = Wall::OF_LANDLOCK.into_iter().chain([Wall::Sockets]).collect();
    let origin = Origin::Option("--walls landlock".to_owned());
    plan.landlock = Some(Landlock { walls, accept_missing: Vec::new(), origin });
    plan
}

fn with(plan: Plan, dest: &str, what: GrantKind) -> Plan {
    let mut plan = plan;
    let origin = Origin::Option(format!("--grant {dest}"));
    plan.grants.push(Grant { dest: WorldPath::abs(dest), what, origin });
    plan
}

fn found(mut facts: Facts, path: &str, what: Found) -> Facts {
    facts.sources.insert(Text::from(path), what);
    facts
}

const DIRECTORY: Found = Found::Directory { empty: false, mode: 0o755 };

fn source(path: &str) -> Text {
    Text::from(path)
}

/// The rights on each path.
fn rules(program: &Program) -> Vec<(String, u64)> {
    let rule = |op: &Op| match op {
        Op::AllowPath { path, rights, .. } => {
            Some((String::from_utf8_lossy(program.bytes(*path)).into_owned(), *rights))
        }
        _ => None,
    };
    program.setup.ops.iter().filter_map(rule).collect()
}

fn rights_on(program: &Program, path: &str) -> Option<u64> {
    rules(program).into_iter().rev().find(|(at, _)| at == path).map(|(_, rights)| rights)
}

fn ruleset(program: &Program) -> Option<(u64, u64, u64)> {
    program.setup.ops.iter().find_map(|op| match op {
        Op::Ruleset { files, network, scoped, .. } => Some((*files, *network, *scoped)),
        _ => None,
    })
}

fn sentence(refused: Result<Program, Refusal>) -> (String, String) {
    let refusal = refused.expect_err("a refusal");
    (refusal.sentence, refusal.hint.unwrap_or_default())
}

#[test]
fn every_version_is_asked_for_what_it_knows() {
    for (abi, missing, release) in [
        (0, Wall::Files, ""),
        (1, Wall::Files, "6.2"),
        (2, Wall::Files, "6.2"),
        (3, Wall::Tcp, "6.7"),
        (4, Wall::Signals, "6.12"),
        (5, Wall::Signals, "6.12"),
    ] {
        let (said, hint) = sentence(lower(&bare(), &machine(USER, abi)));
        assert!(said.starts_with(&format!("cannot put up the wall {missing}: ")), "{abi}: {said}");
        assert!(said.contains(release) && said.ends_with("(`--walls landlock`)"), "{abi}: {said}");
        assert!(hint.starts_with(&format!("--allow-degraded {missing} ")), "{abi}: {hint}");
    }
    for abi in 6..12 {
        let program = lower(&bare(), &machine(USER, abi)).expect("a program");
        let both = rights::SCOPE_ABSTRACT | rights::SCOPE_SIGNAL;
        assert_eq!(ruleset(&program), Some((rights::all(abi), rights::TCP, both)), "{abi}");
        for (path, rights) in rules(&program) {
            assert_eq!(rights & !rights::all(abi), 0, "{abi}: {path}");
            assert_ne!(rights, 0, "{abi}: {path}");
        }
        let quiet = program.entry.ops.iter().find_map(|op| match op {
            Op::Confine { flags, .. } => Some(*flags),
            _ => None,
        });
        assert_eq!(quiet, Some(if abi < 7 { 0 } else { 1 }), "{abi}");
        assert!(program.notes.is_empty());
    }
}

#[test]
fn a_missing_wall_is_accepted_by_its_name_alone() {
    let accept = |walls: &[Wall]| {
        let mut plan = bare();
        if let Some(landlock) = &mut plan.landlock {
            landlock.accept_missing = walls.to_vec();
        }
        plan
    };
    let (said, _) = sentence(lower(&accept(&[Wall::Signals]), &machine(USER, 3)));
    assert!(said.starts_with("cannot put up the wall landlock-tcp"), "{said}");
    let plan = accept(&[Wall::Tcp, Wall::Signals, Wall::Abstract]);
    let program = lower(&plan, &machine(USER, 3)).expect("a program");
    assert_eq!(ruleset(&program), Some((rights::all(3), 0, 0)));
    let said: Vec<_> = program.notes.iter().map(|note| note.split(':').next().unwrap()).collect();
    let missing = ["landlock-tcp", "landlock-signals", "landlock-abstract"];
    assert_eq!(said, missing.map(|wall| format!("the wall {wall} is not there")));
    // Without any Landlock only the filter is left, and that was said.
    let program = lower(&accept(&Wall::OF_LANDLOCK), &machine(USER, 0)).expect("a program");
    assert_eq!((ruleset(&program), program.notes.len()), (None, 4));
    assert!(!program.entry.ops.iter().any(|op| matches!(op, Op::Confine { .. })));
    // Where it can be had the wall is put up all the same.
    let program = lower(&plan, &machine(USER, 7)).expect("a program");
    assert_eq!(ruleset(&program).map(|r| r.1), Some(rights::TCP));
    assert!(program.notes.is_empty());
}

#[test]
fn the_ruleset_is_the_last_but_for_the_filter() {
    let program = lower(&bare(), &machine(USER, 7)).expect("a program");
    let at = |wanted: fn(&Op) -> bool| program.entry.ops.iter().position(wanted).expect("an op");
    let confine = at(|op| matches!(op, Op::Confine { .. }));
    assert!(at(|op| matches!(op, Op::NoNewPrivs)) < confine);
    assert_eq!(at(|op| matches!(op, Op::Filter)), confine + 1);
    assert_eq!(at(|op| matches!(op, Op::Exec)), confine + 2);
    let call = render::call(&program, program.entry.ops[confine]);
    assert_eq!(call, "landlock_restrict_self");
}

#[test]
fn grants_are_kept_or_refused() {
    let abi = 7;
    let on = |path: &str, what: GrantKind, found_there: Found| {
        let facts = found(machine(USER, abi), path, found_there);
        lower(&with(bare(), path, what), &facts)
    };
    let ro = on("/srv", GrantKind::ReadOnly { source: source("/srv") }, DIRECTORY);
    assert_eq!(rights_on(&ro.expect("kept"), "/srv"), Some(rights::reading(abi)));
    let rw = on("/srv", GrantKind::ReadWrite { source: source("/srv") }, DIRECTORY);
    assert_eq!(rights_on(&rw.expect("kept"), "/srv"), Some(rights::writing(abi)));
    let file = on("/srv/x", GrantKind::ReadWrite { source: source("/srv/x") }, Found::File);
    let both = rights::writing(abi) & rights::of_files(abi);
    assert_eq!(rights_on(&file.expect("kept"), "/srv/x"), Some(both));
    let kvm = on("/dev/kvm", GrantKind::Device { source: source("/dev/kvm") }, Found::Device);
    let steered = rights_on(&kvm.expect("kept"), "/dev/kvm").expect("rights");
    assert_eq!(steered & rights::IOCTL_DEV, rights::IOCTL_DEV);

    for (what, why) in [
        (GrantKind::CopyOnWrite { source: source("/srv") }, "no change can be thrown away"),
        (GrantKind::Tmpfs { size: None }, "nothing can be put in a place"),
        (GrantKind::Socket { source: source("/srv") }, "all Unix sockets are closed"),
        (GrantKind::ReadOnly { source: source("/other") }, "in no other place"),
    ] {
        let (said, hint) = sentence(on("/srv", what, DIRECTORY));
        let start = "`--grant /srv` needs the mount namespace: ";
        assert!(said.starts_with(start) && said.contains(why), "{said}");
        assert!(!hint.is_empty());
    }
}

#[test]
fn what_is_below_what_can_be_read_cannot_be_hidden() {
    let hide =
        |plan: Plan, path: &str| lower(&with(plan, path, GrantKind::Hide), &machine(USER, 7));
    for path in ["/etc/passwd", "/usr", "/proc/1"] {
        let (said, _) = sentence(hide(bare(), path));
        let start = format!("`--grant {path}` cannot hide what lies below /");
        assert!(said.starts_with(&start) && said.ends_with("no exceptions"), "{said}");
    }
    // Nobody sees it anyway.
    hide(bare(), "/home/ann/.ssh").expect("kept");
    let home = with(bare(), "/home/ann", GrantKind::ReadOnly { source: source("/home/ann") });
    sentence(hide(home, "/home/ann/.ssh"));
}

#[test]
fn sockets_have_paths_since_version_9() {
    let socket = GrantKind::Socket { source: source("/run/x") };
    let plan = with(bare(), "/run/x", socket);
    let facts = |abi| found(machine(USER, abi), "/run/x", Found::Socket);
    let program = lower(&plan, &facts(9)).expect("a program");
    assert_eq!(rights_on(&program, "/run/x"), Some(rights::RESOLVE_UNIX));
    let others = rules(&program).into_iter().filter(|(path, _)| path != "/run/x");
    assert!(others.into_iter().all(|(_, rights)| rights & rights::RESOLVE_UNIX == 0));
    let (said, _) = sentence(lower(&plan, &facts(8)));
    assert!(said.contains("since version 9 (Linux 7.1)"), "{said}");
}

#[test]
fn the_filter_stands_in_for_what_landlock_does_not_know() {
    let names = |program: &Program, name: &str| {
        let profile = &program.filter.as_ref().expect("a filter").rules.profile();
        profile.syscalls.iter().filter(|rule| rule.names.iter().any(|n| &**n == name)).count()
    };
    let closed = lower(&bare(), &machine(USER, 7)).expect("a program");
    assert_eq!((names(&closed, "socket"), names(&closed, "listen")), (4, 0));
    let mut granted = bare();
    if let Some(landlock) = &mut granted.landlock {
        landlock.walls.retain(|wall| *wall != Wall::Tcp);
    }
    let open = lower(&granted, &machine(USER, 7)).expect("a program");
    assert_eq!((names(&open, "socket"), names(&open, "listen")), (1, 1));
    assert_eq!(ruleset(&open).map(|r| r.1), Some(0));

    let mut unfiltered = bare();
    unfiltered.process.seccomp = Seccomp { profile: SeccompProfile::None, log: false };
    let (said, hint) = sentence(lower(&unfiltered, &machine(USER, 7)));
    assert!(said.starts_with("cannot put up the wall sockets: "), "{said}");
    assert!(hint.starts_with("--allow-degraded sockets"), "{hint}");
    let mut logged = bare();
    logged.process.seccomp.log = true;
    sentence(lower(&logged, &machine(USER, 7)));
}

/// What leads around the ports is refused whatever the profile, and listening where others could connect.
#[test]
fn the_filter_closes_what_leads_around_ports() {
    let refused = |plan: &Plan, abi: u32| {
        let program = lower(plan, &machine(USER, abi)).expect("a program");
        let Some(filter) = &program.filter else { return Vec::new() };
        let profile = filter.rules.profile();
        let closed = ["setsockopt", "sendmmsg", "io_uring_setup", "socketcall", "listen"];
        let errno = |rule: &&dwell_plan::seccomp::Rule<'_>| rule.errno_ret.is_some();
        let named = |name: &&str| {
            let rules = profile.syscalls.iter().filter(errno);
            rules.flat_map(|rule| &rule.names).any(|n| &**n == *name)
        };
        closed.into_iter().filter(named).collect::<Vec<_>>()
    };
    let all = ["setsockopt", "sendmmsg", "io_uring_setup", "socketcall"];
    let mut plan = bare();
    plan.process.seccomp = Seccomp { profile: SeccompProfile::None, log: false };
    let set = |plan: &mut Plan, walls: &[Wall]| {
        if let Some(landlock) = &mut plan.landlock {
            landlock.walls = walls.to_vec();
            landlock.accept_missing = walls.to_vec();
        }
    };
    set(&mut plan, &[Wall::Tcp]);
    assert_eq!(refused(&plan, 7), [&all[..], &["listen"]].concat());
    assert!(refused(&plan, 3).is_empty(), "there is no wall that it would complete");
    plan.namespaces.own = [NamespaceKind::User, NamespaceKind::Net].into_iter().collect();
    assert_eq!(refused(&plan, 7), all);
    plan.process.seccomp.profile = SeccompProfile::Default;
    assert_eq!(refused(&plan, 7), all);
    set(&mut plan, &[Wall::Signals]);
    assert_eq!(refused(&plan, 7), ["io_uring_setup"]);
}

/// A rule reaches all that lies below its path, so where secrets lie there each entry has its own.
#[test]
fn secrets_have_no_rule() {
    let mut facts = machine(0, 7);
    let entry = |name: &str, found: Found| Entry { name: Text::from(name), found };
    for path in ["/etc/shadow", "/etc/ssl/private"] {
        facts.secrets.push(Secret { path: WorldPath::abs(path), shown: Shown::Nothing });
    }
    facts.directories.insert(
        WorldPath::abs("/etc"),
        vec![
            entry("link", Found::Link(Text::from("/home/ann"))),
            entry("passwd", Found::File),
            entry("shadow", Found::File),
            entry("ssl", DIRECTORY),
        ],
    );
    facts.directories.insert(
        WorldPath::abs("/etc/ssl"),
        vec![entry("certs", DIRECTORY), entry("private", Found::ClosedDirectory)],
    );
    let reading = rights::reading(7);
    let names = Some(rights::READ_DIR);
    let program = lower(&bare(), &facts).expect("a program");
    for (path, want) in [
        ("/etc", names),
        ("/etc/passwd", Some(reading & rights::of_files(7))),
        ("/etc/ssl", names),
        ("/etc/ssl/certs", Some(reading)),
        ("/etc/shadow", None),
        ("/etc/ssl/private", None),
        ("/etc/link", None),
        ("/usr", Some(reading)),
    ] {
        assert_eq!(rights_on(&program, path), want, "{path}");
    }
    // A grant from above does not uncover them, one of its own does.
    let above = with(bare(), "/etc", GrantKind::ReadWrite { source: source("/etc") });
    let program = lower(&above, &facts).expect("a program");
    assert_eq!((rights_on(&program, "/etc/shadow"), rights_on(&program, "/etc")), (None, names));
    let named = with(bare(), "/etc/shadow", GrantKind::ReadOnly { source: source("/etc/shadow") });
    let program = lower(&named, &found(facts, "/etc/shadow", Found::File)).expect("a program");
    assert_eq!(rights_on(&program, "/etc/shadow"), Some(reading & rights::of_files(7)));
}

#[test]
fn without_namespaces_root_keeps_no_capabilities() {
    let caps = |program: &Program| {
        program.entry.ops.iter().find_map(|op| match op {
            Op::Capabilities { set, .. } => Some(*set),
            _ => None,
        })
    };
    let mut facts = machine(0, 7);
    facts.caller.capabilities = u64::MAX >> 23;
    assert_eq!(caps(&lower(&bare(), &facts).expect("a program")), Some(0));
    let mut without = bare();
    without.landlock = None;
    assert_ne!(caps(&lower(&without, &facts).expect("a program")), Some(0));
}

/// In a world with mounts the rules follow what is shown, and what only holds other places cannot be
/// written: its rights would go down to them.
#[test]
fn a_second_wall_follows_the_view() {
    let mut facts = machine(USER, 7);
    let entry = |name: &str, found: Found| Entry { name: Text::from(name), found };
    let top = ["etc", "home", "srv", "tmp", "usr", "proc", "sys", "dev"];
    facts
        .directories
        .insert(WorldPath::root(), top.iter().map(|name| entry(name, DIRECTORY)).collect());
    for place in ["/home", "/home/ann", "/tmp", "/proc", "/sys", "/dev"] {
        facts.places.insert(WorldPath::abs(place), DIRECTORY);
    }
    facts.caller.homes = vec![WorldPath::abs("/home/ann")];
    let mut plan = with(bare(), "/data", GrantKind::ReadWrite { source: source("/data") });
    plan.namespaces.own = NamespaceSet::DEFAULT;
    if let Some(landlock) = &mut plan.landlock {
        landlock.walls.retain(|wall| *wall != Wall::Sockets);
    }
    plan.grants[0].dest = WorldPath::abs("/srv/data");
    let facts = found(facts, "/data", DIRECTORY);
    let program = lower(&plan, &facts).expect("a program");
    let (read, write) = (rights::reading(7), rights::writing(7));
    for (path, want) in [
        ("/", Some(read)),
        ("/usr", Some(read)),
        ("/etc", Some(read)),
        ("/tmp", Some(write)),
        ("/home/ann", Some(write)),
        ("/srv", Some(write)),
        ("/srv/data", Some(write)),
        ("/data", None),
        ("/proc", Some(read | rights::WRITE_FILE)),
        ("/sys", Some(read)),
    ] {
        assert_eq!(rights_on(&program, path), want, "{path}");
    }
    let null = rights_on(&program, "/dev/null").expect("rights");
    assert_eq!(null & (rights::READ_DIR | rights::IOCTL_DEV), rights::IOCTL_DEV);
    // The walls follow all mounts.
    let last = |wanted: fn(&Op) -> bool| program.setup.ops.iter().rposition(wanted).expect("an op");
    let first = program.setup.ops.iter().position(|op| matches!(op, Op::Ruleset { .. }));
    assert!(Some(last(|op| matches!(op, Op::Attach { .. }))) < first);
    assert!(Some(last(|op| matches!(op, Op::PivotRoot))) < first);
    assert!(plan.namespaces.owns(NamespaceKind::Mount));
}

#[test]
fn it_is_explained_with_what_it_does_not_hide() {
    let text = explain::text(&lower_explained(&bare(), &machine(USER, 7)).expect("a program"));
    for part in [
        "landlock-files: files in ",
        "landlock-tcp: no TCP socket can be bound or connected",
        "landlock-signals: processes outside cannot be signalled (Landlock)",
        "landlock-abstract: ",
        "sockets: Unix, UDP and raw sockets cannot be made (seccomp)",
        "the machine's processes and their arguments show in /proc",
        "permissions, times and attributes be changed",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn a_plan_without_it_says_nothing_of_it() {
    let mut plan = bare();
    let json = serde_json::to_string(&plan).expect("JSON");
    assert!(json.contains("\"landlock\":{\"walls\":[\"landlock-files\","), "{json}");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("a plan"), plan);
    plan.landlock = None;
    assert!(!serde_json::to_string(&plan).expect("JSON").contains("landlock"));
    assert_eq!(ruleset(&lower(&plan, &machine(USER, 7)).expect("a program")), None);
}
