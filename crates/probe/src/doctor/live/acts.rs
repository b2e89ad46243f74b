//! What is tried: a table of acts, each done by a child in namespaces of its own.

use std::ffi::CString;

use dwell_sys::raw::Fd;
use dwell_sys::raw::consts::{
    CLONE_CLEAR_SIGHAND, CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID,
    CLONE_NEWTIME, CLONE_NEWUSER, CLONE_NEWUTS,
};

use super::child::{Answer, Refusal};
use super::{files, mounts, network, system};

/// What acts need that has to be laid out before.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `0 UID 1`: the caller is root of the namespace.
    pub(crate) uid_map: CString,
    /// `0 GID 1`.
    pub(crate) gid_map: CString,
}

/// An act.
pub(crate) struct Act {
    /// Its name in [`Observations::acts`](crate::doctor::Observations::acts).
    pub(crate) name: &'static str,
    /// The namespaces it is done in.
    pub(crate) flags: u64,
    pub(crate) run: Run,
}

pub(crate) type Run = fn(&Prepared, &mut Answer) -> Result<(), Refusal>;

const USER: u64 = CLONE_NEWUSER;
const MOUNT: u64 = CLONE_NEWUSER | CLONE_NEWNS;

const fn act(name: &'static str, flags: u64, run: Run) -> Act {
    Act { name, flags, run }
}

fn nothing(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    Ok(())
}

/// Every act, in the order in which they are tried.
pub(crate) const ACTS: &[Act] = &[
    act("fork", 0, nothing),
    // KERNEL: clone(2) has no room for this flag, so the fallback for a missing clone3 has not either.
    act("clone3", CLONE_CLEAR_SIGHAND, nothing),
    act("unshare-nothing", 0, system::unshare_nothing),
    act("user", USER, nothing),
    act("unshare-user", 0, system::unshare_user),
    act("maps", USER, files::map_self),
    act("label", USER, files::label),
    act("second-user", USER, system::second_user),
    act("mount", MOUNT, nothing),
    act("pid", USER | CLONE_NEWPID, nothing),
    act("net", USER | CLONE_NEWNET, nothing),
    act("uts", USER | CLONE_NEWUTS, nothing),
    act("ipc", USER | CLONE_NEWIPC, nothing),
    act("cgroup", USER | CLONE_NEWCGROUP, nothing),
    act("time", USER | CLONE_NEWTIME, nothing),
    act("mount-alone", CLONE_NEWNS, nothing),
    act("time-offsets", USER, system::time_offsets),
    act("join", 0, system::join),
    act("pidfd", 0, system::pidfd),
    act("openat2", 0, files::openat2),
    act("seccomp", 0, system::seccomp),
    act("landlock", 0, system::landlock),
    act("private", MOUNT, mounts::private),
    act("mount-legacy", MOUNT, mounts::legacy),
    act("mount-api", MOUNT, mounts::api),
    act("mount-attributes", MOUNT, mounts::attributes),
    act("pivot_root", MOUNT, mounts::pivot_root),
    act("procfs", MOUNT | CLONE_NEWPID, mounts::procfs),
    act("sysfs", MOUNT | CLONE_NEWNET, mounts::sysfs),
    act("sysfs-host-net", MOUNT, mounts::sysfs),
    act("devpts", MOUNT, mounts::devpts),
    act("mqueue", MOUNT | CLONE_NEWIPC, mounts::mqueue),
    act("overlay", MOUNT, mounts::overlay),
    act("overlay-descriptors", MOUNT, mounts::overlay_descriptors),
    act("overlay-root", MOUNT, mounts::overlay_root),
    act("user-xattr", MOUNT, mounts::user_xattr),
    act("idmap", MOUNT, mounts::idmap),
    act("lo", USER | CLONE_NEWNET, network::lo),
    act("netfilter", USER | CLONE_NEWNET, network::netfilter),
    act("tun", USER | CLONE_NEWNET, network::tun),
    act("fuse", 0, files::fuse),
];

/// A name that is no descriptor: paths are absolute.
pub(crate) const CWD: Fd = Fd::CWD;
