//! Ops as the calls they make, for messages; and what a program's first bytes say about it.

use std::fmt::Write;

use crate::program::{Attrs, Op, Program, Slot, Str};

/// The call of an op, with its arguments.
#[must_use]
pub fn call(program: &Program, op: Op) -> String {
    let s = |s: Str| quoted(program.bytes(s));
    match op {
        Op::Unshare(set) => format!("unshare({set})"),
        Op::EnterAside { .. } => "unshare(net)".to_owned(),
        Op::LoopbackUp(_) => "ioctl(SIOCSIFFLAGS, \"lo\")".to_owned(),
        Op::Give { .. } | Op::Refuse { .. } => "sendmsg".to_owned(),
        Op::Take { .. } => "recvmsg".to_owned(),
        Op::EnterOwner { .. } => "setns(CLONE_NEWUSER)".to_owned(),
        Op::Enter { kind, .. } => format!("setns({})", kind.clone_flag_name()),
        Op::WriteFile { path, data } => format!("write({}, {})", s(path), s(data)),
        Op::Hostname(name) => format!("sethostname({})", s(name)),
        Op::InterfaceUp(name) => format!("ioctl(SIOCSIFFLAGS, {})", s(name)),
        Op::FsOpen { fstype, .. } => format!("fsopen({})", s(fstype)),
        Op::FsString { key, value, .. } => format!("fsconfig({}, {})", s(key), s(value)),
        Op::FsFlag { key, .. } => format!("fsconfig({})", s(key)),
        Op::FsDirectory { key, path, .. } => format!("fsconfig({}, {})", s(key), s(path)),
        Op::FsCreate { .. } => "fsconfig(FSCONFIG_CMD_CREATE)".to_owned(),
        Op::FsMount { .. } => "fsmount()".to_owned(),
        Op::CloneTree { at, path, recursive, .. } => {
            let recursive = if recursive { "|AT_RECURSIVE" } else { "" };
            format!("open_tree({}, OPEN_TREE_CLONE{recursive})", place(at, s(path)))
        }
        Op::SetAttrs { attrs, recursive, .. } => {
            format!(
                "mount_setattr({}{})",
                words(attrs),
                if recursive { ", AT_RECURSIVE" } else { "" }
            )
        }
        Op::Attach { path, .. } => format!("move_mount({})", s(path)),
        Op::Find { path, .. } => format!("openat2({}, RESOLVE_IN_ROOT)", s(path)),
        Op::OpenDir { path, .. } => format!("openat({})", s(path)),
        Op::Mkdir { path, mode, .. } => format!("mkdirat({}, {mode:04o})", s(path)),
        Op::CreateFile { path, .. } => format!("mknodat({})", s(path)),
        Op::PutFile { path, .. } => format!("openat({}, O_CREAT)", s(path)),
        Op::CopyFile { from, .. } => format!("openat({})", s(from)),
        Op::Symlink { path, target, .. } => format!("symlinkat({}, {})", s(target), s(path)),
        Op::Remove { path, .. } => format!("unlinkat({})", s(path)),
        Op::Chown { path, uid, gid, .. } => format!("fchownat({}, {uid}, {gid})", s(path)),
        Op::Likeness { path, .. } => format!("fchmodat({})", s(path)),
        Op::Chdir(path) => format!("chdir({})", s(path)),
        Op::Nice(n) => format!("setpriority({n})"),
        Op::OpenPty { ptmx, .. } => format!("open({})", s(ptmx)),
        Op::Stdio { to, .. } => format!("dup3({to})"),
        Op::Rlimit { resource, soft, hard } => {
            let name = crate::rlimit::NAMES.get(resource as usize).copied().unwrap_or("?");
            format!("setrlimit({name}, {soft}, {hard})")
        }
        Op::Open { path, .. } => format!("open({})", s(path)),
        Op::Write { data, .. } => format!("write({})", s(data)),
        Op::Mount { fstype, at, .. } => format!("mount({}, {})", s(at), s(fstype)),
        Op::Propagate { at, to } => format!("mount({}, {to:?})", s(at)),
        Op::BindNamespace { on, .. } => format!("mount({}, MS_BIND)", s(on)),
        Op::CoverRoot(_) => "move_mount(\"/\"), chroot(\".\")".to_owned(),
        Op::Chroot(path) => format!("chroot({})", s(path)),
        Op::Pidfd { target, .. } => format!("pidfd_open({})", target.pid),
        Op::EnterOnce { kinds, .. } => format!("setns({kinds})"),
        Op::AllowPath { path, .. } => format!("landlock_add_rule({})", s(path)),
        Op::SetIds { uid, gid } => format!("setresgid({gid}), setresuid({uid})"),
        Op::Prove(act) => act.proof().call.to_owned(),
        other => bare(other).to_owned(),
    }
}

fn bare(op: Op) -> &'static str {
    match op {
        Op::ForkSibling => "clone3(CLONE_PARENT)",
        Op::Pin | Op::Unpin => "sched_setaffinity",
        Op::Yield => "sched_yield",
        Op::Await { .. } => "recvmsg",
        Op::Spawn { .. } => "clone3",
        Op::EnterGroup(_) => "write(tasks)",
        Op::CloseInherited | Op::KeepDescriptors => "close_range",
        Op::Private => "mount(MS_REC|MS_PRIVATE)",
        Op::ChdirTo(_) => "fchdir",
        Op::LeaveGroups => "setgroups",
        Op::PivotRoot => "pivot_root(\".\", \".\")",
        Op::Detach => "umount2(\".\", MNT_DETACH)",
        Op::Filter => "seccomp(SECCOMP_SET_MODE_FILTER)",
        Op::Ruleset { .. } => "landlock_create_ruleset",
        Op::AllowFile { .. } | Op::AllowStdio { .. } => "landlock_add_rule",
        Op::Confine { .. } => "landlock_restrict_self",
        Op::NewSession => "setsid",
        Op::NewGroup => "setpgid",
        Op::ControllingTerminal(_) => "ioctl(TIOCSCTTY)",
        Op::Foreground(_) => "ioctl(TIOCSPGRP)",
        Op::SetGroups => "setgroups",
        Op::BoundingSet { .. } => "prctl(PR_CAPBSET_DROP)",
        Op::Capabilities { .. } => "capset",
        Op::Ambient { .. } => "prctl(PR_CAP_AMBIENT)",
        Op::RefuseExecGain => "prctl(PR_SET_MDWE)",
        Op::NoNewPrivs => "prctl(PR_SET_NO_NEW_PRIVS)",
        Op::Barrier(_) => "waiting for the host side",
        Op::SendPty(_) => "sendmsg",
        Op::Exec => "execve",
        Op::DefaultSignal(_) => "rt_sigaction",
        Op::RenewMounts { .. } => "unshare",
        Op::Duplicate { .. } => "fcntl(F_DUPFD_CLOEXEC)",
        Op::NetworkOfSocket { .. } => "pidfd_getfd, ioctl(SIOCGSKNS)",
        Op::NamespaceByNumber { .. } => "open_by_handle_at",
        Op::ParentNamespace { .. } => "ioctl(NS_GET_USERNS)",
        Op::OwnerOf(_) => "statx",
        Op::DropGroups(_) => "setgroups",
        Op::SetGid(_) => "setgid",
        Op::SetUid(_) => "setuid",
        Op::KeepCapabilities => "capset, prctl(PR_CAP_AMBIENT)",
        Op::StartHelper(_) | Op::Fork { .. } => "clone3",
        Op::AwaitHelper(_) | Op::WaitForChild(_) => "wait4",
        Op::WriteIdMaps => "write",
        _ => "prctl",
    }
}

fn place(at: Slot, path: String) -> String {
    if at == Slot::CWD { path } else { format!("fd, {path}") }
}

fn words(attrs: Attrs) -> String {
    let words = [
        (attrs.read_only, "RDONLY"),
        (attrs.nosuid, "NOSUID"),
        (attrs.nodev, "NODEV"),
        (attrs.noexec, "NOEXEC"),
    ];
    words.into_iter().filter(|(on, _)| *on).map(|(_, w)| w).collect::<Vec<_>>().join("|")
}

/// In quotes, with what is not printable escaped, and cut where it gets long.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.get(..160).unwrap_or(bytes).utf8_chunks() {
        let _ = write!(out, "{}", chunk.valid().escape_debug());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    if bytes.len() > 160 {
        out.push('…');
    }
    out
}

/// What a program needs to be run, by its first bytes: the interpreter of its `#!` line or the loader
/// that its ELF headers name (`PT_INTERP`; `elf(5)`).
#[must_use]
pub fn interpreter(head: &[u8]) -> Option<String> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
        let path = line.split(|b| b.is_ascii_whitespace()).find(|w| !w.is_empty())?;
        return Some(format!("interpreter {}", String::from_utf8_lossy(path)));
    }
    elf_loader(head).map(|path| format!("ELF loader {path}"))
}

fn elf_loader(head: &[u8]) -> Option<String> {
    // Only 64-bit little-endian: the machines that dwell runs on.
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let number = |at: usize, length: usize| {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b)))
    };
    let index = |n: u64| usize::try_from(n).ok();
    let (table, size, count) = (index(number(32, 8)?)?, index(number(54, 2)?)?, number(56, 2)?);
    for n in 0..index(count)? {
        let at = table.checked_add(n.checked_mul(size)?)?;
        if number(at, 4)? == 3 {
            let (offset, length) =
                (index(number(at.checked_add(8)?, 8)?)?, index(number(at.checked_add(32)?, 8)?)?);
            let path = head.get(offset..offset.checked_add(length)?)?;
            let path = path.split(|b| *b == 0).next()?;
            return Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters() {
        assert_eq!(interpreter(b"#! /bin/sh -e\nx"), Some("interpreter /bin/sh".into()));
        assert_eq!(interpreter(b"#!/usr/bin/env python3"), Some("interpreter /usr/bin/env".into()));
        assert_eq!(interpreter(b"#!\n"), None);
        assert_eq!(interpreter(b""), None);
        assert_eq!(interpreter(b"\x7fELF\x02\x01"), None);
        let this = std::fs::read("/bin/sh").unwrap_or_default();
        let head = this.get(..1024).unwrap_or_default();
        assert!(interpreter(head).is_none_or(|i| i.contains("ELF loader /")));
    }

    #[test]
    fn quoting() {
        assert_eq!(quoted(b"a\"b\n\xff"), "\"a\\\"b\\n\\xff\"");
    }
}
