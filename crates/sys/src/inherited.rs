//! What the process was started with, looked at before the standard library's runtime changes it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::raw::{self, consts};

static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);

/// Whether the caller ignored SIGPIPE. The runtime ignores it for itself, and a program executed later
/// would inherit that instead of what the caller wanted.
#[must_use]
pub fn sigpipe_was_ignored() -> bool {
    SIGPIPE_IGNORED.load(Ordering::Relaxed)
}

/// Functions in this section are called before `main`.
// SAFETY: the C library calls what is in the section with the three arguments of `main`, which a
// function without parameters leaves alone; it makes one system call and sets one flag.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    SIGPIPE_IGNORED.store(raw::is_ignored(consts::SIGPIPE), Ordering::Relaxed);
}
