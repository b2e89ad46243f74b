//! Writes the id maps of a new process from outside: directly, or by the set-user-ID helpers.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

use dwell_plan::Text;
use dwell_plan::idmap::IdMap;
use dwell_plan::program::{HostMaps, MapWriter};

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
    match &maps.writer {
        MapWriter::Direct => {
            put(pid, "gid_map", &maps.groups)?;
            put(pid, "uid_map", &maps.users)
        }
        // Neither looks at what the other writes.
        MapWriter::Helpers(users, groups) => {
            let users = Helper::start(users, pid, &maps.users);
            let groups = Helper::start(groups, pid, &maps.groups);
            let (users, groups) = (users.and_then(Helper::end), groups.and_then(Helper::end));
            users.and(groups)
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

/// A helper that runs; none for a map that is empty.
struct Helper(Option<(Text, Child)>);

impl Helper {
    fn start(program: &Text, pid: i32, map: &IdMap) -> Result<Helper, Refused> {
        if map.is_empty() {
            return Ok(Helper(None));
        }
        let numbers = map.0.iter().flat_map(|r| [r.inner, r.outer, r.count]).map(|n| n.to_string());
        let mut command = Command::new(program.as_os_str());
        command.arg(pid.to_string()).args(numbers).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| missing(program, &error))?;
        Ok(Helper(Some((program.clone(), child))))
    }

    fn end(self) -> Result<(), Refused> {
        let Some((program, child)) = self.0 else { return Ok(()) };
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
