//! The one thing a child does to its network by itself: bringing up an interface, as a rule `lo`.

use core::ffi::CStr;

use linux_raw_sys::{general, ioctl, net};

use super::call::{syscall, to_fd};
use super::{Errno, Fd, close};

/// The part of `struct ifreq` that matters: the name, then a union that begins with the flags.
#[repr(C, align(8))]
struct IfReq {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

const IFF_UP: u16 = 1;

/// Brings an interface up (`SIOCSIFFLAGS` of `netdevice(7)`).
pub fn interface_up(name: &CStr) -> Result<(), Errno> {
    let mut request = IfReq { name: [0; 16], flags: 0, rest: [0; 22] };
    let name = name.to_bytes();
    // One byte must remain for the NUL.
    match request.name.get_mut(..name.len()) {
        Some(place) if name.len() < 16 => place.copy_from_slice(name),
        _ => return Err(Errno::NAMETOOLONG),
    }
    let socket = any_socket()?;
    let done = set_up(socket, &mut request);
    let _ = close(socket);
    done
}

fn set_up(socket: Fd, request: &mut IfReq) -> Result<(), Errno> {
    // SAFETY: the kernel reads the name and writes the flags.
    unsafe { syscall!(__NR_ioctl, socket, ioctl::SIOCGIFFLAGS, &raw mut *request) }?;
    request.flags |= IFF_UP;
    // SAFETY: the kernel reads name and flags.
    unsafe { syscall!(__NR_ioctl, socket, ioctl::SIOCSIFFLAGS, &raw mut *request) }.map(drop)
}

/// Any socket of the network namespace can carry the request.
fn any_socket() -> Result<Fd, Errno> {
    match socket(net::AF_INET) {
        Err(Errno::AFNOSUPPORT) => {}
        answer => return answer,
    }
    match socket(net::AF_INET6) {
        Err(Errno::AFNOSUPPORT) => socket(net::AF_UNIX),
        answer => answer,
    }
}

fn socket(family: u32) -> Result<Fd, Errno> {
    let kind = net::SOCK_DGRAM | general::O_CLOEXEC;
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_socket, family, kind, 0u32) }.map(to_fd)
}
