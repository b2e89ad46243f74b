//! Questions to the kernel about what it has, none of which changes anything that outlives the caller.

use core::ffi::CStr;

use linux_raw_sys::{general, ioctl, net};

use super::call::{syscall, to_fd};
use super::{Errno, Fd};

/// What `statfs(2)` tells of a file system.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct FsStat {
    /// Its magic number: `TMPFS_MAGIC` …
    pub kind: u64,
    /// The mount's flags: `ST_RDONLY`, `ST_NOSUID` …
    pub flags: u64,
}

/// The file system of `path` (`statfs(2)`). Waits for a server that does not answer.
pub fn statfs(path: &CStr) -> Result<FsStat, Errno> {
    // KERNEL: 120 bytes on every 64-bit architecture: type, block size, five counters, the id in two
    // halves, the length of names, the fragment size, the flags.
    let mut words = [0u64; 15];
    // SAFETY: the kernel reads the NUL-terminated path and writes 120 bytes.
    unsafe { syscall!(__NR_statfs, path, words.as_mut_ptr()) }?;
    let [kind, _, _, _, _, _, _, _, _, _, flags, ..] = words;
    Ok(FsStat { kind, flags })
}

/// Whether the kernel, and what filters calls, knows `clone3(2)` (Linux 5.3): it refuses arguments of no size.
#[must_use]
pub fn knows_clone3() -> bool {
    // SAFETY: the kernel looks at the size first, which is none, and reads nothing.
    let answer = unsafe { syscall!(__NR_clone3, 0usize, 0usize) };
    answer != Err(Errno::NOSYS)
}

/// A netlink socket to the packet filter (`netlink(7)`, `NETLINK_NETFILTER`); close-on-exec.
#[inline]
pub fn netfilter_socket() -> Result<Fd, Errno> {
    const NETLINK_NETFILTER: u32 = 12;
    let kind = net::SOCK_RAW | general::O_CLOEXEC;
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_socket, net::AF_NETLINK, kind, NETLINK_NETFILTER) }.map(to_fd)
}

/// Makes an IP tunnel behind the open `/dev/net/tun` (`TUNSETIFF`, kernel doc networking/tuntap). It
/// is gone when the descriptor is closed.
pub fn tun_attach(fd: Fd) -> Result<(), Errno> {
    /// `struct ifreq`: an empty name, so that the kernel chooses one, and the flags.
    #[repr(C, align(8))]
    struct IfReq {
        name: [u8; 16],
        flags: u16,
        rest: [u8; 22],
    }
    const IFF_TUN: u16 = 0x0001;
    const IFF_NO_PI: u16 = 0x1000;
    let mut request = IfReq { name: [0; 16], flags: IFF_TUN | IFF_NO_PI, rest: [0; 22] };
    // SAFETY: the kernel reads the request and writes the name into it.
    unsafe { syscall!(__NR_ioctl, fd, ioctl::TUNSETIFF, &raw mut request) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procfs_is_told_by_its_number() {
        let stat = statfs(c"/proc").unwrap();
        assert_eq!(stat.kind, u64::from(general::PROC_SUPER_MAGIC));
        assert_eq!(statfs(c"/nonexistent"), Err(Errno::NOENT));
    }

    #[test]
    fn a_tunnel_needs_its_device() {
        assert!(tun_attach(Fd(-1)) == Err(Errno::BADF));
    }
}
