//! The network namespace, made by a helper process while the first process makes its mounts.
//!
//! KERNEL: a new network namespace takes about half a millisecond (every protocol sets up its tables),
//! as long as all mounts of a world together; the two have nothing to do with each other.

use dwell_sys::raw::{self, Beside, CloneArgs, Errno, Fd, Stack, consts};

/// What the helper needs: numbers of the host side's descriptors, of which it has copies.
#[derive(Debug)]
pub(crate) struct Job {
    /// The first process, if the namespace is to belong to its user namespace.
    owner: Option<Fd>,
    socket: Fd,
}

/// Starts the helper, which sends the namespace to `socket`.
pub(crate) fn start(owner: Option<Fd>, socket: Fd) -> Result<Beside<Job>, Errno> {
    let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
    raw::beside_child(Stack::new(64 * 1024)?, &args, work, Job { owner, socket })
}

/// Runs in the helper, on the caller's memory: raw calls only.
fn work(job: &mut Job) -> i32 {
    let sent = match make(job) {
        Ok(net) => raw::send_with_fd(job.socket, &0i32.to_ne_bytes(), net),
        Err(errno) => raw::send(job.socket, &errno.raw_os_error().to_ne_bytes()),
    };
    i32::from(sent.is_err())
}

fn make(job: &Job) -> Result<Fd, Errno> {
    if let Some(process) = job.owner {
        raw::setns(process, flag(consts::CLONE_NEWUSER))?;
    }
    raw::unshare(consts::CLONE_NEWNET)?;
    raw::interface_up(c"lo")?;
    raw::openat(Fd::CWD, c"/proc/self/ns/net", consts::O_RDONLY | consts::O_CLOEXEC, 0)
}

/// Receives the namespace in the first process and enters it.
pub(crate) fn enter(socket: Fd) -> Result<(), Errno> {
    let mut answer = [0u8; 4];
    let (length, net) = raw::recv_with_fd(socket, &mut answer)?;
    match (length, i32::from_ne_bytes(answer), net) {
        (4, 0, Some(net)) => {
            raw::setns(net, flag(consts::CLONE_NEWNET))?;
            raw::close(net)
        }
        (4, errno, _) if errno != 0 => Err(Errno::from_raw_os_error(errno)),
        // The helper is gone without a word.
        _ => Err(Errno::CANCELED),
    }
}

/// Every `CLONE_NEW…` flag fits in 32 bits.
fn flag(bit: u64) -> u32 {
    u32::try_from(bit).unwrap_or(0)
}
