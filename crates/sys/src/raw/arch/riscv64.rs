//! RISC-V: number in a7, arguments in a0 to a5, answer in a0; nothing else changes.

use core::arch::asm;
use core::ffi::c_void;

use super::Entry;

/// Enters the kernel and returns what it left in a0.
///
/// # Safety
///
/// The arguments must be what system call `nr` expects: every pointer valid for what that call does
/// with it.
#[inline(always)]
pub(in crate::raw) unsafe fn syscall(nr: u32, args: [usize; 6]) -> usize {
    let [a, b, c, d, e, f] = args;
    let ret;
    // SAFETY: the caller vouches for the call; the kernel keeps every register but a0.
    unsafe {
        asm!(
            "ecall",
            in("a7") nr as usize,
            inlateout("a0") a => ret,
            in("a1") b,
            in("a2") c,
            in("a3") d,
            in("a4") e,
            in("a5") f,
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
    // SAFETY: the child (a0 = 0) has all registers but a0 and sp in common with its parent, never
    // leaves this block and touches only its own stack; the parent skips that part.
    unsafe {
        asm!(
            "ecall",
            "bnez a0, 2f",
            "mv a0, s2",
            "jalr s3",
            "li a7, {exit_group}",
            "ecall",
            "unimp",
            "2:",
            exit_group = const linux_raw_sys::general::__NR_exit_group,
            in("a7") nr as usize,
            inout("a0") a => ret,
            in("a1") b,
            in("a2") c,
            in("a3") d,
            in("a4") e,
            in("s2") data,
            in("s3") entry,
        );
    }
    ret
}
