//! Nor does the first process allocate when it shares its supervisor's memory, while threads of that
//! do. A test of its own: a process that has shared its memory cannot be traced any more, and makes no
//! second world.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::exit_code;
use dwell_exec::{How, Options};
use dwell_plan::NamespaceSet;
use dwell_sys::guard::GuardAllocator;

#[global_allocator]
static ALLOCATOR: GuardAllocator = GuardAllocator::new();

#[test]
fn on_shared_memory() {
    ALLOCATOR.guard();
    let stop = Arc::new(AtomicBool::new(false));
    let noise: Vec<_> = (0..8)
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    drop(vec![0u8; 1000]);
                }
            })
        })
        .collect();
    let options = Options { settles: true, ..Options::default() };
    let ended = exit_code(NamespaceSet::DEFAULT, options, "exit 7");
    stop.store(true, Ordering::Relaxed);
    for thread in noise {
        thread.join().expect("a thread that only allocates");
    }
    match ended {
        Err(why) if why.contains("namespaces") => {
            println!("skipped: no world can be made here: {why}");
        }
        ended => assert_eq!(ended, Ok(How::Exited(7))),
    }
}
