//! A Program that the calling process runs by itself: it does what the entry list says and becomes
//! the program. Nothing stands beside it but what an op forks.
//!
//! Such a process has one thread, or the kernel refuses it a user or a time namespace; so there is no
//! lock that a fork could leave held, and its processes may allocate.

mod helper;
mod wait;

use std::sync::Arc;

use dwell_plan::action::{Fork, Parent};
use dwell_plan::program::{Block, Op, Program};
use dwell_sys::raw::{self, CloneArgs, Errno, ExecTable, Fd, SigSet, Stack, consts};

use crate::child::{ops, start};
use crate::failure::{Cause, Failure, reason};
use crate::filter::Filter;
use crate::prepared::{NO_FD, Prepared};
use helper::Helper;

/// Says what has failed, in whichever process it was, and gives the exit code for it.
pub type Tell<'a> = &'a dyn Fn(&Failure) -> u8;

/// Does what `program` says and becomes what it names. Returns only when that fails, or where an op
/// forks when the child has ended: then with the exit code. A child that a signal ended has the same
/// done to this process.
#[must_use]
pub fn become_program(program: &Arc<Program>, tell: Tell<'_>) -> u8 {
    let prepared = match Prepared::new(program, NO_FD, Filter::default(), None) {
        Ok(prepared) => prepared,
        Err(errno) => return tell(&crate::host::internal("prepare the program", errno)),
    };
    let mut runner = Runner { p: prepared, tell, helpers: Vec::new(), child: None };
    runner.p.subject = raw::getpid();
    let code = runner.run(List::Entry, 0);
    runner.dismiss_helpers();
    code
}

/// Which list is run.
#[derive(Clone, Copy)]
enum List {
    Entry,
    Helper(u16),
}

/// What follows an op.
enum Then {
    Next,
    Goto(u32),
    End(u8),
}

struct Runner<'a> {
    p: Prepared,
    tell: Tell<'a>,
    helpers: Vec<Option<Helper>>,
    child: Option<i32>,
}

impl Runner<'_> {
    fn run(&mut self, list: List, mut at: u32) -> u8 {
        let program = Arc::clone(self.p.program());
        let Some(block) = block(&program, list) else { return 1 };
        while let Some(op) = block.ops.get(at as usize) {
            match faulty(list, at).map_or_else(|| self.step(*op, at), Err) {
                Ok(Then::Next) => at += 1,
                Ok(Then::Goto(next)) => at = next,
                Ok(Then::End(code)) => return code,
                Err(errno) => match block.rescue(at, errno.raw_os_error()) {
                    Some(next) => at = next,
                    None => return self.fail(block, at, errno),
                },
            }
        }
        0
    }

    fn step(&mut self, op: Op, at: u32) -> Result<Then, Errno> {
        match op {
            Op::Goto(next) => Ok(Then::Goto(next)),
            Op::Exec => Err(self.exec()),
            Op::Fork { how, vfork, parent } => {
                self.fork(how, vfork, at + 1)?;
                Ok(Then::Goto(parent))
            }
            Op::WaitForChild(parent) => {
                Ok(Then::End(wait::for_child(self.child.unwrap_or(-1), parent)?))
            }
            Op::StartHelper(list) => self.start_helper(list).map(|()| Then::Next),
            Op::AwaitHelper(list) => self.await_helper(list),
            Op::WriteIdMaps => Ok(self.write_id_maps()),
            other => ops::simple(&mut self.p, other).map(|()| Then::Next),
        }
    }

    fn fail(&self, block: &Block, at: u32, errno: Errno) -> u8 {
        let mut head = [0u8; start::HEAD];
        let length = match block.ops.get(at as usize) {
            Some(Op::Exec) => start::head_of_program(&self.p, &mut head),
            _ => 0,
        };
        let head = head.get(..length).unwrap_or_default();
        let program = self.p.program();
        let errno = errno.raw_os_error();
        (self.tell)(&Failure::in_place(program, block, at, errno, head, self.p.subject))
    }

    /// As `execvp(3)`: a file that is executable and no program of a form that the kernel knows is a
    /// script for the shell.
    fn exec(&mut self) -> Errno {
        let (errno, at) = start::exec(&self.p);
        if errno != Errno::NOEXEC {
            return errno;
        }
        let path = self.p.candidates.get(at).map(|path| path.to_bytes().to_vec());
        let rest = self.p.program().argv.iter().skip(1).map(|word| word.as_bytes().to_vec());
        let argv = [b"/bin/sh".to_vec()].into_iter().chain(path).chain(rest);
        match ExecTable::new(argv) {
            Ok(argv) => raw::execve(c"/bin/sh", &argv, &self.p.env),
            Err(errno) => errno,
        }
    }

    /// The list goes on in the child at `next`.
    fn fork(&mut self, how: Fork, vfork: bool, next: u32) -> Result<(), Errno> {
        let blocked = match how.parent {
            Parent::Ignores => SigSet::empty().with(consts::SIGINT).with(consts::SIGTERM),
            Parent::PassesOn => wait::passed_on(),
            Parent::StopsToo => SigSet::empty(),
        };
        let mask = raw::sigmask(raw::MaskHow::Block, blocked)?;
        let origin = match how.kill_child {
            Some(_) => Some(raw::pidfd_open(raw::getpid(), 0)?),
            None => None,
        };
        let mut child = Child { runner: self, mask, kill: how.kill_child.zip(origin), next };
        let pid = if vfork {
            // There are no handlers of signals that could run on the memory, and no other thread.
            let mut stack = Stack::new(STACK)?;
            let pid = raw::vfork_child(&mut stack, 0, Child::run, &mut child);
            // Giving the memory back takes longer than leaving it.
            std::mem::forget(stack);
            pid?
        } else {
            let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
            raw::clone_child(&args, || child.run())?.pid
        };
        self.child = Some(pid);
        Ok(())
    }
}

/// Enough for a message about what has failed. Pages that are not used cost nothing.
const STACK: usize = 256 * 1024;

/// What a child begins with.
struct Child<'a, 'b> {
    runner: &'a mut Runner<'b>,
    mask: SigSet,
    kill: Option<(i32, Fd)>,
    next: u32,
}

impl Child<'_, '_> {
    fn run(&mut self) -> i32 {
        i32::from(match wait::begin_child(self.mask, self.kill) {
            Ok(()) => self.runner.run(List::Entry, self.next),
            // The parent is gone: nobody waits for a word.
            Err(Errno::SRCH) => 1,
            Err(errno) => {
                let sentence = format!("prctl failed: {}", reason(errno.raw_os_error()));
                (self.runner.tell)(&Failure::host(sentence, Cause::Step(errno.raw_os_error())))
            }
        })
    }
}

/// The error that a test wants in the place of an op.
#[cfg(feature = "faults")]
fn faulty(list: List, at: u32) -> Option<Errno> {
    let list = match list {
        List::Entry => crate::faults::List::Entry,
        List::Helper(_) => crate::faults::List::Helper,
    };
    crate::faults::due(list, at)
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
fn faulty(_: List, _: u32) -> Option<Errno> {
    None
}

fn block(program: &Program, list: List) -> Option<&Block> {
    match list {
        List::Entry => Some(&program.entry),
        List::Helper(number) => program.helpers.get(usize::from(number)),
    }
}
