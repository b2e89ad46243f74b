//! A child that tries one act, and reports over a pipe.
//!
//! What it makes (namespaces, mounts, interfaces) goes with it. It uses `dwell_sys::raw` alone, on
//! memory that was laid out before.

use std::time::{Duration, Instant};

use dwell_sys::raw::consts::{__WALL, O_CLOEXEC, O_NONBLOCK, POLLIN, SIGCHLD, SIGKILL, WNOHANG};
use dwell_sys::raw::{self, CloneArgs, Fd, WaitStatus};
use dwell_sys::{Errno, adopt};
use std::os::fd::OwnedFd;

use crate::doctor::Outcome;

/// How long an act may take: far more than any does, for a busy machine.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a killed child may take to be gone. One that waits for a dead server takes for ever.
const DYING: Duration = Duration::from_secs(1);
/// The most that a child tells.
const ROOM: usize = 4096;

/// A call that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    /// Its name, with its object where that helps.
    pub(crate) call: &'static str,
    pub(crate) errno: Errno,
}

/// Names the call that an error came from.
pub(crate) trait Named<T> {
    /// The value, or a refusal of `call`.
    fn at(self, call: &'static str) -> Result<T, Refusal>;
}

impl<T> Named<T> for Result<T, Errno> {
    fn at(self, call: &'static str) -> Result<T, Refusal> {
        match self {
            Ok(value) => Ok(value),
            Err(errno) => Err(Refusal { call, errno }),
        }
    }
}

/// What the child answers when nothing was refused.
#[derive(Debug)]
pub(crate) struct Answer {
    bytes: [u8; ROOM],
    length: usize,
}

impl Answer {
    /// An answer without content.
    pub(crate) const fn empty() -> Self {
        Answer { bytes: [0; ROOM], length: 0 }
    }

    /// The room that is left: fill it from its start, and tell [`Answer::filled`] how far.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.length..).unwrap_or_default()
    }

    pub(crate) fn filled(&mut self, count: usize) {
        self.length = self.length.saturating_add(count).min(ROOM);
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let Some(place) = self.room().get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.filled(bytes.len());
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What is known of a child that has ended or was ended.
#[derive(Debug)]
pub(crate) enum Report {
    Done(Vec<u8>),
    Refused(String, i32),
    Stuck(&'static str),
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        match report {
            Report::Done(bytes) => {
                Outcome::Done(String::from_utf8_lossy(&bytes).trim_matches('\0').trim().to_owned())
            }
            Report::Refused(call, errno) => Outcome::Refused { call, errno },
            Report::Stuck(how) => Outcome::Stuck(how.to_owned()),
        }
    }
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: i32,
    report: OwnedFd,
}

/// Starts a child in new namespaces `flags`, which does `act`.
///
/// # Errors
/// The clone was refused, or there are no descriptors left.
pub(crate) fn start(
    flags: u64,
    act: impl FnOnce(&mut Answer) -> Result<(), Refusal>,
) -> Result<Child, Refusal> {
    let (ours, theirs) = raw::pipe2(O_CLOEXEC | O_NONBLOCK).at("pipe2")?;
    let (ours, theirs) = (adopt(ours), adopt(theirs));
    let pipe = Fd::of(&theirs);
    let parent = raw::getpid();
    let mut answer = Answer::empty();
    let args = CloneArgs { flags, exit_signal: SIGCHLD, ..CloneArgs::default() };
    let child = raw::clone_child(&args, || {
        let _ = raw::set_pdeathsig(SIGKILL);
        // In a pid namespace of its own the parent is 0.
        if ![parent, 0].contains(&raw::getppid()) {
            return 0;
        }
        report(pipe, act(&mut answer), &answer);
        0
    });
    match child.at(call_name(flags)) {
        Ok(child) => Ok(Child { pid: child.pid, report: ours }),
        Err(refusal) => Err(refusal),
    }
}

/// How a clone with these flags is called.
fn call_name(flags: u64) -> &'static str {
    if flags == 0 { "clone" } else { "clone3" }
}

/// An error number, then what was said or the name of the call.
fn report(pipe: Fd, result: Result<(), Refusal>, answer: &Answer) {
    let mut packet = [0u8; ROOM];
    let (errno, text) = match result {
        Ok(()) => (0, answer.bytes()),
        Err(refusal) => (refusal.errno.raw_os_error(), refusal.call.as_bytes()),
    };
    let length = text.len().min(ROOM - 4);
    if let Some(place) = packet.get_mut(..4) {
        place.copy_from_slice(&errno.to_ne_bytes());
    }
    if let (Some(place), Some(text)) = (packet.get_mut(4..4 + length), text.get(..length)) {
        place.copy_from_slice(text);
    }
    // One page fits into the pipe at once.
    let _ = raw::write(pipe, packet.get(..4 + length).unwrap_or_default());
}

impl Child {
    /// Waits for the report, ends the child, and waits for its end; each for a bounded time.
    pub(crate) fn finish(self) -> Report {
        let told = self.wait_for_report();
        let _ = raw::kill(self.pid, SIGKILL);
        let gone = reap(self.pid);
        match told {
            Some(packet) => decode(&packet),
            None if gone => Report::Stuck("it ended without an answer, or not in time"),
            None => Report::Stuck("it hangs in the kernel"),
        }
    }

    /// Ends the child without a word from it.
    pub(crate) fn abandon(self) {
        let _ = raw::kill(self.pid, SIGKILL);
        reap(self.pid);
    }

    fn wait_for_report(&self) -> Option<Vec<u8>> {
        let pipe = Fd::of(&self.report);
        let until = Instant::now() + LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let milliseconds = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
            match raw::poll1(pipe, POLLIN, milliseconds) {
                Ok(0) => return None,
                Err(Errno::INTR) => {}
                Err(_) => return None,
                Ok(_) => break,
            }
        }
        let mut packet = vec![0; ROOM];
        let length = raw::read(pipe, &mut packet).ok().filter(|n| *n >= 4)?;
        packet.truncate(length);
        Some(packet)
    }
}

fn decode(packet: &[u8]) -> Report {
    let Some((number, text)) = packet.split_first_chunk::<4>() else {
        return Report::Stuck("it ended without an answer, or not in time");
    };
    match i32::from_ne_bytes(*number) {
        0 => Report::Done(text.to_vec()),
        errno => Report::Refused(String::from_utf8_lossy(text).into_owned(), errno),
    }
}

/// Whether the killed child could be collected in time.
fn reap(pid: i32) -> bool {
    let until = Instant::now() + DYING;
    loop {
        match raw::wait(pid, WNOHANG | __WALL) {
            Ok(WaitStatus::StillAlive) | Err(Errno::INTR) if Instant::now() < until => {
                std::thread::sleep(Duration::from_micros(200));
            }
            Ok(WaitStatus::StillAlive) => return false,
            _ => return true,
        }
    }
}

/// Tries `act` in new namespaces `flags`, from start to end.
pub(crate) fn attempt(flags: u64, act: impl FnOnce(&mut Answer) -> Result<(), Refusal>) -> Report {
    match start(flags, act) {
        Ok(child) => child.finish(),
        Err(refusal) => Report::Refused(refusal.call.to_owned(), refusal.errno.raw_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_answer() {
        let outcome = Outcome::from(attempt(0, |answer| {
            answer.add(b"hello\n");
            Ok(())
        }));
        assert_eq!(outcome, Outcome::Done("hello".into()));
        let outcome = Outcome::from(attempt(0, |_| Err(Errno::NOSPC).at("unshare")));
        assert_eq!(outcome, Outcome::Refused { call: "unshare".into(), errno: 28 });
    }

    #[test]
    fn a_child_that_dies_is_told_of() {
        let outcome = Outcome::from(attempt(0, |_| {
            let _ = raw::kill(raw::getpid(), SIGKILL);
            Ok(())
        }));
        assert!(matches!(outcome, Outcome::Stuck(_)), "{outcome:?}");
    }
}
