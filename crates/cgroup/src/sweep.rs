//! Groups whose maker was killed before it could remove them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use dwell_plan::Text;
use dwell_plan::cgroups::{Cgroups, Version};
use dwell_probe::cgroups::is_abandoned;

use crate::error::Error;
use crate::{kill, systemd, tree};

/// Removes what lies abandoned in one directory; `bus` is that of the systemd that made some of it, which removes
/// that when it comes to it. What cannot be removed now is found again later.
pub fn sweep_beside(version: Version, parent: &Path, bus: Option<&Path>) {
    remove(version, abandoned(parent), bus).for_each(drop);
}

/// Removes every abandoned group that can be reached, but for what another user's systemd has made; gives those
/// that are gone now, and why others are not.
#[must_use]
pub fn sweep_all(groups: &Cgroups) -> (Vec<PathBuf>, Vec<Error>) {
    let mut gone = Vec::new();
    let mut errors = Vec::new();
    let bus = groups.systemd.as_ref().and_then(|systemd| systemd.bus.as_ref());
    let tops: BTreeSet<_> =
        groups.hierarchies.iter().map(|h| (h.mount.as_path(), h.version == Version::V2)).collect();
    for (top, unified) in tops {
        let version = if unified { Version::V2 } else { Version::V1 };
        // Parents first: one that is removed takes what is below it.
        for dir in tree::below(top).iter().rev() {
            let mut left = abandoned(dir);
            left.retain(|dir| unit(dir).is_none() || is_own_managers(dir));
            for (dir, removed) in remove(version, left, bus.map(Text::as_path)) {
                match removed {
                    Ok(()) => gone.push(dir),
                    Err(error) => errors.push(error),
                }
            }
        }
    }
    systemd::wait_for_removal(&gone);
    let (left, gone): (Vec<_>, Vec<_>) = gone.into_iter().partition(|dir| dir.exists());
    errors.extend(left.iter().map(|dir| kept(dir)));
    (gone, errors)
}

fn kept(dir: &Path) -> Error {
    let dir = dir.display();
    Error::new(format!("cannot remove the control group {dir}: systemd, which made it, does not"))
}

/// Whether the systemd that makes groups for us has made that one: root's those that are in none of a user's.
fn is_own_managers(scope: &Path) -> bool {
    let users = |part: &&str| part.starts_with("user@") && part.ends_with(".service");
    let manager = scope.iter().filter_map(OsStr::to_str).rfind(users);
    match rustix::process::geteuid().as_raw() {
        0 => manager.is_none(),
        uid => manager == Some(&*format!("user@{uid}.service")),
    }
}

fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let left = |name: &str| is_abandoned(name) == Some(true);
    entries.filter(|e| e.file_name().to_str().is_some_and(left)).map(|e| e.path()).collect()
}

/// The worlds have ended with their supervisors, or are about to; what is left of them ends now. Scopes are
/// not removed, but are not kept up any more.
fn remove(
    version: Version,
    dirs: Vec<PathBuf>,
    bus: Option<&Path>,
) -> impl Iterator<Item = (PathBuf, Result<(), Error>)> {
    let end = |dir: &PathBuf| match unit(dir) {
        Some(_) => kill::all(version, dir),
        None => kill::and_remove(version, dir),
    };
    let ended: Vec<_> = dirs.iter().map(end).collect();
    let units: Vec<&str> = dirs.iter().filter_map(|dir| unit(dir)).collect();
    if let (Some(bus), false) = (bus, units.is_empty()) {
        systemd::stop(bus, &units);
    }
    dirs.into_iter().zip(ended)
}

/// The name of the unit whose group that is.
fn unit(dir: &Path) -> Option<&str> {
    dir.file_name()?.to_str().filter(|name| name.ends_with(".scope"))
}
