//! All namespaces of the machine, and what they have to do with processes and with one another.
//!
//! ```text
//!                 owner                    owner: the user namespace that it was made in
//!      user ns ◀───────── namespace        parent: of user and pid namespaces alone
//!                          ▲  ▲  ▲
//!                   member │  │  │ bound: a mount of nsfs, in the reader's mount namespace
//!                   process   │  file of a mount
//!                             │
//!                   holder: a process with a descriptor of it, or with a socket made in it
//! ```
//!
//! [`read`] asks the kernel for its own list first (`listns(2)`, Linux 6.19), then walks `/proc`,
//! then the mounts. Whatever ends while it reads is left out; what may not be looked at is counted
//! in [`Unread`]. The time is linear in the number of processes and open files. [`worlds`] makes of
//! it what people call a container.

mod about;
mod crowd;
mod descriptors;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod identity;
mod limits;
pub mod makers;
mod model;
mod netnsid;
mod process;
mod relations;
mod scan;
#[cfg(test)]
mod tests;
pub mod worlds;

pub use about::{About, about};
pub use identity::{Rights, rights};
pub use limits::rlimits;
pub use model::{Holder, Inventory, Namespace, NetnsId, Process, Unread, Via};
pub use process::{command_line, environment};
pub use relations::kind_of_file;
pub use scan::{Wanted, read};
