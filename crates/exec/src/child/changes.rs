//! How many files a layer holds.

use std::ffi::CStr;

use dwell_sys::raw::{self, Fd, consts};

/// Deeper trees are not followed: process 1 has one stack and no heap.
const DEEPEST: u32 = 48;
/// Room for the entries of one call at each depth.
const ROOM: usize = 4096;

/// Counts what is not a directory in the upper directory `dir`, below `path`. Nothing there: none.
pub(super) fn count(dir: Fd, path: &CStr) -> Option<u32> {
    let path = if path.is_empty() { c"." } else { path };
    let Ok(top) = open(dir, path) else { return Some(0) };
    Some(count_open(top, 0))
}

fn open(at: Fd, path: &CStr) -> Result<Fd, raw::Errno> {
    let flags = consts::O_DIRECTORY | consts::O_RDONLY | consts::O_NOFOLLOW | consts::O_CLOEXEC;
    raw::openat(at, path, flags, 0)
}

fn count_open(dir: Fd, depth: u32) -> u32 {
    let mut room = [0u8; ROOM];
    let mut total = 0u32;
    loop {
        let filled = match raw::getdents64(dir, &mut room) {
            Ok(0) | Err(_) => break,
            Ok(length) => room.get(..length).unwrap_or_default(),
        };
        for (name, kind) in raw::dir_entries(filled) {
            if name == c"." || name == c".." {
                continue;
            }
            if kind != consts::DT_DIR {
                total = total.saturating_add(1);
            } else if depth < DEEPEST
                && let Ok(below) = open(dir, name)
            {
                total = total.saturating_add(count_open(below, depth.wrapping_add(1)));
            }
        }
    }
    let _ = raw::close(dir);
    total
}
