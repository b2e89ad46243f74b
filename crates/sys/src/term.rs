//! The caller's own terminal: raw mode (`termios(3)`).

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::Errno;

/// Raw mode of a terminal for as long as this lives.
///
/// Holds a descriptor of its own for the terminal, so the one given may be closed. Does not outlive
/// `SIGKILL`, nor an `exit` that skips destructors.
#[derive(Debug)]
pub struct RawMode {
    terminal: OwnedFd,
    before: Option<Box<Termios>>,
}

impl RawMode {
    /// Enters raw mode. `ENOTTY` when `fd` is no terminal.
    pub fn enter(fd: &impl AsFd) -> Result<Self, Errno> {
        let before = tcgetattr(fd)?;
        let terminal = fcntl_dupfd_cloexec(fd, 3)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Drain, &raw)?;
        Ok(Self { terminal, before: Some(Box::new(before)) })
    }

    /// Puts the terminal back as it was; does nothing the second time.
    pub fn restore(&mut self) -> Result<(), Errno> {
        match self.before.take() {
            Some(before) => tcsetattr(&self.terminal, OptionalActions::Drain, &before),
            None => Ok(()),
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.restore();
    }
}
