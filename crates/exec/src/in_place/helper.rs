//! Processes that stay outside: started before, they do their part when they are told to.

use dwell_sys::raw::{self, CloneArgs, Errno, Fd, WaitStatus, consts};

use super::{List, Runner, Then};
use crate::failure::{Cause, Failure, reason};
use crate::idmaps::{self, Refused};

/// A process that waits at the other end of a pipe.
pub(super) struct Helper {
    pid: i32,
    pipe: Fd,
}

impl Helper {
    /// Waits for its end and gives its exit code.
    fn end(self) -> Result<u8, Errno> {
        raw::close(self.pipe)?;
        loop {
            match raw::wait(self.pid, 0) {
                Ok(WaitStatus::Exited { code, .. }) => return Ok(u8::try_from(code).unwrap_or(1)),
                Ok(WaitStatus::Signaled { .. }) => return Ok(1),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl Runner<'_> {
    pub(super) fn start_helper(&mut self, list: u16) -> Result<(), Errno> {
        let (waits, pipe) = raw::pipe2(consts::O_CLOEXEC)?;
        let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
        let cloned = raw::clone_child(&args, || {
            // Its own end of the pipe would keep it from learning that the other process is gone.
            let _ = raw::close(pipe);
            let told = raw::read(waits, &mut [0]);
            i32::from(if told == Ok(1) { self.run(List::Helper(list), 0) } else { 1 })
        })?;
        raw::close(waits)?;
        let at = usize::from(list);
        self.helpers.resize_with(self.helpers.len().max(at + 1), || None);
        if let Some(place) = self.helpers.get_mut(at) {
            *place = Some(Helper { pid: cloned.pid, pipe });
        }
        Ok(())
    }

    pub(super) fn await_helper(&mut self, list: u16) -> Result<Then, Errno> {
        let helper = self.helpers.get_mut(usize::from(list)).and_then(Option::take);
        let Some(helper) = helper else { return Err(Errno::CHILD) };
        raw::write(helper.pipe, &[1])?;
        Ok(match helper.end()? {
            0 => Then::Next,
            code => Then::End(code),
        })
    }

    /// Helpers that were never told to begin end by themselves when nobody can tell them any more.
    pub(super) fn dismiss_helpers(&mut self) {
        for helper in self.helpers.drain(..).flatten() {
            let _ = helper.end();
        }
    }

    pub(super) fn write_id_maps(&self) -> Then {
        let Some(maps) = &self.p.program().host_maps else { return Then::Next };
        match idmaps::write(self.p.subject, maps) {
            Ok(()) => Then::Next,
            Err(Refused::Write { path, errno, .. }) => {
                let sentence = format!("failed to write {path}: {}", reason(errno));
                Then::End((self.tell)(&Failure::host(sentence, Cause::IdMap)))
            }
            Err(Refused::Missing { program, errno }) => {
                let sentence = format!("failed to execute {program}: {}", reason(errno));
                Then::End((self.tell)(&Failure::host(sentence, Cause::ProgramMissing)))
            }
            // It has said why.
            Err(Refused::Helper { said, code, .. }) => {
                let _ = raw::write_all(Fd(2), &said);
                Then::End(code)
            }
        }
    }
}
