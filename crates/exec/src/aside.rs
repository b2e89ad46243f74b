//! The helper beside the first process: it makes the network namespace, and then runs a list of its own.
//!
//! KERNEL: a new network namespace takes about half a millisecond (every protocol sets up its tables),
//! as long as all mounts of a world together, and bringing up its loopback interface takes a quarter of
//! that; neither has to do with mounts, except that sysfs shows the network namespace of whoever mounts
//! it.

use std::sync::{Arc, Mutex};

use dwell_plan::program::Slot;
use dwell_sys::raw::{self, CloneArgs, Errno, Fd, Processors, consts};

use crate::ahead::Numbers;
use crate::child;
use crate::held::Held;
use crate::prepared::Prepared;
use crate::processors;

/// Where the helper finds its list, and the slot for what it is given first.
pub(crate) type Place = Mutex<Option<(Prepared, Slot)>>;

/// What the helper needs: numbers of the host side's descriptors, of which it has copies.
#[derive(Debug)]
pub(crate) struct Job {
    /// The first process, by its pidfd.
    process: Fd,
    /// The network namespace belongs to the user namespace of that process.
    owned: bool,
    socket: Fd,
    /// Ends of others: only when nobody else has them can the death of those be heard.
    others: [Fd; 3],
    place: Arc<Place>,
    /// Where it may run, when it has begun, if it was sent off.
    processors: Option<Processors>,
}

/// Starts the helper of the first process `process`, which sends the namespace to it; on another processor than
/// the caller's where this has other things to do.
pub(crate) fn start(
    process: Fd,
    owned: bool,
    is_busy: bool,
    channels: Numbers,
    place: Arc<Place>,
) -> Result<Held<Job>, Errno> {
    let Some((socket, other)) = channels.aside else { return Err(Errno::INVAL) };
    let others = [other, channels.control.0, channels.control.1];
    let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
    let processors = if is_busy { raw::affinity().ok() } else { None };
    let job = Job { process, owned, socket, others, place, processors };
    let helper = Held::start(128 * 1024, &args, work, job)?;
    if let Some(processors) = &processors {
        processors::send_off(helper.pid(), processors);
    }
    Ok(helper)
}

/// Runs in the helper, on the caller's memory: raw calls only. Two packets: the namespace, then that it
/// is ready; or an error number.
fn work(job: &mut Job) -> i32 {
    let socket = job.socket;
    if let Some(processors) = &job.processors {
        let _ = raw::set_affinity(0, processors);
    }
    for fd in job.others {
        let _ = raw::close(fd);
    }
    let said = match make(job) {
        Ok(net) => raw::send_with_fd(socket, &word(0, 0), net)
            .and_then(|_| raw::send(socket, &word(errno_of(raw::interface_up(c"lo")), 0))),
        Err(errno) => raw::send(socket, &word(errno.raw_os_error(), 0)).and(Err(errno)),
    };
    if said.is_err() {
        return 1;
    }
    // Where nothing more is wanted the other end is closed.
    let Ok(Heard { file: Some(given), .. }) = hear(socket) else { return 0 };
    // Nobody holds the lock: what is in there was put there before the file was sent.
    match job.place.try_lock().as_deref_mut() {
        Ok(Some((prepared, slot))) => {
            prepared.put(*slot, given);
            let code = child::beside(prepared);
            // Whoever waits for something from here would wait for ever.
            if let Some((op, errno)) = prepared.untold {
                let _ = refuse(socket, Refused { errno, op });
            }
            code
        }
        _ => 0,
    }
}

fn make(job: &Job) -> Result<Fd, Errno> {
    if job.owned {
        raw::setns(job.process, flag(consts::CLONE_NEWUSER))?;
    }
    raw::unshare(consts::CLONE_NEWNET)?;
    raw::openat(Fd::CWD, c"/proc/self/ns/net", consts::O_RDONLY | consts::O_CLOEXEC, 0)
}

fn errno_of(outcome: Result<(), Errno>) -> i32 {
    outcome.map_or_else(Errno::raw_os_error, |()| 0)
}

/// A packet: an error number or 0, and the op that it comes from.
fn word(errno: i32, op: u32) -> [u8; 8] {
    let [a, b, c, d] = errno.to_ne_bytes();
    let [e, f, g, h] = op.to_ne_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Receives the namespace in the first process and enters it; its descriptor stays open.
pub(crate) fn enter(socket: Fd) -> Result<Fd, Errno> {
    let net = take(socket).map_err(|refused| refused.errno)?;
    raw::setns(net, flag(consts::CLONE_NEWNET))?;
    Ok(net)
}

/// Waits in the first process until the loopback interface is up.
pub(crate) fn await_loopback(socket: Fd) -> Result<(), Errno> {
    hear(socket)?.answer().map_err(|refused| refused.errno)
}

/// Sends a descriptor.
pub(crate) fn give(socket: Fd, file: Fd) -> Result<(), Errno> {
    raw::send_with_fd(socket, &word(0, 0), file).map(drop)
}

/// Sends that there is none.
pub(crate) fn refuse(socket: Fd, because: Refused) -> Result<(), Errno> {
    raw::send(socket, &word(because.errno.raw_os_error(), because.op)).map(drop)
}

/// An op that failed, of the sender's list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) errno: Errno,
    pub(crate) op: u32,
}

/// Receives a descriptor.
pub(crate) fn take(socket: Fd) -> Result<Fd, Refused> {
    let gone = Refused { errno: Errno::CANCELED, op: u32::MAX };
    let heard = hear(socket).map_err(|errno| Refused { errno, ..gone })?;
    heard.answer()?;
    heard.file.ok_or(gone)
}

struct Heard {
    errno: i32,
    op: u32,
    file: Option<Fd>,
}

impl Heard {
    fn answer(&self) -> Result<(), Refused> {
        match self.errno {
            0 => Ok(()),
            errno => Err(Refused { errno: Errno::from_raw_os_error(errno), op: self.op }),
        }
    }
}

fn hear(socket: Fd) -> Result<Heard, Errno> {
    let mut answer = [0u8; 8];
    match raw::recv_with_fd(socket, &mut answer)? {
        (8, file) => {
            let [a, b, c, d, e, f, g, h] = answer;
            let (errno, op) = (i32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h]));
            Ok(Heard { errno, op, file })
        }
        // The other is gone without a word.
        _ => Err(Errno::CANCELED),
    }
}

/// Every `CLONE_NEW…` flag fits in 32 bits.
fn flag(bit: u64) -> u32 {
    u32::try_from(bit).unwrap_or(0)
}
