//! Talking between processes: sockets, descriptors over sockets, polling, anonymous files.

use core::ffi::{CStr, c_void};
use core::ptr;

use linux_raw_sys::{general, net};

use super::call::{low32, syscall, to_fd};
use super::{Errno, Fd};

/// A pair of connected sockets that keep message boundaries; close-on-exec (`socketpair(2)`).
#[inline]
pub fn socketpair_seqpacket_cloexec() -> Result<(Fd, Fd), Errno> {
    let mut pair = [-1i32; 2];
    let kind = net::SOCK_SEQPACKET | general::O_CLOEXEC;
    // SAFETY: the kernel writes two descriptors into `pair`.
    unsafe { syscall!(__NR_socketpair, net::AF_UNIX, kind, 0u32, pair.as_mut_ptr()) }?;
    let [one, other] = pair;
    Ok((Fd(one), Fd(other)))
}

/// Sends bytes on a connected socket; a closed other end is `EPIPE`, never a signal (`send(2)`).
#[inline]
pub fn send(fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
    let (data, len) = (bytes.as_ptr(), bytes.len());
    // SAFETY: the kernel only reads the bytes; there is no address.
    unsafe { syscall!(__NR_sendto, fd, data, len, net::MSG_NOSIGNAL, 0usize, 0u32) }
}

/// Receives bytes; 0 is the end (`recv(2)`). Descriptors that came with them are dropped.
#[inline]
pub fn recv(fd: Fd, buf: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most the buffer's length into it; no address is asked for.
    unsafe { syscall!(__NR_recvfrom, fd, buf.as_mut_ptr(), buf.len(), 0u32, 0usize, 0usize) }
}

/// `struct msghdr` of `sendmsg(2)`.
#[repr(C)]
struct Message {
    name: *const c_void,
    name_len: u32,
    parts: *const Part,
    parts_len: usize,
    control: *const Rights,
    control_len: usize,
    flags: u32,
}

/// `struct iovec`.
#[repr(C)]
struct Part {
    base: *const u8,
    len: usize,
}

/// A control message with one descriptor; padded to eight bytes, as they all are.
#[repr(C, align(8))]
struct Rights {
    len: usize,
    level: u32,
    kind: u32,
    fd: i32,
}

/// Sends bytes, at least one, and with them a copy of a descriptor (`sendmsg(2)`, `SCM_RIGHTS` of
/// `unix(7)`).
pub fn send_with_fd(fd: Fd, bytes: &[u8], payload: Fd) -> Result<usize, Errno> {
    let part = Part { base: bytes.as_ptr(), len: bytes.len() };
    let rights = Rights {
        len: core::mem::offset_of!(Rights, fd) + size_of::<i32>(),
        level: net::SOL_SOCKET,
        kind: net::SCM_RIGHTS,
        fd: payload.0,
    };
    let message = Message {
        name: ptr::null(),
        name_len: 0,
        parts: &raw const part,
        parts_len: 1,
        control: &raw const rights,
        control_len: size_of::<Rights>(),
        flags: 0,
    };
    // SAFETY: the kernel only reads the message and what it points to, all of which lives here.
    unsafe { syscall!(__NR_sendmsg, fd, &raw const message, net::MSG_NOSIGNAL) }
}

/// Receives bytes, and the descriptor that came with them, close-on-exec (`recvmsg(2)`).
pub fn recv_with_fd(fd: Fd, buf: &mut [u8]) -> Result<(usize, Option<Fd>), Errno> {
    let part = Part { base: buf.as_mut_ptr(), len: buf.len() };
    let mut rights = Rights { len: 0, level: 0, kind: 0, fd: -1 };
    let mut message = Message {
        name: ptr::null(),
        name_len: 0,
        parts: &raw const part,
        parts_len: 1,
        control: &raw const rights,
        control_len: size_of::<Rights>(),
        flags: 0,
    };
    message.control = &raw mut rights;
    // SAFETY: the kernel writes at most the lengths given into the buffer and the control message, and
    // the results into the message, all of which live here and are not used meanwhile.
    let length = unsafe { syscall!(__NR_recvmsg, fd, &raw mut message, net::MSG_CMSG_CLOEXEC) }?;
    // SAFETY: the kernel may have written to it behind the compiler's back.
    let rights = unsafe { ptr::read_volatile(&raw const rights) };
    let came = rights.level == net::SOL_SOCKET && rights.kind == net::SCM_RIGHTS && rights.fd >= 0;
    Ok((length, came.then_some(Fd(rights.fd))))
}

/// Waits for one of `events` on one descriptor and returns what there is, 0 when the time is up; a
/// negative timeout never is (`ppoll`, see `poll(2)`).
pub fn poll1(fd: Fd, events: i16, timeout_ms: i32) -> Result<i16, Errno> {
    #[repr(C)]
    struct PollFd {
        fd: i32,
        events: i16,
        revents: i16,
    }
    let mut watched = PollFd { fd: fd.0, events, revents: 0 };
    let mut limit =
        [i64::from(timeout_ms / 1000), i64::from(timeout_ms % 1000).wrapping_mul(1_000_000)];
    let limit = if timeout_ms < 0 { ptr::null_mut() } else { limit.as_mut_ptr() };
    // SAFETY: the kernel reads and writes one entry, and the timeout where there is one; the signal
    // mask is a null pointer, for no change.
    unsafe { syscall!(__NR_ppoll, &raw mut watched, 1usize, limit, 0usize, 0usize) }?;
    Ok(watched.revents)
}

/// An anonymous file in memory (`memfd_create(2)`).
#[inline]
pub fn memfd_create(name: &CStr, flags: u32) -> Result<Fd, Errno> {
    // SAFETY: the kernel only reads the NUL-terminated name.
    unsafe { syscall!(__NR_memfd_create, name, flags) }.map(to_fd)
}

/// Seals a file made with `MFD_ALLOW_SEALING` (`F_ADD_SEALS` of `fcntl(2)`).
#[inline]
pub fn add_seals(fd: Fd, seals: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_fcntl, fd, general::F_ADD_SEALS, seals) }.map(low32).map(drop)
}
