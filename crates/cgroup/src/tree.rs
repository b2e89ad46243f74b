//! A group and those below it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directories of the groups below `top`, and it itself last: children before parents.
pub(crate) fn below(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
        found.push(dir);
    }
    found.reverse();
    found
}

/// Removes a group and those below it. That it is not there is fine.
///
/// KERNEL: the files of a group go with its directory; they cannot be removed by themselves.
pub(crate) fn remove(top: &Path) -> io::Result<()> {
    for dir in below(top) {
        match fs::remove_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The processes in a group and in those below it.
pub(crate) fn processes(top: &Path) -> Vec<i32> {
    let mut pids = Vec::new();
    for dir in below(top) {
        let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        // KERNEL: 0 is a process of a pid namespace that is not below the reader's.
        pids.extend(
            text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0),
        );
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}
