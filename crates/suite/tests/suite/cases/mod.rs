//! The cases, by topic.

mod descriptors;
mod doctor;
mod enter;
mod environment;
mod explain;
mod faults;
mod files;
mod grants;
mod hardening;
mod ids;
mod injection;
mod join;
mod landlock;
mod limits;
mod ls;
mod lsns;
mod mounts;
mod names;
mod network;
mod no_new_code;
mod nsenter;
mod oracle;
mod process;
mod programs;
mod root_dir;
mod seccomp;
mod secrets;
mod signals;
mod sockets;
mod subsets;
mod terminal;
mod unshare;
mod walls;
mod world;

use crate::harness::{Group, alone, group};

/// Every topic.
pub(crate) const ALL: &[Group] = &[
    group("subsets", subsets::CASES),
    group("walls", walls::CASES),
    group("join", join::CASES),
    group("enter", enter::CASES),
    group("ls", ls::CASES),
    group("lsns", lsns::CASES),
    group("world", world::CASES),
    group("network", network::CASES),
    group("files", files::CASES),
    alone("secrets", secrets::CASES),
    group("environment", environment::CASES),
    group("ids", ids::CASES),
    alone("mounts", mounts::CASES),
    group("names", names::CASES),
    group("grants", grants::CASES),
    group("sockets", sockets::CASES),
    group("process", process::CASES),
    group("limits", limits::CASES),
    group("signals", signals::CASES),
    group("descriptors", descriptors::CASES),
    group("terminal", terminal::CASES),
    group("seccomp", seccomp::CASES),
    group("hardening", hardening::CASES),
    group("no_new_code", no_new_code::CASES),
    group("landlock", landlock::CASES),
    group("faults", faults::CASES),
    group("injection", injection::CASES),
    group("root_dir", root_dir::CASES),
    group("explain", explain::CASES),
    group("doctor", doctor::CASES),
    group("programs", programs::CASES),
    group("oracle", oracle::CASES),
    group("unshare", unshare::CASES),
    group("nsenter", nsenter::CASES),
];
