//! The host name of another UTS namespace.

use std::os::fd::AsFd;

use linux_raw_sys::general;

use crate::raw::consts::{__WALL, O_CLOEXEC};
use crate::raw::{self, CloneArgs, Fd};
use crate::{Errno, adopt};

/// What a host name may have, its NUL among it (`uname(2)`).
const LONGEST: usize = 65;

/// The host name that the process behind a pidfd sees.
///
/// Asked for by a child that enters the UTS namespace, alone or where that is refused together with
/// the user namespace that owns it (`setns(2)`). It is not to be traced, and ends at once.
///
/// `EPERM` without rights over the namespace.
pub fn of_process(process: &impl AsFd) -> Result<Vec<u8>, Errno> {
    let (reader, writer) = raw::pipe2(O_CLOEXEC)?;
    let (reader, writer) = (adopt(reader), adopt(writer));
    let (process, out) = (Fd::of(process), Fd::of(&writer));
    let child = raw::clone_child(&CloneArgs::default(), || tell(process, out))?;
    drop(writer);
    let mut room = [0u8; LONGEST];
    let got = raw::read(Fd::of(&reader), &mut room);
    raw::wait(child.pid, __WALL)?;
    match got? {
        // The child had nothing to tell.
        0 => Err(Errno::PERM),
        length => Ok(room.get(..length).unwrap_or_default().to_vec()),
    }
}

/// Runs in the child.
fn tell(process: Fd, out: Fd) -> i32 {
    // KERNEL: who enters a user namespace gets all capabilities there, and so has the process that is
    // root there; this keeps it from looking into a copy of the caller's memory.
    if raw::set_dumpable(false).is_err() {
        return 1;
    }
    let (uts, user) = (general::CLONE_NEWUTS, general::CLONE_NEWUSER);
    if raw::setns(process, uts).is_err() && raw::setns(process, uts | user).is_err() {
        return 1;
    }
    let mut name = [0u8; LONGEST];
    let Ok(length) = raw::host_name(&mut name) else { return 1 };
    i32::from(raw::write_all(out, name.get(..length).unwrap_or_default()).is_err())
}
