//! For tests: an op that fails with an error of their choice, in the place of what it does.
//!
//! With the feature `faults` alone. The choice is one number that every process of a start finds in its
//! memory, a copy or not; there is no option, variable or file that sets it.

use std::sync::atomic::{AtomicU64, Ordering};

use dwell_sys::raw::Errno;

/// Which list of a Program an op stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// That of a world's first process.
    Setup,
    /// That of the process that becomes the program.
    Entry,
    /// That of a helper of a call that is made in place.
    Helper,
    /// That of the helper beside a world's first process.
    Beside,
}

/// Nothing fails.
const NONE: u64 = 0;

static FAULT: AtomicU64 = AtomicU64::new(NONE);

fn word(list: List, op: u32, errno: u64) -> u64 {
    let list = match list {
        List::Setup => 1,
        List::Entry => 2,
        List::Helper => 3,
        List::Beside => 4,
    };
    u64::from(op) << 32 | list << 16 | errno
}

/// From here on the op at this position of the list fails with the error number, in every start.
pub fn set(list: List, op: u32, errno: u16) {
    FAULT.store(word(list, op, u64::from(errno)), Ordering::SeqCst);
}

/// From here on nothing does.
pub fn clear() {
    FAULT.store(NONE, Ordering::SeqCst);
}

/// The error of the op at this position, if it is its turn to fail.
pub(crate) fn due(list: List, op: u32) -> Option<Errno> {
    let fault = FAULT.load(Ordering::SeqCst);
    let errno = fault & 0xffff;
    let hit = fault != NONE && word(list, op, errno) == fault;
    hit.then(|| Errno::from_raw_os_error(i32::try_from(errno).unwrap_or(0)))
}
