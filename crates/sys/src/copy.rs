//! `memcpy` and `memmove` of the binary that is shipped, in place of musl's.
//!
//! Those of musl copy byte by byte up to a multiple of eight, and then with `rep movsq`, which takes tens of cycles before it
//! begins. What a start copies are thousands of paths and names of a few bytes each: 2 to 5 % of all that an ordinary
//! user's world takes. musl's `memmove` takes its `memcpy` along, so there are both.
//!
//! A loop that copies may become a call of `memcpy` as it is compiled, but not in the function of that name, and not
//! where what is read and what is written may be the same.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all of them stand on the one promise that the function's caller makes"
)]

use core::arch::asm;

/// What is longer is copied by `rep movsb`: in parts it would take as long.
const LONG: usize = 128;
/// In what parts.
const PART: usize = size_of::<u128>();

/// That of C.
///
/// # Safety
///
/// `n` bytes can be read at `from` and written at `to`, and do not overlap.
#[cfg_attr(target_env = "musl", unsafe(no_mangle))]
pub(crate) unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: as the caller promises.
    unsafe {
        if n <= PART {
            short(to, from, n);
        } else if n <= LONG {
            forwards(to, from, n);
        } else {
            asm!(
                "rep movsb",
                inout("rcx") n => _,
                inout("rdi") to => _,
                inout("rsi") from => _,
                options(nostack, preserves_flags)
            );
        }
    }
    to
}

/// That of C.
///
/// # Safety
///
/// `n` bytes can be read at `from` and written at `to`.
#[cfg_attr(target_env = "musl", unsafe(no_mangle))]
pub(crate) unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: as the caller promises; what is written over has been read before.
    unsafe {
        if n <= PART {
            short(to, from, n);
        } else if to.addr().abs_diff(from.addr()) >= n {
            memcpy(to, from, n);
        } else if to.addr() < from.addr() {
            forwards(to, from, n);
        } else {
            backwards(to, from, n);
        }
    }
    to
}

/// At most one part.
///
/// # Safety
///
/// That of [`memmove`].
#[inline(always)]
unsafe fn short(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        match n {
            0 => {}
            1 => *to = *from,
            2..4 => ends::<u16>(to, from, n),
            4..8 => ends::<u32>(to, from, n),
            8..16 => ends::<u64>(to, from, n),
            _ => ends::<u128>(to, from, n),
        }
    }
}

/// Both ends, which meet or overlap: all is read before any of it is written.
///
/// # Safety
///
/// That of [`memmove`]; `n` is at least the size of a `T`.
#[inline(always)]
unsafe fn ends<T: Copy>(to: *mut u8, from: *const u8, n: usize) {
    let last = n - size_of::<T>();
    // SAFETY: as the caller promises.
    unsafe {
        let (one, other) = (read::<T>(from, 0), read::<T>(from, last));
        write(to, 0, one);
        write(to, last, other);
    }
}

/// More than one part, where `to` is not within what is read, or before it.
///
/// # Safety
///
/// That of [`memmove`], and this.
#[inline(always)]
unsafe fn forwards(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: as the caller promises. What a part is written over lies in it or before it, or at the end.
    unsafe {
        let last: u128 = read(from, n - PART);
        let mut at = 0;
        while at < n - PART {
            write::<u128>(to, at, read(from, at));
            at += PART;
        }
        write(to, n - PART, last);
    }
}

/// More than one part, where `to` is within what is read.
///
/// # Safety
///
/// That of [`memmove`], and this.
#[inline(always)]
unsafe fn backwards(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: as the caller promises. What a part is written over lies in it or behind it, or at the beginning.
    unsafe {
        let first: u128 = read(from, 0);
        let mut at = n - PART;
        while at > 0 {
            write::<u128>(to, at, read(from, at));
            at = at.saturating_sub(PART);
        }
        write(to, 0, first);
    }
}

/// # Safety
///
/// A `T` can be read so far behind `from`, of which any bytes are one.
#[inline(always)]
unsafe fn read<T: Copy>(from: *const u8, at: usize) -> T {
    // SAFETY: as the caller promises; it does not have to be aligned.
    unsafe { from.add(at).cast::<T>().read_unaligned() }
}

/// # Safety
///
/// A `T` can be written so far behind `to`.
#[inline(always)]
unsafe fn write<T: Copy>(to: *mut u8, at: usize, value: T) {
    // SAFETY: as the caller promises; it does not have to be aligned.
    unsafe { to.add(at).cast::<T>().write_unaligned(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 720;

    fn bytes() -> Vec<u8> {
        (0..ROOM).map(|n| u8::try_from(n * 7 % 251).unwrap_or(0)).collect()
    }

    /// Every length up to some parts more than are copied one by one, from and to every alignment.
    #[test]
    fn copies() {
        for n in (0..LONG + 40).chain([255, 256, 257, 500]) {
            for (from, to) in (0..17).flat_map(|from| (0..17).map(move |to| (from, to))) {
                let source = bytes();
                let mut room = vec![0xaa; ROOM];
                // SAFETY: 17 + 500 bytes are in both.
                let got = unsafe { memcpy(room[to..].as_mut_ptr(), source[from..].as_ptr(), n) };
                assert_eq!(got, room[to..].as_mut_ptr());
                let mut expected = vec![0xaa; ROOM];
                expected[to..to + n].copy_from_slice(&source[from..from + n]);
                assert!(room == expected, "{n} bytes from {from} to {to}");
            }
        }
    }

    /// Every distance at which it overlaps, and some more, in both directions.
    #[test]
    fn moves() {
        for n in (0..LONG + 40).chain([255, 256, 257]) {
            for to in (0..=n + 20).chain([n + 200]) {
                let from = (n + 20) / 2;
                let mut room = bytes();
                let mut expected = bytes();
                expected.copy_within(from..from + n, to);
                let start = room.as_mut_ptr();
                // SAFETY: at most 257 + 200 + 257 bytes from its beginning are in it.
                unsafe { memmove(start.add(to), start.add(from), n) };
                assert!(room == expected, "{n} bytes from {from} to {to}");
            }
        }
    }
}
