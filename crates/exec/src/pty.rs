//! A terminal for a world, ready before its program is there to ask.

use core::ffi::CStr;

use dwell_sys::raw::{self, Errno, Fd, consts};

/// Opens a new terminal: its master and its peer. Signal-safe.
///
/// The caller's standard descriptors are still this process's: the first of them that is a terminal tells
/// the size. The host side follows its changes later. `reads`: [`Program::pty_input`].
///
/// [`Program::pty_input`]: dwell_plan::program::Program::pty_input
pub(crate) fn open(ptmx: &CStr, reads: bool) -> Result<(Fd, Fd), Errno> {
    let master = raw::open_ptmx(Fd::CWD, ptmx)?;
    raw::unlock_pt(master)?;
    let peer = raw::pt_peer(master, consts::O_RDWR | consts::O_NOCTTY | consts::O_CLOEXEC)?;
    let _ = [1, 2, 0].into_iter().find(|&fd| raw::copy_winsize(Fd(fd), peer).is_ok());
    if !reads {
        raw::pass_output(peer)?;
    }
    Ok((master, peer))
}
