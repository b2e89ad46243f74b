//! What the host side waits for.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Supervisor;
use crate::idmaps::Helpers;

/// Which descriptors have something to say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    pub(super) control: bool,
    pub(super) signal: bool,
    pub(super) timer: bool,
    pub(super) process: bool,
    pub(super) mapping: bool,
    pub(super) input: bool,
    pub(super) master: bool,
}

#[derive(Clone, Copy)]
enum Role {
    Control,
    Signal,
    Timer,
    Process,
    Mapping,
    Input,
    Master,
}

impl Ready {
    /// Waits; the second answer is whether nothing happened for as long as `at_most`.
    pub(super) fn of(s: &mut Supervisor<'_>, at_most: Option<Timespec>) -> (Ready, bool) {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(7);
        let mut roles = Vec::with_capacity(7);
        let mut watch = |role, fd, events| {
            fds.push(PollFd::from_borrowed_fd(fd, events));
            roles.push(role);
        };
        watch(Role::Signal, s.signals.as_fd(), PollFlags::IN);
        if let Some(control) = &s.control {
            watch(Role::Control, control.as_fd(), PollFlags::IN);
        }
        if let Some(timer) = &s.timer {
            watch(Role::Timer, timer.as_fd(), PollFlags::IN);
        }
        if let Some((_, process)) = &s.process {
            watch(Role::Process, process.as_fd(), PollFlags::IN);
        }
        if let Some(helper) = s.mapping.as_mut().and_then(Helpers::awaited) {
            watch(Role::Mapping, helper, PollFlags::IN);
        }
        if let Some(relay) = &s.relay {
            if let Some(input) = relay.input() {
                watch(Role::Input, input, PollFlags::IN);
            }
            if let Some((master, events)) = relay.master() {
                watch(Role::Master, master, events);
            }
        }
        let mut ready = Ready::default();
        match poll(&mut fds, at_most.as_ref()) {
            Ok(0) => return (ready, true),
            Ok(_) => {}
            Err(_) => return (ready, false),
        }
        for (fd, role) in fds.iter().zip(roles) {
            let hit = !fd.revents().is_empty();
            match role {
                Role::Control => ready.control = hit,
                Role::Signal => ready.signal = hit,
                Role::Timer => ready.timer = hit,
                Role::Process => ready.process = hit,
                Role::Mapping => ready.mapping = hit,
                Role::Input => ready.input = hit,
                Role::Master => ready.master = hit,
            }
        }
        (ready, false)
    }

    /// Whether a packet waits; an end of file is none.
    pub(super) fn has_packet(control: Option<&OwnedFd>) -> bool {
        let Some(control) = control else { return false };
        let mut fds = [PollFd::new(control, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|n| n > 0)
    }
}
