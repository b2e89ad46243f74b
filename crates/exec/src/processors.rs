//! On which processors the processes of a start run.
//!
//! Where there are two, the host side has one while it reads the machine, and the first process, which is started
//! first, the other one. Cloned then, the helper is left to wait behind the host side though the first process stands
//! still soon: KERNEL: a processor that has nothing to do looks for what others have only if it expects to have
//! nothing for longer than that takes. So it is sent away. When the host side has made the list it has nothing to do
//! itself, and its processor is the one that is awake and has the list in its caches: there the first process goes on.

use dwell_sys::raw::{self, Errno, Processors};

/// All there are, and all that there will be.
pub(crate) const ALL: Processors = [u64::MAX; 16];

/// The one that the caller runs on.
pub(crate) fn current() -> Result<Processors, Errno> {
    let processor = raw::current_processor()?;
    let mut set = [0; 16];
    let word = set.get_mut(processor as usize / 64).ok_or(Errno::INVAL)?;
    *word = 1 << (processor % 64);
    Ok(set)
}

/// Sends a process that has not begun yet to any processor of `own`, those that the caller may run on, but the one
/// that it does run on; leaves it where there is no other.
pub(crate) fn send_off(pid: i32, own: &Processors) {
    let Ok(here) = current() else { return };
    let mut others = *own;
    for (word, here) in others.iter_mut().zip(here) {
        *word &= !here;
    }
    if others != [0; 16] {
        // It is only slower where it is.
        let _ = raw::set_affinity(pid, &others);
    }
}

/// Has a process that waits go on on the caller's processor; whether it will.
pub(crate) fn bring_here(pid: i32) -> bool {
    current().and_then(|here| raw::set_affinity(pid, &here)).is_ok()
}
