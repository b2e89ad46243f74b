//! What lower() decides, on machines that are written down rather than had.

use std::collections::BTreeMap;

use dwell_plan::caps::CapSet;
use dwell_plan::facts::{Caller, Entry, Facts, Found, Kernel, MountFact};
use dwell_plan::idmap::{IdMap, IdRange};
use dwell_plan::plan::{
    CapabilityChange, Command, Grant, GrantKind, Identity, Join, Mapping, Namespaces, Origin,
    PLAN_VERSION, Plan, Process, RootSource, User, Workdir,
};
use dwell_plan::program::{Barrier, Block, MapWriter, Op, Program};
use dwell_plan::{NamespaceKind, NamespaceSet, Text, WorldPath, lower};

fn whole() -> IdMap {
    IdMap(vec![IdRange { inner: 0, outer: 0, count: u32::MAX }])
}

fn directory(empty: bool) -> Found {
    Found::Directory { empty, mode: 0o755 }
}

fn entries(list: &[(&str, Found)]) -> Vec<Entry> {
    list.iter()
        .map(|(name, found)| Entry { name: Text::from(*name), found: found.clone() })
        .collect()
}

/// A small Debian on one file system, with nothing but `/home` mounted.
fn machine(uid: u32) -> Facts {
    let home = if uid == 0 { "/root".to_owned() } else { "/home/ann".to_owned() };
    let mount = |id, parent, point: &str, fstype: &str| MountFact {
        id,
        parent,
        root: Text::from("/"),
        point: WorldPath::abs(point),
        fstype: Text::from(fstype),
        is_dir: true,
        reachable: true,
        ..MountFact::default()
    };
    let top = [
        ("bin", Found::Link(Text::from("usr/bin"))),
        ("dev", directory(false)),
        ("etc", directory(false)),
        ("home", directory(false)),
        ("opt", directory(true)),
        ("proc", directory(false)),
        ("root", Found::ClosedDirectory),
        ("run", directory(false)),
        ("srv", directory(false)),
        ("sys", directory(false)),
        ("tmp", directory(false)),
        ("usr", directory(false)),
        ("var", directory(false)),
    ];
    let places = [
        "/dev",
        "/home",
        "/home/ann",
        "/proc",
        "/root",
        "/run",
        "/sys",
        "/tmp",
        "/usr/local",
        "/var/tmp",
    ];
    let mut facts = Facts {
        kernel: Kernel { major: 6, minor: 12 },
        caller: Caller {
            uid,
            gid: uid,
            name: Text::from(if uid == 0 { "root" } else { "ann" }),
            home: Text::from(home.as_str()),
            homes: vec![WorldPath::abs(&home)],
            capabilities: if uid == 0 { u64::MAX } else { 0 },
            uid_map: whole(),
            gid_map: whole(),
            ..Caller::default()
        },
        mounts: vec![
            mount(1, 0, "/", "ext4"),
            mount(2, 1, "/proc", "proc"),
            mount(3, 1, "/home", "ext4"),
            mount(4, 1, "/var/lib/docker/overlay2/x/merged", "overlay"),
        ],
        directories: BTreeMap::from([(WorldPath::root(), entries(&top))]),
        spot: WorldPath::abs("/sys"),
        ..Facts::default()
    };
    for place in places {
        facts.places.insert(WorldPath::abs(place), directory(false));
    }
    for file in ["/etc/hosts", "/etc/hostname"] {
        facts.places.insert(WorldPath::abs(file), Found::File);
    }
    facts
}

fn plan() -> Plan {
    Plan {
        version: PLAN_VERSION,
        command: Command {
            argv: vec![Text::from("true")],
            env: Vec::new(),
            workdir: Some(Workdir { path: WorldPath::abs("/srv/project"), required: false }),
        },
        namespaces: Namespaces { own: NamespaceSet::DEFAULT, join: Vec::new() },
        identity: Identity::default(),
        root: RootSource::default(),
        grants: Vec::new(),
        read_only: false,
        scratch: None,
        hostname: Some(Text::from("dwell")),
        clocks: Vec::new(),
        limits: Default::default(),
        cgroup: Default::default(),
        process: Process::default(),
        hardening: Default::default(),
        actions: Vec::new(),
        landlock: None,
    }
}

fn grant(dest: &str, what: GrantKind) -> Grant {
    Grant { dest: WorldPath::abs(dest), what, origin: Origin::Option(format!("--grant {dest}")) }
}

/// The calls of the setup list and of the helper's, as they are written in messages.
fn calls(program: &Program) -> Vec<String> {
    let beside = program.aside.iter().flat_map(|aside| &aside.list.ops);
    let ops = program.setup.ops.iter().chain(beside);
    ops.map(|op| dwell_plan::render::call(program, *op)).collect()
}

fn position(block: &Block, which: impl Fn(&Op) -> bool) -> Option<usize> {
    block.ops.iter().position(which)
}

#[test]
fn a_user_gets_system_trees_read_only_and_layers_elsewhere() {
    let program = lower(&plan(), &machine(1000)).expect("a world");
    let calls = calls(&program);
    let binds: Vec<_> = calls
        .iter()
        .filter(|c| c.contains("AT_RECURSIVE)") && c.starts_with("open_tree"))
        .collect();
    for tree in ["\"/usr\"", "\"/etc\""] {
        assert!(binds.iter().any(|c| c.contains(tree)), "{tree} in {binds:?}");
    }
    let layers: Vec<_> = calls.iter().filter(|c| c.starts_with("chdir(")).collect();
    for tree in ["\"/srv\"", "\"/var\"", "\"/usr/local\""] {
        assert!(layers.iter().any(|c| c.contains(tree)), "{tree} in {layers:?}");
    }
    assert!(!layers.iter().any(|c| c.contains("/opt")), "an empty directory wants no layer");
    assert!(!calls.iter().any(|c| c.contains("docker")), "other worlds' mounts stay out");
}

#[test]
fn root_gets_one_layer_over_the_root_filesystem() {
    let program = lower(&plan(), &machine(0)).expect("a world");
    let overlays = calls(&program).iter().filter(|c| *c == "fsopen(\"overlay\")").count();
    assert_eq!(overlays, 1, "/home is hidden, /srv is on the root file system");
    assert_eq!(program.host_files.len(), 1);
    assert_eq!(program.host_maps.as_ref().map(|m| &m.writer), Some(&MapWriter::Direct));
    assert!(position(&program.setup, |op| *op == Op::Barrier(Barrier::IdMaps)).is_some());
}

#[test]
fn a_user_is_themselves_in_a_second_namespace() {
    let program = lower(&plan(), &machine(1000)).expect("a world");
    assert!(program.host_maps.is_none(), "nobody's help is needed");
    let user = NamespaceSet::from_iter([NamespaceKind::User]);
    let last = position(&program.setup, |op| *op == Op::Unshare(user)).expect("a second namespace");
    let pivot = position(&program.setup, |op| *op == Op::PivotRoot).expect("a new root");
    assert!(pivot < last, "made when the mounts are done");
    let as_root = Plan { identity: Identity { user: User::Root, ..Identity::default() }, ..plan() };
    let program = lower(&as_root, &machine(1000)).expect("a world");
    assert_eq!(
        position(&program.setup, |op| *op == Op::Unshare(user)),
        None,
        "id 0 exists already"
    );
}

/// Whatever was asked for: rights are gone before the program runs, in the one order that works.
#[test]
fn every_program_gives_up_its_rights() {
    let mut seen = 0;
    for uid in [0, 1000] {
        for bits in 0..=255u8 {
            for user in [User::Caller, User::Root, User::Ids { uid: 7, gid: 8 }] {
                for change in [None, Some(CapabilityChange::Add("net_admin".to_owned()))] {
                    let mut plan = plan();
                    plan.namespaces.own = NamespaceSet::from_bits(bits);
                    plan.hostname = None;
                    plan.identity.user = user;
                    plan.process.capabilities.extend(change);
                    let Ok(program) = lower(&plan, &machine(uid)) else { continue };
                    check_rights(&program, uid == 0 || plan.namespaces.owns(NamespaceKind::User));
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

fn check_rights(program: &Program, may_bound: bool) {
    let at = |which: fn(&Op) -> bool| position(&program.entry, which);
    let exec = at(|op| *op == Op::Exec).expect("an exec");
    assert_eq!(exec + 1, program.entry.ops.len(), "nothing comes after it");
    let caps = at(|op| matches!(op, Op::Capabilities { .. })).expect("capabilities are set");
    let ambient = at(|op| matches!(op, Op::Ambient { .. })).expect("ambient ones are set");
    let no_new = at(|op| *op == Op::NoNewPrivs).expect("no_new_privs is set");
    let bounding = at(|op| matches!(op, Op::BoundingSet { .. }));
    assert_eq!(bounding.is_some(), may_bound);
    if let Some(ids) = at(|op| matches!(op, Op::SetIds { .. })) {
        assert!(bounding.is_none_or(|b| b < ids) && ids < caps);
        assert!(at(|op| *op == Op::SetGroups).is_none_or(|g| g < ids));
    }
    assert!(caps < ambient && ambient < no_new && no_new < exec);
    match at(|op| *op == Op::Filter) {
        // Nothing comes between: what a filter refuses may be what another op needs.
        Some(filter) => assert!(no_new < filter && filter + 1 == exec),
        // Or all that is done has it.
        None => {
            assert_eq!(program.setup.ops.first(), Some(&Op::Filter), "system calls are filtered");
        }
    }
    // The first process keeps nothing either, but what it takes to signal another user's program.
    let reap = position(&program.setup, |op| matches!(op, Op::Reap { .. })).expect("a reaper");
    let few = |set: u64| set & !CapSet::KILL.0 == 0;
    let dropped = position(
        &program.setup,
        |op| matches!(op, Op::Capabilities { set, inheritable: 0 } if few(*set)),
    );
    assert!(dropped.is_some_and(|d| d < reap));
}

#[test]
fn layers_are_made_by_whoever_comes_to_them() {
    let program = lower(&plan(), &machine(1000)).expect("a world");
    let aside = program.aside.as_ref().expect("a helper");
    let claims = |ops: &[Op]| -> Vec<(u8, u32)> {
        let of = |op: &Op| match op {
            Op::Claim { piece, taken } => Some((*piece, *taken)),
            _ => None,
        };
        ops.iter().filter_map(of).collect()
    };
    let (first, helper) = (claims(&program.setup.ops), claims(&aside.list.ops));
    let pieces: Vec<u8> = helper.iter().map(|(piece, _)| *piece).collect();
    assert!(!pieces.is_empty() && pieces.is_sorted());
    // From both ends: where one is not the helper's, no later one is.
    let end = u32::try_from(aside.list.ops.len()).unwrap_or_default();
    assert!(helper.iter().all(|(_, taken)| *taken == end));
    assert!(first.iter().rev().map(|(piece, _)| *piece).eq(pieces.iter().copied()));
    // What it is sent is read whether it has something to do or not.
    assert!(matches!(aside.list.ops.first(), Some(Op::Take { .. })));

    // What the helper says comes in its order: the namespace, the interface, and then its layers.
    let said = |op: &Op| match op {
        Op::EnterAside { .. } | Op::LoopbackUp(_) => Some(None),
        Op::Await { piece, .. } => Some(Some(*piece)),
        _ => None,
    };
    let heard: Vec<Option<u8>> = program.setup.ops.iter().filter_map(said).collect();
    let wanted = [None, None].into_iter().chain(pieces.into_iter().map(Some));
    assert_eq!(heard, wanted.collect::<Vec<_>>());
    let last_claim = position(&program.setup, |op| matches!(op, Op::Claim { piece: 0, .. }));
    assert!(last_claim < position(&program.setup, |op| matches!(op, Op::EnterAside { .. })));
}

#[test]
fn the_network_namespace_outlives_the_first_process() {
    let lower = |plan: &Plan| lower(plan, &machine(1000)).expect("a world");
    let outlived = |program: &Program| match program.setup.ops.last() {
        Some(Op::Reap { outlived, .. }) => *outlived,
        other => panic!("{other:?}"),
    };
    let own = lower(&plan());
    let entered = own.setup.ops.iter().find_map(|op| match op {
        Op::EnterAside { into, .. } => Some(*into),
        _ => None,
    });
    assert!(entered.is_some());
    assert_eq!(outlived(&own), entered);
    let closed = |slot| own.setup.ops.contains(&Op::Close(slot));
    assert!(!entered.is_some_and(closed), "it is handed on at the end");

    let mut shared = plan();
    shared.namespaces.own.remove(NamespaceKind::Net);
    assert_eq!(outlived(&lower(&shared)), None);
}

#[test]
fn a_user_without_a_user_namespace_is_told_why() {
    for kind in NamespaceKind::ALL.into_iter().filter(|k| *k != NamespaceKind::User) {
        let mut plan = plan();
        plan.hostname = None;
        plan.namespaces.own = NamespaceSet::from_iter([kind]);
        let refusal = lower(&plan, &machine(1000)).expect_err("refused");
        assert!(refusal.sentence.contains(&format!("{kind} namespace")), "{refusal}");
        assert!(refusal.sentence.contains("only root may"), "{refusal}");
        assert_eq!(refusal.sentence.lines().count(), 1);
    }
}

#[test]
fn specific_paths_win_in_any_order() {
    let read_only = || grant("/home/ann", GrantKind::ReadOnly { source: Text::from("/home/ann") });
    let read_write =
        || grant("/home/ann/src", GrantKind::ReadWrite { source: Text::from("/home/ann/src") });
    let mut facts = machine(1000);
    for path in ["/home/ann", "/home/ann/src"] {
        facts.sources.insert(Text::from(path), directory(false));
        facts.places.insert(WorldPath::abs(path), directory(false));
    }
    let order = |grants: Vec<Grant>| {
        let program = lower(&Plan { grants, ..plan() }, &facts).expect("a world");
        let calls = calls(&program);
        let at = |tree: &str| {
            calls.iter().position(|c| c.starts_with(&format!("open_tree({tree}"))).expect("a bind")
        };
        (at("\"/home/ann\""), at("\"/home/ann/src\""))
    };
    for grants in [vec![read_only(), read_write()], vec![read_write(), read_only()]] {
        let (outer, inner) = order(grants);
        assert!(outer < inner);
    }
}

#[test]
fn a_missing_mount_point_never_appears_on_the_machine() {
    let mut facts = machine(1000);
    facts.sources.insert(Text::from("/data"), directory(false));
    facts.sources.insert(Text::from("/srv/live"), directory(false));
    facts.places.insert(WorldPath::abs("/srv/live"), directory(false));
    facts.places.insert(WorldPath::abs("/srv/live/data"), Found::Missing);
    let grants = vec![
        grant("/srv/live", GrantKind::ReadWrite { source: Text::from("/srv/live") }),
        grant("/srv/live/data", GrantKind::ReadOnly { source: Text::from("/data") }),
    ];
    let refusal = lower(&Plan { grants, ..plan() }, &facts).expect_err("refused");
    assert!(refusal.sentence.contains("`--grant /srv/live/data`"), "{refusal}");
    assert_eq!(refusal.hint.as_deref(), Some("make it first: mkdir -p /srv/live/data"));
    // Below a read-only tree it gets a layer, which nobody outside sees.
    facts.places.insert(WorldPath::abs("/usr/data"), Found::Missing);
    facts.places.insert(WorldPath::abs("/usr"), directory(false));
    let grants = vec![grant("/usr/data", GrantKind::ReadOnly { source: Text::from("/data") })];
    let program = lower(&Plan { grants, ..plan() }, &facts).expect("a world");
    assert!(calls(&program).iter().any(|c| c == "chdir(\"/usr\")"));
}

#[test]
fn a_first_file_system_is_covered_and_not_exchanged() {
    let mut facts = machine(0);
    let program = lower(&plan(), &facts).expect("a world");
    assert!(program.setup.ops.contains(&Op::PivotRoot));
    facts.mounts[0].parent = facts.mounts[0].id;
    let program = lower(&plan(), &facts).expect("a world");
    let ops = &program.setup.ops;
    assert!(!ops.contains(&Op::PivotRoot) && !ops.contains(&Op::Detach), "{ops:?}");
    assert!(ops.iter().any(|op| matches!(op, Op::CoverRoot(_))), "{ops:?}");
    // Whoever may unmount would find the machine's files below.
    let mut powerful = plan();
    powerful.process.capabilities = vec![CapabilityChange::Add("sys_admin".to_owned())];
    let refusal = lower(&powerful, &facts).expect_err("refused");
    assert!(refusal.sentence.contains("the machine's own root"), "{refusal}");
}

#[test]
fn what_is_mounted_in_the_operating_system_leaves_no_room_for_a_layer() {
    let mut facts = machine(1000);
    facts.mounts.push(MountFact {
        id: 99,
        parent: 1,
        root: Text::from("/"),
        point: WorldPath::abs("/usr/lib/drivers"),
        fstype: Text::from("ext4"),
        is_dir: true,
        reachable: true,
        ..MountFact::default()
    });
    facts.places.insert(WorldPath::abs("/usr/new"), Found::Missing);
    facts.sources.insert(Text::from("/srv"), directory(false));
    let new = grant("/usr/new", GrantKind::ReadOnly { source: Text::from("/srv") });
    let wanted = Plan { grants: vec![new.clone()], ..plan() };
    let refusal = lower(&wanted, &facts).unwrap_err();
    assert!(refusal.sentence.contains("/usr/lib/drivers is mounted"), "{refusal}");
    // The tree in pieces: there it can be made.
    facts.sources.insert(Text::from("/usr"), directory(false));
    let list = [("bin", directory(false)), ("lib", directory(false))];
    facts.directories.insert(WorldPath::abs("/usr"), entries(&list));
    let list = [("drivers", directory(false)), ("x", directory(false))];
    facts.directories.insert(WorldPath::abs("/usr/lib"), entries(&list));
    let copied = grant("/usr", GrantKind::CopyOnWrite { source: Text::from("/usr") });
    let wanted = Plan { grants: vec![copied, new], ..plan() };
    let shown = calls(&lower(&wanted, &facts).unwrap()).join("\n");
    for layer in ["/usr/bin", "/usr/lib/drivers", "/usr/lib/x"] {
        assert!(shown.contains(&format!("chdir({layer:?})")), "{layer}:\n{shown}");
    }
    assert!(
        !shown.contains("chdir(\"/usr\")") && !shown.contains("chdir(\"/usr/lib\")"),
        "{shown}"
    );
}

#[test]
fn sockets_below_a_bind_are_covered() {
    let mut facts = machine(1000);
    facts.sources.insert(Text::from("/data"), directory(false));
    facts.sockets = vec![WorldPath::abs("/data/a/agent.sock"), WorldPath::abs("/elsewhere/sock")];
    let grants = vec![grant("/mnt/d", GrantKind::ReadOnly { source: Text::from("/data") })];
    let program = lower(&Plan { grants: grants.clone(), ..plan() }, &facts).expect("a world");
    let covered: Vec<_> = calls(&program).into_iter().filter(|c| c.contains("sock")).collect();
    assert_eq!(covered, ["openat2(\"mnt/d/a/agent.sock\", RESOLVE_IN_ROOT)"]);
    // The source is a link: what counts is where it leads.
    let linked = vec![grant("/mnt/d", GrantKind::ReadOnly { source: Text::from("/link") })];
    facts.sources.insert(Text::from("/link"), directory(false));
    facts.real_paths.insert(Text::from("/link"), WorldPath::abs("/data"));
    let program = lower(&Plan { grants: linked, ..plan() }, &facts).expect("a world");
    assert!(calls(&program).iter().any(|c| c.contains("mnt/d/a/agent.sock")));
    let mut grants = grants;
    facts.sources.insert(Text::from("/data/a/agent.sock"), Found::Socket);
    grants.push(grant(
        "/mnt/d/a/agent.sock",
        GrantKind::Socket { source: Text::from("/data/a/agent.sock") },
    ));
    let program = lower(&Plan { grants, ..plan() }, &facts).expect("a world");
    assert!(calls(&program).iter().any(|c| c.starts_with("open_tree(\"/data/a/agent.sock\"")));
}

#[test]
fn a_place_below_a_link_is_where_the_link_leads() {
    let mut facts = machine(1000);
    facts.sources.insert(Text::from("/data"), directory(false));
    facts.real_places.insert(WorldPath::abs("/data/link/x"), WorldPath::abs("/data/d/x"));
    let hide = || grant("/data/link/x", GrantKind::Hide);
    let shown = |dest: &str| grant(dest, GrantKind::ReadWrite { source: Text::from("/data") });
    let places = |grants: Vec<_>| {
        let program = lower(&Plan { grants, ..plan() }, &facts).expect("a world");
        calls(&program).join("\n")
    };
    for grants in [vec![hide(), shown("/data")], vec![shown("/data"), hide()]] {
        let got = places(grants);
        assert!(got.contains("data/d/x") && !got.contains("data/link"), "{got}");
    }
    // What is empty has no links.
    let got = places(vec![grant("/data", GrantKind::Tmpfs { size: None }), hide()]);
    assert!(!got.contains("data/d/x"), "{got}");
}

#[test]
fn subordinate_ids_need_lines_and_helpers() {
    let mapped = Plan {
        identity: Identity {
            users: Mapping::Subids,
            groups: Mapping::Subids,
            ..Identity::default()
        },
        ..plan()
    };
    let mut facts = machine(1000);
    let refusal = lower(&mapped, &facts).expect_err("no lines");
    assert!(refusal.sentence.contains("/etc/subuid has no line for ann"), "{refusal}");
    facts.caller.subuids = vec![(100_000, 65536)];
    facts.caller.subgids = vec![(100_000, 65536)];
    let refusal = lower(&mapped, &facts).expect_err("no helpers");
    assert!(refusal.sentence.contains("newuidmap"), "{refusal}");
    facts.newuidmap = Some(Text::from("/usr/bin/newuidmap"));
    facts.newgidmap = Some(Text::from("/usr/bin/newgidmap"));
    let program = lower(&mapped, &facts).expect("a world");
    let maps = program.host_maps.expect("maps");
    assert_eq!(maps.users.len(), 65537);
    assert!(maps.users.has_inner(0) && maps.users.has_inner(1000));
}

#[test]
fn joined_namespaces_are_entered_before_new_ones_are_made() {
    let mut plan = plan();
    plan.namespaces.own.remove(NamespaceKind::Net);
    plan.namespaces.join.push(Join {
        kind: NamespaceKind::Net,
        path: Text::from("/proc/1/ns/net"),
        origin: Origin::Option("--join net=1".to_owned()),
    });
    let program = lower(&plan, &machine(0)).expect("a world");
    assert!(program.clone.is_empty());
    let enter = position(&program.setup, |op| matches!(op, Op::Enter { .. })).expect("setns");
    let make = position(&program.setup, |op| matches!(op, Op::Unshare(_))).expect("unshare");
    let fork = position(&program.setup, |op| *op == Op::ForkSibling).expect("a fork");
    assert!(enter < make && make < fork);
}

/// As many ops as grants, times a constant: nothing quadratic.
#[test]
fn grants_stay_linear() {
    let ops = |n: usize| {
        let mut facts = machine(1000);
        let mut plan = plan();
        for i in 0..n {
            let path = format!("/data/{i}");
            facts.sources.insert(Text::from(path.as_str()), directory(false));
            plan.grants
                .push(grant(&path, GrantKind::ReadOnly { source: Text::from(path.as_str()) }));
        }
        lower(&plan, &facts).expect("a world").setup.ops.len()
    };
    let (none, some, many) = (ops(0), ops(100), ops(1000));
    assert_eq!((many - none - 1) / 10, some - none - 1);
}

#[test]
fn plans_survive_json() {
    let mut plan = plan();
    plan.grants.push(grant("/a b", GrantKind::Tmpfs { size: Some(1 << 20) }));
    plan.grants.push(grant("/c", GrantKind::ReadOnly { source: Text::from(&b"/not\xffutf8"[..]) }));
    let json = serde_json::to_string(&plan).expect("JSON");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("a plan"), plan);
    let facts = machine(1000);
    let json = serde_json::to_string(&facts).expect("JSON");
    assert_eq!(serde_json::from_str::<Facts>(&json).expect("facts"), facts);
    assert!(serde_json::from_str::<Plan>("{\"version\":1,\"wat\":2}").is_err());
}

/// Every mount that can be written is `noexec`, those of grants too; what the tree's mount says of a tree that
/// is written in another place holds for it here.
#[test]
fn what_can_be_written_cannot_be_executed() {
    for uid in [0, 1000] {
        let mut facts = machine(uid);
        facts.sources.insert("/srv/w".into(), directory(false));
        for tree in ["/usr", "/opt"] {
            facts.places.insert(WorldPath::abs(tree), directory(false));
        }
        let mut plan = plan();
        plan.hardening.no_new_code = true;
        let source = Text::from("/srv/w");
        plan.grants = vec![
            grant("/w", GrantKind::ReadWrite { source: source.clone() }),
            grant("/r", GrantKind::ReadOnly { source }),
            grant("/t", GrantKind::Tmpfs { size: None }),
        ];
        let program = lower(&plan, &facts).expect("a world");
        let mut mounts = 0;
        for op in &program.setup.ops {
            let (Op::FsMount { attrs, .. } | Op::SetAttrs { attrs, .. }) = op else { continue };
            assert!(attrs.noexec || attrs.read_only, "{uid}: {op:?}");
            mounts += 1;
        }
        assert!(mounts > 10, "{uid}: {mounts} mounts");
        let calls = calls(&program);
        let usr =
            calls.iter().any(|call| call == "open_tree(\"/usr\", OPEN_TREE_CLONE|AT_RECURSIVE)");
        assert!(usr, "{uid}: programs' trees are bound: {calls:?}");
        // Both ways of showing /srv/w are noexec, the read-only one too.
        let binds: Vec<_> =
            calls.windows(2).filter(|pair| pair[0].contains("\"/srv/w\"")).collect();
        assert_eq!(binds.len(), 2);
        assert!(binds.iter().all(|pair| pair[1].contains("NOEXEC")), "{binds:?}");
    }
}

#[test]
fn no_new_code_needs_the_kernel() {
    let mut facts = machine(1000);
    facts.kernel = Kernel { major: 6, minor: 2 };
    let mut plan = plan();
    plan.hardening.no_new_code = true;
    let refusal = lower(&plan, &facts).expect_err("MDWE is younger");
    let sentence = refusal.sentence;
    assert!(sentence.contains("before Linux 6.3 (PR_SET_MDWE), and this is 6.2"), "{sentence}");
}
