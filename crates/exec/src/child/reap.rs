//! Process 1: waits for the program, reaps what is orphaned, passes signals on.

use dwell_plan::program::{Slot, Str};
use dwell_sys::raw::{self, Errno, Fd, SigInfo, SigSet, WaitStatus, consts};

use super::changes;
use crate::message::{Message, NOT_COUNTED};
use crate::prepared::Prepared;

/// A program that has run this long will run longer: the host side is told, which wakes it. One that ends
/// before has nothing of the time that takes. Seconds and nanoseconds.
const SETTLED: (i64, i64) = (0, 1_000_000);

/// What is left to be done once the program has been started.
pub(super) struct Reaper<'a> {
    p: &'a Prepared,
    /// The upper layer whose changed files are counted, and where below it.
    layer: Option<Fd>,
    below: Str,
    /// The namespace that is not to end with this process.
    outlived: Option<Fd>,
    /// The host side knows that the program has been started.
    told: bool,
}

impl<'a> Reaper<'a> {
    pub(super) fn new(
        p: &'a Prepared,
        layer: Option<Slot>,
        below: Str,
        outlived: Option<Slot>,
    ) -> Self {
        let fd = |slot: Option<Slot>| slot.map(|slot| p.fd(slot));
        Reaper { p, layer: fd(layer), below, outlived: fd(outlived), told: false }
    }

    /// Waits until the program has ended and tells the host side how. Returns the exit code, with which
    /// the kernel ends every other process of the PID namespace.
    pub(super) fn reap(&mut self) -> i32 {
        let kept = [Some(self.p.control), self.layer, self.outlived];
        let _ = close_all_but(kept.map(|fd| fd.unwrap_or(self.p.control)));
        if raw::getpid() == 1 {
            return self.wait_for_program(true);
        }
        // Where the PID namespace is shared, processes that the program leaves behind come to this one as their
        // subreaper.
        let code = self.wait_for_program(false);
        end_descendants();
        code
    }

    fn wait_for_program(&mut self, outside_only: bool) -> i32 {
        let mut woken = false;
        loop {
            // Children first: the signal may have come before anybody waited for it.
            if let Some(end) = self.wait_for_children() {
                return self.tell_end(end);
            }
            if woken {
                self.tell_start();
            }
            woken = true;
            match raw::wait_signal(&SigSet::all(), (!self.told).then_some(SETTLED)) {
                Ok(info) if info.signo == consts::SIGCHLD => {}
                Ok(info) if !outside_only && info.signo == PARENT_DIED && self.host_is_gone() => {
                    return super::REPORTED;
                }
                Ok(info) => pass_on(self.p.started, info, outside_only),
                Err(_) => {}
            }
        }
    }

    fn tell_start(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            let _ = raw::send(self.p.control, &Message::Started.encode());
        }
    }

    /// Whether the other end of the control socket is closed: the signal may as well have been sent by somebody, and
    /// passed on. KERNEL: a process that ends closes its files before its children are sent their signal.
    fn host_is_gone(&self) -> bool {
        raw::send(self.p.control, &Message::Started.encode()).is_err()
    }

    fn wait_for_children(&mut self) -> Option<End> {
        loop {
            let flags = consts::WNOHANG | consts::WUNTRACED | consts::__WALL;
            match raw::wait(-1, flags) {
                Ok(WaitStatus::Exited { pid, code }) if pid == self.p.started => {
                    return Some(End::Exited(code));
                }
                Ok(WaitStatus::Signaled { pid, sig, .. }) if pid == self.p.started => {
                    return Some(End::Signaled(sig));
                }
                Ok(WaitStatus::Stopped { pid, .. }) if pid == self.p.started => {
                    self.tell_start();
                    let _ = raw::send(self.p.control, &Message::Stopped.encode());
                }
                Ok(WaitStatus::StillAlive) => return None,
                Ok(_) | Err(Errno::INTR) => {}
                // No children: the program is gone and its end was lost. That cannot be.
                Err(_) => return Some(End::Exited(super::REPORTED)),
            }
        }
    }

    /// With the word goes the namespace that is not to end with this process; without it the world ends as
    /// well, if later.
    fn tell_end(&self, end: End) -> i32 {
        let counted =
            self.layer.and_then(|dir| changes::count(dir, self.p.c_str(self.below).unwrap_or(c"")));
        let changed = counted.unwrap_or(NOT_COUNTED);
        let (message, code) = match end {
            End::Exited(code) => (Message::Exited { code, changed }, code),
            End::Signaled(signal) => {
                (Message::Signaled { signal, changed }, signal.wrapping_add(128))
            }
        };
        let message = message.encode();
        let sent = self.outlived.map(|fd| raw::send_with_fd(self.p.control, &message, fd));
        if !matches!(sent, Some(Ok(_))) {
            let _ = raw::send(self.p.control, &message);
        }
        if self.p.program().waits_at_end() {
            // A host side that is gone closes its end.
            let _ = raw::recv(self.p.control, &mut [0u8; 1]);
        }
        code
    }
}

/// The signal that the kernel sends when the supervisor dies and no PID namespace ends the world: the
/// last of the real-time signals, which hardly anybody uses.
pub(super) const PARENT_DIED: i32 = 64;

/// Ends every process below this one. Those that they leave behind become its own children, so it goes
/// on until there are none; a process that makes new ones faster than that is caught by the limit of
/// rounds, and ends with its parent's death signal or not at all.
fn end_descendants() {
    for _ in 0..1000 {
        let mut room = [0u8; 4096];
        let listed = raw::openat(
            Fd::CWD,
            c"/proc/thread-self/children",
            consts::O_RDONLY | consts::O_CLOEXEC,
            0,
        );
        let Ok(fd) = listed else { return };
        let length = raw::read(fd, &mut room).unwrap_or(0);
        let _ = raw::close(fd);
        // Each number ends in a space; what comes after the last one has been cut off, and what is left of
        // it is somebody else's number.
        let filled = room.get(..length).unwrap_or_default();
        let end = filled.iter().rposition(|b| *b == b' ').unwrap_or(0);
        let pids = filled.get(..end).unwrap_or_default().split(|b| *b == b' ');
        let mut any = false;
        for pid in pids.filter_map(number) {
            any = true;
            let _ = raw::kill(pid, consts::SIGKILL);
        }
        if !any {
            return;
        }
        let _ = raw::wait(-1, consts::__WALL);
    }
}

fn number(digits: &[u8]) -> Option<i32> {
    let value = digits.iter().try_fold(0i32, |n, d| {
        let digit = d.checked_sub(b'0').filter(|d| *d < 10)?;
        n.checked_mul(10)?.checked_add(i32::from(digit))
    })?;
    // 0 and 1 would mean a group, and somebody who is no child.
    (value > 1).then_some(value)
}

/// KERNEL: a pipe is at its end for a reader once nobody holds its other end; so process 1 must hold
/// nothing of the program's.
fn close_all_but(mut kept: [Fd; 3]) -> Result<(), Errno> {
    kept.sort_unstable_by_key(|fd| fd.0);
    let mut from = 0;
    for fd in kept {
        let fd = u32::try_from(fd.0).unwrap_or(0);
        close_between(from, fd)?;
        from = fd.wrapping_add(1);
    }
    raw::close_range(from, u32::MAX, 0)
}

/// Closes `from` and all below `to`.
fn close_between(from: u32, to: u32) -> Result<(), Errno> {
    if from < to { raw::close_range(from, to.wrapping_sub(1), 0) } else { Ok(()) }
}

#[derive(Clone, Copy)]
enum End {
    Exited(i32),
    Signaled(i32),
}

/// KERNEL: a signal from outside the PID namespace has the sender 0 here. One from inside is meant for
/// process 1 and has nothing to do here.
fn pass_on(program: i32, info: SigInfo, outside_only: bool) {
    if outside_only && info.pid != 0 {
        return;
    }
    let _ = match info.signo {
        consts::SIGTSTP => raw::kill(-program, consts::SIGSTOP),
        // What a terminal sends goes to the whole foreground group.
        consts::SIGINT | consts::SIGQUIT | consts::SIGCONT | consts::SIGWINCH => {
            raw::kill(-program, info.signo)
        }
        signal => raw::kill(program, signal),
    };
}
