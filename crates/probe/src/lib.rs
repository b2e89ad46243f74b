//! Reads the machine. [`facts`] collects what a [`Plan`](dwell_plan::Plan) makes necessary to know
//! and changes nothing.
//!
//! Files are parsed here and not by the C library, whose name service loads shared objects into
//! a static program. Every parser is a function of bytes, skips what it cannot read, and never
//! panics.
#![forbid(unsafe_code)]

pub mod cgroups;
pub mod doctor;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod inventory;
pub mod mountinfo;
pub mod passwd;
pub mod secrets;
pub mod shadow;
pub mod subid;
pub mod unix_sockets;

mod bytes;
mod caller;
mod error;
mod file;
mod gather;
mod in_place;
mod landlock;
mod listing;
mod look;
mod places;
mod resolv_conf;

pub use doctor::{
    refused_namespaces, why_no_namespaces, why_no_procfs, why_no_rights, why_no_sysfs,
};
pub use error::ProbeError;
pub use file::{is_in_root, read_in_root};
pub use gather::{LAYER_DIRECTORIES, LAYER_PREFIX, facts};
pub use in_place::{NoCgroup, cgroup_procs_of, environment_of, joinable, selinux_context_of};
pub use landlock::version as landlock_version;
pub use look::canonical as real_path;
pub use passwd::{GroupEntry, UserEntry, group_by_name, groups_of, user_by_name, user_by_uid};
pub use places::PLACES;
