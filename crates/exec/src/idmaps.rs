//! Writes the id maps of a new process from outside: directly, or by the set-user-ID helpers.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use dwell_plan::Text;
use dwell_plan::idmap::IdMap;
use dwell_plan::program::{HostMaps, MapWriter};
use dwell_sys::pidfd;

use crate::failure::{Cause, Failure, reason};

/// Why a map was not written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The kernel refused the text.
    Write { path: String, errno: i32, text: String },
    /// A helper could not be started.
    Missing { program: Text, errno: i32 },
    /// A helper failed.
    Helper { program: Text, said: Vec<u8>, code: u8 },
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        let sentence = match refused {
            Refused::Write { path, errno, text } => {
                format!("cannot write {path}: {} (write({:?}))", reason(errno), text.trim_end())
            }
            Refused::Missing { program, errno } => {
                format!("cannot map ids: cannot run {program}: {}", reason(errno))
            }
            Refused::Helper { program, said, .. } => {
                let said = String::from_utf8_lossy(&said);
                let last = said.trim().lines().last().unwrap_or("without a word");
                format!("cannot map ids: {program} failed: {last}")
            }
        };
        Failure::host(sentence, Cause::IdMap)
    }
}

/// Writes both maps; an empty one stays unwritten.
pub(crate) fn write(pid: i32, maps: &HostMaps) -> Result<(), Refused> {
    begin(pid, maps)?.map_or(Ok(()), Helpers::end)
}

/// Begins to write both maps: what is there to be waited for, if anything.
pub(crate) fn begin(pid: i32, maps: &HostMaps) -> Result<Option<Helpers>, Refused> {
    match &maps.writer {
        MapWriter::Direct => {
            put(pid, "gid_map", &maps.groups)?;
            put(pid, "uid_map", &maps.users)?;
            Ok(None)
        }
        // Neither looks at what the other writes.
        MapWriter::Helpers(users, groups) => {
            let mut helpers = Helpers(Vec::with_capacity(2));
            for (program, map) in [(users, &maps.users), (groups, &maps.groups)] {
                helpers.0.extend(Helper::start(program, pid, map)?);
            }
            Ok((!helpers.0.is_empty()).then_some(helpers))
        }
    }
}

/// KERNEL: one write, one map; a second is refused.
fn put(pid: i32, name: &str, map: &IdMap) -> Result<(), Refused> {
    if map.is_empty() {
        return Ok(());
    }
    let (path, text) = (format!("/proc/{pid}/{name}"), map.kernel_text());
    fs::write(&path, &text).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        Refused::Write { path, errno, text }
    })
}

/// The helpers for users and for groups. Dropping them ends those that still run.
///
/// A helper looks for the process by its number, which is taken until the process has been waited for: helpers
/// have to have ended by then, whatever keeps them.
#[derive(Debug)]
pub(crate) struct Helpers(Vec<Helper>);

impl Helpers {
    /// What can be read when the next one ends, or when all have ended.
    pub(crate) fn awaited(&mut self) -> Option<BorrowedFd<'_>> {
        let running = self.0.iter_mut().position(Helper::runs);
        self.0.get(running.unwrap_or(0)).map(|helper| helper.process.as_fd())
    }

    pub(crate) fn have_ended(&mut self) -> bool {
        !self.0.iter_mut().any(Helper::runs)
    }

    /// Waits for their end.
    pub(crate) fn end(mut self) -> Result<(), Refused> {
        let ends: Vec<_> = self.0.drain(..).map(Helper::end).collect();
        ends.into_iter().collect()
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        for helper in &mut self.0 {
            // Whoever cannot be ended is waited for.
            let _ = helper.child.kill();
            let _ = helper.child.wait();
        }
    }
}

/// A helper that runs.
#[derive(Debug)]
struct Helper {
    program: Text,
    child: Child,
    process: OwnedFd,
}

impl Helper {
    /// None for a map that is empty.
    fn start(program: &Text, pid: i32, map: &IdMap) -> Result<Option<Helper>, Refused> {
        if map.is_empty() {
            return Ok(None);
        }
        let numbers = map.0.iter().flat_map(|r| [r.inner, r.outer, r.count]).map(|n| n.to_string());
        let mut command = Command::new(program.as_os_str());
        command.arg(pid.to_string()).args(numbers).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| missing(program, &error))?;
        // A child that has not been waited for keeps its number.
        let number = i32::try_from(child.id()).unwrap_or(0);
        match pidfd::open(number) {
            Ok(process) => Ok(Some(Helper { program: program.clone(), child, process })),
            Err(errno) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(missing(program, &errno.into()))
            }
        }
    }

    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn end(self) -> Result<(), Refused> {
        let Helper { program, child, .. } = self;
        match child.wait_with_output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let code = output.status.code().and_then(|code| u8::try_from(code).ok());
                Err(Refused::Helper { program, said: output.stderr, code: code.unwrap_or(1) })
            }
            Err(error) => Err(missing(&program, &error)),
        }
    }
}

fn missing(program: &Text, error: &io::Error) -> Refused {
    Refused::Missing { program: program.clone(), errno: error.raw_os_error().unwrap_or(0) }
}
