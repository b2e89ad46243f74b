//! A terminal with somebody at it.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::command::Run;
use super::machine::patience;
use super::outcome::{Outcome, fail};
use super::process;

const LIMIT: Duration = Duration::from_secs(15);

/// A terminal, and the program that was started on it as the leader of its session.
#[derive(Debug)]
pub(crate) struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
    child: Child,
    shown: String,
    seen: Vec<u8>,
    /// How much of what was seen has been waited for.
    read: usize,
}

impl Terminal {
    /// Starts `run` on a terminal of 80 times 24.
    pub(crate) fn start(run: Run) -> Outcome<Terminal> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let shown = run.shown();
        let mut command = run.through("setsid", &["--ctty"]).command();
        let stdio = || -> io::Result<Stdio> { Ok(Stdio::from(slave.try_clone()?)) };
        command.stdin(stdio()?).stdout(stdio()?).stderr(stdio()?);
        tcsetwinsize(&master, size(80, 24))?;
        let child = command.spawn()?;
        Ok(Terminal { master, slave, child, shown, seen: Vec::new(), read: 0 })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    pub(crate) fn settings(&self) -> Outcome<Termios> {
        Ok(tcgetattr(&self.slave)?)
    }

    /// Changes the size of the window; the kernel tells the processes at it.
    pub(crate) fn resize(&self, columns: u16, rows: u16) -> Outcome {
        Ok(tcsetwinsize(&self.master, size(columns, rows))?)
    }

    pub(crate) fn type_in(&self, text: &str) -> Outcome {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            let n = rustix::io::write(&self.master, bytes)?;
            bytes = bytes.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// Types a line and waits for what it brings.
    pub(crate) fn ask(&mut self, line: &str, answer: &str) -> Outcome {
        self.type_in(&format!("{line}\r"))?;
        self.expect(answer)
    }

    /// Waits for `text` behind what was waited for before.
    pub(crate) fn expect(&mut self, text: &str) -> Outcome {
        let end = Instant::now() + patience(LIMIT);
        loop {
            let rest = self.seen.get(self.read..).unwrap_or_default();
            let at = rest.windows(text.len()).position(|w| w == text.as_bytes());
            if let Some(at) = at {
                self.read += at + text.len();
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.receive(left)? {
                return self.bad(&format!("{text:?} did not come"));
            }
        }
    }

    /// Takes what is there; false when the other side is closed.
    fn receive(&mut self, limit: Duration) -> Outcome<bool> {
        let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut fds, Some(&limit))? == 0 {
            return Ok(true);
        }
        let mut room = [0u8; 4096];
        let n = rustix::io::read(&self.master, &mut room)?;
        self.seen.extend_from_slice(room.get(..n).unwrap_or_default());
        Ok(n > 0)
    }

    /// Waits for the end of what was started on the terminal.
    pub(crate) fn finish(&mut self) -> Outcome<ExitStatus> {
        let end = Instant::now() + patience(LIMIT);
        loop {
            self.receive(Duration::from_millis(10))?;
            if let Some(status) = self.child.try_wait()? {
                // What came last.
                self.receive(Duration::ZERO)?;
                return Ok(status);
            }
            if Instant::now() > end {
                let tree = process::descendants(self.pid());
                return self.bad(&format!("it does not end; processes: {tree:?}"));
            }
        }
    }

    /// Everything that was seen.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    pub(crate) fn bad<T>(&self, why: &str) -> Outcome<T> {
        let seen: String = self.seen().lines().map(|l| format!("\n    {l:?}")).collect();
        fail(format!("{why}\n  command, on a terminal: {}\n  screen:{seen}", self.shown))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
