//! A first process that is started before its Program is known.
//!
//! One test: it looks at all children of the process.

mod common;

use std::sync::Arc;

use common::{facts, plan};
use dwell_exec::{Ahead, How, Options};
use dwell_plan::{NamespaceKind, NamespaceSet, lower};
use dwell_sys::raw::{self, Errno, consts};

fn without(kind: NamespaceKind) -> NamespaceSet {
    let mut set = NamespaceSet::DEFAULT;
    set.remove(kind);
    set
}

fn has_no_children() -> bool {
    raw::wait(-1, consts::__WALL) == Err(Errno::CHILD)
}

#[test]
fn it_takes_its_program_or_ends() {
    let described = plan(NamespaceSet::DEFAULT, "exit 7");
    let ahead = match Ahead::start(&described) {
        Ok(ahead) => ahead.expect("this plan needs nothing of the machine"),
        Err(why) => {
            println!("skipped: no world can be made here: {why}");
            return;
        }
    };
    // A Program for other namespaces than those that it has.
    let other = plan(without(NamespaceKind::Ipc), "exit 8");
    let program = Arc::new(lower(&other, &facts(&other)).expect("a program"));
    let ended = ahead.run(&program, &Options::default());
    assert_eq!(ended.map(|e| e.how), Ok(How::Exited(8)));
    assert!(has_no_children(), "after another Program");

    drop(Ahead::start(&described).expect("started again"));
    assert!(has_no_children(), "after it was not wanted");

    let shared = plan(without(NamespaceKind::Net), "exit 0");
    assert!(Ahead::start(&shared).expect("no failure").is_none(), "nothing to gain");

    // Last: who shares its memory with a world cannot be traced from then on, and so not make another.
    let options = Options { settles: true, ..Options::default() };
    let program = Arc::new(lower(&described, &facts(&described)).expect("a program"));
    let ahead = Ahead::start(&described).expect("started once more").expect("as before");
    assert_eq!(ahead.run(&program, &options).map(|e| e.how), Ok(How::Exited(7)));
    assert!(has_no_children(), "after a run");
}
