//! What a world is ([`Plan`]), what the machine offers ([`Facts`]), and the steps that build the
//! one on the other ([`Program`]).
//!
//! Nothing here talks to the kernel: [`lower`] is a pure function, so every decision can be tested
//! without privilege and explained without being carried out.
#![forbid(unsafe_code)]

pub mod action;
pub mod caps;
pub mod cgroups;
mod check;
pub mod data_mount;
pub mod errno;
pub mod explain;
pub mod facts;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod group;
pub mod hardening;
pub mod idmap;
pub mod landlock;
pub mod limits;
mod lower;
pub mod namespace;
pub mod path;
pub mod plan;
pub mod program;
pub mod proof;
mod refusal;
pub mod render;
pub mod rlimit;
pub mod seccomp;
pub mod text;

pub use facts::Facts;
pub use lower::{beginning, lower, lower_explained};
pub use namespace::{NamespaceKind, NamespaceSet};
pub use path::WorldPath;
pub use plan::Plan;
pub use program::Program;
pub use refusal::Refusal;
pub use text::Text;
