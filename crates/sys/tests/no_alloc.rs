//! The child allocates nothing, even when other threads hold the allocator's locks.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use common::fork;
use dwell_sys::Errno;
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, ArgArea, ExecTable, Fd, MaskHow, SigSet, Stack, WaitStatus};

/// In the child: allocating is forbidden.
static CHILD: AtomicBool = AtomicBool::new(false);

const ALLOCATED: i32 = 99;

struct Forbidding;

fn check() {
    if CHILD.load(Ordering::Relaxed) {
        raw::exit_group(ALLOCATED);
    }
}

// SAFETY: does what `System` does, or ends the process.
unsafe impl GlobalAlloc for Forbidding {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        check();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Forbidding = Forbidding;

struct Prepared {
    argv: ExecTable,
    stack: Stack,
    area: Option<ArgArea>,
}

/// A representative set; answers the number of the step that went wrong.
fn work(prepared: &mut Prepared) -> Result<i32, Errno> {
    raw::sigmask(MaskHow::Set, SigSet::all())?;
    raw::reset_dispositions();
    raw::umask(0o22);
    let root = raw::openat(Fd::CWD, c"/", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)?;
    let mut buf = [0; 1024];
    let filled = raw::getdents64(root, &mut buf)?;
    let entries = raw::dir_entries(buf.get(..filled).unwrap_or(&[]));
    if !entries.clone().any(|(name, kind)| name == c"." && kind == DT_DIR) {
        return Ok(1);
    }
    raw::openat2(root, c"proc", u64::from(O_PATH | O_CLOEXEC), 0, RESOLVE_IN_ROOT)?;
    raw::fstat_mode_uid(root)?;
    if raw::openat(root, c"no such file", 0, 0) != Err(Errno::NOENT) {
        return Ok(2);
    }
    let (one, other) = raw::socketpair_seqpacket_cloexec()?;
    raw::send_with_fd(one, b"x", root)?;
    raw::poll1(other, POLLIN, 100)?;
    raw::recv(other, &mut buf)?;
    let (reader, writer) = raw::pipe2(O_CLOEXEC)?;
    raw::write_all(writer, b"abc")?;
    raw::read(reader, &mut buf)?;
    raw::dup3(reader, Fd(100), O_CLOEXEC)?;
    raw::capget()?;
    raw::set_name(c"child")?;
    raw::set_no_new_privs()?;
    raw::setsid()?;
    raw::kill(raw::getpid(), SIGUSR1)?;
    raw::wait_signal(&SigSet::empty().with(SIGUSR1), Some((1, 0)))?;
    if let Some(area) = &prepared.area {
        raw::hide_arguments(area, b"child");
    }
    raw::clock_monotonic_ns();
    let child = raw::clone_child(&fork(), || 5)?;
    if !matches!(raw::wait(child.pid, __WALL)?, WaitStatus::Exited { code: 5, .. }) {
        return Ok(3);
    }
    let Prepared { argv, stack, .. } = prepared;
    let entry = |argv: &mut &ExecTable| raw::execve(c"/bin/true", argv, argv).raw_os_error();
    let pid = raw::vfork_child(stack, 0, entry, &mut &*argv)?;
    if !matches!(raw::wait(pid, __WALL)?, WaitStatus::Exited { code: 0, .. }) {
        return Ok(4);
    }
    raw::close_range(3, u32::MAX, 0)?;
    Ok(0)
}

fn once() {
    let mut prepared = Prepared {
        argv: ExecTable::new(["true"]).unwrap(),
        stack: Stack::new(0).unwrap(),
        area: ArgArea::locate(),
    };
    let child = raw::clone_child(&fork(), || {
        CHILD.store(true, Ordering::Relaxed);
        let code = work(&mut prepared);
        // Errors show as 128 and the errno.
        code.unwrap_or_else(|errno| 128 + errno.raw_os_error())
    });
    assert_eq!(common::exit_code(child.unwrap().pid), 0);
}

#[test]
fn the_child_does_not_allocate() {
    once();
}

#[test]
fn nor_does_it_wait_for_those_who_do() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for size in 1..=16 {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    drop(std::hint::black_box(vec![1u8; size * 5000]));
                    std::thread::sleep(std::time::Duration::from_micros(50));
                }
            });
        }
        for _ in 0..20 {
            once();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn the_allocator_would_notice() {
    let child = raw::clone_child(&fork(), || {
        CHILD.store(true, Ordering::Relaxed);
        drop(std::hint::black_box(vec![1]));
        0
    });
    assert_eq!(common::exit_code(child.unwrap().pid), ALLOCATED);
}
