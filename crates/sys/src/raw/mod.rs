//! The signal-safe calls: all that a child may use between `clone3(2)` and `execve(2)`.
//!
//! A child cloned from a process with many threads inherits the memory of all of them but only one
//! thread: a lock that another thread held stays locked for ever, and the allocator, the C library's
//! buffers and every `std` facility that hides a lock are therefore out of bounds. The functions here
//! enter the kernel directly. None of them allocates, locks, formats, uses thread-local storage or
//! can panic, so they are equally fit for a child that shares its parent's memory
//! ([`vfork_child`]).
//!
//! Descriptors are the plain numbers of [`Fd`]: a child's descriptors are *slots* that are filled,
//! moved and closed by number, and ownership would end at `execve(2)` anyway. The parent turns them
//! into owned descriptors with [`adopt`](crate::adopt).
//!
//! Two types are built beforehand, in the parent, and do allocate there: [`ExecTable`] and [`Stack`].

mod arch;
mod arguments;
mod beside;
pub(crate) mod call;
mod clone;
pub mod consts;
mod creds;
mod dirents;
mod exec_table;
mod fd;
mod features;
mod files;
mod forbidden;
mod ipc;
mod landlock;
mod mounts;
mod net;
mod nsfs;
mod process;
mod signals;
mod stat;
mod system;
mod tty;
mod usage;
mod vfork;
mod wait;

pub use crate::Errno;
pub use crate::stack::Stack;
pub use arguments::{ArgArea, hide_arguments};
pub use beside::{Beside, beside_child};
pub use clone::{CloneArgs, Cloned, clone_child};
pub use creds::*;
pub use dirents::{DirEntries, dir_entries, getdents64};
pub use exec_table::ExecTable;
pub use fd::Fd;
pub use features::{FsStat, knows_clone3, netfilter_socket, statfs, tun_attach};
pub use files::*;
pub use forbidden::*;
pub use ipc::*;
pub use landlock::*;
pub use mounts::*;
pub use net::interface_up;
pub use nsfs::namespace_unique_id;
pub(crate) use nsfs::*;
pub use process::*;
pub(crate) use signals::signalfd;
pub use signals::*;
pub use stat::{Stat, fstat_mode_uid, makedev, statx_at};
pub use system::*;
pub use tty::*;
pub use usage::{ChildrenUsage, children_usage};
pub use vfork::vfork_child;
pub use wait::{WaitStatus, wait, waitid_pidfd};
