//! Acts that are tried in order to be refused.

use linux_raw_sys::{general, net, prctl as pr};

use super::call::{invoke, syscall, to_fd};
use super::{Errno, close};

/// `struct sockaddr_un` of `unix(7)`.
#[repr(C)]
struct Address {
    family: u16,
    path: [u8; 108],
}

/// Connects to an abstract Unix socket of the caller's network namespace (`unix(7)`), and closes again.
pub fn connect_abstract(name: &[u8]) -> Result<(), Errno> {
    let mut address = Address { family: 1, path: [0; 108] };
    // The first byte is NUL, and stays.
    let room = address.path.get_mut(1..).unwrap_or_default();
    room.get_mut(..name.len()).ok_or(Errno::NAMETOOLONG)?.copy_from_slice(name);
    let length = name.len().saturating_add(3);
    let kind = net::SOCK_STREAM | general::O_CLOEXEC;
    // SAFETY: takes no pointers.
    let socket = unsafe { syscall!(__NR_socket, net::AF_UNIX, kind, 0u32) }.map(to_fd)?;
    // SAFETY: the kernel reads the first `length` bytes of the address, which is longer.
    let done = unsafe { syscall!(__NR_connect, socket, &raw const address, length) };
    let _ = close(socket);
    done.map(drop)
}

/// Maps a page that can be read, written and executed, and takes it away again (`mmap(2)`).
pub fn map_code() -> Result<(), Errno> {
    const PAGE: usize = 4096;
    let access = general::PROT_READ | general::PROT_WRITE | general::PROT_EXEC;
    let kind = general::MAP_PRIVATE | general::MAP_ANONYMOUS;
    // SAFETY: without an address or a file, the kernel chooses a place that nothing uses.
    let at = unsafe { syscall!(__NR_mmap, 0usize, PAGE, access, kind, -1i32, 0usize) }?;
    // SAFETY: the page was mapped by the call before, and nobody has its address.
    unsafe { syscall!(__NR_munmap, at, PAGE) }.map(drop)
}

/// Whether programs gain no privileges by being executed (`PR_GET_NO_NEW_PRIVS`).
pub fn no_new_privs() -> Result<bool, Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_GET_NO_NEW_PRIVS) }.map(|set| set == 1)
}

/// Calls that do nothing when all their arguments are 0: they fail, or tell something.
pub const HARMLESS: [u32; 8] = [
    general::__NR_keyctl,
    general::__NR_add_key,
    general::__NR_request_key,
    general::__NR_bpf,
    general::__NR_perf_event_open,
    general::__NR_init_module,
    general::__NR_mount,
    general::__NR_memfd_create,
];

/// Makes one of the [`HARMLESS`] calls, all arguments 0; `EINVAL` for others.
pub fn harmless(call: u32) -> Result<(), Errno> {
    if !HARMLESS.contains(&call) {
        return Err(Errno::INVAL);
    }
    // SAFETY: each of these looks at its arguments first, and finds null pointers and empty ranges.
    unsafe { invoke(call, [0; 6]) }.map(drop)
}
