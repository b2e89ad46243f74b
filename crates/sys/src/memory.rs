//! Giving memory back.

use core::ffi::c_void;

use rustix::mm::{Advice, madvise};

use crate::Errno;

unsafe extern "C" {
    /// First byte of the program's file in memory; made by the linker.
    static __executable_start: u8;
    /// Among the first of its data, which come after code and constants however a linker orders those two; made
    /// by the linker.
    static __init_array_start: u8;
}

/// Lets go of the pages of this program's own code and constants, for a process that has done most of
/// what it will do and now waits (`madvise(2)`, `MADV_DONTNEED`).
///
/// KERNEL: of a mapped file that nobody writes to, only the page tables' entries go; what is used again
/// comes back from the page cache, without reading the disk as long as it is cached.
///
/// # Errors
/// Those of `madvise(2)`; memory stays as it is.
pub fn forget_code() -> Result<(), Errno> {
    const PAGE: usize = 4096;
    let start = &raw const __executable_start;
    let end = &raw const __init_array_start;
    let length = end.addr().saturating_sub(start.addr()) & !(PAGE - 1);
    if length == 0 || !start.addr().is_multiple_of(PAGE) {
        return Ok(());
    }
    let start = start.cast::<c_void>().cast_mut();
    // SAFETY: from the start of the file to the page where its data begin nothing is ever written: headers,
    // constants, code. Their content is the file's, and that is what comes back.
    unsafe { madvise(start, length, Advice::LinuxDontNeed) }
}
