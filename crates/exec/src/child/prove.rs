//! Forbidden acts: one small function each. `Ok` when the wall has held.

use dwell_plan::NamespaceKind;
use dwell_plan::proof::{Act, SUCCEEDED};
use dwell_sys::raw::{self, Errno, Fd, consts};

use crate::prepared::Prepared;

/// The error that stands for success.
const BREACH: Errno = Errno::from_raw_os_error(SUCCEEDED);
/// Descriptors are looked for below this number.
const DESCRIPTORS: i32 = 1024;
/// Processes of the world have such numbers by then.
const FIRST_PIDS: i32 = 8;

pub(super) fn prove(p: &Prepared, act: Act) -> Result<(), Errno> {
    match act {
        Act::SignalOutside => signal_outside(p.outside.pid),
        Act::LeaveRoot => leave_root(p.outside.root),
        Act::ConnectOutside => {
            refused_with(raw::connect_abstract(&p.outside.socket), &[Errno::CONNREFUSED])
        }
        Act::ShareNamespace(kind) => share_namespace(p, kind),
        Act::HaveCapability(set) => have_capability(set),
        Act::GetCapability(set) => get_capability(set),
        Act::UseCapability => refused_with(raw::chroot(c"/"), &[Errno::PERM]),
        Act::GainPrivileges => holds(raw::no_new_privs()?),
        Act::UseDescriptor => use_descriptor(p),
        Act::OpenTerminal => open_terminal(),
        Act::MapCode => refused_with(raw::map_code(), &[Errno::ACCESS]),
        Act::MakeCall => make_call(p),
    }
}

fn holds(wall: bool) -> Result<(), Errno> {
    if wall { Ok(()) } else { Err(BREACH) }
}

/// An act must end with one of these errors.
fn refused_with(act: Result<(), Errno>, errors: &[Errno]) -> Result<(), Errno> {
    match act {
        Ok(_) => Err(BREACH),
        Err(errno) if errors.contains(&errno) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// KERNEL: EPERM is said of a process that is there.
fn signal_outside(pid: i32) -> Result<(), Errno> {
    match raw::kill(pid, 0) {
        // The number may be that of a process of the world.
        _ if pid <= FIRST_PIDS => Ok(()),
        Err(Errno::SRCH) => Ok(()),
        Ok(()) | Err(Errno::PERM) => Err(BREACH),
        Err(errno) => Err(errno),
    }
}

/// The root directory is another, and nothing lies above it.
fn leave_root(outside: (u64, u64)) -> Result<(), Errno> {
    let own = raw::statx_at(Fd::CWD, c"/", 0)?;
    let above = raw::statx_at(Fd::CWD, c"/../..", 0)?;
    holds((own.dev, own.ino) != outside && (above.dev, above.ino) == (own.dev, own.ino))
}

fn share_namespace(p: &Prepared, kind: NamespaceKind) -> Result<(), Errno> {
    let (path, outside) = p.outside.namespace(kind).ok_or(Errno::INVAL)?;
    holds(raw::statx_at(Fd::CWD, path, 0)?.ino != outside)
}

fn have_capability(set: u64) -> Result<(), Errno> {
    let (effective, permitted, inheritable) = raw::capget()?;
    holds((effective | permitted | inheritable) & !set == 0)
}

fn get_capability(set: u64) -> Result<(), Errno> {
    for cap in (0..64u32).filter(|cap| set & (1u64 << cap) == 0) {
        match raw::cap_bounding_read(cap) {
            Ok(false) => {}
            Ok(true) => return Err(BREACH),
            // The first number beyond the last one.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

fn use_descriptor(p: &Prepared) -> Result<(), Errno> {
    for fd in 3..DESCRIPTORS {
        let stays = matches!(raw::is_cloexec(Fd(fd)), Ok(false));
        if stays && !p.program().keep_fds.contains(&fd) {
            return Err(BREACH);
        }
    }
    Ok(())
}

fn open_terminal() -> Result<(), Errno> {
    let flags = consts::O_RDWR | consts::O_NOCTTY | consts::O_CLOEXEC;
    let opened = raw::openat(Fd::CWD, c"/dev/tty", flags, 0).and_then(raw::close);
    refused_with(opened, &[Errno::NXIO, Errno::NOENT, Errno::ACCESS, Errno::PERM])
}

/// A filter that refuses nothing of what is harmless to try leaves nothing to be tried.
fn make_call(p: &Prepared) -> Result<(), Errno> {
    match p.filter.refused {
        Some((call, errno)) => {
            let errno = Errno::from_raw_os_error(errno);
            match raw::harmless(call) {
                Err(answer) if answer == errno => Ok(()),
                _ => Err(BREACH),
            }
        }
        None => Ok(()),
    }
}
