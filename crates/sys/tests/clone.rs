//! Children with a copy of the memory, and what is learnt of their end.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{exit_code, fork, in_child};
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, CloneArgs, Fd, SockFilter, Stack, WaitStatus};
use dwell_sys::{Errno, adopt, pidfd};

#[test]
fn exit_codes_come_back() {
    for code in [0, 1, 7, 255] {
        assert_eq!(in_child(|| code), code);
    }
}

#[test]
fn the_child_has_its_own_memory() {
    let mut number = 1;
    let code = in_child(|| {
        number += 1;
        number
    });
    assert_eq!((code, number), (2, 1));
}

#[test]
fn a_panic_ends_the_child() {
    // resume_unwind, as opposed to panic!, prints nothing.
    assert_eq!(in_child(|| std::panic::resume_unwind(Box::new(()))), 101);
}

#[test]
fn flags_that_share_memory_are_refused() {
    for flags in [CLONE_VM, CLONE_INTO_CGROUP, 0x1000, 0x1_0000] {
        let args = CloneArgs { flags, ..fork() };
        assert_eq!(raw::clone_child(&args, || 0), Err(Errno::INVAL));
    }
}

#[test]
fn sixteen_threads_at_once() {
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for round in 0..8 {
                    assert_eq!(in_child(|| thread * 8 + round), thread * 8 + round);
                }
            });
        }
    });
}

#[test]
fn every_wait_status() {
    let (reader, writer) = raw::pipe2(O_CLOEXEC).unwrap();
    let child = raw::clone_child(&fork(), || {
        let _ = raw::close(writer);
        let _ = raw::kill(raw::getpid(), SIGSTOP);
        let _ = raw::read(reader, &mut [0]);
        let _ = raw::kill(raw::getpid(), SIGKILL);
        0
    });
    let pid = child.unwrap().pid;
    let flags = WUNTRACED | WCONTINUED | __WALL;
    assert_eq!(raw::wait(pid, flags), Ok(WaitStatus::Stopped { pid, sig: SIGSTOP }));
    raw::kill(pid, SIGCONT).unwrap();
    assert_eq!(raw::wait(pid, flags), Ok(WaitStatus::Continued { pid }));
    assert_eq!(raw::wait(pid, flags | WNOHANG), Ok(WaitStatus::StillAlive));
    raw::close(writer).unwrap();
    assert_eq!(raw::wait(pid, flags), Ok(WaitStatus::Signaled { pid, sig: SIGKILL, core: false }));
    assert_eq!(raw::wait(pid, flags), Err(Errno::CHILD));
    raw::close(reader).unwrap();
}

#[test]
fn a_pidfd() {
    let (reader, writer) = raw::pipe2(O_CLOEXEC).unwrap();
    let args = CloneArgs { want_pidfd: true, ..fork() };
    let child = raw::clone_child(&args, || {
        let _ = raw::close(writer);
        let _ = raw::read(reader, &mut [0]);
        9
    });
    let child = child.unwrap();
    let process = adopt(child.pidfd.unwrap());
    assert_eq!(pidfd::try_wait(&process), Ok(WaitStatus::StillAlive));
    pidfd::send_signal(&process, SIGSTOP).unwrap();
    let pid = child.pid;
    assert_eq!(
        raw::waitid_pidfd(Fd::of(&process), WSTOPPED),
        Ok(WaitStatus::Stopped { pid, sig: SIGSTOP })
    );
    pidfd::send_signal(&process, SIGCONT).unwrap();
    raw::close(writer).unwrap();
    raw::close(reader).unwrap();
    assert_eq!(raw::poll1(Fd::of(&process), POLLIN, 10_000), Ok(POLLIN));
    assert_eq!(pidfd::try_wait(&process), Ok(WaitStatus::Exited { pid, code: 9 }));
    assert_eq!(pidfd::try_wait(&process), Err(Errno::CHILD));
}

#[test]
fn a_sibling() {
    let (reader, writer) = raw::pipe2(O_CLOEXEC).unwrap();
    let mut stack = Stack::new(0).unwrap();
    let code = in_child(|| {
        let one = raw::clone_child(&CloneArgs { flags: CLONE_PARENT, ..fork() }, || 11);
        let other = raw::vfork_child(&mut stack, CLONE_PARENT, |(): &mut ()| 12, &mut ());
        let (Ok(one), Ok(other)) = (one, other) else { return 1 };
        let told = raw::write_all(writer, &one.pid.to_ne_bytes())
            .and_then(|()| raw::write_all(writer, &other.to_ne_bytes()));
        i32::from(told.is_err())
    });
    assert_eq!(code, 0);
    for code in [11, 12] {
        let mut pid = [0; 4];
        assert_eq!(raw::read(reader, &mut pid), Ok(4));
        assert_eq!(exit_code(i32::from_ne_bytes(pid)), code);
    }
    raw::close(reader).unwrap();
    raw::close(writer).unwrap();
}

/// Answers clone3 with ENOSYS, as older container runtimes do.
const NO_CLONE3: [SockFilter; 4] = [
    SockFilter { code: 0x20, jt: 0, jf: 0, k: 0 },
    SockFilter { code: 0x15, jt: 0, jf: 1, k: 435 },
    SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | 38 },
    SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
];

#[test]
fn without_clone3() {
    let mut stack = Stack::new(0).unwrap();
    let code = in_child(|| {
        if raw::set_no_new_privs().is_err() || raw::seccomp_set_filter(&NO_CLONE3, 0) != Ok(0) {
            return 1;
        }
        let args = CloneArgs { want_pidfd: true, ..fork() };
        match raw::clone_child(&args, || 3) {
            Ok(child) => match (child.pidfd, raw::wait(child.pid, __WALL)) {
                (Some(Fd(3..)), Ok(WaitStatus::Exited { code: 3, .. })) => {}
                _ => return 3,
            },
            Err(_) => return 2,
        }
        let mut seen = 0;
        let entry = |seen: &mut i32| {
            *seen = 4;
            5
        };
        match raw::vfork_child(&mut stack, 0, entry, &mut seen) {
            Ok(pid) => match raw::wait(pid, __WALL) {
                Ok(WaitStatus::Exited { code: 5, .. }) if seen == 4 => {}
                _ => return 5,
            },
            Err(_) => return 4,
        }
        for flags in [CLONE_NEWTIME, CLONE_CLEAR_SIGHAND] {
            if raw::clone_child(&CloneArgs { flags, ..fork() }, || 0) != Err(Errno::NOSYS) {
                return 6;
            }
        }
        0
    });
    assert_eq!(code, 0);
}

#[test]
fn capabilities_and_ids() {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    let set = |name: &str| u64::from_str_radix(&field(name), 16).unwrap();
    let (effective, permitted, inheritable) = raw::capget().unwrap();
    assert_eq!(
        (effective, permitted, inheritable),
        (set("CapEff:"), set("CapPrm:"), set("CapInh:"))
    );
    assert_eq!(raw::cap_bounding_read(0), Ok(set("CapBnd:") & 1 == 1));
    assert_eq!(raw::cap_bounding_read(63), Err(Errno::INVAL));
    assert_eq!(raw::getuid().to_string(), field("Uid:"));
    assert_eq!(raw::getgid().to_string(), field("Gid:"));
    let code = in_child(|| {
        if raw::capset(0, permitted, inheritable).is_err() {
            return 1;
        }
        i32::from(raw::capget() != Ok((0, permitted, inheritable)))
    });
    assert_eq!(code, 0);
}

#[test]
fn confined_to_a_processor_and_not_any_more() {
    let allowed = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:\t"));
        line.unwrap().to_owned()
    };
    let before = allowed(raw::getpid());
    let pid = raw::clone_child(&fork(), || {
        let Ok(before) = raw::affinity() else { return 4 };
        let mut here = [0; 16];
        let Ok(processor) = raw::current_processor() else { return 1 };
        if before[processor as usize / 64] >> (processor % 64) & 1 == 0 {
            return 5;
        }
        here[processor as usize / 64] = 1 << (processor % 64);
        if raw::set_affinity(0, &here).is_err() || raw::current_processor() != Ok(processor) {
            return 2;
        }
        if raw::affinity() != Ok(here) {
            return 3;
        }
        let _ = raw::kill(raw::getpid(), SIGSTOP);
        i32::from(
            raw::set_affinity(0, &[u64::MAX; 16]).is_err()
                || raw::set_affinity(0, &[0; 16]).is_ok(),
        )
    });
    let pid = pid.unwrap().pid;
    raw::wait(pid, WUNTRACED | __WALL).unwrap();
    assert!(allowed(pid).parse::<u32>().is_ok(), "{}", allowed(pid));
    assert_eq!(allowed(raw::getpid()), before);
    raw::kill(pid, SIGCONT).unwrap();
    assert_eq!(exit_code(pid), 0);
}

#[test]
fn limits_and_names() {
    let pid = raw::clone_child(&fork(), || {
        let done = raw::set_name(c"a-name-that-is-too-long")
            .and_then(|()| raw::set_rlimit(RLIMIT_CORE, 0, 0))
            .and_then(|()| raw::set_priority(19))
            .and_then(|()| raw::set_child_subreaper())
            .and_then(|()| raw::set_pdeathsig(SIGKILL));
        let _ = raw::kill(raw::getpid(), SIGSTOP);
        i32::from(done.is_err())
    });
    let pid = pid.unwrap().pid;
    raw::wait(pid, WUNTRACED | __WALL).unwrap();
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    assert_eq!(read("comm"), "a-name-that-is-\n");
    let limits = read("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    assert_eq!(read("stat").rsplit(") ").next().unwrap().split(' ').nth(16), Some("19"));
    raw::kill(pid, SIGCONT).unwrap();
    assert_eq!(exit_code(pid), 0);
}
