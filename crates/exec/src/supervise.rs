//! The host side while the world lives: one loop over a handful of descriptors, asleep otherwise.

use std::os::fd::OwnedFd;
use std::time::Duration;

use dwell_plan::program::Program;
use dwell_sys::pidfd;
use dwell_sys::raw::{self, Errno, SigSet, WaitStatus, consts};
use dwell_sys::signalfd::SignalFd;
use dwell_sys::timer::TimerFd;
use rustix::event::Timespec;

use crate::early::{Early, Killed};
use crate::failure::{Cause, Failure, reason};
use crate::host::{internal, receive};
use crate::idmaps::Helpers;
use crate::jail;
use crate::message::{LENGTH, Message, NOT_COUNTED};
use crate::relay::Relay;
use crate::{Ended, How, Options};

mod errands;
mod ready;

pub(crate) use errands::Errand;
use ready::Ready;

/// How long after SIGTERM comes SIGKILL when the time is up.
const GRACE: Duration = Duration::from_secs(5);
/// A world that has lived this long will live longer: its supervisor gives back what it used to start.
const SETTLING: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// A world that has lived this long after that was told has its supervisor put up walls around itself. One that
/// ends before has nothing of the time that takes.
const JAILING: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// The longest packet: a failure with the start of a program's file.
const ROOM: usize = LENGTH + 1024;

pub(crate) struct Supervisor<'a> {
    program: &'a Program,
    options: Options,
    control: Option<OwnedFd>,
    signals: SignalFd,
    timer: Option<TimerFd>,
    process: Option<(i32, OwnedFd)>,
    relay: Option<Relay>,
    ended: Option<(How, Option<u32>)>,
    failed: Option<Failure>,
    /// Why something of what the program wrote is lost.
    lost: Option<Errno>,
    time_up: bool,
    /// The walls around this process itself.
    jail: Jail,
    started: bool,
    /// A signal that asked for the end before that.
    early: Option<Early>,
    /// What was ended before that.
    killed: Option<Killed>,
    /// That has not helped.
    left: bool,
    /// A namespace that ends after the first process.
    outlived: Option<OwnedFd>,
    /// Programs that write the id maps.
    mapping: Option<Helpers>,
    /// The process has been waited for.
    number_is_free: bool,
    /// The caller's terminal, or somebody else, has asked this process to stop.
    told_to_stop: bool,
}

impl<'a> Supervisor<'a> {
    pub(crate) fn new(
        program: &'a Program,
        options: Options,
        control: OwnedFd,
        terminal: Option<OwnedFd>,
    ) -> Result<Self, Failure> {
        let signals = SignalFd::new(&SigSet::all().without(consts::SIGCHLD))
            .map_err(|e| internal("receive signals", e))?;
        let timer = match program.timeout_ms {
            Some(_) => Some(TimerFd::new().map_err(|e| internal("make a timer", e))?),
            None => None,
        };
        let mut supervisor = Supervisor {
            program,
            options,
            control: Some(control),
            signals,
            timer,
            process: None,
            relay: None,
            ended: None,
            failed: None,
            lost: None,
            time_up: false,
            jail: Jail::NotYet,
            started: false,
            early: None,
            killed: None,
            left: false,
            outlived: None,
            mapping: None,
            number_is_free: false,
            told_to_stop: false,
        };
        if let Some(master) = terminal {
            supervisor.relay = Some(
                Relay::start(master, program.pty_input)
                    .map_err(|e| internal("use the terminal", e))?,
            );
        }
        Ok(supervisor)
    }

    /// The way to the first process.
    #[allow(
        clippy::expect_used,
        reason = "it is there until the end of the world is heard through it"
    )]
    pub(crate) fn control(&self) -> &OwnedFd {
        self.control.as_ref().expect("nothing has been heard yet")
    }

    /// From here on this is the process whose end is waited for.
    pub(crate) fn adopt(&mut self, pid: i32, fd: OwnedFd) {
        self.process = Some((pid, fd));
    }

    pub(crate) fn run(
        &mut self,
        mut errand: impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>,
    ) -> Result<Ended, Failure> {
        if let (Some(timer), Some(ms)) = (&self.timer, self.program.timeout_ms) {
            let started = timer.start(Duration::from_millis(ms));
            // Whoever returns from here waits for the process, so it must end.
            started.inspect_err(|_| self.kill()).map_err(|e| internal("start the timer", e))?;
        }
        let mut settling = self.options.settles.then_some(SETTLING);
        loop {
            let due = self.jail == Jail::Due;
            let at_most = if due { Some(JAILING) } else { settling };
            let at_most = self.early.as_ref().map(Early::left).or(at_most);
            let at_most = self.killed.as_ref().map(Killed::left).or(at_most);
            let (ready, idle) = Ready::of(self, at_most);
            if let Some(early) = self.early.take_if(|early| early.is_due()) {
                self.ended = Some((How::Signaled(early.signal), None));
                self.kill();
            }
            if !ready.process && self.killed.as_ref().is_some_and(Killed::is_stuck) {
                return self.leave();
            }
            if due && (idle || ready.master) {
                self.jail = Jail::Entered;
                jail::enter(self.program);
            } else if idle {
                settling = None;
                // What is not given back now stays: no reason to stop.
                let _ = dwell_sys::memory::forget_code();
            }
            if ready.control {
                self.hear(&mut errand);
            }
            if ready.signal {
                self.take_signals();
            }
            if ready.timer {
                self.time_is_up();
            }
            if ready.mapping {
                self.helper_ended();
            }
            if let Some(relay) = &mut self.relay {
                relay.pump(ready.input, ready.master);
                if let Some(errno) = relay.broken().filter(|_| self.failed.is_none()) {
                    self.failed = Some(internal("read the world's terminal", errno));
                    self.kill();
                }
            }
            if ready.process {
                // While they run nobody else may get the process's number.
                self.mapping = None;
                match self.process_ended() {
                    Ok(None) => {}
                    Ok(Some(how)) => return self.finish(how, &mut errand),
                    Err(errno) => return self.finish_unknown(errno, &mut errand),
                }
            }
        }
    }

    /// Takes every packet that is there.
    fn hear(&mut self, errand: &mut impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>) {
        let mut room = [0u8; ROOM];
        while let Some(control) = &self.control {
            let received = receive(control, &mut room).unwrap_or_else(|errno| {
                self.failed.get_or_insert(internal("hear from the new process", errno));
                self.kill();
                None
            });
            let Some((length, message, fd)) = received else {
                self.control = None;
                // A program without a reaper has the other end closed as it starts.
                self.started();
                return;
            };
            let tail = room.get(LENGTH..length).unwrap_or_default().to_vec();
            self.take(message, fd, &tail, errand);
            if !Ready::has_packet(self.control.as_ref()) {
                return;
            }
        }
    }

    fn take(
        &mut self,
        message: Message,
        fd: Option<OwnedFd>,
        tail: &[u8],
        errand: &mut impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>,
    ) {
        let counted = |n: u32| (n != NOT_COUNTED).then_some(n);
        match message {
            Message::Failed { stage, op, errno } => {
                if let Some(block) = stage.block(self.program) {
                    let failure = Failure::of_op(self.program, block, op, errno, tail);
                    self.failed.get_or_insert(failure);
                }
            }
            Message::AwaitsIdMaps => self.answer(Errand::IdMaps, errand),
            Message::AwaitsGroup => self.answer(Errand::Group, errand),
            Message::Successor { pid } => self.succeed(pid),
            Message::Terminal => self.terminal(fd),
            Message::Exited { code, changed } => {
                self.outlived = fd;
                self.program_ended(How::Exited(code), counted(changed), errand);
            }
            Message::Signaled { signal, changed } => {
                self.outlived = fd;
                self.program_ended(How::Signaled(signal), counted(changed), errand);
            }
            Message::Stopped => self.stop_with_program(),
            Message::Started => self.started(),
        }
    }

    /// Nothing is left to be built. Where the caller does other things its process is not this one's to
    /// wall in.
    fn started(&mut self) {
        self.started = true;
        self.early = None;
        let lives = self.failed.is_none() && self.ended.is_none();
        if self.options.settles && lives && self.jail == Jail::NotYet {
            self.jail = Jail::Due;
        }
    }

    /// The program has ended, and its group is still there.
    ///
    /// KERNEL: while the first process takes down the mounts it mostly waits, for a grace period of RCU each
    /// layer; what is tidied up here meanwhile takes nobody's time.
    fn program_ended(
        &mut self,
        how: How,
        changed: Option<u32>,
        errand: &mut impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>,
    ) {
        self.ended = Some((how, changed));
        if self.program.waits_at_end() {
            self.answer(Errand::TakeStock, errand);
        }
        if let Some((pid, _)) = &self.process {
            let _ = errand(Errand::TidyUp, *pid);
        }
    }

    /// The first process has ended, and a sibling of it, our own child too, goes on.
    fn succeed(&mut self, pid: i32) {
        let fd = match pidfd::open(pid) {
            Ok(fd) => fd,
            Err(errno) => {
                // Nobody else waits for it, so the number is its own still.
                let _ = raw::kill(pid, consts::SIGKILL);
                while raw::wait(pid, consts::__WALL) == Err(Errno::INTR) {}
                self.failed = Some(internal("hold the program's process", errno));
                return;
            }
        };
        if let Some((old, _)) = self.process.replace((pid, fd)) {
            let _ = raw::wait(old, consts::__WALL);
        }
    }

    fn terminal(&mut self, fd: Option<OwnedFd>) {
        let started = fd.map(|master| Relay::start(master, self.program.pty_input));
        match started {
            Some(Ok(relay)) => self.relay = Some(relay),
            Some(Err(errno)) => {
                self.failed = Some(internal("use the terminal", errno));
                self.kill();
            }
            None => {}
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some((_, fd)) = &self.process {
            let _ = pidfd::send_signal(fd, consts::SIGKILL);
        }
        if !self.started && self.killed.is_none() {
            self.killed = Some(Killed::now());
        }
    }

    /// What is to be let go when nothing of the world is left.
    ///
    /// KERNEL: a network namespace is taken apart by a thread of the kernel's, which waits for grace periods of
    /// RCU as the end of each mount does: at the same time each waits for the other.
    pub(crate) fn outlived(&mut self) -> Option<OwnedFd> {
        self.outlived.take()
    }

    /// Whether the process was not waited for: nobody can end it now.
    pub(crate) fn has_left(&self) -> bool {
        self.left
    }

    fn leave(&mut self) -> Result<Ended, Failure> {
        self.left = true;
        // Its number stays taken: nobody waits for it.
        self.mapping = None;
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        let killed = How::Signaled(consts::SIGKILL);
        let mut ended = self.end(self.ended.map_or(killed, |(how, _)| how), None);
        ended.left.push(Killed::SENTENCE.to_owned());
        Ok(ended)
    }

    fn take_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read() {
            if info.signo == consts::SIGWINCH
                && let Some(relay) = &mut self.relay
            {
                relay.resize();
                continue;
            }
            self.told_to_stop |= info.signo == consts::SIGTSTP;
            if info.signo == consts::SIGCONT
                && let Some(relay) = &mut self.relay
            {
                relay.resume();
            }
            if !self.started && self.early.is_none() {
                self.early = Early::of(info.signo);
            }
            if let Some((_, fd)) = &self.process {
                let _ = pidfd::send_signal(fd, info.signo);
            }
        }
    }

    fn time_is_up(&mut self) {
        let Some(timer) = &self.timer else { return };
        if !timer.expired().unwrap_or(false) {
            return;
        }
        // Who builds the world takes no signal but this one.
        let may_tidy_up = self.started && !self.time_up;
        self.time_up = true;
        if !may_tidy_up {
            self.kill();
            return;
        }
        if let Some((_, fd)) = &self.process {
            let _ = pidfd::send_signal(fd, consts::SIGTERM);
            let _ = pidfd::send_signal(fd, consts::SIGCONT);
        }
        let _ = timer.start(GRACE);
    }

    /// Ctrl-Z: the caller's shell gets its terminal back, until it says `fg`.
    ///
    /// With a terminal of its own the world's one has taken the key, and the rest of the caller's job is
    /// to stop too; without one the caller's terminal has told all of the job already. A program that
    /// stops by itself concerns nobody else.
    fn stop_with_program(&mut self) {
        let job = self.relay.as_ref().is_some_and(Relay::holds_terminal);
        if !job && !std::mem::take(&mut self.told_to_stop) {
            return;
        }
        if let Some(relay) = &mut self.relay {
            relay.suspend();
        }
        stop(if job { 0 } else { raw::getpid() });
        if let Some(relay) = &mut self.relay {
            relay.resume();
        }
        if let Some((_, fd)) = &self.process {
            let _ = pidfd::send_signal(fd, consts::SIGCONT);
        }
    }

    fn process_ended(&self) -> Result<Option<How>, Errno> {
        let Some((_, fd)) = &self.process else { return Ok(None) };
        match pidfd::try_wait(fd) {
            Ok(WaitStatus::Exited { code, .. }) => Ok(Some(How::Exited(code))),
            Ok(WaitStatus::Signaled { sig, .. }) => Ok(Some(How::Signaled(sig))),
            Ok(_) | Err(Errno::INTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The process has ended and the kernel does not say how, as when somebody else has waited for it.
    fn finish_unknown(
        &mut self,
        errno: Errno,
        errand: &mut impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>,
    ) -> Result<Ended, Failure> {
        let ended = self.finish(How::Exited(125), errand)?;
        // What has been heard of the program's end is all that is needed.
        match self.ended {
            Some(_) => Ok(ended),
            None => Err(internal("learn how the world's process ended", errno)),
        }
    }

    fn end(&self, how: How, changed: Option<u32>) -> Ended {
        let lost = self.lost.as_ref().map(|errno| {
            let why = reason(errno.raw_os_error());
            format!("cannot pass on what the program wrote to its terminal: {why}")
        });
        Ended { how, changed, timed_out: self.time_up, usage: None, left: Vec::new(), lost }
    }

    /// What was sent before the end is still to be read.
    fn finish(
        &mut self,
        how: How,
        errand: &mut impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>,
    ) -> Result<Ended, Failure> {
        self.number_is_free = true;
        while Ready::has_packet(self.control.as_ref()) {
            self.hear(errand);
        }
        if let Some(relay) = self.relay.take() {
            self.lost = relay.finish();
        }
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        let reaper = self
            .program
            .setup
            .ops
            .iter()
            .any(|op| matches!(op, dwell_plan::program::Op::Reap { .. }));
        match self.ended {
            Some((how, changed)) => Ok(self.end(how, changed)),
            None if !reaper || self.time_up => Ok(self.end(how, None)),
            None => Err(lost(how)),
        }
    }
}

/// Whether this process has put up walls around itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jail {
    /// The world is being built.
    NotYet,
    /// The program runs.
    Due,
    /// They stand.
    Entered,
}

/// Stops this process, or with 0 its whole group, until SIGCONT.
///
/// KERNEL: SIGTSTP does nothing in a process group that no shell watches over, so that a world started
/// by such a caller does not stand still for ever.
fn stop(whom: i32) {
    let signal = SigSet::empty().with(consts::SIGTSTP);
    let _ = raw::kill(whom, consts::SIGTSTP);
    let _ = raw::sigmask(raw::MaskHow::Unblock, signal);
    let _ = raw::sigmask(raw::MaskHow::Block, signal);
}

fn lost(how: How) -> Failure {
    let sentence = match how {
        How::Signaled(signal) => format!("the world was ended from outside by signal {signal}"),
        How::Exited(code) => {
            format!("the world's first process ended with code {code} before its program")
        }
    };
    Failure::host(sentence, Cause::Lost)
}
