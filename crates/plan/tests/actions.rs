//! What lower() makes of a Plan with actions: which ops, in which order, and where they go on.

use dwell_plan::action::{
    Action, Demand, Fork, Id, IdBlock, Join, Parent, Place, Propagation, Setgroups, Source, Target,
};
use dwell_plan::facts::{Caller, Facts, Kernel};
use dwell_plan::idmap::{IdMap, IdRange};
use dwell_plan::plan::{Clock, ClockOffset, Command, EnvVar, Namespaces, Plan};
use dwell_plan::program::{Block, MapWriter, Op, Program, Start};
use dwell_plan::{NamespaceKind, NamespaceSet, Text, lower, lower_explained};

fn plan(actions: Vec<Action>) -> Plan {
    let command = Command { argv: vec![Text::from("true")], env: Vec::new(), workdir: None };
    let namespaces = Namespaces { own: NamespaceSet::EMPTY, join: Vec::new() };
    Plan { actions, ..Plan::new(command, namespaces) }
}

fn facts(uid: u32) -> Facts {
    Facts {
        kernel: Kernel { major: 6, minor: 12 },
        caller: Caller {
            uid,
            gid: uid,
            name: Text::from("ann"),
            subuids: vec![(100_000, 65536), (300_000, 5)],
            subgids: vec![(200_000, 1000)],
            uid_map: IdMap(vec![IdRange { inner: 0, outer: 5, count: 50 }]),
            ..Caller::default()
        },
        ..Facts::default()
    }
}

fn program(actions: Vec<Action>, uid: u32) -> Program {
    lower(&plan(actions), &facts(uid)).expect("a program")
}

/// The ops by their names, for those that matter to the order.
fn names(block: &Block) -> String {
    let name = |op: &Op| {
        let text = format!("{op:?}");
        let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
        text[..end].to_owned()
    };
    block.ops.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn set(kinds: &[NamespaceKind]) -> NamespaceSet {
    kinds.iter().copied().collect()
}

fn fork(parent: Parent) -> Action {
    Action::Fork(Fork { parent, kill_child: None })
}

fn persist(kind: NamespaceKind) -> Action {
    Action::Persist { kind, path: Text::from("/f") }
}

use NamespaceKind::{Mount, Net, Pid, Time, User, Uts};

#[test]
fn nothing_but_the_program() {
    let program = program(vec![Action::Unshare(NamespaceSet::EMPTY)], 7);
    assert_eq!(program.start, Start::InPlace);
    assert_eq!(names(&program.entry), "Unshare Exec");
    assert!(program.setup.ops.is_empty() && program.helpers.is_empty());
    assert_eq!(program.candidates, [Text::from("/bin/true"), Text::from("/usr/bin/true")]);
}

#[test]
fn a_fork_goes_on_in_both() {
    let actions = vec![Action::Unshare(set(&[Pid, Mount])), fork(Parent::Ignores)];
    let program = program(actions, 0);
    assert_eq!(names(&program.entry), "Unshare Fork Exec WaitForChild");
    let Some(Op::Fork { parent: 3, vfork: true, .. }) = program.entry.ops.get(1) else {
        panic!("{:?}", program.entry.ops)
    };
}

#[test]
fn who_binds() {
    // In place, in the order of entering, where the mount namespace stays what it was.
    let own = Action::Unshare(set(&[Net, Uts]));
    let simple = program(vec![own.clone(), persist(Net), persist(Uts)], 0);
    assert_eq!(names(&simple.entry), "Unshare BindNamespace BindNamespace Exec");
    assert!(matches!(simple.entry.ops[1], Op::BindNamespace { kind: Uts, .. }));
    // By the parent, which must not stand still meanwhile.
    let forked = program(vec![own, fork(Parent::Ignores), persist(Uts)], 0);
    assert_eq!(names(&forked.entry), "Unshare Fork Exec BindNamespace WaitForChild");
    assert!(matches!(forked.entry.ops[1], Op::Fork { vfork: false, parent: 3, .. }));
    // By a helper that stays outside, started before.
    for kind in [Mount, User] {
        let outside = program(vec![Action::Unshare(set(&[kind])), persist(kind)], 0);
        // A mount namespace also has to be younger than the one in which it is bound.
        let (before, after) = match kind {
            Mount => ("Open ", " RenewMounts Close"),
            _ => ("", ""),
        };
        let entry = format!("StartHelper {before}Unshare{after} AwaitHelper Exec");
        assert_eq!(names(&outside.entry), entry);
        assert_eq!(names(&outside.helpers[0]), "BindNamespace");
        let actions = vec![Action::Unshare(set(&[kind])), fork(Parent::Ignores), persist(kind)];
        let parent = program(actions, 0);
        let entry =
            format!("StartHelper {before}Unshare{after} Fork Exec AwaitHelper WaitForChild");
        assert_eq!(names(&parent.entry), entry);
    }
}

#[test]
fn a_time_namespace_is_not_shared_with_the_parent() {
    let offset = ClockOffset { clock: Clock::Boottime, seconds: -5 };
    let actions =
        vec![Action::Unshare(set(&[Time])), Action::Clock(offset), fork(Parent::PassesOn)];
    let program = program(actions, 0);
    assert_eq!(names(&program.entry), "Unshare Open Write Close Fork Exec WaitForChild");
    let Op::Write { data, .. } = program.entry.ops[2] else { panic!() };
    assert_eq!(program.bytes(data), b"boottime -5 0");
    assert!(matches!(program.entry.ops[4], Op::Fork { vfork: false, .. }));
}

#[test]
fn own_ids() {
    let actions = vec![
        Action::Unshare(set(&[User])),
        Action::MapOwnUser(0),
        Action::MapOwnGroup(0),
        Action::Setgroups(Setgroups::Deny),
    ];
    let program = program(actions, 7);
    let written: Vec<&[u8]> = program
        .entry
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::Write { data, .. } => Some(program.bytes(*data)),
            _ => None,
        })
        .collect();
    assert_eq!(written, [&b"0 7 1"[..], b"deny", b"0 7 1", b"deny"]);
}

#[test]
fn maps_from_outside() {
    let map = |users: Vec<IdBlock>, uid| {
        let actions = vec![
            Action::Become { uid: 3, gid: 4 },
            Action::Unshare(set(&[User])),
            Action::MapFromOutside { users, groups: Vec::new() },
        ];
        lower(&plan(actions), &facts(uid))
    };
    let range = |inner, outer, count| IdRange { inner, outer, count };
    let program = map(vec![IdBlock::Subordinate, IdBlock::Own(0)], 7).unwrap();
    assert_eq!(
        names(&program.entry),
        "StartHelper DropGroups SetGid SetUid Unshare AwaitHelper Exec"
    );
    assert_eq!(names(&program.helpers[0]), "WriteIdMaps");
    let maps = program.host_maps.unwrap();
    assert_eq!(maps.users.0, [range(0, 7, 1), range(1, 100_000, 65536)]);
    assert!(maps.groups.is_empty() && matches!(maps.writer, MapWriter::Helpers(..)));
    let root = map(vec![IdBlock::All, IdBlock::SubordinateAsTheyAre], 0).unwrap();
    let maps = root.host_maps.unwrap();
    assert_eq!(maps.writer, MapWriter::Direct);
    assert_eq!(maps.users.0, [range(0, 0, 50), range(100_000, 100_000, 65536)]);
    let mut poor = facts(7);
    poor.caller.subuids.clear();
    let actions = vec![
        Action::Unshare(set(&[User])),
        Action::MapFromOutside { users: vec![IdBlock::Subordinate], groups: Vec::new() },
    ];
    let refusal = lower(&plan(actions), &poor).unwrap_err();
    assert_eq!(refusal.sentence, "no line matching user \"ann\" in /etc/subuid");
}

fn join(of_target: NamespaceSet, from: Vec<(NamespaceKind, Source)>) -> Action {
    let target = (!of_target.is_empty()).then_some(Target { pid: 9, inode: None });
    Action::Join(Join { target, of_target, from })
}

/// The ops that enter, with the kinds that each is for and whether its failure is none yet.
fn entering(program: &Program) -> Vec<(String, bool)> {
    let ops = (0u32..).zip(&program.entry.ops);
    ops.filter_map(|(at, op)| match op {
        Op::EnterOnce { kinds, .. } => {
            Some((kinds.to_string(), program.entry.rescue(at, 1).is_some()))
        }
        _ => None,
    })
    .collect()
}

#[test]
fn entered_by_one_call_or_by_files() {
    let all = set(&[Net, Uts, Mount]);
    let program = program(vec![join(all, Vec::new())], 0);
    assert!(matches!(program.entry.ops[0], Op::Pidfd { .. }));
    // The process may have ended: then its files say so, by their names.
    let fallback = program.entry.rescue(0, 3).expect("a way on");
    assert!(matches!(program.entry.ops[fallback as usize], Op::Open { .. }));
    let mut old = facts(0);
    old.kernel = Kernel { major: 5, minor: 4 };
    let by_files = lower(&plan(vec![join(all, Vec::new())]), &old).unwrap();
    assert_eq!(names(&by_files.entry), "Open Open Open EnterOnce EnterOnce EnterOnce Exec");
}

#[test]
fn the_user_namespace_between_two_passes() {
    let file = (Uts, Source::File(Text::from("/u")));
    let program = program(vec![join(set(&[User, Net]), vec![file])], 0);
    let order = entering(&program);
    let word = |at: usize| order[at].0.as_str();
    let lenient: Vec<bool> = order.iter().map(|(_, lenient)| *lenient).collect();
    let first_strict = lenient.iter().position(|l| !l).unwrap();
    assert!(lenient[..first_strict].iter().all(|l| *l));
    assert!(order[..first_strict].iter().all(|(kinds, _)| !kinds.contains("user")));
    assert_eq!(word(first_strict), "user");
    assert!(order[first_strict..].iter().all(|(_, lenient)| !lenient));
    // All that was tried is tried again.
    for (kinds, _) in &order[..first_strict] {
        assert!(order[first_strict..].iter().any(|(again, _)| again == kinds));
    }
    // Without a user namespace there is one pass.
    let once = self::program(vec![join(set(&[Net]), Vec::new())], 0);
    assert!(entering(&once).iter().all(|(_, lenient)| !lenient));
}

#[test]
fn held_before_all_else() {
    let held = |path: &str| Place::Held(Text::from(path));
    let actions = vec![
        Action::DropGroups(Demand::Try),
        join(set(&[Mount]), Vec::new()),
        Action::Chroot { to: held("/r"), stay: false },
        Action::Chdir(held("/w")),
        Action::JoinCgroup(Text::from("/c")),
        fork(Parent::StopsToo),
        Action::DropGroups(Demand::MustOnce),
        Action::SetGid(Id::OwnerOf(Text::from("/p"))),
        Action::SetUid(Id::OwnerOf(Text::from("/p"))),
    ];
    let program = program(actions, 0);
    let order = names(&program.entry);
    assert!(
        order.starts_with("Pidfd Goto Open Open Open Open Open Open DropGroups EnterOnce"),
        "{order}"
    );
    let rest = order.split("EnterOnce").last().unwrap();
    assert_eq!(
        rest,
        " ChdirTo Chroot ChdirTo Close Write Fork DropGroups OwnerOf SetGid SetUid Exec WaitForChild"
    );
}

#[test]
fn mounts_and_their_words() {
    let at = || Text::from("/proc");
    let actions = vec![
        Action::Unshare(set(&[Mount])),
        Action::Propagation(Propagation::Slave),
        Action::Chroot { to: Place::There(Text::from("/new")), stay: true },
        Action::MountProc { at: at(), private: true },
        Action::RegisterBinfmt { at: at(), line: Text::from(":x:") },
        Action::KeepCapabilities,
    ];
    let program = program(actions, 0);
    assert_eq!(
        names(&program.entry),
        "Unshare Propagate Open Chroot ChdirTo Close Propagate Mount Open Open Write Close Close \
         KeepCapabilities Exec"
    );
    let says = |at: u32| program.step(&program.entry, at).unwrap().says.as_deref().unwrap();
    assert_eq!(says(0), "unshare failed");
    assert_eq!(says(1), "cannot change root filesystem propagation");
    assert_eq!(says(3), "cannot change root directory to '/new'");
    assert_eq!(says(7), "mount /proc failed");
    assert_eq!(says(10), "write failed /proc/register");
    assert_eq!(says(14), "failed to execute true");
    // Where nothing is mounted there is nothing to be made private.
    assert_eq!(program.entry.rescue(6, 22), Some(7));
    assert_eq!(program.entry.rescue(6, 1), None);
}

#[test]
fn shells_and_paths() {
    let mut login = plan(vec![Action::Unshare(NamespaceSet::EMPTY), Action::LoginShell]);
    login.command.argv = vec![Text::from("/bin/zsh")];
    let program = lower(&login, &facts(0)).unwrap();
    assert_eq!(program.argv, [Text::from("-zsh")]);
    assert_eq!(program.candidates, [Text::from("/bin/zsh")]);
    let mut searched = plan(vec![Action::Unshare(NamespaceSet::EMPTY)]);
    searched.command.env = vec![EnvVar { name: Text::from("PATH"), value: Text::from("/a::/b") }];
    let program = lower(&searched, &facts(0)).unwrap();
    assert_eq!(program.candidates, ["/a/true", "./true", "/b/true"].map(Text::from));
    assert_eq!(program.env, [Text::from("PATH=/a::/b")]);
}

#[test]
fn contradictions() {
    let refused = |actions: Vec<Action>| lower(&plan(actions), &facts(0)).unwrap_err().sentence;
    let clock = Action::Clock(ClockOffset { clock: Clock::Monotonic, seconds: 1 });
    assert!(refused(vec![clock]).starts_with("options --monotonic and --boottime require"));
    let both = vec![Action::MapOwnGroup(0), Action::Setgroups(Setgroups::Allow)];
    assert!(refused(both).contains("--setgroups=allow and --map-group are mutually exclusive"));
    let twice = vec![fork(Parent::Ignores), fork(Parent::Ignores)];
    assert_eq!(refused(twice), "a plan forks only once");
    assert_eq!(refused(vec![persist(Net)]), "there is no new net namespace to be kept");
    let mut world = plan(vec![Action::Unshare(set(&[Net]))]);
    world.namespaces.own = set(&[Net]);
    let refusal = lower(&world, &facts(0)).unwrap_err();
    assert_eq!(refusal.sentence, "a plan has either actions or a world");
}

#[test]
fn explained_and_stored() {
    let actions = vec![Action::Unshare(set(&[Mount, Net])), persist(Net)];
    let plan = plan(actions);
    let text = dwell_plan::explain::text(&lower_explained(&plan, &facts(0)).unwrap());
    assert!(text.contains("own net namespace (unshare)"), "{text}");
    assert!(text.contains("by a process that stays outside"), "{text}");
}
