//! Writes the id maps of a new process from outside: directly, or by the set-user-ID helpers.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use dwell_plan::Text;
use dwell_plan::idmap::IdMap;
use dwell_plan::program::{HostMaps, MapWriter};

use crate::failure::{Cause, Failure};

pub(crate) fn write(pid: i32, maps: &HostMaps) -> Result<(), Failure> {
    match &maps.writer {
        MapWriter::Direct => {
            put(pid, "gid_map", &maps.groups.kernel_text())?;
            put(pid, "uid_map", &maps.users.kernel_text())
        }
        MapWriter::Helpers(users, groups) => {
            help(groups, pid, &maps.groups)?;
            help(users, pid, &maps.users)
        }
    }
}

/// KERNEL: one write, one map; a second is refused.
fn put(pid: i32, name: &str, text: &str) -> Result<(), Failure> {
    let path = PathBuf::from(format!("/proc/{pid}/{name}"));
    fs::write(&path, text).map_err(|error| {
        Failure::host(
            format!(
                "cannot write {}: {} (write({:?}))",
                path.display(),
                plain(&error),
                text.trim_end()
            ),
            Cause::IdMap,
        )
    })
}

fn help(program: &Text, pid: i32, map: &IdMap) -> Result<(), Failure> {
    let numbers = map.0.iter().flat_map(|r| [r.inner, r.outer, r.count]).map(|n| n.to_string());
    let output = Command::new(program.as_os_str()).arg(pid.to_string()).args(numbers).output();
    let sentence = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            format!(
                "cannot map ids: {program} failed: {}",
                said.trim().lines().last().unwrap_or("without a word")
            )
        }
        Err(error) => format!("cannot map ids: cannot run {program}: {}", plain(&error)),
    };
    Err(Failure::host(sentence, Cause::IdMap))
}

/// The kernel's reason without the number that `std` adds.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
