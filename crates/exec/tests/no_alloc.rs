//! Nothing between clone and exec allocates: worlds are started from sixteen threads that allocate all
//! the time, under an allocator that ends any process but the test's own.
//!
//! A lock of the allocator held by another thread at the moment of the clone would also hang the child
//! for ever if it took it.

mod common;

use std::thread;

use common::exit_code;
use dwell_exec::{How, Options};
use dwell_plan::NamespaceSet;
use dwell_sys::guard::{CAUGHT, GuardAllocator};
use dwell_sys::raw;

#[global_allocator]
static ALLOCATOR: GuardAllocator = GuardAllocator::new();

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
                    let ended = exit_code(own, Options::default(), &format!("exit {n}"));
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
