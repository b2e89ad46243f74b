//! Namespaces as files (`ioctl_ns(2)`), and what leads to them.

use linux_raw_sys::{general, ioctl};

use super::call::{low32, syscall, to_fd};
use super::{Errno, Fd};

/// An `ioctl(2)` without argument whose answer is a number.
pub(crate) fn ioctl_answer(fd: Fd, request: u32) -> Result<u32, Errno> {
    // SAFETY: the requests that this is used for take no pointer.
    unsafe { syscall!(__NR_ioctl, fd, request, 0usize) }.map(|n| low32(n).cast_unsigned())
}

/// The parent of a user or pid namespace (`NS_GET_PARENT`, Linux 4.9); close-on-exec.
pub(crate) fn namespace_parent(namespace: Fd) -> Result<Fd, Errno> {
    // SAFETY: the call takes no pointer.
    unsafe { syscall!(__NR_ioctl, namespace, ioctl::NS_GET_PARENT, 0usize) }.map(to_fd)
}

/// Who made a user namespace (`NS_GET_OWNER_UID`, Linux 4.11).
pub(crate) fn namespace_owner_uid(namespace: Fd) -> Result<u32, Errno> {
    let mut uid = 0u32;
    // SAFETY: the kernel writes one 32-bit number.
    unsafe { syscall!(__NR_ioctl, namespace, ioctl::NS_GET_OWNER_UID, &raw mut uid) }?;
    Ok(uid)
}

/// The network namespace of a socket (`SIOCGSKNS`, Linux 4.10); close-on-exec.
pub(crate) fn socket_namespace(socket: Fd) -> Result<Fd, Errno> {
    /// Of `linux/sockios.h`.
    const SIOCGSKNS: u32 = 0x894c;
    // SAFETY: the call takes no pointer.
    unsafe { syscall!(__NR_ioctl, socket, SIOCGSKNS, 0usize) }.map(to_fd)
}

/// A copy of a descriptor of another process; close-on-exec (`pidfd_getfd(2)`, Linux 5.6).
pub(crate) fn descriptor_of_process(process: Fd, number: i32) -> Result<Fd, Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_pidfd_getfd, process, number, 0u32) }.map(to_fd)
}

/// The number that a namespace has for itself (`NS_GET_ID`, Linux 6.18).
pub fn namespace_unique_id(namespace: Fd) -> Result<u64, Errno> {
    /// `_IOR(0xb7, 13, __u64)`.
    const NS_GET_ID: u32 = 0x8008_b70d;
    let mut id = 0u64;
    // SAFETY: the kernel writes one 64-bit number.
    unsafe { syscall!(__NR_ioctl, namespace, NS_GET_ID, &raw mut id) }?;
    Ok(id)
}

/// `struct file_handle` with a `struct nsfs_file_handle` in it.
#[repr(C)]
struct NsfsHandle {
    bytes: u32,
    kind: i32,
    id: u64,
    /// 0 is any kind.
    ns_type: u32,
    /// 0 is any number.
    ns_inum: u32,
}

/// Opens the namespace with this id (`open_by_handle_at(2)` on `FD_NSFS_ROOT`, Linux 6.18);
/// close-on-exec. Kind and inode number may be 0 since Linux 6.19.
pub(crate) fn open_namespace(id: u64, ns_type: u32, ns_inum: u32) -> Result<Fd, Errno> {
    /// Of `linux/fcntl.h`: nsfs, which is mounted nowhere.
    const FD_NSFS_ROOT: i32 = -10003;
    /// Of `linux/exportfs.h`.
    const FILEID_NSFS: i32 = 0xf1;
    let handle = NsfsHandle { bytes: 16, kind: FILEID_NSFS, id, ns_type, ns_inum };
    let flags = general::O_RDONLY | general::O_CLOEXEC;
    let at = &raw const handle;
    // SAFETY: the kernel only reads the handle, as many bytes as it says.
    unsafe { syscall!(__NR_open_by_handle_at, FD_NSFS_ROOT, at, flags) }.map(to_fd)
}

/// `struct ns_id_req`.
#[repr(C)]
struct NsIdReq {
    size: u32,
    spare: u32,
    ns_id: u64,
    ns_type: u32,
    spare2: u32,
    user_ns_id: u64,
}

/// Ids of namespaces that come after `last`, of every kind; how many there are (`listns(2)`, Linux
/// 6.19, the same number on every architecture that is supported).
pub(crate) fn listns(last: u64, ids: &mut [u64]) -> Result<usize, Errno> {
    /// Not yet among the generated ones.
    const NR_LISTNS: u32 = 470;
    let request = NsIdReq { size: 32, spare: 0, ns_id: last, ns_type: 0, spare2: 0, user_ns_id: 0 };
    let at = (&raw const request).expose_provenance();
    let room = ids.as_mut_ptr().expose_provenance();
    // SAFETY: the kernel reads the request and writes at most the slice's length of ids.
    unsafe { super::call::invoke(NR_LISTNS, [at, room, ids.len(), 0, 0, 0]) }
}

/// Copies the host name without its NUL; how long it is (`uname(2)`).
pub(crate) fn host_name(into: &mut [u8]) -> Result<usize, Errno> {
    /// `struct new_utsname`: six strings of 65 bytes, the second the host name.
    const FIELD: usize = 65;
    let mut names = [0u8; 6 * FIELD];
    // SAFETY: the kernel writes the six strings.
    unsafe { syscall!(__NR_uname, names.as_mut_ptr()) }?;
    let name = names.get(FIELD..2 * FIELD).unwrap_or_default();
    let length = name.iter().position(|b| *b == 0).unwrap_or(0).min(into.len());
    for (to, from) in into.iter_mut().zip(name).take(length) {
        *to = *from;
    }
    Ok(length)
}
