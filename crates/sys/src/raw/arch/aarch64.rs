//! AArch64: number in x8, arguments in x0 to x5, answer in x0; nothing else changes.

use core::arch::asm;
use core::ffi::c_void;

use super::Entry;

/// Enters the kernel and returns what it left in x0.
///
/// # Safety
///
/// The arguments must be what system call `nr` expects: every pointer valid for what that call does
/// with it.
#[inline(always)]
pub(in crate::raw) unsafe fn syscall(nr: u32, args: [usize; 6]) -> usize {
    let [a, b, c, d, e, f] = args;
    let ret;
    // SAFETY: the caller vouches for the call; the kernel keeps every register but x0.
    unsafe {
        asm!(
            "svc 0",
            in("x8") nr as usize,
            inlateout("x0") a => ret,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        );
    }
    ret
}

/// Makes the clone-like call `nr` and runs `entry(data)` in the child, on the child's stack.
///
/// # Safety
///
/// `nr` and `args` must ask for a child with a stack of its own, aligned to 16 bytes, that nobody
/// else uses; `data` must be what `entry` expects.
pub(in crate::raw) unsafe fn vfork_on_stack(
    nr: u32,
    args: [usize; 5],
    entry: Entry,
    data: *mut c_void,
) -> usize {
    let [a, b, c, d, e] = args;
    let ret;
    // SAFETY: the child (x0 = 0) has all registers but x0 and sp in common with its parent, never
    // leaves this block and touches only its own stack; the parent skips that part.
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x20",
            "blr x21",
            "mov x8, {exit_group}",
            "svc 0",
            "brk 1",
            "2:",
            exit_group = const linux_raw_sys::general::__NR_exit_group,
            in("x8") nr as usize,
            inout("x0") a => ret,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x20") data,
            in("x21") entry,
        );
    }
    ret
}
