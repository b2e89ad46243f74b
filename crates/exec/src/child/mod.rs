//! What runs between clone and exec: an interpreter for ops.
//!
//! Only `dwell_sys::raw` on prepared memory: no allocation, no lock, no formatting, no panic path.

mod changes;
mod landlock;
pub(crate) mod ops;
mod own;
mod prove;
mod reap;
pub(crate) mod start;

use std::sync::Arc;

use dwell_plan::program::{Op, Slot};
use dwell_sys::raw::{self, Errno};

use crate::aside::Refused;
use crate::message::{Message, Stage};
use crate::prepared::Prepared;
use crate::processors;

/// Exit code of a process whose failure has been reported already.
const REPORTED: i32 = 125;

/// What follows an op.
enum Then {
    Next,
    Goto(u32),
    /// The list has ended: the process ends with this code.
    End(i32),
    /// The entry list takes over.
    Become,
}

/// The first process: runs the setup list. Returns the exit code.
pub(crate) fn first(p: &mut Prepared) -> i32 {
    run(p, Stage::Setup)
}

/// The first process, started ahead: the ops that its list begins with, whatever the rest will be. How many, or
/// which one has failed; nobody is there yet to be told.
pub(crate) fn begin(p: &mut Prepared) -> Result<u32, (u32, Errno)> {
    let program = Arc::clone(p.program());
    let mut at = 0;
    for op in &program.setup.ops {
        let done = faulty(Stage::Setup, at).map_or_else(|| ops::simple(p, *op), Err);
        done.map_err(|errno| (at, errno))?;
        at = at.wrapping_add(1);
    }
    Ok(at)
}

/// The first process, started ahead: takes what the host side has opened since, and the rest of its list.
pub(crate) fn go_on(p: &mut Prepared, begun: Result<u32, (u32, Errno)>) -> i32 {
    // Where that is refused the program's process, which it matters to, fails with the same.
    if p.pinned && raw::set_affinity(0, &processors::ALL).is_ok() {
        p.pinned = false;
    }
    if ops::close_inherited(p).is_err() || receive_files(p).is_err() {
        return REPORTED;
    }
    // All that is open now is needed.
    p.unneeded.clear();
    match begun {
        Ok(next) => run_from(p, Stage::Setup, next),
        Err((at, errno)) => {
            // Whoever is gone misses nothing.
            let _ = report(p, Stage::Setup, at, errno);
            REPORTED
        }
    }
}

fn receive_files(p: &mut Prepared) -> Result<(), Errno> {
    for _ in 0..p.awaited {
        let mut slot = [0; 2];
        let (_, file) = raw::recv_with_fd(p.control, &mut slot)?;
        p.put(Slot(u16::from_ne_bytes(slot)), file.ok_or(Errno::CANCELED)?);
    }
    Ok(())
}

/// The helper beside the first process: runs its list. Returns the exit code.
pub(crate) fn beside(p: &mut Prepared) -> i32 {
    run(p, Stage::Beside)
}

/// The process that becomes the program.
fn second(p: &mut Prepared) -> i32 {
    run(p, Stage::Entry)
}

fn run(p: &mut Prepared, stage: Stage) -> i32 {
    run_from(p, stage, 0)
}

fn run_from(p: &mut Prepared, mut stage: Stage, mut at: u32) -> i32 {
    // The op is being run while `p` changes: the list is held by a reference of its own.
    let program = Arc::clone(p.program());
    loop {
        let Some(block) = stage.block(&program) else { return 0 };
        let Some(op) = block.ops.get(at as usize) else { return 0 };
        match faulty(stage, at).map_or_else(|| step(p, *op), Err) {
            Ok(Then::Next) => at = at.wrapping_add(1),
            Ok(Then::Goto(next)) => at = next,
            Ok(Then::End(code)) => return code,
            Ok(Then::Become) => (stage, at) = (Stage::Entry, 0),
            Err(errno) => match block.rescue(at, errno.raw_os_error()) {
                Some(next) => {
                    p.refused = Refused { errno, op: at };
                    at = next;
                }
                None => {
                    // The filter may refuse what it takes to tell, or end this process for it.
                    p.untold = Some((at, errno));
                    let told = match (op, p.taken.take()) {
                        (Op::Take { .. } | Op::Await { .. }, Some(there)) => {
                            report(p, Stage::Beside, there, errno)
                        }
                        _ => report(p, stage, at, errno),
                    };
                    if told.is_ok() {
                        p.untold = None;
                    }
                    return REPORTED;
                }
            },
        }
    }
}

/// The error that a test wants in the place of an op.
#[cfg(feature = "faults")]
fn faulty(stage: Stage, at: u32) -> Option<Errno> {
    let list = match stage {
        Stage::Setup => crate::faults::List::Setup,
        Stage::Entry => crate::faults::List::Entry,
        Stage::Beside => crate::faults::List::Beside,
    };
    crate::faults::due(list, at)
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
fn faulty(_: Stage, _: u32) -> Option<Errno> {
    None
}

fn step(p: &mut Prepared, op: Op) -> Result<Then, Errno> {
    match op {
        Op::Goto(next) => Ok(Then::Goto(next)),
        Op::Become => Ok(Then::Become),
        Op::ForkSibling => start::sibling(p),
        Op::Claim { piece, taken } => {
            Ok(if p.claims.claim(piece) { Then::Next } else { Then::Goto(taken) })
        }
        Op::Spawn { vfork } => start::spawn(p, vfork).map(|()| Then::Next),
        Op::Reap { layer, below, outlived } => {
            Ok(Then::End(reap::Reaper::new(p, layer, below, outlived).reap()))
        }
        Op::Exec => Err(start::exec(p).0),
        other => ops::simple(p, other).map(|()| Then::Next),
    }
}

/// A failed exec is explained from the program's own first bytes: which interpreter it names.
fn report(p: &Prepared, stage: Stage, op: u32, errno: Errno) -> Result<(), Errno> {
    let head = Message::Failed { stage, op, errno: errno.raw_os_error() }.encode();
    let mut packet = [0u8; crate::message::LENGTH + start::HEAD];
    for (to, from) in packet.iter_mut().zip(head) {
        *to = from;
    }
    let mut length = head.len();
    let block = stage.block(p.program());
    let is_exec = matches!(block.and_then(|b| b.ops.get(op as usize)), Some(Op::Exec));
    if is_exec && let Some(room) = packet.get_mut(length..) {
        length = length.wrapping_add(start::head_of_program(p, room));
    }
    raw::send(p.control, packet.get(..length).unwrap_or_default()).map(drop)
}
