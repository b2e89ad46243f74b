//! Groups on this machine: made in the caller's own, and removed again. By root, and in the layout that
//! the machine has; what it cannot show here is skipped with the reason.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests, and what they skip"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dwell_cgroup::{Group, detect, sweep_beside};
use dwell_plan::Text;
use dwell_plan::cgroups::{Cgroups, Hierarchy, Version};
use dwell_plan::group::{Group as Spec, Maker, Member, Told};
use dwell_plan::limits::{
    Amount, Controller, Cpu, DeviceAccess, DeviceKind, DeviceRule, Limits, Memory, Now, Swap, Write,
};

/// Groups of version 2 that are made at the same time enable controllers for each other.
static TURN: Mutex<()> = Mutex::new(());

/// A group with these controllers, wherever they are here, limited so.
fn spec(controllers: &[&str], limits: &Limits) -> Option<Spec> {
    if !rustix_is_root() {
        eprintln!("skipped: making groups takes root");
        return None;
    }
    let groups = detect().unwrap();
    let mut members = Vec::new();
    for name in controllers {
        let Some(hierarchy) = home_of(&groups, name) else {
            eprintln!("skipped: no hierarchy here has {name}");
            return None;
        };
        let Some(place) =
            hierarchy.places.iter().find(|p| hierarchy.version == Version::V1 || p.root)
        else {
            eprintln!("skipped: the root of version 2 is not in reach");
            return None;
        };
        let own: Vec<Controller> = Controller::ALL
            .into_iter()
            .filter(|c| [c.name(), c.v1_name()].contains(name) && limits.controllers().contains(c))
            .collect();
        let mut writes = limits.writes(hierarchy.version, &own, &Now::default()).unwrap();
        let set = *name == "cpuset" && hierarchy.version == Version::V1;
        let inner_writes = if set { Write::whole_set().to_vec() } else { Vec::new() };
        if set && own.is_empty() {
            writes.extend(inner_writes.clone());
        }
        let v2 = hierarchy.version == Version::V2 && !name.is_empty();
        let missing = v2 && !place.enabled.iter().any(|c| c == name);
        members.push(Member {
            version: hierarchy.version,
            hierarchy: Vec::new(),
            parent: place.dir.clone(),
            enable: if missing { vec![(*name).to_owned()] } else { Vec::new() },
            step_aside: false,
            writes,
            inner_writes,
            inner_controllers: Vec::new(),
        });
    }
    let mut merged: Vec<Member> = Vec::new();
    for member in members {
        match merged.iter_mut().find(|m| m.parent == member.parent) {
            Some(known) => {
                known.writes.extend(member.writes);
                known.enable.extend(member.enable);
            }
            None => merged.push(member),
        }
    }
    Some(Spec {
        name: groups.name,
        members: merged,
        maker: Maker::Caller,
        is_beside_v1: true,
        devices: Vec::new(),
        told: Told::default(),
        stats: true,
        is_kept: false,
        owner: None,
    })
}

/// With an empty name the hierarchy of version 2.
fn home_of<'a>(groups: &'a Cgroups, name: &str) -> Option<&'a Hierarchy> {
    if name.is_empty() {
        return groups.unified();
    }
    let v2 = if name == "blkio" { "io" } else { name };
    groups.hierarchies.iter().find(|h| h.controllers.iter().any(|c| c == name || c == v2))
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn dir(spec: &Spec, n: usize) -> PathBuf {
    spec.outer(&spec.members[n]).as_path().to_owned()
}

struct Running(Child);

impl Running {
    fn sh(script: &str) -> Running {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::null());
        Running(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Ends its standard input, which a script may wait for.
    fn go(&mut self) {
        drop(self.0.stdin.take());
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit_once(") ").unwrap().1;
    rest.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum()
}

/// A frozen loop uses no time, a thawed one does; then all of it is killed.
fn frozen_thawed_killed(controller: &str) {
    let Some(spec) = spec(&[controller], &Limits::default()) else { return };
    let group = Group::create(&spec).unwrap();
    // It has children once it is in the group: else nothing would end them.
    let mut running = Running::sh("read word; (while :; do :; done) & while :; do :; done");
    group.enter(running.pid()).unwrap();
    running.go();
    wait_until("it runs", || ticks(running.pid()) > 0);
    group.freeze().unwrap();
    let before = ticks(running.pid());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(ticks(running.pid()), before);
    group.thaw().unwrap();
    wait_until("it goes on", || ticks(running.pid()) > before);
    assert!(!group.processes().is_empty());
    // Frozen processes end too.
    group.freeze().unwrap();
    group.kill().unwrap();
    assert!(group.processes().is_empty());
    let dir = dir(&spec, 0);
    group.remove().unwrap();
    assert!(!dir.exists());
}

#[test]
fn freezer_of_version_1() {
    frozen_thawed_killed("freezer");
}

#[test]
fn freezer_of_version_2() {
    let _turn = TURN.lock();
    frozen_thawed_killed("");
}

/// Without a freezer, without cgroup.kill: processes that make others are ended all the same.
#[test]
fn killed_without_a_freezer() {
    let Some(spec) = spec(&["pids"], &Limits { pids: Some(Amount::Of(30)), ..Limits::default() })
    else {
        return;
    };
    let group = Group::create(&spec).unwrap();
    // As many as can be made would end by themselves: a shell does when it is refused one.
    let mut running = Running::sh(
        "read word
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do (while :; do sleep 0.01; done) & done
        wait",
    );
    group.enter(running.pid()).unwrap();
    running.go();
    wait_until("there are many", || group.processes().len() > 10);
    group.kill().unwrap();
    assert!(group.processes().is_empty());
    drop(running);
    group.remove().unwrap();
    assert!(!dir(&spec, 0).exists());
}

#[test]
fn removed_with_what_runs_in_it() {
    let Some(spec) = spec(&["pids"], &Limits::default()) else { return };
    let group = Group::create(&spec).unwrap();
    let running = Running::sh("sleep 60");
    group.enter(running.pid()).unwrap();
    fs::create_dir(dir(&spec, 0).join("box/of-the-worlds-own")).unwrap();
    drop(group);
    assert!(!dir(&spec, 0).exists());
}

#[test]
fn limits_change_while_it_runs() {
    let of = |max, both| Limits {
        memory: Memory {
            max: Some(Amount::Of(max)),
            swap: Some(Swap::WithMemory(Amount::Of(both))),
            ..Memory::default()
        },
        pids: Some(Amount::Of(max >> 20)),
        cpu: Cpu { quota: Some(Amount::Of(max >> 10)), ..Cpu::default() },
        ..Limits::default()
    };
    let _turn = TURN.lock();
    let Some(spec) = spec(&["memory", "pids", "cpu"], &of(64 << 20, 128 << 20)) else { return };
    let group = Group::create(&spec).unwrap();
    let running = Running::sh("sleep 60");
    group.enter(running.pid()).unwrap();
    // Up beyond the old sum, and down below the old limit.
    for (max, both) in [(256 << 20, 300 << 20), (32 << 20, 40 << 20), (33 << 20, 33 << 20)] {
        group.update(&of(max, both)).unwrap();
        let read = |n: usize, file: &str| fs::read_to_string(dir(&spec, n).join(file)).unwrap();
        if spec.members[0].version == Version::V1 {
            assert_eq!(read(0, "memory.limit_in_bytes").trim(), max.to_string());
            assert_eq!(read(0, "memory.memsw.limit_in_bytes").trim(), both.to_string());
            assert_eq!(read(1, "pids.max").trim(), (max >> 20).to_string());
            assert_eq!(read(2, "cpu.cfs_quota_us").trim(), (max >> 10).to_string());
        } else {
            assert_eq!(read(0, "memory.max").trim(), max.to_string());
            assert_eq!(read(0, "memory.swap.max").trim(), (both - max).to_string());
        }
    }
    let none = Limits {
        memory: Memory { max: Some(Amount::Max), ..Memory::default() },
        ..Limits::default()
    };
    group.update(&none).unwrap();
    let refused = group.update(&Limits {
        cpu: Cpu { cpus: Some("0".into()), ..Cpu::default() },
        ..Limits::default()
    });
    if spec.members[0].version == Version::V1 {
        assert!(refused.unwrap_err().sentence.contains("no part with the cpuset controller"));
    }
    drop(running);
    group.remove().unwrap();
}

#[test]
fn what_was_used() {
    let _turn = TURN.lock();
    let Some(spec) = spec(&["memory", "pids", "cpu"], &Limits::default()) else { return };
    let group = Group::create(&spec).unwrap();
    let running = Running::sh("read x < /proc/self/stat; x=; while :; do x=$x.....; done");
    group.enter(running.pid()).unwrap();
    wait_until("memory is counted", || group.stats().memory_peak > Some(100_000));
    wait_until("processes are counted", || group.stats().processes_peak >= Some(1));
    assert_eq!(group.reached(), dwell_cgroup::Reached::default());
    drop(running);
    group.remove().unwrap();
}

/// What the kernel refuses is a sentence, and nothing of the group is left.
#[test]
fn refused_and_gone() {
    let bad =
        Limits { cpu: Cpu { cpus: Some("4000".into()), ..Cpu::default() }, ..Limits::default() };
    let _turn = TURN.lock();
    let Some(spec) = spec(&["cpuset", "pids"], &bad) else { return };
    let error = Group::create(&spec).unwrap_err();
    assert!(error.sentence.starts_with("cannot set the processors: "), "{error}");
    assert!(error.sentence.contains("write \"4000\" to"), "{error}");
    for n in 0..spec.members.len() {
        assert!(!dir(&spec, n).exists());
    }
}

#[test]
fn five_hundred() {
    let limits = Limits { pids: Some(Amount::Of(5)), ..Limits::default() };
    let _turn = TURN.lock();
    let Some(first) = spec(&["pids"], &limits) else { return };
    let parent = first.members[0].parent.as_path().to_owned();
    let made: Vec<Group> = (0..500)
        .map(|_| {
            let spec = Spec { name: detect().unwrap().name, ..first.clone() };
            Group::create(&spec).unwrap()
        })
        .collect();
    assert!(ours(&parent) >= 500);
    drop(made);
    assert_eq!(ours(&parent), 0);
}

fn ours(parent: &Path) -> usize {
    let pid = format!("-{}", std::process::id());
    let own = |e: &fs::DirEntry| {
        let name = e.file_name().to_string_lossy().into_owned();
        name.starts_with("dwell-") && name.ends_with(&pid) && e.path().join("box").exists()
    };
    fs::read_dir(parent).unwrap().flatten().filter(own).count()
}

/// A group whose maker has gone is removed by the next one, with what still runs in it; one whose maker
/// lives is not.
#[test]
fn swept() {
    let Some(spec) = spec(&["freezer"], &Limits::default()) else { return };
    let living = Group::create(&spec).unwrap();
    let name = spec.name.to_string();
    let dead = name.replacen(name.split('-').nth(2).unwrap(), "1.0", 1);
    let dead = Spec { name: Text::from(dead), ..spec.clone() };
    let left = Group::create(&dead).unwrap();
    let mut running = Running::sh("sleep 60");
    left.enter(running.pid()).unwrap();
    std::mem::forget(left);
    sweep_beside(Version::V1, spec.members[0].parent.as_path(), None);
    assert!(!dir(&dead, 0).exists() && dir(&spec, 0).exists());
    assert!(!running.0.wait().unwrap().success());
    drop(living);
}

/// What is found of a process that has ended is not the scope: it is who started it that would be limited
/// then, and ended with the world.
#[test]
fn who_has_ended_is_not_adopted() {
    let groups = detect().unwrap();
    let bus = groups.systemd.as_ref().and_then(|systemd| systemd.bus.clone());
    let (Some(bus), Some(unified)) = (bus, groups.unified()) else {
        eprintln!("skipped: no systemd owns the control groups here");
        return;
    };
    let unit = format!("{}.scope", groups.name);
    let member = Member {
        version: Version::V2,
        hierarchy: Vec::new(),
        parent: unified.mount.clone(),
        enable: Vec::new(),
        step_aside: false,
        writes: Vec::new(),
        inner_writes: Vec::new(),
        inner_controllers: Vec::new(),
    };
    let maker = Maker::Systemd { bus, unit: unit.clone(), slice: None, limits: Box::default() };
    let spec = Spec {
        name: groups.name.clone(),
        members: vec![member],
        maker,
        is_beside_v1: false,
        devices: Vec::new(),
        told: Told::default(),
        stats: true,
        is_kept: false,
        owner: None,
    };
    let mut ended = Command::new("true").spawn().unwrap();
    let pid = ended.id().cast_signed();
    let is_zombie = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z");
    while !is_zombie() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let error = Group::adopt(&spec, pid, None).unwrap_err();
    ended.wait().unwrap();
    // A manager that looks whether somebody is in it refuses by itself.
    assert!(error.sentence.contains(&unit), "{error}");
    let end = Instant::now() + Duration::from_secs(10);
    while is_below(unified.mount.as_path(), &unit) {
        assert!(Instant::now() < end, "{unit} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_below(top: &Path, name: &str) -> bool {
    let dirs = fs::read_dir(top).into_iter().flatten().flatten();
    let dirs = dirs.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.map(|entry| entry.path()).any(|dir| dir.ends_with(name) || is_below(&dir, name))
}

fn rule(allow: bool, text: &str) -> DeviceRule {
    let mut words = text.split(' ');
    let kind = match words.next() {
        Some("c") => DeviceKind::Char,
        _ => DeviceKind::All,
    };
    let (major, minor) = words.next().and_then(|n| n.split_once(':')).unwrap_or(("*", "*"));
    let access = DeviceAccess::parse(words.next().unwrap_or("rwm")).unwrap();
    DeviceRule { allow, kind, major: major.parse().ok(), minor: minor.parse().ok(), access }
}

/// Nothing, then null alone, then null for reading and zero: each time the rules before are gone.
fn devices_obey(controller: &str) {
    let Some(spec) = spec(&[controller], &Limits::default()) else { return };
    let group = Group::create(&spec).unwrap();
    let tries = |device: &str, how: &str| {
        let mut running = Running::sh(&format!("sleep 0.3; : {how} {device}"));
        group.enter(running.pid()).unwrap();
        running.0.wait().unwrap().success()
    };
    assert!(tries("/dev/null", "<>") && tries("/dev/zero", "<>"));
    group.set_devices(&[rule(false, "a"), rule(true, "c 1:3 rwm")]).unwrap();
    assert!(tries("/dev/null", "<>") && !tries("/dev/zero", "<"));
    group.set_devices(&[rule(false, "a"), rule(true, "c 1:3 r"), rule(true, "c 1:5 rw")]).unwrap();
    assert!(tries("/dev/null", "<") && !tries("/dev/null", ">") && tries("/dev/zero", "<>"));
    group.remove().unwrap();
}

#[test]
fn devices_of_version_1() {
    devices_obey("devices");
}

#[test]
fn devices_of_version_2() {
    let _turn = TURN.lock();
    devices_obey("");
}
