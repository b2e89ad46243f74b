//! How limits are enforced, on machines that are written down rather than had.

use dwell_plan::cgroups::{Cgroups, Hierarchy, Place, Systemd, Version};
use dwell_plan::facts::{Caller, Facts, Kernel};
use dwell_plan::group::Maker;
use dwell_plan::idmap::{IdMap, IdRange};
use dwell_plan::limits::{
    Amount, Cpu, DeviceAccess, DeviceKind, DeviceRule, Limits, Memory, Value, Write,
};
use dwell_plan::plan::{Command, GroupManager, Namespaces, Plan};
use dwell_plan::program::{Barrier, HostFileKind, Op, Program};
use dwell_plan::{NamespaceKind, NamespaceSet, Text, explain, lower, lower_explained};

fn plan(limits: Limits) -> Plan {
    let command = Command { argv: vec![Text::from("true")], ..Command::default() };
    let own = [NamespaceKind::User, NamespaceKind::Pid, NamespaceKind::Cgroup];
    let namespaces = Namespaces { own: NamespaceSet::from_iter(own), join: Vec::new() };
    Plan { limits, ..Plan::new(command, namespaces) }
}

fn memory_and_pids() -> Limits {
    let memory = Memory { max: Some(Amount::Of(1 << 20)), ..Memory::default() };
    Limits { memory, pids: Some(Amount::Of(5)), ..Limits::default() }
}

fn machine(uid: u32, cgroups: Cgroups) -> Facts {
    let root = uid == 0;
    let whole = IdMap(vec![IdRange { inner: 0, outer: 0, count: u32::MAX }]);
    Facts {
        kernel: Kernel { major: 6, minor: 12 },
        caller: Caller {
            uid,
            gid: uid,
            capabilities: if root { u64::MAX } else { 0 },
            uid_map: if root { whole.clone() } else { IdMap::default() },
            gid_map: if root { whole } else { IdMap::default() },
            ..Caller::default()
        },
        cgroups: Some(Cgroups { name: Text::from("dwell-1-2.0-3"), ..cgroups }),
        ..Facts::default()
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn place(dir: &str) -> Place {
    Place {
        dir: Text::from(dir),
        writable: true,
        domain: true,
        controllers: names(&["cpu", "memory", "pids"]),
        ..Place::default()
    }
}

fn root_place() -> Place {
    Place { root: true, domain: false, crowded: true, ..place("/sys/fs/cgroup") }
}

fn v2(places: Vec<Place>) -> Cgroups {
    let hierarchy = Hierarchy {
        version: Version::V2,
        controllers: places.last().map(|p| p.controllers.clone()).unwrap_or_default(),
        mount: Text::from("/sys/fs/cgroup"),
        places,
        ..Hierarchy::default()
    };
    Cgroups { hierarchies: vec![hierarchy], ..Cgroups::default() }
}

fn v1(names_and_points: &[(&str, &str)]) -> Cgroups {
    let hierarchy = |(name, dir): &(&str, &str)| Hierarchy {
        version: Version::V1,
        controllers: names(&[name]),
        mount: Text::from(*dir),
        places: vec![place(dir)],
        ..Hierarchy::default()
    };
    let hierarchies = names_and_points.iter().map(hierarchy).collect();
    Cgroups { hierarchies, ..Cgroups::default() }
}

fn refusal(plan: &Plan, facts: &Facts) -> (String, String) {
    let refusal = lower(plan, facts).expect_err("refused");
    (refusal.sentence, refusal.hint.unwrap_or_default())
}

fn has(program: &Program, wanted: impl Fn(&Op) -> bool) -> bool {
    program.setup.ops.iter().any(wanted)
}

#[test]
fn without_limits_there_is_no_group() {
    let program = lower(&plan(Limits::default()), &machine(0, v2(vec![root_place()]))).unwrap();
    assert!(program.group.is_none() && !program.own_memory && !program.wants_usage);
    assert!(program.clone.has(NamespaceKind::Cgroup));
}

/// The limits stand in the outer group, processes are cloned into the inner one, and the namespace is
/// made when they are there.
#[test]
fn root_of_version_2() {
    let program = lower(&plan(memory_and_pids()), &machine(0, v2(vec![root_place()]))).unwrap();
    let group = program.group.as_ref().unwrap();
    let [member] = &group.members[..] else { panic!("{group:?}") };
    assert_eq!(group.outer(member).to_string(), "/sys/fs/cgroup/dwell-1-2.0-3");
    assert_eq!(group.inner(member).to_string(), "/sys/fs/cgroup/dwell-1-2.0-3/box");
    assert_eq!(member.enable, ["memory", "pids"]);
    assert!(!member.step_aside && program.own_memory);
    let files: Vec<&str> = member.writes.iter().map(|w| w.file.as_str()).collect();
    assert_eq!(files, ["memory.max", "pids.max"]);
    // The world's first process is not the program's.
    assert!(member.writes.iter().any(|w| w.value == Value::Text("6".into())));
    assert_eq!((group.told.pids, group.told.own_processes), (Some(5), 1));
    assert!(!program.clone.has(NamespaceKind::Cgroup));
    assert!(has(&program, |op| matches!(op, Op::Unshare(set) if set.has(NamespaceKind::Cgroup))));
    assert!(!has(&program, |op| matches!(op, Op::EnterGroup(_))));
}

#[test]
fn every_hierarchy_of_version_1() {
    let groups = v1(&[("memory", "/m/own"), ("pids", "/p"), ("cpu", "/c")]);
    let program = lower(&plan(memory_and_pids()), &machine(0, groups)).unwrap();
    let tasks: Vec<String> = program
        .host_files
        .iter()
        .filter_map(|file| match &file.what {
            HostFileKind::Tasks(path) => Some(path.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(tasks, ["/m/own/dwell-1-2.0-3/box/tasks", "/p/dwell-1-2.0-3/box/tasks"]);
    let entered = program.setup.ops.iter().filter(|op| matches!(op, Op::EnterGroup(_))).count();
    assert_eq!(entered, 2);
    let at = |wanted: fn(&Op) -> bool| program.setup.ops.iter().position(wanted).unwrap();
    assert!(
        at(|op| matches!(op, Op::EnterGroup(_))) < at(|op| matches!(op, Op::Barrier(_))),
        "limits hold before anything else is done"
    );
}

#[test]
fn hybrid_takes_each_from_where_it_is() {
    let mut groups = v1(&[("memory", "/m"), ("devices", "/d")]);
    let unified = Place { controllers: names(&["pids"]), ..root_place() };
    groups.hierarchies.extend(v2(vec![unified]).hierarchies);
    let rule = DeviceRule {
        allow: false,
        kind: DeviceKind::All,
        major: None,
        minor: None,
        access: DeviceAccess::ALL,
    };
    let limits = Limits { devices: vec![rule], ..memory_and_pids() };
    let group = lower(&plan(limits.clone()), &machine(0, groups)).unwrap().group.unwrap();
    let versions: Vec<Version> = group.members.iter().map(|m| m.version).collect();
    assert_eq!(versions, [Version::V1, Version::V1, Version::V2]);
    assert!(group.devices.is_empty(), "version 1 has files for them");
    let group = lower(&plan(limits), &machine(0, v2(vec![root_place()]))).unwrap().group.unwrap();
    assert_eq!(group.devices.len(), 1);
}

/// Version 2: the nearest group that can give the controllers, without anybody being moved but the
/// caller.
#[test]
fn where_in_version_2() {
    let enabled = |dir, list: &[&str]| Place { enabled: names(list), ..place(dir) };
    let crowded = |dir| Place { crowded: true, ..place(dir) };
    let closed = |dir| Place { writable: false, ..place(dir) };
    let chosen = |places: Vec<Place>| {
        let program = lower(&plan(memory_and_pids()), &machine(1000, v2(places)));
        program.map(|p| {
            let member = p.group.unwrap().members.remove(0);
            (member.parent.to_string(), member.step_aside, member.enable.len())
        })
    };
    // Alone in a delegated group: it is left, so that it can be divided.
    let all = ["memory", "pids"];
    assert_eq!(chosen(vec![place("/a/b"), closed("/a")]), Ok(("/a/b".into(), true, 2)));
    // Others are there: the one above, where that is the caller's.
    assert_eq!(chosen(vec![crowded("/a/b"), place("/a")]), Ok(("/a".into(), false, 2)));
    assert_eq!(chosen(vec![crowded("/a/b"), enabled("/a", &all)]), Ok(("/a".into(), false, 0)));
    let half = Place { crowded: true, ..enabled("/a", &["memory"]) };
    assert!(chosen(vec![crowded("/a/b"), half]).is_err());
    let threaded = Place { domain: false, ..place("/a/b") };
    assert_eq!(chosen(vec![threaded, place("/a")]), Ok(("/a".into(), false, 2)));
    // Rights end with the first group that is not the caller's.
    let refused = chosen(vec![crowded("/a/b"), closed("/a"), place("/")]).unwrap_err();
    assert!(refused.sentence.contains("other processes in /a/b"), "{refused}");
    let refused = chosen(vec![closed("/a/b")]).unwrap_err();
    assert!(refused.sentence.contains("/a/b is not yours to divide"), "{refused}");
    assert!(refused.hint.unwrap().contains("--rlimit-fallback"));
    let poor = Place { controllers: names(&["pids"]), ..place("/a") };
    let mut groups = v2(vec![poor, root_place()]);
    groups.hierarchies[0].places[1].writable = false;
    let (sentence, _) = refusal(&plan(memory_and_pids()), &machine(1000, groups));
    assert_eq!(sentence, "cannot limit memory: /a has no memory controller");
}

#[test]
fn refusals_name_the_cause() {
    let plan = plan(memory_and_pids());
    let (sentence, hint) = refusal(&plan, &machine(0, Cgroups::default()));
    assert_eq!(sentence, "cannot limit memory: no control groups are mounted here");
    assert!(hint.starts_with("mount -t cgroup2"));

    let mut groups = v2(vec![place("/sys/fs/cgroup")]);
    groups.hierarchies[0].read_only = true;
    let (sentence, hint) = refusal(&plan, &machine(0, groups));
    assert!(sentence.contains("/sys/fs/cgroup is mounted read-only, as in a container"));
    assert!(hint.contains("limit the container itself"));

    let mut groups = v2(vec![]);
    groups.hierarchies[0].controllers = names(&["memory", "pids"]);
    groups.hierarchies[0].own = Text::from("/../other");
    let (sentence, _) = refusal(&plan, &machine(0, groups));
    assert!(
        sentence.contains("the own group /../other is not below what is mounted"),
        "{sentence}"
    );

    let mut groups = v1(&[("pids", "/p")]);
    let (sentence, _) = refusal(&plan, &machine(0, groups.clone()));
    assert_eq!(
        sentence,
        "cannot limit memory: no hierarchy here has the memory controller (layout: version 1)"
    );
    groups.disabled = names(&["memory"]);
    let (sentence, _) = refusal(&plan, &machine(0, groups));
    assert!(sentence.contains("was switched off when the kernel started"), "{sentence}");
}

#[test]
fn rlimits_where_they_are_accepted() {
    let closed = || v2(vec![Place { writable: false, ..place("/a") }]);
    let mut plan = plan(memory_and_pids());
    plan.cgroup.rlimit_fallback = true;
    let program = lower(&plan, &machine(1000, closed())).unwrap();
    assert!(program.group.is_none());
    assert_eq!(program.notes.len(), 2);
    let set: Vec<Op> =
        program.entry.ops.iter().copied().filter(|op| matches!(op, Op::Rlimit { .. })).collect();
    let rlimit = |resource, n| Op::Rlimit { resource, soft: n, hard: n };
    // The first is what every world has: no core dumps.
    assert_eq!(set, [rlimit(4, 1), rlimit(9, 1 << 20), rlimit(6, 6)]);
    // Where a group can be had it is taken, and what no rlimit does is refused.
    assert!(lower(&plan, &machine(0, v2(vec![root_place()]))).unwrap().notes.is_empty());
    plan.limits.cpu = Cpu { quota: Some(Amount::Of(1000)), ..Cpu::default() };
    let (sentence, _) = refusal(&plan, &machine(1000, closed()));
    assert!(sentence.contains("no limit of single processes does it"), "{sentence}");
}

#[test]
fn systemd_where_it_owns_the_tree() {
    let session = || {
        let mut groups = v2(vec![Place { writable: false, ..place("/s") }]);
        groups.systemd = Some(Systemd {
            bus: Some(Text::from("/run/user/1000/bus")),
            controllers: names(&["cpu", "memory", "pids"]),
        });
        groups
    };
    let limited = plan(memory_and_pids());
    let program = lower(&limited, &machine(1000, session())).unwrap();
    let Some(Maker::Systemd { unit, .. }) = program.group.as_ref().map(|g| &g.maker) else {
        panic!("{:?}", program.group)
    };
    assert_eq!(unit, "dwell-1-2.0-3.scope");
    assert_eq!(
        program.setup.ops.iter().filter(|op| **op == Op::Barrier(Barrier::Group)).count(),
        1
    );

    // A program that is the first process leaves nobody behind who waits until the counters are read.
    let mut alone = limited.clone();
    alone.process.as_pid_1 = true;
    alone.namespaces.own = NamespaceSet::ALL;
    let program = lower(&alone, &machine(1000, session())).unwrap();
    let group = program.group.as_ref().unwrap();
    assert!(group.is_kept);
    assert_eq!((group.told.pids, group.told.own_processes), (Some(5), 1));
    let pids = |writes: &[Write]| {
        let of = |w: &Write| (w.file == "pids.max").then(|| w.value.clone());
        writes.iter().find_map(of)
    };
    let text = |n: &str| Some(Value::Text(n.into()));
    assert_eq!(pids(&group.members[0].writes), text("6"));
    assert_eq!(pids(&group.members[0].inner_writes), text("5"));
    let Maker::Systemd { limits, .. } = &group.maker else { panic!("{group:?}") };
    assert_eq!(limits.pids, Some(Amount::Of(6)));

    // What it has left to the caller is the caller's.
    let mut delegated = session();
    delegated.hierarchies[0].places[0] = Place { delegated: true, ..place("/s") };
    let program = lower(&limited, &machine(1000, delegated)).unwrap();
    assert_eq!(program.group.unwrap().maker, Maker::Caller);

    // But not what lies above, even where the rights would do.
    let mut crowded = session();
    crowded.hierarchies[0].places =
        vec![Place { delegated: true, crowded: true, ..place("/s/u") }, place("/s"), root_place()];
    let program = lower(&limited, &machine(0, crowded)).unwrap();
    assert_ne!(program.group.unwrap().maker, Maker::Caller);

    let mut mute = session();
    mute.systemd = Some(Systemd::default());
    let (sentence, hint) = refusal(&limited, &machine(1000, mute));
    assert!(sentence.contains("its bus is not there") && hint.contains("enable-linger"));

    let cpus = Cpu { cpus: Some("0".into()), ..Cpu::default() };
    let (sentence, hint) =
        refusal(&plan(Limits { cpu: cpus, ..Limits::default() }), &machine(1000, session()));
    assert_eq!(
        sentence,
        "cannot choose processors: the manager of this user has no cpuset controller"
    );
    assert!(hint.contains("`Delegate=cpuset cpu memory pids`"), "{hint}");

    let mut forced = plan(memory_and_pids());
    forced.cgroup.manager = GroupManager::Systemd;
    let (sentence, _) = refusal(&forced, &machine(0, v2(vec![root_place()])));
    assert_eq!(sentence, "cannot limit memory by systemd: it does not run here");
    let mut old = v1(&[("memory", "/m"), ("pids", "/p")]);
    old.systemd = Some(Systemd::default());
    let (sentence, _) = refusal(&forced, &machine(0, old));
    assert!(sentence.contains("not all in version 2"), "{sentence}");
}

#[test]
fn statistics_do_without_a_group() {
    let mut counted = plan(Limits::default());
    counted.cgroup.stats = true;
    let closed = v2(vec![Place { writable: false, ..place("/a") }]);
    let program = lower(&counted, &machine(1000, closed)).unwrap();
    assert!(program.group.is_none() && program.wants_usage);
    let program = lower(&counted, &machine(0, v2(vec![root_place()]))).unwrap();
    assert_eq!(program.group.unwrap().members[0].enable, ["memory", "pids", "cpu"]);
}

#[test]
fn explained() {
    let program = lower_explained(
        &plan(memory_and_pids()),
        &machine(0, v1(&[("memory", "/m"), ("pids", "/p")])),
    )
    .unwrap();
    let text = explain::text(&program);
    assert!(
        text.contains("memory.limit_in_bytes is 1048576\n      the memory limit in /m/dwell-1")
    );
    assert!(text.contains("layout: version 1"), "{text}");
}
