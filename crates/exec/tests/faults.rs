//! Every op fails in turn, with each of some error numbers: the start must end with a sentence or with all
//! walls up, and leave no process.
//!
//! In a run with `DWELL_TEST_LONG=1` each op meets all of them, else one. One test: what fails is the same
//! for the whole process.

#![allow(clippy::print_stdout, reason = "a test that tells what it skips")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{facts, plan};
use dwell_exec::faults::{self, List};
use dwell_exec::{Cause, Failure, How, Options};
use dwell_plan::action::{Action, Fork, Parent};
use dwell_plan::plan::{Grant, GrantKind, Origin, Plan, Pty, SeccompProfile, User};
use dwell_plan::program::{Block, Op, Program};
use dwell_plan::{NamespaceKind, NamespaceSet, Text, WorldPath, lower};
use dwell_sys::raw::{self, CloneArgs, Errno, WaitStatus, consts};

/// `EPERM`, `EINTR`, `ENOMEM`, `EINVAL`, `ENOSPC`, `ENOENT`, `EMFILE`: the same on all architectures.
const ERRNOS: [u16; 7] = [1, 4, 12, 22, 28, 2, 24];

/// Writes down what can be seen of the walls.
///
/// KERNEL: mounts are listed as they were made (Linux 6.8), which layers are by two processes.
const EVIDENCE: &str = "{ for kind in cgroup ipc mnt net pid user uts; do \
    [ $(readlink /proc/self/ns/$kind) = $(eval echo \\$OUTSIDE_$kind) ] && echo $kind is the machine\\'s; done; \
    grep -E '^(Uid|Gid|Cap...|NoNewPrivs|Seccomp|Sig(Blk|Ign)|Umask)' /proc/self/status; \
    cut -d' ' -f5,6 /proc/self/mountinfo | sort; pwd; hostname; ls -A / /proc/self/fd; } >$TOLD 2>&1";

struct Area(PathBuf);

impl Area {
    fn make() -> Area {
        let path = std::env::temp_dir().join(format!("dwell-exec-faults-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Area(path)
    }

    fn told(&self) -> PathBuf {
        self.0.join("told")
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn world(area: &Area, change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = plan(NamespaceSet::DEFAULT, EVIDENCE);
    let here = Text::from(area.0.as_os_str().as_encoded_bytes());
    plan.grants.push(Grant {
        dest: WorldPath::from(here.clone()),
        what: GrantKind::ReadWrite { source: here },
        origin: Origin::rule("a test"),
    });
    let mut variable = |name: &str, value: &Path| {
        plan.command.env.push(dwell_plan::plan::EnvVar {
            name: Text::from(name),
            value: Text::from(value.as_os_str().as_encoded_bytes()),
        });
    };
    variable("TOLD", &area.told());
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace");
        variable(&format!("OUTSIDE_{kind}"), &link);
    }
    change(&mut plan);
    plan
}

fn long() -> bool {
    std::env::var_os("DWELL_TEST_LONG").is_some_and(|v| v == "1")
}

/// What the program wrote, and the answer of the start.
fn run(area: &Area, program: &Arc<Program>) -> (String, Result<How, Failure>) {
    let _ = fs::remove_file(area.told());
    let ended = dwell_exec::run(program, &Options::default()).map(|ended| ended.how);
    assert_eq!(raw::wait(-1, consts::__WALL), Err(Errno::CHILD), "a process is left: {ended:?}");
    (fs::read_to_string(area.told()).unwrap_or_default(), ended)
}

/// The ops that are run when nothing fails: what others fall back on is passed over.
fn run_without_faults(block: &Block) -> Vec<(u32, Op)> {
    let mut ops = Vec::new();
    let mut open = vec![0u32];
    while let Some(mut at) = open.pop() {
        while let Some(op) = block.ops.get(at as usize) {
            ops.push((at, *op));
            at = match op {
                Op::Goto(next) => *next,
                _ => at + 1,
            };
            if let Op::Fork { parent, .. } = op {
                open.push(*parent);
            }
        }
    }
    ops.sort_by_key(|(at, _)| *at);
    ops.dedup_by_key(|(at, _)| *at);
    ops
}

/// `DWELL_TEST_PACE`: on a slow machine one op in so many is tried.
fn pace() -> usize {
    let told = std::env::var("DWELL_TEST_PACE").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(1).max(1)
}

fn each_fault(block: &Block) -> Vec<(u32, Op, u16)> {
    let ops = run_without_faults(block).into_iter();
    ops.flat_map(|(at, op)| {
        let turn = at as usize % ERRNOS.len();
        let errnos = if long() { &ERRNOS[..] } else { &ERRNOS[turn..=turn] };
        errnos.iter().map(move |errno| (at, op, *errno))
    })
    .step_by(pace())
    .collect()
}

/// How many faults there were.
fn walk(area: &Area, name: &str, plan: &Plan) -> usize {
    let program = Arc::new(lower(plan, &facts(plan)).expect("a program"));
    let (evidence, ended) = run(area, &program);
    match ended {
        Err(why) if why.to_string().contains("namespaces") => {
            println!("skipped: {name}: no world can be made here: {why}");
            return 0;
        }
        ended => assert_eq!(ended, Ok(How::Exited(0)), "{name}"),
    }
    assert!(evidence.contains("NoNewPrivs:\t1"), "{name}: {evidence}");
    let (mut tried, mut not_reached) = (0, 0);
    let beside = program.aside.iter().map(|aside| (List::Beside, &aside.list));
    let lists = [(List::Setup, &program.setup), (List::Entry, &program.entry)].into_iter();
    for (list, block) in lists.chain(beside) {
        for (at, op, errno) in each_fault(block) {
            faults::set(list, at, errno);
            let (told, ended) = run(area, &program);
            faults::clear();
            tried += 1;
            let what = format!("{name}: {list:?} {at}, {op:?}, error {errno}");
            // What the helper cannot do the first process may do without.
            let rescued = list == List::Beside || block.rescue(at, i32::from(errno)).is_some();
            not_reached += usize::from(ended.is_ok() && !rescued);
            judge(&what, &evidence, &told, ended, rescued);
        }
    }
    assert!(not_reached * 4 < tried, "{name}: {not_reached} of {tried} went on");
    tried
}

fn judge(what: &str, evidence: &str, told: &str, ended: Result<How, Failure>, rescued: bool) {
    match ended {
        Ok(how) => {
            assert_eq!(how, How::Exited(0), "{what}");
            // What this kernel does not have has been passed over before.
            if !rescued {
                assert_eq!(told, evidence, "{what}: it went on");
            }
            assert_walls(what, evidence, told);
        }
        Err(why) => {
            // A rescue may lead to what then cannot be had: but never past the program's start.
            assert_eq!(told, "", "{what}: the program ran: {why}");
            assert!(why.sentence.starts_with("cannot "), "{what}: {why}");
            assert_ne!(why.cause, Cause::Lost, "{what}: {why}");
        }
    }
}

/// A fallback may show less, or what was a layer read-only; the rest is as it was.
fn assert_walls(what: &str, evidence: &str, told: &str) {
    let mount = |line: &str| line.starts_with('/') && line.contains(" r");
    let rest = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !mount(line)).map(str::to_owned).collect()
    };
    assert_eq!(rest(told), rest(evidence), "{what}");
    let known: Vec<&str> = evidence.lines().filter(|line| mount(line)).collect();
    for line in told.lines().filter(|line| mount(line)) {
        let tighter = line.contains(" ro,");
        assert!(known.contains(&line) || tighter, "{what}: a mount that was not there: {line}");
    }
}

/// A Program that starts in place: in a process of its own, whose exit code counts.
fn walk_in_place(area: &Area, name: &str, actions: Vec<Action>) -> usize {
    let mut plan = world(area, |plan| plan.namespaces.own = NamespaceSet::EMPTY);
    plan.grants.clear();
    plan.command.workdir = None;
    plan.actions = actions;
    let program = Arc::new(lower(&plan, &facts(&plan)).expect("a program"));
    let said = area.0.join("said");
    let start = || {
        let _ = fs::remove_file(area.told());
        let _ = fs::remove_file(&said);
        let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
        let tell = |failure: &Failure| {
            fs::write(&said, &failure.sentence).expect("a file");
            failure.code()
        };
        raw::clone_child(&args, || i32::from(dwell_exec::become_program(&program, &tell)))
            .expect("a child");
        let code = loop {
            match raw::wait(-1, consts::__WALL) {
                Ok(WaitStatus::Exited { code, .. }) => break code,
                Ok(WaitStatus::Signaled { sig, .. }) => break 128 + sig,
                other => assert_eq!(other, Err(Errno::INTR), "{name}"),
            }
        };
        assert_eq!(raw::wait(-1, consts::__WALL), Err(Errno::CHILD), "{name}: a process is left");
        (code, fs::read_to_string(area.told()).unwrap_or_default())
    };
    let (code, evidence) = start();
    if code != 0 {
        let why = fs::read_to_string(&said).unwrap_or_default();
        println!("skipped: {name}: it cannot be done here: {code}: {why}");
        return 0;
    }
    let mut tried = 0;
    let lists = program.helpers.iter().map(|block| (List::Helper, block));
    for (list, block) in lists.chain([(List::Entry, &program.entry)]) {
        for (at, op, errno) in each_fault(block) {
            faults::set(list, at, errno);
            let (code, told) = start();
            faults::clear();
            tried += 1;
            let what = format!("{name}: {list:?} {at}, {op:?}, error {errno}");
            if code == 0 {
                assert!(block.rescue(at, i32::from(errno)).is_some(), "{what}: it went on");
                assert_eq!(told, evidence, "{what}");
                continue;
            }
            // What waits for the child fails when the program has run.
            let waits = matches!(op, Op::WaitForChild(_));
            assert!(told.is_empty() || waits, "{what}: the program ran, code {code}");
            assert!([125, 126, 127].contains(&code), "{what}: {code}");
            let sentence = fs::read_to_string(&said).unwrap_or_default();
            assert!(sentence.contains(": "), "{what}: {sentence:?}");
        }
    }
    tried
}

#[test]
fn every_op() {
    let area = Area::make();
    let tried = [
        walk(&area, "default", &world(&area, |_| {})),
        walk(&area, "root", &world(&area, |plan| plan.identity.user = User::Root)),
        walk(&area, "read-only", &world(&area, |plan| plan.read_only = true)),
        walk(&area, "terminal", &world(&area, |plan| plan.process.pty = Pty::Always)),
        walk(
            &area,
            "strict, named",
            &world(&area, |plan| {
                plan.process.seccomp.profile = SeccompProfile::Strict;
                plan.hostname = Some(Text::from("inner"));
                plan.process.nice = Some(19);
            }),
        ),
        walk(
            &area,
            "all namespaces, process 1",
            &world(&area, |plan| {
                plan.namespaces.own = NamespaceSet::ALL;
                plan.process.as_pid_1 = true;
            }),
        ),
        walk(
            &area,
            "shared pid and net",
            &world(&area, |plan| {
                plan.namespaces.own.remove(NamespaceKind::Pid);
                plan.namespaces.own.remove(NamespaceKind::Net);
            }),
        ),
    ];
    println!("ops that failed in worlds: {tried:?}");
    let user = [NamespaceKind::User, NamespaceKind::Mount, NamespaceKind::Pid];
    let own = || {
        vec![
            Action::Unshare(user.into_iter().collect()),
            Action::MapOwnUser(0),
            Action::MapOwnGroup(0),
        ]
    };
    let fork = Action::Fork(Fork { parent: Parent::Ignores, kill_child: None });
    let proc = Action::MountProc { at: Text::from("/proc"), private: true };
    let forked = own().into_iter().chain([fork, proc]).collect();
    let tried =
        [walk_in_place(&area, "in place", own()), walk_in_place(&area, "in place, forked", forked)];
    println!("ops that failed in place: {tried:?}");
}
