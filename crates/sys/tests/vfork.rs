//! Children that share the memory until they become another program.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::exit_code;
use dwell_sys::Errno;
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, ExecTable, Fd, MaskHow, SigSet, Stack};

struct Program {
    path: &'static std::ffi::CStr,
    argv: ExecTable,
    envp: ExecTable,
    failure: Option<Errno>,
}

fn become_program(program: &mut Program) -> i32 {
    raw::reset_dispositions();
    let _ = raw::sigmask(MaskHow::Set, SigSet::empty());
    program.failure = Some(raw::execve(program.path, &program.argv, &program.envp));
    127
}

fn run(stack: &mut Stack, path: &'static std::ffi::CStr, args: &[&str]) -> Program {
    let mut program = Program {
        path,
        argv: ExecTable::new(args).unwrap(),
        envp: ExecTable::new(["A=b"]).unwrap(),
        failure: None,
    };
    let mask = raw::sigmask(MaskHow::Set, SigSet::all()).unwrap();
    let pid = raw::vfork_child(stack, 0, become_program, &mut program).unwrap();
    raw::sigmask(MaskHow::Set, mask).unwrap();
    let expected = if program.failure.is_some() { 127 } else { 0 };
    assert_eq!(exit_code(pid), expected);
    program
}

#[test]
fn runs_true_and_the_caller_goes_on() {
    let mut stack = Stack::new(0).unwrap();
    for _ in 0..3 {
        assert_eq!(run(&mut stack, c"/bin/true", &["true"]).failure, None);
    }
    let test = "test \"$A $1\" = 'b x y'";
    assert_eq!(run(&mut stack, c"/bin/sh", &["sh", "-c", test, "sh", "x y"]).failure, None);
}

#[test]
fn failures_come_back_through_the_memory() {
    let mut stack = Stack::new(1 << 20).unwrap();
    assert!(stack.size() >= 1 << 20);
    assert_eq!(run(&mut stack, c"/no/such", &["x"]).failure, Some(Errno::NOENT));
}

#[test]
fn sixteen_threads_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut stack = Stack::new(0).unwrap();
                for _ in 0..4 {
                    // Allocate around the calls, so that a disturbed heap shows.
                    let text = vec![7u8; 1000];
                    assert_eq!(run(&mut stack, c"/bin/true", &["true"]).failure, None);
                    assert_eq!(text, vec![7u8; 1000]);
                }
            });
        }
    });
}

#[test]
fn execveat_of_an_open_file() {
    fn entry(program: &mut (Fd, ExecTable)) -> i32 {
        let (fd, table) = program;
        raw::execveat(*fd, c"", table, table, AT_EMPTY_PATH).raw_os_error()
    }
    let mut stack = Stack::new(0).unwrap();
    let fd = raw::openat(Fd::CWD, c"/bin/true", O_PATH | O_CLOEXEC, 0).unwrap();
    let mut program = (fd, ExecTable::new(["true"]).unwrap());
    let pid = raw::vfork_child(&mut stack, CLONE_CLEAR_SIGHAND, entry, &mut program).unwrap();
    assert_eq!(exit_code(pid), 0);
    raw::close(fd).unwrap();
}

#[test]
fn running_over_the_stack_is_a_fault() {
    fn deeper(depth: &mut u64) -> i32 {
        let mut block = [0u8; 4096];
        *depth += 1;
        block[usize::try_from(*depth).unwrap() % 4096] = 1;
        let below = if *depth < 1 << 20 { deeper(depth) } else { 0 };
        below + i32::from(std::hint::black_box(&block)[0])
    }
    let mut stack = Stack::new(0).unwrap();
    let mut depth = 0;
    let pid = raw::vfork_child(&mut stack, CLONE_CLEAR_SIGHAND, deeper, &mut depth).unwrap();
    match raw::wait(pid, __WALL) {
        Ok(raw::WaitStatus::Signaled { sig: SIGSEGV, .. }) => {}
        other => panic!("unexpected: {other:?} at depth {depth}"),
    }
}

#[test]
fn flags_that_need_pointers_are_refused() {
    let mut stack = Stack::new(0).unwrap();
    for flags in [CLONE_INTO_CGROUP, 0x800, 0x1000, 0x1_0000, 0x8_0000] {
        assert_eq!(
            raw::vfork_child(&mut stack, flags, |(): &mut ()| 0, &mut ()),
            Err(Errno::INVAL)
        );
    }
}
