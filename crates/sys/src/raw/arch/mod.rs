//! The two pieces of assembly every architecture must provide.
//!
//! `syscall(nr, args)` enters the kernel and returns its answer unchanged. `vfork_on_stack` makes a
//! `clone`-like call whose child starts on a stack of its own, where it must not return into the
//! frame of its parent.

use core::ffi::c_void;

/// What the child of `vfork_on_stack` runs; its result becomes the child's exit code.
pub(super) type Entry = extern "C" fn(*mut c_void) -> i32;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::{syscall, vfork_on_stack};
#[cfg(target_arch = "riscv64")]
pub(super) use riscv64::{syscall, vfork_on_stack};
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{syscall, vfork_on_stack};

#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "x86_64")))]
compile_error!("dwell-sys has no system-call assembly for this architecture");
