//! One process, as `/proc/PID` shows it.

use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use dwell_plan::{NamespaceKind, NamespaceSet, Text};
use rustix::fs::{AtFlags, CWD, Mode, StatxFlags};
use rustix::io::Errno;

use super::model::Process;
use crate::bytes::number;
use crate::file::{READ, read_all};

/// Reads the namespaces of `kinds` of the process whose `/proc/PID` is `directory`, and whether some are closed
/// to the reader.
pub(super) fn look(directory: BorrowedFd<'_>, pid: i32, kinds: NamespaceSet) -> (Process, bool) {
    let mut process = Process { pid, ..Process::default() };
    let mut denied = false;
    for (slot, kind) in process.namespaces.iter_mut().zip(NamespaceKind::ALL) {
        if !kinds.has(kind) {
            continue;
        }
        match namespace_id(directory, kind) {
            Ok(id) => *slot = id,
            Err(Errno::ACCESS | Errno::PERM) => denied = true,
            // It has ended in the meantime, or the kernel has no such kind.
            Err(_) => {}
        }
    }
    (process, denied)
}

/// Reads what `directory` says of the process besides; false when it has ended.
pub(super) fn details(directory: BorrowedFd<'_>, process: &mut Process) -> bool {
    let Some(read) = read_stat(directory) else { return false };
    // KERNEL: a reader in a child pid namespace sees the numbers of its procfs, as the name has it.
    *process =
        Process { pid: process.pid, uid: owner(directory), namespaces: process.namespaces, ..read };
    true
}

fn read_stat(directory: BorrowedFd<'_>) -> Option<Process> {
    let fd = rustix::fs::openat(directory, "stat", READ, Mode::empty()).ok()?;
    let mut room = [MaybeUninit::uninit(); 1024];
    let (text, _) = rustix::io::read(&fd, &mut room).ok()?;
    parse_stat(text)
}

/// `PID (name) S PPID …`, `starttime` being the 22nd field. The name may hold blanks and brackets.
pub(super) fn parse_stat(text: &[u8]) -> Option<Process> {
    let open = text.iter().position(|b| *b == b'(')?;
    let close = text.iter().rposition(|b| *b == b')')?;
    let name = text.get(open + 1..close)?;
    let mut fields = text.get(close + 1..)?.split(|b| *b == b' ').filter(|f| !f.is_empty());
    let state = *fields.next()?.first()?;
    let parent = number(fields.next()?)?;
    // Field 4 was the last; 22 is the eighteenth from there.
    let started = fields.nth(17).and_then(number).unwrap_or(0);
    let pid = number(text.get(..open)?.trim_ascii())?;
    Some(Process { pid, parent, state, started, name: Text::from(name), ..Process::default() })
}

fn owner(directory: BorrowedFd<'_>) -> u32 {
    let stat = rustix::fs::statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::UID);
    stat.map_or(0, |stat| stat.stx_uid)
}

/// The number of a process's namespace.
fn namespace_id(directory: BorrowedFd<'_>, kind: NamespaceKind) -> Result<u64, Errno> {
    let mut room = [MaybeUninit::uninit(); 64];
    let (link, _) = rustix::fs::readlinkat_raw(directory, link_name(kind), &mut room)?;
    parse_link(link).map(|(_, id)| id).ok_or(Errno::INVAL)
}

/// The link of `/proc/PID` to a namespace.
pub(super) fn link_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::User => "ns/user",
        NamespaceKind::Mount => "ns/mnt",
        NamespaceKind::Pid => "ns/pid",
        NamespaceKind::Net => "ns/net",
        NamespaceKind::Uts => "ns/uts",
        NamespaceKind::Ipc => "ns/ipc",
        NamespaceKind::Cgroup => "ns/cgroup",
        NamespaceKind::Time => "ns/time",
    }
}

/// `net:[4026531840]`: the kind, where it is that of a namespace, and the number.
pub(super) fn parse_link(link: &[u8]) -> Option<(NamespaceKind, u64)> {
    let colon = link.iter().position(|b| *b == b':')?;
    let kind = kind_named(link.get(..colon)?)?;
    let id = link.get(colon + 1..)?.strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some((kind, number(id)?))
}

/// The kind with this name in `/proc/PID/ns`.
pub(super) fn kind_named(name: &[u8]) -> Option<NamespaceKind> {
    NamespaceKind::ALL.into_iter().find(|kind| kind.proc_name().as_bytes() == name)
}

/// The arguments of a process, or where it has none (a thread of the kernel's, one that has ended)
/// none. Each ends with a NUL; at most `limit` bytes.
#[must_use]
pub fn command_line(pid: i32, limit: usize) -> Option<Vec<u8>> {
    read_of(pid, "cmdline", limit).filter(|bytes| !bytes.is_empty())
}

/// The environment that a process was started with, `NAME=VALUE` each; none without the right to
/// trace it.
#[must_use]
pub fn environment(pid: i32) -> Option<Vec<Text>> {
    let bytes = read_of(pid, "environ", usize::MAX)?;
    Some(bytes.split(|b| *b == 0).filter(|v| !v.is_empty()).map(Text::from).collect())
}

/// At most `limit` bytes of a file of a process.
pub(super) fn read_of(pid: i32, name: &str, limit: usize) -> Option<Vec<u8>> {
    let path = format!("/proc/{pid}/{name}");
    let fd = rustix::fs::openat(CWD, path, READ, Mode::empty()).ok()?;
    let mut bytes = if limit == usize::MAX {
        read_all(&fd).ok()?
    } else {
        let mut bytes = Vec::with_capacity(limit.min(64 << 10));
        while bytes.len() < limit {
            let room = bytes.spare_capacity_mut();
            if room.is_empty()
                || rustix::io::read(&fd, rustix::buffer::spare_capacity(&mut bytes)).ok()? == 0
            {
                break;
            }
        }
        bytes
    };
    bytes.truncate(limit);
    Some(bytes)
}
