//! The beginning of a program that does without the standard library's runtime.

use crate::raw::{self, Fd, consts};

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

/// Makes a function without parameters that returns an exit code (`u8`) the `main` of a binary with
/// `#![no_main]`.
///
/// What the runtime would do before it takes as long as the rest of a short program: it reads
/// `/proc/self/maps`, maps a stack for signals, and changes the dispositions of three signals, of which
/// SIGPIPE would stay ignored in programs executed later. Arguments and environment are there without
/// it. What it would do after, flushing standard output, is left to the program.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: nothing else in the program has the name that the C library calls, and it is called
        // with these parameters.
        #[unsafe(no_mangle)]
        extern "C" fn main(_count: i32, _arguments: *const *const u8) -> i32 {
            i32::from($main())
        }
    };
}
