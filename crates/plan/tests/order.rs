//! The order in which a process gives up its rights, for whatever can be asked for on whatever machine.

use dwell_plan::caps::{CapSet, NAMES};
use dwell_plan::facts::{Caller, Facts, Kernel};
use dwell_plan::idmap::{IdMap, IdRange};
use dwell_plan::landlock::{Landlock, Wall};
use dwell_plan::plan::{
    CapabilityChange, Command, Join, Mapping, Namespaces, Origin, Plan, Pty, SeccompProfile,
    Surroundings, User,
};
use dwell_plan::program::{Block, Op, Program};
use dwell_plan::proof::Act;
use dwell_plan::{NamespaceKind, NamespaceSet, Text, beginning, lower};
use proptest::prelude::*;

/// What a process does to its own rights, in the one order that is safe. See docs/design.md, *Giving up
/// rights*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Dropping from the bounding set takes `CAP_SETPCAP`.
    Bounding,
    /// Supplementary groups take `CAP_SETGID`.
    Groups,
    /// Group and user ids: leaving id 0 takes the capabilities away.
    Ids,
    /// Effective, permitted and inheritable capabilities.
    Capabilities,
    /// What is permitted and inheritable becomes ambient, or nothing does.
    Ambient,
    /// Without it a filter takes `CAP_SYS_ADMIN`.
    NoNewPrivs,
    /// No executable memory.
    ExecGain,
    /// Landlock's rules take `no_new_privs`, and may forbid any of the above.
    Landlock,
    /// All that a filter may refuse has been done.
    Filter,
    /// The program.
    Exec,
}

fn stage(op: &Op) -> Option<Stage> {
    Some(match op {
        Op::BoundingSet { .. } => Stage::Bounding,
        Op::SetGroups | Op::LeaveGroups => Stage::Groups,
        Op::SetIds { .. } => Stage::Ids,
        Op::Capabilities { .. } => Stage::Capabilities,
        Op::Ambient { .. } => Stage::Ambient,
        Op::NoNewPrivs => Stage::NoNewPrivs,
        Op::RefuseExecGain => Stage::ExecGain,
        Op::Confine { .. } => Stage::Landlock,
        Op::Filter => Stage::Filter,
        Op::Exec => Stage::Exec,
        _ => return None,
    })
}

/// The ops that may follow once capabilities are given up: none of them takes any.
fn needs_no_right(op: &Op) -> bool {
    matches!(
        op,
        Op::Chdir(_)
            | Op::DieWithParent
            | Op::RestoreUmask
            | Op::KeepDescriptors
            | Op::ResetSignals
            | Op::Prove(_)
    )
}

fn stages(block: &Block) -> Vec<Stage> {
    block.ops.iter().filter_map(stage).collect()
}

/// Ids of a user, of root, and of root in a user namespace.
fn caller() -> impl Strategy<Value = Caller> {
    let some =
        proptest::sample::select(vec![0u64, 1 << 21, (1 << 21) | (1 << 6) | (1 << 7), u64::MAX]);
    let map = proptest::sample::select(vec![
        IdMap(vec![IdRange { inner: 0, outer: 0, count: u32::MAX }]),
        IdMap(vec![IdRange { inner: 0, outer: 100_000, count: 65_536 }]),
    ]);
    let subids = proptest::sample::select(vec![vec![], vec![(100_000u32, 65_536u32)]]);
    (proptest::sample::select(vec![0u32, 1000]), some, map, subids).prop_map(
        |(uid, capabilities, map, subids)| Caller {
            uid,
            gid: uid,
            capabilities,
            uid_map: map.clone(),
            gid_map: map,
            subuids: subids.clone(),
            subgids: subids,
            ..Caller::default()
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let kernels = proptest::sample::select(vec![(5, 12), (6, 1), (6, 3), (6, 18)]);
    let landlock = proptest::sample::select(vec![0u32, 3, 5, 9]);
    (caller(), kernels, landlock, any::<[bool; 3]>(), any::<[bool; 2]>()).prop_map(
        |(caller, (major, minor), landlock, terminals, [helpers, any_processor])| {
            let helper = |name: &str| helpers.then(|| Text::from(name));
            Facts {
                kernel: Kernel { major, minor },
                caller,
                landlock,
                terminals,
                any_processor,
                newuidmap: helper("/usr/bin/newuidmap"),
                newgidmap: helper("/usr/bin/newgidmap"),
                ..Facts::default()
            }
        },
    )
}

fn namespaces() -> impl Strategy<Value = Namespaces> {
    let set = proptest::sample::subsequence(NamespaceKind::ALL.to_vec(), 0..=8);
    let own = prop_oneof![
        Just(NamespaceSet::DEFAULT),
        Just(NamespaceSet::ALL),
        set.prop_map(NamespaceSet::from_iter)
    ];
    let joined = proptest::sample::subsequence(NamespaceKind::ALL.to_vec(), 0..=3);
    (own, proptest::option::weighted(0.3, joined)).prop_map(|(mut own, joined)| {
        let join = joined.into_iter().flatten().map(|kind| {
            own.remove(kind);
            let path = Text::from(format!("/proc/7/ns/{}", kind.proc_name()));
            Join { kind, path, origin: Origin::rule("a test") }
        });
        let join = join.collect();
        Namespaces { own, join }
    })
}

fn changes() -> impl Strategy<Value = Vec<CapabilityChange>> {
    let names = NAMES.iter().copied().chain(["all"]).collect::<Vec<_>>();
    let one = (any::<bool>(), proptest::sample::select(names)).prop_map(|(add, name)| {
        let name = name.to_owned();
        if add { CapabilityChange::Add(name) } else { CapabilityChange::Drop(name) }
    });
    proptest::collection::vec(one, 0..4)
}

fn walls() -> impl Strategy<Value = Option<Landlock>> {
    let some = proptest::sample::subsequence(Wall::OF_LANDLOCK.to_vec(), 1..=4);
    let asked = (some, any::<bool>()).prop_map(|(walls, accept)| {
        let accept_missing = if accept { walls.clone() } else { Vec::new() };
        Landlock { walls, accept_missing, origin: Origin::rule("a test") }
    });
    proptest::option::weighted(0.3, asked)
}

fn plan() -> impl Strategy<Value = Plan> {
    let user = proptest::sample::select(vec![
        User::Caller,
        User::Root,
        User::Ids { uid: 0, gid: 0 },
        User::Ids { uid: 5, gid: 6 },
        User::Ids { uid: 1000, gid: 1000 },
    ]);
    let ranges = IdMap(vec![IdRange { inner: 0, outer: 0, count: 10 }]);
    let map = proptest::sample::select(vec![
        Mapping::Default,
        Mapping::Default,
        Mapping::Subids,
        Mapping::Ranges(ranges),
    ]);
    let seccomp = proptest::sample::select(vec![
        SeccompProfile::Default,
        SeccompProfile::Strict,
        SeccompProfile::None,
    ]);
    let pty = proptest::sample::select(vec![Pty::Auto, Pty::Always, Pty::Never]);
    let flags = any::<[bool; 5]>();
    (namespaces(), user, map, changes(), seccomp, pty, walls(), flags).prop_map(
        |(namespaces, user, map, capabilities, profile, pty, landlock, flags)| {
            let [no_new_code, verify, as_pid_1, log, surrounded] = flags;
            let command = Command { argv: vec![Text::from("true")], ..Command::default() };
            let mut plan = Plan::new(command, namespaces);
            plan.landlock = landlock;
            plan.identity.user = user;
            plan.identity.users = map.clone();
            plan.identity.groups = map;
            plan.process.capabilities = capabilities;
            plan.process.seccomp.profile = profile;
            plan.process.seccomp.log = log && !no_new_code;
            plan.process.pty = pty;
            plan.process.as_pid_1 = as_pid_1;
            plan.hardening.no_new_code = no_new_code;
            plan.hardening.verify = verify;
            plan.process.surroundings =
                (surrounded && !plan.namespaces.join.is_empty()).then(|| {
                    let origin = Origin::rule("a test");
                    let tasks = vec![Text::from("/sys/fs/cgroup/a/cgroup.procs")];
                    Surroundings { pid: 7, workdir: true, groups: vec![7, 8], tasks, origin }
                });
            plan
        },
    )
}

/// Each stage at most once and in order; those that every program needs, once.
fn check_entry(plan: &Plan, facts: &Facts, program: &Program) -> Result<(), TestCaseError> {
    let stages = stages(&program.entry);
    prop_assert!(stages.is_sorted(), "out of order: {stages:?}");
    prop_assert!(stages.windows(2).all(|w| w[0] != w[1]), "twice: {stages:?}");
    let has = |stage| stages.contains(&stage);
    for stage in [Stage::Capabilities, Stage::Ambient, Stage::NoNewPrivs, Stage::Exec] {
        prop_assert!(has(stage), "{stage:?} is missing in {stages:?}");
    }
    let bounds = plan.namespaces.owns(NamespaceKind::User) || facts.caller.is_admin();
    prop_assert_eq!(has(Stage::Bounding), bounds);
    let asked = |wall: &Wall| plan.landlock.as_ref().is_some_and(|l| l.walls.contains(wall));
    let ports = asked(&Wall::Tcp) && Wall::Tcp.needs().0 <= facts.landlock;
    let given = plan.process.seccomp.profile != SeccompProfile::None;
    let filtered = given || plan.hardening.no_new_code || ports;
    // It is the last that is done but one, or the very first.
    let first = program.setup.ops.first() == Some(&Op::Filter);
    prop_assert_eq!(has(Stage::Filter) || first, filtered);
    prop_assert!(!(has(Stage::Filter) && first), "twice");
    prop_assert!(
        !first || plan.namespaces.owns(NamespaceKind::User),
        "it refuses to make namespaces"
    );
    prop_assert_eq!(program.filter.is_some(), filtered);
    // Where nothing of what was asked for is known to the kernel, nothing is there to live by.
    let known = |wall: &Wall| wall.needs().0 <= facts.landlock;
    let confined = plan.landlock.as_ref().is_some_and(|asked| asked.walls.iter().any(known));
    prop_assert_eq!(has(Stage::Landlock), confined);
    prop_assert_eq!(has(Stage::ExecGain), plan.hardening.no_new_code);
    prop_assert!(!has(Stage::Groups) || has(Stage::Ids), "groups are those of other ids");
    Ok(())
}

/// From `capset(2)` on nothing takes a right, and after the filter only the program and its proof follow.
fn check_afterwards(program: &Program) -> Result<(), TestCaseError> {
    let ops = &program.entry.ops;
    let at = ops.iter().position(|op| matches!(op, Op::Capabilities { .. })).unwrap_or(ops.len());
    for op in &ops[at..] {
        let fine = needs_no_right(op) || stage(op).is_some();
        prop_assert!(fine, "{op:?} comes after the capabilities are gone");
    }
    prop_assert!(matches!(ops.last(), Some(Op::Exec)));
    if let Some(filter) = ops.iter().position(|op| matches!(op, Op::Filter)) {
        let after = &ops[filter + 1..ops.len() - 1];
        let only = |op: &Op| matches!(op, Op::Prove(Act::MakeCall));
        prop_assert!(after.iter().all(only), "after the filter: {after:?}");
    }
    // Nothing jumps over a stage: a rescue goes on at the next op or before the rights.
    for rescue in &program.entry.rescues {
        let over = &ops[rescue.to as usize..rescue.then as usize];
        prop_assert!(over.iter().all(|op| stage(op).is_none()), "{rescue:?} leaves out {over:?}");
        let covered = &ops[rescue.from as usize..rescue.to as usize];
        // The groups of a process that is followed may have been left behind already.
        let may_fail = |op: &Op| stage(op).is_none_or(|stage| stage == Stage::Groups);
        prop_assert!(covered.iter().all(may_fail), "{covered:?} may fail");
    }
    Ok(())
}

/// What is held is among what can be got; who is not root of the world holds what it has as ambient.
fn check_sets(plan: &Plan, program: &Program) -> Result<(), TestCaseError> {
    let mut keep = u64::MAX;
    let mut held = 0;
    let mut changed = None;
    for op in &program.entry.ops {
        match *op {
            Op::BoundingSet { keep: set } => keep = set,
            Op::SetIds { uid, .. } => changed = Some(uid),
            Op::Capabilities { set, inheritable } => {
                prop_assert_eq!(set & !keep, 0, "held and not in the bounding set");
                prop_assert!(inheritable == 0 || inheritable == set);
                prop_assert!(changed.is_none_or(|uid| uid == 0) || set == 0, "lost with id 0");
                held = set;
            }
            Op::Ambient { set } => prop_assert!(set == 0 || set == held),
            _ => {}
        }
    }
    let asked = plan.process.capabilities.iter().any(|c| matches!(c, CapabilityChange::Add(_)));
    let docker = dwell_plan::caps::CapSet::WORLD_ROOT.0;
    prop_assert!(asked || held & !docker == 0, "more than was asked for: {held:x}");
    Ok(())
}

/// Whoever was confined to one processor for the start of the program's process may use all again, and that
/// process before anything else. Returns what comes behind that.
fn check_processors<'a>(
    facts: &Facts,
    program: &'a Program,
    spawn: usize,
) -> Result<&'a [Op], TestCaseError> {
    let (setup, entry) = (&program.setup.ops, &program.entry.ops);
    let (before, after) = (&setup[..spawn], &setup[spawn + 1..]);
    if facts.any_processor && setup[spawn] == (Op::Spawn { vfork: true }) {
        prop_assert_eq!(before.last(), Some(&Op::Pin));
        let pin = u32::try_from(spawn - 1).unwrap_or_default();
        prop_assert_eq!(program.setup.rescue(pin, 22), Some(pin + 1));
        prop_assert_eq!(entry.first(), Some(&Op::Unpin));
        prop_assert_eq!(after.first(), Some(&Op::Unpin));
        return Ok(&after[1..]);
    }
    let all = || setup.iter().chain(entry);
    prop_assert!(!all().any(|op| matches!(op, Op::Pin | Op::Unpin)));
    Ok(after)
}

/// The first process, which stays beside the program, gives up its rights when it has started that.
fn check_setup(plan: &Plan, facts: &Facts, program: &Program) -> Result<(), TestCaseError> {
    let ops = &program.setup.ops;
    let Some(spawn) = ops.iter().position(|op| matches!(op, Op::Spawn { .. })) else {
        prop_assert!(plan.process.as_pid_1 && matches!(ops.last(), Some(Op::Become)));
        return Ok(());
    };
    let last = check_processors(facts, program, spawn)?;
    let [Op::Capabilities { set, inheritable: 0 }, Op::NoNewPrivs, Op::Reap { .. }] = last else {
        prop_assert!(false, "after the program was started: {last:?}");
        return Ok(());
    };
    // Who can be another user is signalled with that alone.
    let other = program.entry.ops.iter().any(|op| match *op {
        Op::SetIds { uid, .. } => uid != 0,
        Op::Capabilities { set, .. } => set & CapSet::SETUID.0 != 0,
        _ => false,
    });
    let may = plan.namespaces.owns(NamespaceKind::User)
        || plan.namespaces.joins(NamespaceKind::User)
        || facts.caller.capabilities & CapSet::KILL.0 != 0;
    let wanted = if other && may { CapSet::KILL.0 } else { 0 };
    prop_assert_eq!(*set, wanted);
    prop_assert!(ops[..spawn].iter().any(|op| matches!(op, Op::Undumpable)));
    prop_assert!(ops[..spawn].iter().any(|op| matches!(op, Op::CloseInherited)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rights_are_given_up_in_the_one_safe_order(plan in plan(), facts in facts()) {
        // What cannot be built is refused, and nothing is run.
        let Ok(program) = lower(&plan, &facts) else { return Ok(()) };
        check_entry(&plan, &facts, &program)?;
        check_afterwards(&program)?;
        check_sets(&plan, &program)?;
        check_setup(&plan, &facts, &program)?;
    }

    /// What is done before anything is known of the machine is what is decided when all of it is known.
    #[test]
    fn a_list_begins_as_it_was_begun(plan in plan(), facts in facts()) {
        let Ok(program) = lower(&plan, &facts) else { return Ok(()) };
        let Some(begun) = beginning(&plan, &facts.caller) else { return Ok(()) };
        prop_assert_eq!(begun.clone, program.clone);
        prop_assert!(program.setup.ops.starts_with(&begun.setup.ops));
        prop_assert!(program.arena.starts_with(&begun.arena));
        prop_assert!(begun.filter.is_none() || program.filter.is_some());
        prop_assert_eq!(begun.filter.is_some(), begun.setup.ops.contains(&Op::Filter));
    }
}

/// Not nearly all of the plans above may be refused, or they would prove nothing.
#[test]
fn most_plans_become_programs() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let made = (0..1000).filter(|_| {
        let (plan, facts) = (plan(), facts()).new_tree(&mut runner).expect("a plan").current();
        lower(&plan, &facts).is_ok()
    });
    let made = made.count();
    assert!(made > 150, "only {made} of 1000");
}
