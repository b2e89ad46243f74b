//! Groups whose maker was killed before it could remove them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dwell_plan::cgroups::{Cgroups, Version};
use dwell_probe::cgroups::is_abandoned;

use crate::error::Error;
use crate::{kill, tree};

/// Removes what lies abandoned in one directory. What cannot be removed now is found again later.
pub fn sweep_beside(version: Version, parent: &Path) {
    for dir in abandoned(parent) {
        let _ = remove(version, &dir);
    }
}

/// Removes every abandoned group that can be reached; gives those that are gone now, and why others
/// are not.
#[must_use]
pub fn sweep_all(groups: &Cgroups) -> (Vec<PathBuf>, Vec<Error>) {
    let mut gone = Vec::new();
    let mut errors = Vec::new();
    let tops: BTreeSet<_> =
        groups.hierarchies.iter().map(|h| (h.mount.as_path(), h.version == Version::V2)).collect();
    for (top, unified) in tops {
        let version = if unified { Version::V2 } else { Version::V1 };
        // Parents first: one that is removed takes what is below it.
        for dir in tree::below(top).iter().rev() {
            for dir in abandoned(dir) {
                match remove(version, &dir) {
                    Ok(()) => gone.push(dir),
                    Err(error) => errors.push(error),
                }
            }
        }
    }
    (gone, errors)
}

fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let left = |name: &str| is_abandoned(name) == Some(true);
    entries.filter(|e| e.file_name().to_str().is_some_and(left)).map(|e| e.path()).collect()
}

/// The world has ended with its supervisor, or is about to; what is left of it ends now.
fn remove(version: Version, dir: &Path) -> Result<(), Error> {
    kill::and_remove(version, dir)
}
