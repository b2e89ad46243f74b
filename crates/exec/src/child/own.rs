//! The ops of a process that starts its program in place, those that are one call or a few in a row.

use std::ffi::CStr;

use dwell_plan::NamespaceKind;
use dwell_plan::action::{Demand, Propagation, Target};
use dwell_plan::program::{Op, OpenFor, Slot};
use dwell_sys::raw::{self, Errno, Fd, consts};

use super::ops::{decimal, each_bit};
use crate::prepared::{Prepared, attr_bits, clone_bits};

pub(super) fn own(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::DefaultSignal(signal) => raw::default_signal(signal),
        Op::Open { at, path, how, into } => {
            let fd = raw::openat(p.fd(at), p.c_str(path)?, flags(how), 0)?;
            p.put(into, fd);
            Ok(())
        }
        Op::Write { to, data } => raw::write(p.fd(to), p.bytes(data)).map(drop),
        Op::Mount { fstype, at, attrs } => {
            let fstype = p.c_str(fstype)?;
            // KERNEL: the attributes of mount_setattr(2) used here have the bits of mount(2).
            raw::mount_legacy(fstype, p.c_str(at)?, fstype, attr_bits(attrs), None)
        }
        Op::Propagate { at, to } => raw::set_propagation(p.c_str(at)?, propagation(to)),
        Op::BindNamespace { kind, on } => bind_namespace(p, kind, p.c_str(on)?),
        Op::RenewMounts { older } => renew_mounts(p.fd(older)),
        _ => namespaces(p, op),
    }
}

fn namespaces(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    let (into, fd) = match op {
        Op::Pidfd { target, into } => (into, pidfd(target)?),
        Op::Duplicate { from, into } => (into, raw::dup_min(p.fd(from), 3)?),
        Op::NetworkOfSocket { process, fd, into } => (into, network_of_socket(p.fd(process), fd)?),
        Op::NamespaceByNumber { number, into } => (into, raw::namespace_by_number(number)?),
        Op::ParentNamespace { of, into } => {
            let above = raw::namespace_owner(p.fd(of))?;
            close(p, of)?;
            (into, above)
        }
        Op::EnterOnce { ns, kinds } => return enter_once(p, ns, clone_bits(kinds)),
        _ => return ids(p, op),
    };
    p.put(into, fd);
    Ok(())
}

fn ids(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::OwnerOf(slot) => {
            let stat = raw::fstat_mode_uid(p.fd(slot))?;
            p.owner = (stat.uid, stat.gid);
            Ok(())
        }
        Op::DropGroups(demand) => drop_groups(p, demand),
        Op::SetGid(gid) => raw::setgid(gid.unwrap_or(p.owner.1)),
        Op::SetUid(uid) => raw::setuid(uid.unwrap_or(p.owner.0)),
        Op::KeepCapabilities => keep_capabilities(),
        // Every other op is handled before this is reached.
        _ => Err(Errno::NOSYS),
    }
}

/// What a processor takes of the numbers of namespaces at once, as long as Linux 6.18 has it.
const SUPPLY: u32 = 4096;

fn renew_mounts(older: Fd) -> Result<(), Errno> {
    // Where numbers cannot be read they are not what the age is told by.
    let Ok(older) = raw::namespace_unique_id(older) else { return Ok(()) };
    for _ in 0..=SUPPLY {
        if number_of_mounts()? > older {
            break;
        }
        raw::unshare(consts::CLONE_NEWNS)?;
    }
    Ok(())
}

fn number_of_mounts() -> Result<u64, Errno> {
    let own = raw::openat(Fd::CWD, c"/proc/self/ns/mnt", consts::O_RDONLY | consts::O_CLOEXEC, 0)?;
    let number = raw::namespace_unique_id(own);
    raw::close(own)?;
    number
}

fn flags(how: OpenFor) -> u32 {
    consts::O_CLOEXEC
        | match how {
            OpenFor::Reading => consts::O_RDONLY,
            OpenFor::Writing => consts::O_WRONLY,
            OpenFor::Appending => consts::O_WRONLY | consts::O_APPEND,
            OpenFor::Directory => consts::O_PATH | consts::O_DIRECTORY,
        }
}

fn propagation(to: Propagation) -> u64 {
    consts::MS_REC
        | match to {
            Propagation::Private => consts::MS_PRIVATE,
            Propagation::Shared => consts::MS_SHARED,
            Propagation::Slave => consts::MS_SLAVE,
        }
}

fn close(p: &mut Prepared, slot: Slot) -> Result<(), Errno> {
    let fd = p.fd(slot);
    p.put(slot, Fd(-1));
    raw::close(fd)
}

/// KERNEL: a process is never itself in the pid or time namespace that it makes, only its children are.
/// `pid_for_children` and `time_for_children` name those (Linux 4.12, 5.6).
fn bind_namespace(p: &Prepared, kind: NamespaceKind, on: &CStr) -> Result<(), Errno> {
    let (mut path, mut number) = ([0u8; 64], [0u8; 12]);
    let parts =
        [&b"/proc/"[..], decimal(p.subject, &mut number), b"/ns/", kind.children_name().as_bytes()];
    for (to, from) in path.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::NAMETOOLONG)?;
    raw::bind_legacy(path, on)
}

fn pidfd(target: Target) -> Result<Fd, Errno> {
    let fd = raw::pidfd_open(target.pid, 0)?;
    match target.inode {
        Some(inode) if raw::fstat_mode_uid(fd)?.ino != inode => {
            raw::close(fd)?;
            Err(Errno::SRCH)
        }
        _ => Ok(fd),
    }
}

fn network_of_socket(process: Fd, fd: i32) -> Result<Fd, Errno> {
    let socket = raw::pidfd_getfd(process, fd)?;
    let network = raw::socket_network(socket);
    raw::close(socket)?;
    network
}

fn enter_once(p: &mut Prepared, ns: Slot, kinds: u64) -> Result<(), Errno> {
    let fd = p.fd(ns);
    if fd.0 < 0 {
        return Ok(());
    }
    // Every CLONE_NEW… flag fits in 32 bits.
    raw::setns(fd, u32::try_from(kinds).unwrap_or(0))?;
    close(p, ns)
}

fn drop_groups(p: &mut Prepared, demand: Demand) -> Result<(), Errno> {
    let dropped = raw::setgroups(&[]);
    match demand {
        Demand::Must => dropped,
        Demand::Try => {
            p.groups_refused = dropped.is_err();
            Ok(())
        }
        Demand::MustOnce if p.groups_refused => dropped,
        Demand::MustOnce => Ok(()),
    }
}

fn keep_capabilities() -> Result<(), Errno> {
    let (effective, permitted, _) = raw::capget()?;
    raw::capset(effective, permitted, permitted)?;
    each_bit(effective & permitted, raw::cap_ambient_raise)
}
