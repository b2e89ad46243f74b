//! Hiding the arguments and the environment a process was started with.

use core::ffi::{CStr, c_char};
use core::ptr;
use core::ptr::NonNull;

unsafe extern "C" {
    /// The environment of the C library, whichever that is: at first the very table the kernel made.
    static environ: *const *const c_char;
}

/// Where the kernel put this process's argument and environment strings: what `/proc/PID/cmdline`
/// and `/proc/PID/environ` show.
#[derive(Copy, Clone, Debug)]
pub struct ArgArea {
    args: NonNull<u8>,
    args_len: usize,
    env_len: usize,
}

// SAFETY: an address in memory that lives as long as the process; only `hide_arguments` writes to it.
unsafe impl Send for ArgArea {}

// SAFETY: as for `Send`.
unsafe impl Sync for ArgArea {}

impl ArgArea {
    /// Finds the strings, in the parent and before anything has changed the environment.
    ///
    /// `None` when memory does not look as the kernel leaves it, which is (from low to high): the
    /// number of arguments, their pointers, a null, the environment's pointers, a null; and the
    /// strings themselves without a gap, arguments first.
    pub fn locate() -> Option<Self> {
        let count = crate::entry::arguments().len();
        // SAFETY: nobody writes to the variable while the process has just begun.
        let env_table = unsafe { environ };
        if env_table.is_null() || count == 0 {
            return None;
        }
        if !entry(env_table.wrapping_sub(1)).is_null() {
            return None;
        }
        let arg_table = env_table.wrapping_sub(1).wrapping_sub(count);
        if entry(arg_table.wrapping_sub(1)).addr() != count {
            return None;
        }
        let start = entry(arg_table);
        let args_end = strings_end(arg_table, start)?;
        let env_end = strings_end(env_table, args_end)?;
        Some(Self {
            args: NonNull::new(start.cast::<u8>().cast_mut())?,
            args_len: args_end.addr().checked_sub(start.addr())?,
            env_len: env_end.addr().checked_sub(args_end.addr())?,
        })
    }
}

/// Reads one entry of a table.
fn entry(at: *const *const c_char) -> *const c_char {
    // SAFETY: `at` is within the tables the kernel made, or, where the environment has been moved to
    // the heap after all, at most one word before that block: the allocator's header, or, one `locate`
    // step later, memory that a null in that header has already vouched for.
    unsafe { at.read() }
}

/// The end of the strings a table lists, when the first is at `start` and there are no gaps.
fn strings_end(mut table: *const *const c_char, start: *const c_char) -> Option<*const c_char> {
    let mut at = start;
    loop {
        let string = entry(table);
        if string.is_null() {
            return Some(at);
        }
        if string != at || at.is_null() {
            return None;
        }
        // SAFETY: an entry of these tables that is not null is a NUL-terminated string.
        let string = unsafe { CStr::from_ptr(string) };
        at = at.wrapping_add(string.count_bytes()).wrapping_add(1);
        table = table.wrapping_add(1);
    }
}

/// Overwrites this process's arguments with `title` and its environment with nothing, in place, so
/// that `/proc/PID/cmdline` shows only the title and `/proc/PID/environ` only zeros.
///
/// For a child of [`clone_child`](super::clone_child), which has a memory of its own: call it there.
/// Afterwards `std::env` of that process sees empty strings. A title that does not fit is cut off.
pub fn hide_arguments(area: &ArgArea, title: &[u8]) {
    let ArgArea { args, args_len, env_len } = *area;
    // The title may reach into the room of the environment; a NUL must remain at the end. Where there
    // is no environment it must end within the arguments.
    let room = args_len.wrapping_add(env_len).saturating_sub(1);
    let title = title.get(..room).unwrap_or(title);
    let args = args.as_ptr();
    // SAFETY: the area is these two lengths long, writable, and used by nobody else in this process.
    unsafe { ptr::write_bytes(args, 0, args_len.wrapping_add(env_len)) };
    // SAFETY: the title is shorter than the area and cannot lie in it, being a borrowed slice.
    unsafe { ptr::copy_nonoverlapping(title.as_ptr(), args, title.len()) };
    // KERNEL: when the area's last byte is not NUL, /proc/PID/cmdline takes the process for one that
    // has set its title, and ends at the first NUL instead of showing zeros to the end. The bytes
    // after that one are zeros of the environment, so the last argument still ends.
    // A title longer than the area does that by itself.
    if title.len().wrapping_add(1) < args_len && env_len > 0 {
        // SAFETY: this is the index of the last byte of the arguments.
        let last = unsafe { args.add(args_len.wrapping_sub(1)) };
        // SAFETY: as above.
        unsafe { last.write(b' ') };
    }
}
