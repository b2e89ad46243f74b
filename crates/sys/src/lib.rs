//! Typed Linux calls for namespaces: everything `dwell` needs from the kernel that `rustix` lacks.
//!
//! This is the only crate of the workspace with `unsafe` in it. It has two halves:
//!
//! * [`raw`] — calls that may be made in a child between `clone3(2)` and `execve(2)`, even when the
//!   parent has many threads: they neither allocate nor lock nor touch thread-local storage nor call
//!   into the C library, and they have no way to panic;
//! * the other modules — helpers for the parent, built on [`raw`] and `rustix`; these may allocate.
//!
//! Errors are [`Errno`] everywhere: turning them into sentences is the business of the callers.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("dwell runs on 64-bit Linux only");

pub mod arena;
pub mod bpf;
mod convert;
#[cfg(all(target_arch = "x86_64", any(target_env = "musl", test)))]
mod copy;
pub mod entry;
#[cfg(feature = "guard-allocator")]
pub mod guard;
pub mod hostname;
pub mod memory;
pub mod nsfs;
pub mod pidfd;
pub mod raw;
pub mod signalfd;
mod socket;
mod stack;
pub mod term;
pub mod timer;
pub mod words;

pub use convert::adopt;
pub use rustix::io::Errno;
pub use socket::recv_with_fd;
