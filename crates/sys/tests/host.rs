//! Sockets, signals, terminals and timers.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use common::in_child;
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, Fd, MaskHow, SigSet};
use dwell_sys::signalfd::SignalFd;
use dwell_sys::term::RawMode;
use dwell_sys::timer::TimerFd;
use dwell_sys::{Errno, adopt, recv_with_fd};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

fn socketpair() -> (OwnedFd, OwnedFd) {
    let (one, other) = raw::socketpair_seqpacket_cloexec().unwrap();
    (adopt(one), adopt(other))
}

#[test]
fn descriptors_travel() {
    let (here, there) = socketpair();
    let file = raw::memfd_create(c"parcel", MFD_CLOEXEC | MFD_ALLOW_SEALING).unwrap();
    raw::write_all(file, b"content").unwrap();
    raw::add_seals(file, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK).unwrap();
    assert_eq!(raw::write(file, b"x"), Err(Errno::PERM));
    let code = in_child(|| i32::from(raw::send_with_fd(Fd::of(&there), b"hello", file) != Ok(5)));
    assert_eq!(code, 0);
    let mut buf = [0; 16];
    let (n, received) = recv_with_fd(&here, &mut buf).unwrap();
    let received = received.unwrap();
    assert_eq!(&buf[..n], b"hello");
    let (one, other) = (raw::fstat_mode_uid(file), raw::fstat_mode_uid(Fd::of(&received)));
    assert_eq!(one.unwrap(), other.unwrap());
    raw::close(file).unwrap();

    raw::send(Fd::of(&there), b"no parcel").unwrap();
    let (n, none) = recv_with_fd(&here, &mut buf).unwrap();
    assert_eq!((n, none.is_none()), (9, true));
    raw::send(Fd::of(&there), b"too long for this").unwrap();
    assert!(matches!(recv_with_fd(&here, &mut [0; 4]), Err(Errno::MSGSIZE)));

    assert_eq!(raw::poll1(Fd::of(&here), POLLIN, 0), Ok(0));
    raw::send(Fd::of(&there), b"abc").unwrap();
    assert_eq!(raw::poll1(Fd::of(&here), POLLIN, -1), Ok(POLLIN));
    assert_eq!(raw::recv(Fd::of(&here), &mut buf), Ok(3));
    drop(there);
    assert_eq!(raw::poll1(Fd::of(&here), POLLIN, 1000), Ok(POLLIN | POLLHUP));
    assert_eq!(raw::recv(Fd::of(&here), &mut buf), Ok(0));
    assert_eq!(raw::send(Fd::of(&here), b"x"), Err(Errno::PIPE));
}

#[test]
fn adopting_nothing_panics() {
    assert!(std::panic::catch_unwind(|| adopt(Fd::CWD)).is_err());
}

#[test]
fn waiting_for_signals() {
    let code = in_child(|| {
        let set = SigSet::empty().with(SIGUSR1).with(SIGUSR2);
        let Ok(_) = raw::sigmask(MaskHow::Set, set) else { return 1 };
        if raw::wait_signal(&set, Some((0, 1000))) != Err(Errno::AGAIN) {
            return 2;
        }
        let me = raw::getpid();
        let _ = raw::kill(me, SIGUSR2);
        match raw::wait_signal(&set, None) {
            Ok(info) if info.signo == SIGUSR2 && info.code == 0 && info.pid == me => {}
            _ => return 3,
        }
        let _ = raw::tgkill(me, raw::gettid(), SIGUSR1);
        if !matches!(raw::wait_signal(&set, None), Ok(info) if info.signo == SIGUSR1) {
            return 4;
        }
        0
    });
    assert_eq!(code, 0);
}

#[test]
fn dispositions() {
    let child = raw::clone_child(&common::fork(), || {
        let _ = raw::sigmask(MaskHow::Set, SigSet::empty());
        // Ignored, it is as if it had not been sent; by default it kills.
        let _ = raw::ignore_signal(SIGTERM);
        let _ = raw::kill(raw::getpid(), SIGTERM);
        raw::reset_dispositions();
        let _ = raw::kill(raw::getpid(), SIGTERM);
        1
    });
    let pid = child.unwrap().pid;
    let killed = raw::WaitStatus::Signaled { pid, sig: SIGTERM, core: false };
    assert_eq!(raw::wait(pid, __WALL), Ok(killed));
}

#[test]
fn signals_to_read() {
    let code = in_child(|| {
        let set = SigSet::empty().with(SIGUSR1).with(SIGCHLD);
        let Ok(_) = raw::sigmask(MaskHow::Block, set) else { return 1 };
        let Ok(signals) = SignalFd::new(&set) else { return 2 };
        if signals.read() != Ok(None) {
            return 3;
        }
        let _ = raw::kill(raw::getpid(), SIGUSR1);
        if !matches!(signals.read(), Ok(Some(info)) if info.signo == SIGUSR1) {
            return 4;
        }
        let Ok(child) = raw::clone_child(&common::fork(), || 6) else { return 5 };
        let _ = raw::poll1(Fd::of(&signals), POLLIN, 10_000);
        match signals.read() {
            Ok(Some(info)) if info.pid == child.pid && info.status == 6 && info.code == 1 => 0,
            _ => 6,
        }
    });
    assert_eq!(code, 0);
}

#[test]
fn a_timer() {
    let timer = TimerFd::new().unwrap();
    assert_eq!(timer.expired(), Ok(false));
    let (begin, ticks) = (Instant::now(), raw::clock_monotonic_ns());
    timer.start(Duration::from_millis(20)).unwrap();
    assert_eq!(timer.expired(), Ok(false));
    assert_eq!(raw::poll1(Fd::of(&timer), POLLIN, 10_000), Ok(POLLIN));
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert!(raw::clock_monotonic_ns() - ticks >= 20_000_000);
    assert_eq!((timer.expired(), timer.expired()), (Ok(true), Ok(false)));
    timer.start(Duration::ZERO).unwrap();
    assert_eq!(raw::poll1(Fd::of(&timer), POLLIN, 10_000), Ok(POLLIN));
    timer.start(Duration::from_secs(1000)).unwrap();
    timer.stop().unwrap();
    assert_eq!(timer.expired(), Ok(false));
    timer.start(Duration::MAX).unwrap();
}

#[test]
fn a_terminal() {
    let master = match raw::open_ptmx(Fd::CWD, c"/dev/ptmx") {
        Ok(fd) => adopt(fd),
        Err(errno) => {
            println!("skipped: no terminals here: {errno}");
            return;
        }
    };
    raw::unlock_pt(Fd::of(&master)).unwrap();
    raw::pt_number(Fd::of(&master)).unwrap();
    let peer = adopt(raw::pt_peer(Fd::of(&master), O_RDWR | O_NOCTTY | O_CLOEXEC).unwrap());
    let size = Winsize { ws_row: 24, ws_col: 81, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).unwrap();
    let winsize = |fd: &_| tcgetwinsize(fd).map(|size| (size.ws_row, size.ws_col));
    assert_eq!(winsize(&peer), Ok((24, 81)));
    let other = adopt(raw::open_ptmx(Fd::CWD, c"/dev/ptmx").unwrap());
    raw::copy_winsize(Fd::of(&peer), Fd::of(&other)).unwrap();
    assert_eq!(winsize(&other), Ok((24, 81)));

    let processes = || rustix::termios::tcgetattr(&peer).unwrap().output_modes;
    let before = processes();
    raw::pass_output(Fd::of(&peer)).unwrap();
    assert_eq!(before - processes(), rustix::termios::OutputModes::OPOST);

    let echo = || {
        let modes = rustix::termios::tcgetattr(&peer).unwrap().local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO)
    };
    assert!(echo());
    let mut mode = RawMode::enter(&peer).unwrap();
    assert!(!echo());
    mode.restore().unwrap();
    assert!(echo());
    drop(mode);
    let mode = RawMode::enter(&peer).unwrap();
    assert!(!echo());
    drop(mode);
    assert!(echo());
    assert!(matches!(RawMode::enter(&socketpair().0), Err(Errno::NOTTY)));

    let code = in_child(|| {
        let Ok(session) = raw::setsid() else { return 1 };
        if raw::set_controlling_tty(Fd::of(&peer)).is_err() {
            return 2;
        }
        if raw::tcgetpgrp(Fd::of(&peer)) != Ok(session) {
            return 3;
        }
        i32::from(raw::tcsetpgrp(Fd::of(&peer), session).is_err()) * 4
    });
    assert_eq!(code, 0);
}
