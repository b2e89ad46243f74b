//! A terminal for a world, ready before its program is there to ask.

use core::ffi::CStr;

use dwell_sys::raw::{self, Errno, Fd, consts};

/// Opens a new terminal: its master and its peer. Signal-safe.
///
/// It has the size of the caller's, whose changes the host side follows later. `reads`: [`Program::pty_input`].
///
/// [`Program::pty_input`]: dwell_plan::program::Program::pty_input
pub(crate) fn open(ptmx: &CStr, reads: bool) -> Result<(Fd, Fd), Errno> {
    let master = raw::open_ptmx(Fd::CWD, ptmx)?;
    raw::unlock_pt(master)?;
    let peer = raw::pt_peer(master, consts::O_RDWR | consts::O_NOCTTY | consts::O_CLOEXEC)?;
    take_size(peer);
    if !reads {
        raw::pass_output(peer)?;
    }
    Ok((master, peer))
}

/// Gives a terminal the size of the caller's: of the first standard descriptor that is one, what people look at
/// before what they type on. Signal-safe.
pub(crate) fn take_size(terminal: Fd) {
    let _ = [1, 2, 0].into_iter().find(|&fd| raw::copy_winsize(Fd(fd), terminal).is_ok());
}
