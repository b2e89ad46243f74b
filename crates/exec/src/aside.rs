//! The network namespace, made by a helper process while the first process makes its mounts.
//!
//! KERNEL: a new network namespace takes about half a millisecond (every protocol sets up its tables),
//! as long as all mounts of a world together, and bringing up its loopback interface takes a quarter of
//! that; neither has to do with mounts, except that sysfs shows the network namespace of whoever mounts
//! it.

use dwell_sys::raw::{self, Beside, CloneArgs, Errno, Fd, Stack, consts};

/// What the helper needs: numbers of the host side's descriptors, of which it has copies.
#[derive(Debug)]
pub(crate) struct Job {
    owner: Option<Fd>,
    socket: Fd,
}

/// Starts the helper, which sends the namespace to `socket`. It belongs to the user namespace of the
/// process `owner`, if that is given.
pub(crate) fn start(owner: Option<Fd>, socket: Fd) -> Result<Beside<Job>, Errno> {
    let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
    raw::beside_child(Stack::new(64 * 1024)?, &args, work, Job { owner, socket })
}

/// Runs in the helper, on the caller's memory: raw calls only. Two packets: the namespace, then that it
/// is ready; or an error number.
fn work(job: &mut Job) -> i32 {
    let socket = job.socket;
    let said = match make(job.owner) {
        Ok(net) => raw::send_with_fd(socket, &word(Ok(())), net)
            .and_then(|_| raw::send(socket, &word(raw::interface_up(c"lo")))),
        Err(errno) => raw::send(socket, &word(Err(errno))),
    };
    i32::from(said.is_err())
}

fn make(owner: Option<Fd>) -> Result<Fd, Errno> {
    if let Some(process) = owner {
        raw::setns(process, flag(consts::CLONE_NEWUSER))?;
    }
    raw::unshare(consts::CLONE_NEWNET)?;
    raw::openat(Fd::CWD, c"/proc/self/ns/net", consts::O_RDONLY | consts::O_CLOEXEC, 0)
}

fn word(outcome: Result<(), Errno>) -> [u8; 4] {
    outcome.map_or_else(Errno::raw_os_error, |()| 0).to_ne_bytes()
}

/// Receives the namespace in the first process and enters it.
pub(crate) fn enter(socket: Fd) -> Result<(), Errno> {
    let net = hear(socket)?.ok_or(Errno::CANCELED)?;
    raw::setns(net, flag(consts::CLONE_NEWNET))?;
    raw::close(net)
}

/// Waits in the first process until the loopback interface is up.
pub(crate) fn await_loopback(socket: Fd) -> Result<(), Errno> {
    hear(socket).map(drop)
}

fn hear(socket: Fd) -> Result<Option<Fd>, Errno> {
    let mut answer = [0u8; 4];
    match raw::recv_with_fd(socket, &mut answer)? {
        (4, fd) => match i32::from_ne_bytes(answer) {
            0 => Ok(fd),
            errno => Err(Errno::from_raw_os_error(errno)),
        },
        // The helper is gone without a word.
        _ => Err(Errno::CANCELED),
    }
}

/// Every `CLONE_NEW…` flag fits in 32 bits.
fn flag(bit: u64) -> u32 {
    u32::try_from(bit).unwrap_or(0)
}
