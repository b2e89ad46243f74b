//! Facts of the machine that the test runs on.

use std::time::{Duration, Instant};

use dwell_plan::data_mount::MountTree;
use dwell_plan::facts::Found;
use dwell_plan::plan::{
    Command, Grant, GrantKind, Identity, Mapping, Namespaces, Origin, PLAN_VERSION, Process,
    RootSource, Workdir,
};
use dwell_plan::{NamespaceSet, Plan, Text, WorldPath};
use dwell_probe::facts;

fn plan() -> Plan {
    Plan {
        version: PLAN_VERSION,
        command: Command { argv: vec![Text::from("true")], ..Command::default() },
        namespaces: Namespaces { own: NamespaceSet::DEFAULT, join: vec![] },
        identity: Identity::default(),
        root: RootSource::Host { home: false },
        grants: vec![],
        read_only: false,
        scratch: None,
        hostname: None,
        clocks: vec![],
        limits: Default::default(),
        cgroup: Default::default(),
        process: Process::default(),
        hardening: Default::default(),
        actions: Vec::new(),
        landlock: None,
    }
}

fn grant(dest: &str, source: &str) -> Grant {
    let what = GrantKind::ReadOnly { source: Text::from(source) };
    Grant { dest: WorldPath::abs(dest), what, origin: Origin::rule("test") }
}

#[test]
fn a_world_of_the_machines_files() {
    let facts = facts(&plan()).unwrap();
    assert!(facts.kernel.since(5, 10));
    assert!(facts.mounts.iter().any(|m| m.point.is_root()));
    assert_eq!(facts.caller.uid_map.is_empty(), facts.caller.capabilities == 0);
    assert!(!facts.caller.name.is_empty());
    // The machine's root gets one layer over it all; everybody else a piece for each entry of `/`.
    let layer = facts.caller.is_admin() && facts.caller.uid_map.len() == u64::from(u32::MAX);
    assert_eq!(facts.directories.is_empty(), layer);
    for name in ["etc", "usr", "proc"].into_iter().filter(|_| !layer) {
        let entry = facts.directories[&WorldPath::root()].iter().find(|e| e.name == *name).unwrap();
        assert!(matches!(entry.found, Found::Directory { empty: false, .. }), "{name}");
    }
    for mount in MountTree::new(&facts.mounts).data_mounts() {
        assert!(facts.mounts.iter().any(|m| m == mount));
    }
    assert!(facts.places[&WorldPath::abs("/tmp")].is_dir());
    assert!(facts.places.contains_key(&WorldPath::abs("/dev/mqueue")));
    assert!(facts.caller.subuids.is_empty() && facts.newuidmap.is_none());
    let seen = facts.secrets.iter().map(|s| s.path.to_string()).collect::<Vec<_>>();
    let shadow = std::fs::read("/etc/shadow").is_ok() && facts.caller.uid == 0;
    assert_eq!(seen.contains(&"/etc/shadow".to_owned()), shadow);
}

#[test]
fn grants_and_what_is_above_them() {
    let mut plan = plan();
    plan.grants = vec![grant("/no/such/place", "/etc/passwd"), grant("/etc/hosts", "/no-such")];
    plan.command.workdir = Some(Workdir { path: WorldPath::abs("/usr"), required: false });
    let facts = facts(&plan).unwrap();
    assert_eq!(facts.sources[&Text::from("/etc/passwd")], Found::File);
    assert_eq!(facts.sources[&Text::from("/no-such")], Found::Missing);
    for missing in ["/no/such/place", "/no/such", "/no"] {
        assert_eq!(facts.places[&WorldPath::abs(missing)], Found::Missing, "{missing}");
    }
    assert!(facts.places[&WorldPath::root()].is_dir());
    assert!(facts.places[&WorldPath::abs("/usr")].is_dir());
}

#[test]
fn a_world_of_a_directory() {
    let dir = std::env::temp_dir().join(format!("dwell-probe-rootfs-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("tmp")).unwrap();
    std::fs::create_dir_all(dir.join("run/x")).unwrap();
    std::os::unix::fs::symlink("/run", dir.join("home")).unwrap();
    std::os::unix::fs::symlink("/etc", dir.join("root")).unwrap();
    let mut plan = plan();
    let path = Text::from(dir.as_os_str());
    plan.root =
        RootSource::Directory { path: path.clone(), writable: false, origin: Origin::rule("test") };
    plan.identity.users = Mapping::Subids;
    let facts = facts(&plan).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
    let place = |path: &str| &facts.places[&WorldPath::abs(path)];
    assert!(matches!(place("/tmp"), Found::Directory { empty: true, .. }));
    assert!(matches!(place("/run"), Found::Directory { empty: false, .. }));
    assert!(matches!(place("/home"), Found::Directory { empty: false, .. }));
    // The link leads to /etc of the directory, not of the machine.
    assert_eq!((place("/root"), place("/etc/hosts")), (&Found::Missing, &Found::Missing));
    assert!(facts.sources[&path].is_dir());
    assert!(facts.mounts.is_empty() && facts.secrets.is_empty());
}

#[test]
fn nothing_of_the_files_without_own_mounts() {
    let mut plan = plan();
    plan.namespaces.own = NamespaceSet::parse_list("pid,net").unwrap();
    let facts = facts(&plan).unwrap();
    assert!(facts.mounts.is_empty() && facts.sockets.is_empty() && facts.directories.is_empty());
    assert!(!facts.places.contains_key(&WorldPath::abs("/var/tmp")));
}

#[test]
#[ignore = "a measurement"]
fn cost() {
    let plan = plan();
    let mut times: Vec<Duration> = (0..2000)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(facts(&plan).unwrap());
            start.elapsed()
        })
        .collect();
    println!("first {:?}", times[0]);
    times.sort();
    println!("median {:?}, 90% {:?}", times[1000], times[1800]);
    println!("{:#?}", facts(&plan).unwrap());
}
