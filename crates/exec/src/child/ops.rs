//! The ops that are one call, or a few in a row.

use std::ffi::CStr;

use dwell_plan::program::{Barrier, Op, Slot, Str};
use dwell_sys::raw::{self, Errno, Fd, consts};

use super::landlock;
use super::own;
use super::reap::PARENT_DIED;
use crate::message::Message;
use crate::prepared::{Prepared, attr_bits, clone_bit, clone_bits};
use crate::processors;
use crate::pty;

pub(crate) fn simple(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::Barrier(Barrier::IdMaps) if p.mapped => Ok(()),
        Op::Barrier(Barrier::IdMaps) => barrier(p, Message::AwaitsIdMaps),
        Op::Barrier(Barrier::Group) => barrier(p, Message::AwaitsGroup),
        Op::EnterGroup(tasks) => enter_group(p, tasks),
        Op::Unshare(set) => raw::unshare(clone_bits(set)),
        Op::Enter { ns, kind } => {
            // Every CLONE_NEW… flag fits in 32 bits.
            raw::setns(p.fd(ns), u32::try_from(clone_bit(kind)).unwrap_or(0))
        }
        Op::EnterOwner { ns } => enter_owner(p.fd(ns)),
        Op::EnterAside { socket, into } => {
            let net = crate::aside::enter(p.fd(socket))?;
            p.put(into, net);
            Ok(())
        }
        Op::LoopbackUp(socket) => crate::aside::await_loopback(p.fd(socket)),
        Op::Give { to, file } => crate::aside::give(p.fd(to), p.fd(file)),
        Op::Refuse { to } => crate::aside::refuse(p.fd(to), p.refused),
        Op::Take { from, into } => take(p, from, into),
        Op::Await { piece, .. } if p.claims.has(piece) => Ok(()),
        Op::Await { from, into, .. } => take(p, from, into),
        Op::CloseInherited => close_inherited(p),
        Op::ClearUmask => {
            p.umask = raw::umask(0);
            Ok(())
        }
        Op::RestoreUmask => {
            raw::umask(p.umask);
            Ok(())
        }
        Op::WriteFile { path, data } => write_file(p.c_str(path)?, p.bytes(data)),
        Op::Hostname(name) => raw::sethostname(p.bytes(name)),
        Op::InterfaceUp(name) => raw::interface_up(p.c_str(name)?),
        Op::Close(slot) => {
            let fd = p.fd(slot);
            p.put(slot, Fd(-1));
            raw::close(fd)
        }
        Op::Chdir(path) => raw::chdir(p.c_str(path)?),
        Op::ChdirTo(dir) => raw::fchdir(p.fd(dir)),
        Op::Chroot(path) => raw::chroot(p.c_str(path)?),
        _ => mounts(p, op),
    }
}

fn mounts(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::Private => raw::set_propagation(c"/", consts::MS_REC | consts::MS_PRIVATE),
        Op::FsOpen { fstype, into } => {
            let fd = raw::fsopen(p.c_str(fstype)?)?;
            p.put(into, fd);
            Ok(())
        }
        Op::FsString { fs, key, value } => {
            raw::fsconfig_string(p.fd(fs), p.c_str(key)?, p.c_str(value)?)
        }
        Op::FsFlag { fs, key } => raw::fsconfig_flag(p.fd(fs), p.c_str(key)?),
        Op::FsDirectory { fs, key, at, path } => {
            fs_directory(p, p.fd(fs), p.c_str(key)?, p.fd(at), path)
        }
        Op::FsCreate { fs } => raw::fsconfig_create(p.fd(fs)),
        Op::FsMount { fs, attrs, into } => {
            let tree = raw::fsmount(p.fd(fs), attr_bits(attrs))?;
            let _ = raw::close(p.fd(fs));
            p.put(fs, Fd(-1));
            p.put(into, tree);
            Ok(())
        }
        Op::CloneTree { at, path, recursive, into } => {
            let recursive = if recursive { consts::AT_RECURSIVE } else { 0 };
            let flags = consts::OPEN_TREE_CLONE | consts::OPEN_TREE_CLOEXEC | recursive;
            let tree = raw::open_tree(p.fd(at), p.c_str(path)?, flags)?;
            p.put(into, tree);
            Ok(())
        }
        Op::SetAttrs { tree, attrs, recursive } => {
            let recursive = if recursive { consts::AT_RECURSIVE } else { 0 };
            let flags = consts::AT_EMPTY_PATH | recursive;
            raw::mount_setattr(p.fd(tree), c"", flags, attr_bits(attrs), 0, consts::MS_PRIVATE, 0)
        }
        Op::Attach { tree, to, path } => {
            let path = p.c_str(path)?;
            let onto = if path.is_empty() { consts::MOVE_MOUNT_T_EMPTY_PATH } else { 0 };
            raw::move_mount(p.fd(tree), c"", p.fd(to), path, consts::MOVE_MOUNT_F_EMPTY_PATH | onto)
        }
        Op::PivotRoot => raw::pivot_root(c".", c"."),
        Op::CoverRoot(tree) => cover_root(p.fd(tree)),
        Op::Detach => raw::umount2(c".", consts::MNT_DETACH),
        _ => files(p, op),
    }
}

/// KERNEL: in a chroot whose directory is no mount the cover would lie beside the way to the real root, and
/// not on it.
fn cover_root(tree: Fd) -> Result<(), Errno> {
    if raw::statx_at(Fd::CWD, c"/", 0)?.mount_root != Some(true) {
        return Err(Errno::INVAL);
    }
    raw::move_mount(tree, c"", Fd::CWD, c"/", consts::MOVE_MOUNT_F_EMPTY_PATH)?;
    raw::chroot(c".")
}

fn files(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::Find { root, path, into } => {
            let flags = u64::from(consts::O_PATH | consts::O_CLOEXEC);
            let resolve = consts::RESOLVE_IN_ROOT | consts::RESOLVE_NO_MAGICLINKS;
            let fd = raw::openat2(p.fd(root), p.c_str(path)?, flags, 0, resolve)?;
            p.put(into, fd);
            Ok(())
        }
        Op::OpenDir { at, path, into } => {
            let flags = consts::O_DIRECTORY | consts::O_RDONLY | consts::O_CLOEXEC;
            let fd = raw::openat(p.fd(at), p.c_str(path)?, flags, 0)?;
            p.put(into, fd);
            Ok(())
        }
        Op::Mkdir { at, path, mode } => {
            exists_is_fine(raw::mkdirat(p.fd(at), p.c_str(path)?, mode))
        }
        Op::CreateFile { at, path, mode } => {
            let kind = consts::S_IFREG | mode;
            exists_is_fine(raw::mknodat(p.fd(at), p.c_str(path)?, kind, 0))
        }
        Op::PutFile { at, path, mode, data } => {
            put_file(p.fd(at), p.c_str(path)?, mode, p.bytes(data))
        }
        Op::CopyFile { from, at, path } => copy_file(p.c_str(from)?, p.fd(at), p.c_str(path)?),
        Op::Symlink { at, path, target } => {
            exists_is_fine(raw::symlinkat(p.c_str(target)?, p.fd(at), p.c_str(path)?))
        }
        Op::Remove { at, path } => raw::unlinkat(p.fd(at), p.c_str(path)?, 0),
        Op::Chown { at, path, uid, gid } => raw::fchownat(p.fd(at), p.c_str(path)?, uid, gid, 0),
        Op::Likeness { of, at, path } => likeness(p, of, p.fd(at), path),
        _ => process(p, op),
    }
}

fn process(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::Undumpable => raw::set_dumpable(false),
        Op::Pin => pin(p),
        Op::Unpin if p.pinned => raw::set_affinity(0, &processors::ALL),
        Op::Unpin => Ok(()),
        Op::Yield => {
            raw::sched_yield();
            Ok(())
        }
        Op::DieWithParent => die_with_parent(p, consts::SIGKILL),
        Op::ReapOrphans => {
            raw::set_child_subreaper()?;
            die_with_parent(p, PARENT_DIED)
        }
        Op::HideArguments => {
            if let Some(area) = &p.arguments {
                raw::hide_arguments(area, &p.title);
            }
            raw::set_name(c"dwell-init")
        }
        Op::OpenPty { ptmx, master, peer } => {
            let (fd, other) = pty::open(p.c_str(ptmx)?, p.program().pty_input)?;
            p.put(master, fd);
            p.put(peer, other);
            Ok(())
        }
        Op::SendPty(master) => {
            raw::send_with_fd(p.control, &Message::Terminal.encode(), p.fd(master))?;
            raw::close(p.fd(master))
        }
        Op::NewSession => raw::setsid().map(drop),
        Op::NewGroup => raw::setpgid(0, 0),
        Op::ControllingTerminal(tty) => raw::set_controlling_tty(p.fd(tty)),
        Op::Foreground(tty) => raw::tcsetpgrp(p.fd(tty), raw::getpid()),
        Op::Stdio { from, to } => raw::dup3(p.fd(from), Fd(i32::from(to)), 0).map(drop),
        Op::Nice(nice) => raw::set_priority(nice),
        Op::Rlimit { resource, soft, hard } => raw::set_rlimit(resource, soft, hard),
        Op::KeepDescriptors => keep_descriptors(p),
        Op::ResetSignals => {
            // Caught signals are at their default already (CLONE_CLEAR_SIGHAND, or by execve). Ignored
            // ones stay ignored, as `nohup` wants it, but for the one that Rust's runtime ignores.
            raw::default_signal(consts::SIGPIPE)?;
            raw::sigmask(raw::MaskHow::Set, raw::SigSet::empty()).map(drop)
        }
        _ => rights(p, op),
    }
}

fn pin(p: &mut Prepared) -> Result<(), Errno> {
    raw::set_affinity(0, &processors::current()?)?;
    p.pinned = true;
    Ok(())
}

fn rights(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::SetGroups => raw::setgroups(&p.program().groups),
        Op::LeaveGroups => raw::setgroups(&[]),
        Op::SetIds { uid, gid } => {
            raw::setresgid(gid, gid, gid)?;
            raw::setresuid(uid, uid, uid)
        }
        Op::BoundingSet { keep } => bound(keep),
        Op::Capabilities { set, inheritable } => raw::capset(set, set, inheritable),
        Op::Ambient { set } => {
            raw::cap_ambient_clear_all()?;
            each_bit(set, raw::cap_ambient_raise)
        }
        Op::Prove(act) => super::prove::prove(p, act),
        Op::RefuseExecGain => raw::refuse_exec_gain(),
        Op::NoNewPrivs => raw::set_no_new_privs(),
        Op::Ruleset { .. }
        | Op::AllowPath { .. }
        | Op::AllowFile { .. }
        | Op::AllowStdio { .. }
        | Op::Confine { .. } => landlock::landlock(p, op),
        Op::Filter => raw::seccomp_set_filter(&p.filter.instructions, p.filter.flags).map(drop),
        _ => own::own(p, op),
    }
}

/// Drops every capability that the kernel knows, whether there is a name for it here or not.
fn bound(keep: u64) -> Result<(), Errno> {
    for cap in (0..64u32).filter(|cap| keep & (1u64 << cap) == 0) {
        match raw::cap_bounding_drop(cap) {
            // The first number beyond the last one.
            Err(Errno::INVAL) => break,
            answer => answer?,
        }
    }
    Ok(())
}

/// Capabilities end well before bit 48.
pub(super) fn each_bit(
    set: u64,
    mut call: impl FnMut(u32) -> Result<(), Errno>,
) -> Result<(), Errno> {
    for bit in 0..48u32 {
        if set & (1u64 << bit) != 0 {
            call(bit)?;
        }
    }
    Ok(())
}

fn exists_is_fine(answer: Result<(), Errno>) -> Result<(), Errno> {
    match answer {
        Err(Errno::EXIST) => Ok(()),
        answer => answer,
    }
}

fn barrier(p: &Prepared, message: Message) -> Result<(), Errno> {
    raw::send(p.control, &message.encode())?;
    let mut go = [0u8; 1];
    match raw::recv(p.control, &mut go)? {
        1 => Ok(()),
        // The host side has given up, or is gone.
        _ => Err(Errno::CANCELED),
    }
}

pub(super) fn close_inherited(p: &Prepared) -> Result<(), Errno> {
    for (first, last) in &p.unneeded {
        raw::close_range(*first, *last, 0)?;
    }
    Ok(())
}

/// KERNEL: descriptors of the slots are close-on-exec anyway; this is for those that came with the
/// caller, and for whatever an op forgot.
fn keep_descriptors(p: &Prepared) -> Result<(), Errno> {
    raw::close_range(3, u32::MAX, consts::CLOSE_RANGE_CLOEXEC)?;
    for fd in &p.program().keep_fds {
        raw::set_cloexec(Fd(*fd), false)?;
    }
    Ok(())
}

/// KERNEL: a thread that moves itself takes neither the lock that all forks of the machine take nor the
/// wait for them that comes with it; moving a process from outside does, some ten milliseconds for each
/// hierarchy. The rights are those of who opened the file.
fn enter_group(p: &mut Prepared, tasks: Slot) -> Result<(), Errno> {
    let fd = p.fd(tasks);
    let entered = raw::write(fd, b"0");
    p.put(tasks, Fd(-1));
    raw::close(fd)?;
    entered.map(drop)
}

fn take(p: &mut Prepared, from: Slot, into: Slot) -> Result<(), Errno> {
    p.taken = None;
    let file = crate::aside::take(p.fd(from)).map_err(|refused| {
        p.taken = (refused.op != u32::MAX).then_some(refused.op);
        refused.errno
    })?;
    p.put(into, file);
    Ok(())
}

fn enter_owner(ns: Fd) -> Result<(), Errno> {
    let owner = raw::namespace_owner(ns)?;
    let entered = raw::setns(owner, u32::try_from(consts::CLONE_NEWUSER).unwrap_or(0));
    raw::close(owner)?;
    match entered {
        // KERNEL: the answer to entering the user namespace that one is in.
        Err(Errno::INVAL) => Ok(()),
        answer => answer,
    }
}

fn write_file(path: &CStr, data: &[u8]) -> Result<(), Errno> {
    let fd = raw::openat(Fd::CWD, path, consts::O_WRONLY | consts::O_CLOEXEC, 0)?;
    // KERNEL: id maps and clock offsets must come in one write.
    let written = raw::write(fd, data);
    raw::close(fd)?;
    written.map(drop)
}

fn put_file(at: Fd, path: &CStr, mode: u32, data: &[u8]) -> Result<(), Errno> {
    // A FIFO that has come to be there is an error, and not waited for.
    let flags = consts::O_WRONLY
        | consts::O_CREAT
        | consts::O_TRUNC
        | consts::O_NOFOLLOW
        | consts::O_NONBLOCK
        | consts::O_CLOEXEC;
    let fd = raw::openat(at, path, flags, mode)?;
    let written = raw::write_all(fd, data);
    raw::close(fd)?;
    written
}

fn copy_file(from: &CStr, at: Fd, path: &CStr) -> Result<(), Errno> {
    let flags = consts::O_RDONLY | consts::O_NONBLOCK | consts::O_CLOEXEC;
    let source = raw::openat(Fd::CWD, from, flags, 0)?;
    let flags = consts::O_WRONLY | consts::O_CREAT | consts::O_EXCL | consts::O_CLOEXEC;
    let copied = raw::openat(at, path, flags, 0o600).and_then(|copy| {
        let done = copy_open(source, copy).and_then(|()| {
            let stat = raw::fstat_mode_uid(source)?;
            // As in `likeness`.
            let _ = raw::fchownat(at, path, stat.uid, stat.gid, 0);
            raw::fchmod(copy, stat.mode & 0o7777)
        });
        raw::close(copy)?;
        done
    });
    raw::close(source)?;
    copied
}

/// Not inlined: the room for it would be part of every op's stack, and a page that is touched costs time.
#[inline(never)]
fn copy_open(source: Fd, copy: Fd) -> Result<(), Errno> {
    let mut room = [0u8; 16384];
    loop {
        match raw::read(source, &mut room) {
            Ok(0) => return Ok(()),
            Ok(length) => raw::write_all(copy, room.get(..length).unwrap_or_default())?,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// `option=/proc/self/fd/N/path`.
///
/// KERNEL: before 6.13 an overlay takes its directories as paths only, and the scratch is reachable
/// by its descriptor alone: the old root it hangs on hides nothing from `/proc/self/fd`.
fn fs_directory(p: &Prepared, fs: Fd, key: &CStr, at: Fd, path: Str) -> Result<(), Errno> {
    let mut text = [0u8; 256];
    let mut number = [0u8; 12];
    let parts = [&b"/proc/self/fd/"[..], decimal(at.0, &mut number), b"/", p.bytes(path)];
    let mut room = text.iter_mut();
    for byte in parts.into_iter().flatten() {
        *room.next().ok_or(Errno::NAMETOOLONG)? = *byte;
    }
    room.next().ok_or(Errno::NAMETOOLONG)?;
    let value = CStr::from_bytes_until_nul(&text).map_err(|_| Errno::INVAL)?;
    raw::fsconfig_string(fs, key, value)
}

pub(super) fn decimal(n: i32, room: &mut [u8; 12]) -> &[u8] {
    let mut rest = n.unsigned_abs();
    let mut start = room.len();
    for (at, digit) in room.iter_mut().enumerate().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or(0));
        start = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    room.get(start..).unwrap_or_default()
}

/// KERNEL: the root of an overlay shows the mode and the owner of its upper directory.
fn likeness(p: &Prepared, of: Str, at: Fd, path: Str) -> Result<(), Errno> {
    let path = p.c_str(path)?;
    let stat = match raw::statx_at(Fd::CWD, p.c_str(of)?, 0) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => return Ok(()),
        stat => stat?,
    };
    if stat.file_type() != consts::S_IFDIR {
        return Ok(());
    }
    if (stat.uid, stat.gid) != (raw::geteuid(), raw::getegid()) {
        // Ids that do not exist in the user namespace cannot be given (EINVAL); the overflow id that
        // stands for them usually does not either.
        let _ = raw::fchownat(at, path, stat.uid, stat.gid, 0);
    }
    raw::fchmodat(at, path, stat.mode & 0o7777)
}

/// KERNEL: the signal comes when the *thread* that made this process ends, and not at all when that
/// was before the call: then the control socket has no other end.
fn die_with_parent(p: &Prepared, signal: i32) -> Result<(), Errno> {
    raw::set_pdeathsig(signal)?;
    let events = raw::poll1(p.control, consts::POLLHUP, 0)?;
    if events & (consts::POLLHUP | consts::POLLERR) != 0 {
        raw::exit_group(super::REPORTED);
    }
    Ok(())
}
