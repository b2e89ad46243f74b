//! Between the caller's terminal and the world's: bytes, size, and the state of both.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dwell_sys::raw::{self, Errno, Fd};
use dwell_sys::term::RawMode;
use rustix::event::PollFlags;
use rustix::io::{fcntl_dupfd_cloexec, read, write};
use rustix::process::getpgrp;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{isatty, tcgetpgrp};

use crate::pty;

/// End of file as a terminal takes it: Ctrl-D.
const END: &[u8] = &[4];

/// Copies in both directions.
#[derive(Debug)]
pub(crate) struct Relay {
    master: OwnedFd,
    output: OwnedFd,
    raw: Option<RawMode>,
    /// Whether the caller's input is still to be read.
    reading: bool,
    /// What the world's terminal has not taken yet.
    pending: Vec<u8>,
    /// The other end is still open somewhere.
    open: bool,
    /// Why something of what the program wrote did not go out.
    lost: Option<Errno>,
    /// Why what it writes cannot be read any more.
    broken: Option<Errno>,
}

impl Relay {
    /// `reads`: the caller's standard input is for the world's terminal, not handed on to the program.
    pub(crate) fn start(master: OwnedFd, reads: bool) -> Result<Relay, Errno> {
        rustix::io::ioctl_fionbio(&master, true)?;
        let output = fcntl_dupfd_cloexec(output_for_people(), 3)?;
        let mut relay = Relay {
            master,
            output,
            raw: None,
            reading: reads,
            pending: Vec::new(),
            open: true,
            lost: None,
            broken: None,
        };
        relay.resize();
        relay.resume();
        Ok(relay)
    }

    /// What to watch for input: nothing while the caller's terminal belongs to another job.
    pub(crate) fn input(&self) -> Option<BorrowedFd<'static>> {
        let ours = self.raw.is_some() || !isatty(stdin());
        (self.reading && ours && self.pending.is_empty()).then(stdin)
    }

    pub(crate) fn master(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let write = if self.pending.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        self.open.then(|| (self.master.as_fd(), PollFlags::IN | write))
    }

    /// The world's terminal gets the size of the caller's.
    pub(crate) fn resize(&mut self) {
        pty::take_size(Fd::of(&self.master));
    }

    /// Takes the caller's terminal, if it is a terminal and this is its foreground job.
    pub(crate) fn resume(&mut self) {
        let foreground = tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp());
        if self.raw.is_none() && foreground && self.reading {
            self.raw = RawMode::enter(&stdin()).ok();
            self.resize();
        }
    }

    /// Whether the caller's terminal is in its hands.
    pub(crate) fn holds_terminal(&self) -> bool {
        self.raw.is_some()
    }

    /// Gives it back as it was.
    pub(crate) fn suspend(&mut self) {
        self.raw = None;
    }

    pub(crate) fn pump(&mut self, input: bool, master: bool) {
        if input {
            self.take_input();
        }
        if master {
            self.flush_input();
            self.take_output();
        }
    }

    fn take_input(&mut self) {
        let mut room = [0u8; 4096];
        match read(stdin(), &mut room) {
            Ok(0) => {
                self.reading = false;
                self.pending.extend_from_slice(END);
            }
            Ok(length) => self.pending.extend_from_slice(room.get(..length).unwrap_or_default()),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.reading = false,
        }
        self.flush_input();
    }

    fn flush_input(&mut self) {
        while !self.pending.is_empty() {
            match write(&self.master, &self.pending) {
                Ok(length) => drop(self.pending.drain(..length)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.pending.clear(),
            }
        }
    }

    /// Copies what is there; true when there may be more.
    fn take_output(&mut self) -> bool {
        let mut room = [0u8; 16384];
        match read(&self.master, &mut room) {
            Ok(length) if length > 0 => {
                self.show(room.get(..length).unwrap_or_default());
                true
            }
            Err(Errno::INTR) => true,
            Err(Errno::AGAIN) => false,
            // KERNEL: EIO once nobody has the other end open.
            Ok(_) | Err(Errno::IO) => {
                self.open = false;
                false
            }
            Err(errno) => {
                self.open = false;
                self.broken = Some(errno);
                false
            }
        }
    }

    /// Who has stopped reading, or has left the terminal, misses nothing.
    fn show(&mut self, bytes: &[u8]) {
        match raw::write_all(Fd::of(&self.output), bytes) {
            Ok(()) | Err(Errno::PIPE | Errno::IO) => {}
            Err(errno) => self.lost = self.lost.or(Some(errno)),
        }
    }

    /// Why the program cannot be heard any more: it would wait for ever.
    pub(crate) fn broken(&self) -> Option<Errno> {
        self.broken
    }

    /// The program has ended: what it wrote last still goes out. Why something did not, if so.
    pub(crate) fn finish(mut self) -> Option<Errno> {
        while self.open && self.take_output() {}
        self.lost.or(self.broken)
    }
}

/// Standard output, or if that is no terminal but another standard descriptor is, that one.
fn output_for_people() -> BorrowedFd<'static> {
    let candidates = [stdout(), rustix::stdio::stderr(), stdin()];
    candidates.into_iter().find(|fd| isatty(*fd)).unwrap_or(stdout())
}
