//! `--verify` refuses a world whose walls do not hold: Programs that leave one out are run.

#![allow(clippy::print_stdout, reason = "what is skipped is told")]

mod common;

use std::sync::Arc;

use common::{facts, plan};
use dwell_exec::{Cause, Failure, How, Options};
use dwell_plan::facts::Facts;
use dwell_plan::plan::{CapabilityChange, Plan, User};
use dwell_plan::program::{Op, OpenFor, Program, Slot};
use dwell_plan::proof::Act;
use dwell_plan::{NamespaceKind, NamespaceSet, lower};

fn verified() -> Plan {
    let mut plan = plan(NamespaceSet::DEFAULT, "exit 7");
    plan.hardening.verify = true;
    plan
}

fn run(program: Program) -> Result<How, Failure> {
    dwell_exec::run(&Arc::new(program), &Options::default()).map(|ended| ended.how)
}

/// None where no world can be made at all.
fn program(plan: &Plan) -> Option<Program> {
    let facts: Facts = facts(plan);
    let program = lower(plan, &facts).expect("a program");
    match run(program.clone()) {
        Ok(how) => assert_eq!(how, How::Exited(7)),
        Err(failure) if failure.sentence.contains("namespaces") => {
            println!("skipped: {failure}");
            return None;
        }
        Err(failure) => panic!("{failure}"),
    }
    Some(program)
}

fn breach(program: Program, sentence: &str) {
    match run(program) {
        Err(failure) => {
            assert!(failure.sentence.starts_with(sentence), "{failure}");
            assert_eq!((failure.cause, failure.code()), (Cause::Wall, 125));
        }
        Ok(how) => panic!("it was started although: {sentence}; {how:?}"),
    }
}

/// The same with other ops in the entry list.
fn changed(program: &Program, change: impl Fn(Op) -> Op) -> Program {
    let mut program = program.clone();
    for op in &mut program.entry.ops {
        *op = change(*op);
    }
    program
}

/// The same without ops of the entry list: a call that does nothing takes their places.
fn without(program: &Program, left_out: impl Fn(Op) -> bool) -> Program {
    changed(program, |op| if left_out(op) { Op::ResetSignals } else { op })
}

#[test]
fn a_namespace_that_was_not_made() {
    let mut plan = verified();
    plan.namespaces.own =
        [NamespaceKind::User, NamespaceKind::Uts, NamespaceKind::Ipc, NamespaceKind::Cgroup]
            .into_iter()
            .collect();
    let Some(whole) = program(&plan) else { return };
    for (kind, sentence) in [
        (NamespaceKind::Uts, "wall uts does not hold: the namespace is the machine's"),
        (NamespaceKind::Ipc, "wall ipc does not hold"),
        (NamespaceKind::Cgroup, "wall cgroup does not hold"),
    ] {
        let mut lying = whole.clone();
        lying.clone.remove(kind);
        // What depends on it would fail before.
        for op in &mut lying.setup.ops {
            if matches!(op, Op::Hostname(_)) {
                *op = Op::ClearUmask;
            }
        }
        breach(lying, sentence);
    }
}

/// The acts that are not about the namespace as such find it out too.
#[test]
fn by_what_can_be_done() {
    let mut alone =
        plan(NamespaceSet::from_iter([NamespaceKind::User, NamespaceKind::Net]), "exit 7");
    alone.hardening.verify = true;
    let Some(net) = program(&alone) else { return };
    let no_names = |program: &Program, act: Act| {
        without(program, |op| matches!(op, Op::Prove(other) if other != act))
    };
    let mut lying = no_names(&net, Act::ConnectOutside);
    lying.clone.remove(NamespaceKind::Net);
    for op in &mut lying.setup.ops {
        if matches!(op, Op::InterfaceUp(_)) {
            *op = Op::ClearUmask;
        }
    }
    breach(lying, "wall net does not hold: an abstract socket of the machine's answers");

    alone.namespaces.own = NamespaceSet::from_iter([NamespaceKind::User, NamespaceKind::Pid]);
    let pid = program(&alone).expect("as before");
    let mut lying = no_names(&pid, Act::SignalOutside);
    lying.clone.remove(NamespaceKind::Pid);
    breach(lying, "wall pid does not hold: a process of the machine's can be signalled");

    alone.namespaces.own = NamespaceSet::from_iter([NamespaceKind::User, NamespaceKind::Mount]);
    let mount = program(&alone).expect("as before");
    let mut lying = no_names(&mount, Act::LeaveRoot);
    for op in &mut lying.setup.ops {
        if matches!(op, Op::PivotRoot | Op::Detach) {
            *op = Op::ClearUmask;
        }
    }
    breach(lying, "wall mount does not hold: the machine's root directory is reached");
}

#[test]
fn rights_that_were_kept() {
    let mut plan = verified();
    plan.identity.user = User::Root;
    plan.process.capabilities = vec![CapabilityChange::Drop("all".to_owned())];
    let Some(whole) = program(&plan) else { return };
    let all = dwell_plan::caps::CapSet::ALL.0;
    let lying = changed(&whole, |op| match op {
        Op::Capabilities { inheritable, .. } => Op::Capabilities { set: 1 << 5, inheritable },
        other => other,
    });
    breach(lying, "wall capabilities does not hold: one was not dropped");
    let lying = changed(&whole, |op| match op {
        Op::Capabilities { .. } => Op::Capabilities { set: 1 << 18, inheritable: 0 },
        Op::Prove(Act::HaveCapability(_)) => Op::ResetSignals,
        other => other,
    });
    breach(lying, "wall capabilities does not hold: what takes a dropped one succeeds");
    let lying = changed(&whole, |op| match op {
        Op::BoundingSet { .. } => Op::BoundingSet { keep: all },
        other => other,
    });
    breach(lying, "wall bounding set does not hold");
}

#[test]
fn what_was_left_open() {
    let mut plan = verified();
    plan.hardening.no_new_code = true;
    let facts = facts(&plan);
    if !facts.kernel.since(6, 3) {
        println!("skipped: the kernel is too old for --no-new-code");
        return;
    }
    let Some(whole) = program(&plan) else { return };
    let lying = without(&whole, |op| matches!(op, Op::RefuseExecGain));
    breach(lying, "wall no new code does not hold: memory can be written and executed (mmap)");
    let lying = without(&whole, |op| matches!(op, Op::Filter));
    breach(lying, "wall system calls does not hold");
    // Without the filter, which needs it.
    let lying = without(&whole, |op| matches!(op, Op::NoNewPrivs | Op::Filter));
    breach(lying, "wall no new privileges does not hold");
}

#[test]
fn a_descriptor_that_was_not_to_be_kept() {
    let Some(whole) = program(&verified()) else { return };
    let root = whole.setup.ops.iter().find_map(|op| match op {
        Op::Chdir(path) if whole.bytes(*path) == b"/" => Some(*path),
        _ => None,
    });
    let (path, slot) = (root.expect("the root is entered"), Slot(0));
    let lying = changed(&whole, |op| match op {
        Op::NewGroup => Op::Open { at: Slot::CWD, path, how: OpenFor::Directory, into: slot },
        // After all others have been marked.
        Op::ResetSignals => Op::Stdio { from: slot, to: 200 },
        other => other,
    });
    breach(lying, "wall descriptors does not hold: one of the caller's stays open (fcntl)");
}
