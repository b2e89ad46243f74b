//! The beginning of a program that does without the standard library's runtime.

use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::raw::{self, Fd, consts};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());

/// Remembers what `main` was called with, for [`arguments`].
///
/// The standard library knows it without being told where the C library is glibc, and nowhere else.
///
/// # Safety
///
/// `table` begins with `count` pointers to strings that end with a NUL, all of which stay where they are
/// for as long as the process lives.
pub unsafe fn remember(count: c_int, table: *const *const c_char) {
    TABLE.store(table.cast_mut(), Ordering::Relaxed);
    COUNT.store(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
}

/// The arguments of the process, its name first.
pub fn arguments() -> Vec<OsString> {
    let count = COUNT.load(Ordering::Relaxed);
    if count == 0 {
        return std::env::args_os().collect();
    }
    let table = TABLE.load(Ordering::Relaxed);
    // SAFETY: the table is that long and stays (`remember`).
    let table = unsafe { core::slice::from_raw_parts(table, count) };
    let word = |at: &*const c_char| {
        // SAFETY: each is a string with a NUL at its end that stays (`remember`).
        let text = unsafe { CStr::from_ptr(*at) };
        OsStr::from_bytes(text.to_bytes()).to_owned()
    };
    table.iter().map(word).collect()
}

/// Does what of the runtime's preparations has a use: standard descriptors that are closed become
/// `/dev/null`, so that no other file gets their number; and SIGPIPE is ignored, so that writing to a
/// reader that is gone is an error.
pub fn as_the_runtime_would() {
    for fd in 0..3 {
        let closed = raw::poll1(Fd(fd), 0, 0).is_ok_and(|e| e & consts::POLLNVAL != 0);
        if closed {
            // The lowest number that is free is this one.
            let _ = raw::openat(Fd::CWD, c"/dev/null", consts::O_RDWR, 0);
        }
    }
    let _ = raw::ignore_signal(consts::SIGPIPE);
}

/// Makes a function that takes the arguments and returns an exit code (`u8`) the `main` of a binary with
/// `#![no_main]`.
///
/// What the runtime would do before it takes as long as the rest of a short program: it reads
/// `/proc/self/maps`, maps a stack for signals, and changes the dispositions of three signals, of which
/// SIGPIPE would stay ignored in programs executed later. The environment is there without it. What it would do after, flushing standard output, is left to the program.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: nothing else in the program has the name that the C library calls, and it is called
        // with these parameters.
        #[unsafe(no_mangle)]
        extern "C" fn main(count: i32, arguments: *const *const core::ffi::c_char) -> i32 {
            // SAFETY: that is what the C library calls it with.
            unsafe { $crate::entry::remember(count, arguments) };
            i32::from($main($crate::entry::arguments()))
        }
    };
}
