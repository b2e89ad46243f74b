//! Nothing between clone and exec allocates: worlds are started from sixteen threads that allocate all
//! the time, under an allocator that ends any process but the test's own.
//!
//! A lock of the allocator held by another thread at the moment of the clone would also hang the child
//! for ever if it took it.

use std::sync::Arc;
use std::thread;

use dwell_exec::{How, Options};
use dwell_plan::facts::Facts;
use dwell_plan::plan::{
    Command, Identity, Namespaces, PLAN_VERSION, Plan, Process, RootSource, Workdir,
};
use dwell_plan::{NamespaceSet, Text, WorldPath, lower};
use dwell_sys::guard::{CAUGHT, GuardAllocator};
use dwell_sys::raw;

#[global_allocator]
static ALLOCATOR: GuardAllocator = GuardAllocator::new();

fn plan(own: NamespaceSet, script: &str) -> Plan {
    Plan {
        version: PLAN_VERSION,
        command: Command {
            argv: ["/bin/sh", "-c", script].map(Text::from).to_vec(),
            env: Vec::new(),
            workdir: Some(Workdir { path: WorldPath::root(), required: false }),
        },
        namespaces: Namespaces { own, join: Vec::new() },
        identity: Identity::default(),
        root: RootSource::default(),
        grants: Vec::new(),
        read_only: false,
        scratch: None,
        hostname: None,
        clocks: Vec::new(),
        process: Process::default(),
    }
}

fn facts(plan: &Plan) -> Facts {
    dwell_probe::facts(plan).expect("the facts of this machine")
}

fn exit_code(own: NamespaceSet, options: Options, script: &str) -> Result<How, String> {
    let plan = plan(own, script);
    let program = lower(&plan, &facts(&plan)).map_err(|e| e.to_string())?;
    dwell_exec::run(&Arc::new(program), &options).map(|ended| ended.how).map_err(|e| e.to_string())
}

#[test]
fn sixteen_threads() {
    ALLOCATOR.guard();
    if let Err(why) = exit_code(NamespaceSet::DEFAULT, Options::default(), "exit 0") {
        println!("skipped: no world can be made here: {why}");
        return;
    }
    let threads: Vec<_> = (0..16)
        .map(|n| {
            thread::spawn(move || {
                for round in 0..4 {
                    let noise: Vec<String> = (0..50).map(|i| format!("{n} {round} {i}")).collect();
                    // With a time namespace the program's process is a copy, else it shares memory.
                    let own =
                        if round % 2 == 0 { NamespaceSet::DEFAULT } else { NamespaceSet::ALL };
                    // Likewise the first process: a copy, or on shared memory.
                    let options = Options { settles: n % 2 == 0, ..Options::default() };
                    let ended = exit_code(own, options, &format!("exit {n}"));
                    assert_eq!(ended, Ok(How::Exited(n)), "{}", noise.len());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a world ended as it should");
    }
}

#[test]
fn the_allocator_notices() {
    // The check itself works: a child that allocates is caught.
    ALLOCATOR.guard();
    let args = raw::CloneArgs { exit_signal: raw::consts::SIGCHLD, ..raw::CloneArgs::default() };
    let child = raw::clone_child(&args, || i32::from(vec![1u8; 100].len() == 1)).expect("a child");
    let ended = loop {
        match raw::wait(child.pid, raw::consts::__WALL) {
            Err(raw::Errno::INTR) => {}
            ended => break ended,
        }
    };
    assert_eq!(ended, Ok(raw::WaitStatus::Exited { pid: child.pid, code: CAUGHT }));
}
