//! x86-64: number in rax, arguments in rdi rsi rdx r10 r8 r9; the kernel overwrites rcx and r11.

use core::arch::asm;
use core::ffi::c_void;

use super::Entry;

/// Enters the kernel and returns what it left in rax.
///
/// # Safety
///
/// The arguments must be what system call `nr` expects: every pointer valid for what that call does
/// with it.
#[inline(always)]
pub(in crate::raw) unsafe fn syscall(nr: u32, args: [usize; 6]) -> usize {
    let [a, b, c, d, e, f] = args;
    let ret;
    // SAFETY: the caller vouches for the call; the registers the kernel overwrites are declared.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr as usize => ret,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
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
    // SAFETY: the child (rax = 0) has all registers but rax, rcx, r11 and rsp in common with its
    // parent, never leaves this block and touches only its own stack; the parent skips that part.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "mov edi, eax",
            "mov eax, {exit_group}",
            "syscall",
            "ud2",
            "2:",
            exit_group = const linux_raw_sys::general::__NR_exit_group,
            inout("rax") nr as usize => ret,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r12") data,
            in("r13") entry,
            out("rcx") _,
            out("r11") _,
        );
    }
    ret
}
