//! What a program in a world can tell of its walls.

use std::path::{Path, PathBuf};

use crate::harness::{Ctx, Outcome, process};

/// Printed at the end: what came before is whole.
const END: &str = "that is all";

/// Prints it, a section after the other. The first line says that it runs at all.
const SCRIPT: &str = r#"#!/bin/sh
echo runs
echo namespaces; readlink /proc/self/ns/*
echo rights; grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Sig(Blk|Ign|Cgt)|Umask)' /proc/self/status
echo mounts; cut -d' ' -f4-6 /proc/self/mountinfo
echo ids; cat /proc/self/uid_map /proc/self/gid_map
echo place; pwd; cat /proc/sys/kernel/hostname; ls -1A / /root /home /dev 2>&1
echo files; ls -1 /proc/self/fd
echo environment; env | cut -d= -f1 | sort
echo limits; ulimit -a; grep -h hierarchical /sys/fs/cgroup/memory/memory.stat 2>/dev/null
echo secrets; cat /etc/shadow /etc/ssh/ssh_host_*_key 2>&1 | sed 's/:.*//'
echo that is all
"#;

/// Writes the program to where worlds can see it, under a name of its own.
pub(super) fn program(ctx: &Ctx, name: &str) -> Outcome<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = ctx.file(name, SCRIPT)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// What was printed, with each namespace told only as the machine's or as another one.
pub(super) fn normal(text: &str) -> Option<String> {
    let text = text.replace('\r', "");
    let (told, _) = text.split_once(END)?;
    let own: Vec<String> = process::KINDS
        .iter()
        .filter_map(|(_, name)| process::namespace(std::process::id(), name))
        .collect();
    let line = |line: &str| {
        let kind = process::KINDS.iter().find(|(_, name)| line.starts_with(&format!("{name}:[")));
        match kind {
            Some((kind, _)) if own.iter().any(|ns| ns == line) => {
                format!("{kind} is the machine's\n")
            }
            Some((kind, _)) => format!("{kind} is another\n"),
            // Numbers are given in the order in which places come.
            None => match line.strip_prefix("/d/").and_then(|rest| rest.split_once(' ')) {
                Some((_, rest)) => format!("/d/… {rest}\n"),
                None => format!("{line}\n"),
            },
        }
    };
    Some(told.lines().map(line).collect())
}

/// What is wrong with walls that are others than those without a fault; nothing when they are as good.
///
/// What could not be found out about is shown less of, and a layer that could not be had is shown
/// read-only. So the names of files and of variables may be missing, and mounts that show the machine's
/// own files with all that lies on them; and read-only ones be there instead.
pub(super) fn difference(want: &str, got: &str) -> String {
    let has = |text: &str, line: &str| text.lines().any(|other| other == line);
    let gone: Vec<&str> = want.lines().filter(|line| !has(got, line)).collect();
    let mounts = gone.iter().filter(|line| is_machines(line));
    let below: Vec<&str> = mounts.filter_map(|line| line.split(' ').nth(1)).collect();
    let lies_below = |line: &str| {
        let point = line.split(' ').nth(1).unwrap_or_default();
        let above = |of: &&str| point.strip_prefix(*of).is_some_and(|rest| rest.starts_with('/'));
        line.starts_with('/') && below.iter().any(above)
    };
    let fine = |line: &str| is_name(line) || is_machines(line) || lies_below(line);
    let missing = gone.iter().filter(|line| !fine(line)).map(|line| format!("\n    - {line}"));
    let more = got.lines().filter(|line| !has(want, line) && !is_tighter(want, line));
    missing.chain(more.map(|line| format!("\n    + {line}"))).collect()
}

/// A mount that shows the machine's files, or a layer over them.
fn is_machines(line: &str) -> bool {
    let mut words = line.split(' ');
    let (Some(root), Some(point), Some(_)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    // The group's own view of a hierarchy is there for information; the limits stand above it.
    let kernels = ["/proc", "/sys", "/dev"].iter().any(|of| point.starts_with(of))
        && !point.starts_with("/sys/fs/cgroup/");
    root.starts_with('/')
        && !root.starts_with("/d/")
        && point.starts_with('/')
        && point != "/"
        && !kernels
}

/// The name of a file, a variable, a user: one that is missing is no wall.
fn is_name(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
}

/// A mount that cannot be written to in the place of one that could.
fn is_tighter(want: &str, line: &str) -> bool {
    let mut words = line.split(' ').skip(1);
    let (Some(point), Some(options)) = (words.next(), words.next()) else { return false };
    let before = |line: &str| line.split(' ').nth(1) == Some(point) && is_machines(line);
    options.starts_with("ro,") && want.lines().any(before)
}

/// The names in a directory, and those in the directories below it.
pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            found.push(entry.path());
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
