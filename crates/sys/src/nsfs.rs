//! Namespaces as files: what `ioctl_ns(2)` tells of them, and finding those that nothing names.
//!
//! For the caller's side alone, so descriptors have owners.

use std::os::fd::{AsFd, OwnedFd};

use linux_raw_sys::{general, ioctl};

use crate::raw::{self, Fd};
use crate::{Errno, adopt};

/// The kind of a namespace, as its `CLONE_NEW*` flag (`NS_GET_NSTYPE`, Linux 4.11).
///
/// `ENOTTY` when the file is no namespace.
pub fn kind(namespace: &impl AsFd) -> Result<u32, Errno> {
    raw::ioctl_answer(Fd::of(namespace), ioctl::NS_GET_NSTYPE)
}

/// The user namespace that owns a namespace; that of a user namespace is its parent
/// (`NS_GET_USERNS`, Linux 4.9). `EPERM` when it lies above the caller's.
pub fn owner(namespace: &impl AsFd) -> Result<OwnedFd, Errno> {
    raw::namespace_owner(Fd::of(namespace)).map(adopt)
}

/// The parent of a user or pid namespace (`NS_GET_PARENT`, Linux 4.9).
///
/// `EPERM` when it lies above the caller's or there is none; `EINVAL` for the other kinds.
pub fn parent(namespace: &impl AsFd) -> Result<OwnedFd, Errno> {
    raw::namespace_parent(Fd::of(namespace)).map(adopt)
}

/// Who made a user namespace: an id of the caller's user namespace (`NS_GET_OWNER_UID`, Linux
/// 4.11). `EINVAL` for the other kinds.
pub fn owner_uid(user_namespace: &impl AsFd) -> Result<u32, Errno> {
    raw::namespace_owner_uid(Fd::of(user_namespace))
}

/// The network namespace of a socket, wherever its holder lives now (`SIOCGSKNS` of `netdevice(7)`,
/// Linux 4.10). `EPERM` without `CAP_NET_ADMIN` over that namespace.
pub fn of_socket(socket: &impl AsFd) -> Result<OwnedFd, Errno> {
    raw::socket_namespace(Fd::of(socket)).map(adopt)
}

/// A copy of descriptor `number` of a process (`pidfd_getfd(2)`, Linux 5.6). `EPERM` without the
/// right to trace it.
pub fn descriptor_of(process: &impl AsFd, number: i32) -> Result<OwnedFd, Errno> {
    raw::descriptor_of_process(Fd::of(process), number).map(adopt)
}

/// The number that no other namespace ever has, while inode numbers are used again (`NS_GET_ID`,
/// Linux 6.18). `ENOTTY` before.
pub fn unique_id(namespace: &impl AsFd) -> Result<u64, Errno> {
    raw::namespace_unique_id(Fd::of(namespace))
}

/// Opens the namespace with this [`unique_id`], by a file handle of nsfs
/// (`open_by_handle_at(2)`, Linux 6.18). Its [`kind`] and inode number may be left out since Linux
/// 6.19.
///
/// `ESTALE` when there is none (any more), `EPERM` when the caller is not in it and may not see all
/// namespaces.
pub fn open(unique_id: u64, known: Option<(u32, u32)>) -> Result<OwnedFd, Errno> {
    let (kind, inode) = known.unwrap_or_default();
    raw::open_namespace(unique_id, kind, inode).map(adopt)
}

/// How many ids are asked for at once.
const PAGE: usize = 512;

/// The [`unique_id`]s of all namespaces that the caller may see, those without any process or file
/// among them (`listns(2)`, Linux 6.19). `ENOSYS` before.
pub fn list() -> Result<Vec<u64>, Errno> {
    let mut all = Vec::new();
    let mut page = vec![0u64; PAGE];
    loop {
        let last = all.last().copied().unwrap_or(0);
        let count = raw::listns(last, &mut page)?;
        // KERNEL: sorted, each page begins after the id it was told.
        all.extend(page.iter().take(count).filter(|id| **id > last));
        if count < page.len() {
            return Ok(all);
        }
    }
}

/// The name in `/proc/PID/ns` of the kind that [`kind`] gives.
#[must_use]
pub fn kind_name(flag: u32) -> Option<&'static str> {
    const NAMES: [(u32, &str); 8] = [
        (general::CLONE_NEWUSER, "user"),
        (general::CLONE_NEWNS, "mnt"),
        (general::CLONE_NEWPID, "pid"),
        (general::CLONE_NEWNET, "net"),
        (general::CLONE_NEWUTS, "uts"),
        (general::CLONE_NEWIPC, "ipc"),
        (general::CLONE_NEWCGROUP, "cgroup"),
        (general::CLONE_NEWTIME, "time"),
    ];
    NAMES.iter().find(|(known, _)| *known == flag).map(|(_, name)| *name)
}
