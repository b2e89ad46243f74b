//! New processes, and the program itself.

use dwell_sys::raw::{self, CloneArgs, Errno, Fd, Stack, consts};

use super::Then;
use crate::message::{Message, Stage};
use crate::prepared::Prepared;

/// How much of a program that cannot be started is sent: enough for `#!` and for the program headers
/// of any usual ELF file.
pub(crate) const HEAD: usize = 1024;

/// The list goes on in a sibling; this process ends.
pub(super) fn sibling(p: &mut Prepared) -> Result<Then, Errno> {
    let control = p.control;
    let args = CloneArgs {
        flags: consts::CLONE_PARENT,
        exit_signal: consts::SIGCHLD,
        cgroup: None,
        want_pidfd: false,
    };
    let after = position_after_fork(p);
    let cloned = raw::clone_child(&args, || super::run_from(p, Stage::Setup, after))?;
    raw::send(control, &Message::Successor { pid: cloned.pid }.encode())?;
    Ok(Then::End(0))
}

fn position_after_fork(p: &Prepared) -> u32 {
    let ops = &p.program().setup.ops;
    let at = ops.iter().position(|op| matches!(op, dwell_plan::program::Op::ForkSibling));
    at.and_then(|at| u32::try_from(at).ok()).map_or(u32::MAX, |at| at.wrapping_add(1))
}

/// Starts the entry list in a process of its own.
pub(super) fn spawn(p: &mut Prepared, vfork: bool) -> Result<(), Errno> {
    let pid = match (vfork, p.stack.take()) {
        (true, Some(mut stack)) => {
            let pid = with_shared_memory(p, &mut stack)?;
            if let Some((op, errno)) = p.untold.take() {
                // Who is gone misses nothing.
                let _ = super::report(p, Stage::Entry, op, errno);
            }
            // Giving the memory back takes longer than all else here; it goes with the process.
            std::mem::forget(stack);
            pid
        }
        _ => {
            let args = CloneArgs {
                flags: 0,
                exit_signal: consts::SIGCHLD,
                cgroup: None,
                want_pidfd: false,
            };
            raw::clone_child(&args, || super::second(p))?.pid
        }
    };
    p.started = pid;
    Ok(())
}

fn with_shared_memory(p: &mut Prepared, stack: &mut Stack) -> Result<i32, Errno> {
    // KERNEL: a handler of the caller's must not run on the shared memory once signals are unblocked.
    match raw::vfork_child(stack, consts::CLONE_CLEAR_SIGHAND, super::second, p) {
        Err(Errno::NOSYS) => {
            raw::reset_dispositions();
            raw::vfork_child(stack, 0, super::second, p)
        }
        answer => answer,
    }
}

/// Becomes the program: the first candidate that is there. Returns only when none can be run: why, and
/// which was tried last.
pub(crate) fn exec(p: &Prepared) -> (Errno, usize) {
    let mut denied = None;
    for n in 0..p.candidates.len() {
        let Some(path) = p.candidates.get(n) else { break };
        match raw::execve(path, &p.argv, &p.env) {
            Errno::NOENT | Errno::NOTDIR => {
                // There, but what it names is not: no other candidate is meant.
                if raw::statx_at(Fd::CWD, path, 0).is_ok() {
                    return (Errno::NOENT, n);
                }
            }
            Errno::ACCESS => denied = Some(Errno::ACCESS),
            other => return (other, n),
        }
    }
    (denied.unwrap_or(Errno::NOENT), 0)
}

/// Copies the start of the program's file, if there is one; returns how much. What is no file, as a FIFO that
/// nobody writes to, is not opened.
pub(crate) fn head_of_program(p: &Prepared, room: &mut [u8]) -> usize {
    let flags = consts::O_RDONLY | consts::O_NONBLOCK | consts::O_CLOEXEC;
    for n in 0..p.candidates.len() {
        let Some(path) = p.candidates.get(n) else { break };
        match raw::statx_at(Fd::CWD, path, 0) {
            Ok(stat) if stat.file_type() == consts::S_IFREG => {}
            Ok(_) => break,
            Err(_) => continue,
        }
        let Ok(fd) = raw::openat(Fd::CWD, path, flags, 0) else { continue };
        let length = raw::read(fd, room).unwrap_or(0);
        let _ = raw::close(fd);
        return length;
    }
    0
}
