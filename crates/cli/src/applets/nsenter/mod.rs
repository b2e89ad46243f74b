//! `nsenter(1)`: a program in the namespaces of another process.

mod actions;
mod help;
mod options;

use std::ffi::OsString;

use dwell_plan::Text;
use dwell_plan::plan::EnvVar;
use rustix::io::Errno;

use super::Door;
use super::read::Bad;
use super::start::{self, Start};
use crate::message::{self, reason};
use options::{Read, TABLE, TABLE_OF_COMMAND, Wanted, Who};

pub(super) fn main(door: &Door, args: Vec<OsString>) -> u8 {
    let read = if door.bare {
        options::read(TABLE, args)
    } else {
        options::read(&[TABLE, TABLE_OF_COMMAND].concat(), args)
    };
    match read {
        Ok(Read::Wanted(wanted)) => match prepare(*wanted) {
            Ok(start) => start::start(door, start),
            Err(sentence) => door.fail(sentence),
        },
        Ok(Read::Help) => message::print(&help::text(door)),
        Ok(Read::Version) => message::print(&door.version()),
        Err(Bad::Misuse(misuse)) => door.misuse(&misuse),
        Err(Bad::Value(sentence)) => door.fail(sentence),
    }
}

fn prepare(wanted: Wanted) -> Result<Start, String> {
    let actions = actions::actions(&wanted, &Machine)?;
    let env = environment(&wanted)?;
    let uid = match wanted.uid {
        Some(Who::Number(uid)) => Some(uid),
        Some(Who::Follow) => None,
        None => (actions::enters_user(&actions) && !wanted.preserve).then_some(0),
    };
    Ok(Start { actions, program: wanted.program, env, uid, told: wanted.told })
}

fn environment(wanted: &Wanted) -> Result<Vec<EnvVar>, String> {
    if !wanted.env {
        return Ok(start::environment());
    }
    let pid = wanted.target_for("environ")?;
    let entries = dwell_probe::environment_of(pid)
        .map_err(|errno| format!("cannot open /proc/{pid}/environ: {}", words(errno)))?;
    let split = |entry: &Text| {
        let (bytes, at) = (entry.as_bytes(), entry.as_bytes().iter().position(|b| *b == b'=')?);
        let name = Text::from(bytes.get(..at).filter(|name| !name.is_empty())?);
        Some(EnvVar { name, value: Text::from(bytes.get(at + 1..)?) })
    };
    Ok(entries.iter().filter_map(split).collect())
}

impl Wanted {
    /// The target, of which something is wanted.
    fn target_for(&self, what: &str) -> Result<i32, String> {
        self.target
            .map(|target| target.pid)
            .ok_or_else(|| format!("neither filename nor target pid supplied for {what}"))
    }
}

/// The kernel's words.
fn words(errno: Errno) -> String {
    reason(&errno.into())
}

/// What the actions depend on beside the options.
#[derive(Clone, Copy)]
struct Machine;

impl actions::Look for Machine {
    fn joinable(&self, pid: i32) -> Result<dwell_plan::NamespaceSet, String> {
        dwell_probe::joinable(pid)
            .map_err(|(path, errno)| format!("stat of {path} failed: {}", words(errno)))
    }

    fn cgroup_procs(&self, pid: i32) -> Result<Text, String> {
        use dwell_probe::NoCgroup;
        dwell_probe::cgroup_procs_of(pid).map_err(|no| match no {
            NoCgroup::NotV2 => "--join-cgroup is only supported in cgroup v2".to_owned(),
            NoCgroup::Unknown(errno) => format!("statfs /sys/fs/cgroup failed: {}", words(errno)),
            NoCgroup::Process(errno) => format!("failed to get cgroup path: {}", words(errno)),
        })
    }

    fn context(&self, pid: i32) -> Result<Option<Text>, String> {
        dwell_probe::selinux_context_of(pid)
            .map_err(|errno| format!("failed to get {pid} SELinux context: {}", words(errno)))
    }
}

/// Reads any words, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn try_options(args: Vec<OsString>) {
    // What is not understood is refused with a sentence.
    if let Err(Bad::Value(sentence)) = options::read(&[TABLE, TABLE_OF_COMMAND].concat(), args) {
        assert!(!sentence.is_empty());
    }
}
