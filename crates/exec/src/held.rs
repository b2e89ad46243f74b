//! A child on the caller's memory that does not outlive whoever holds it.

use std::os::fd::OwnedFd;

use dwell_sys::raw::{self, Beside, CloneArgs, Errno, Stack, consts};
use dwell_sys::{adopt, pidfd};

/// Such a child. Dropping it ends the child, unless [`Held::release`] has handed that on, and waits for
/// its end.
///
/// The child cannot be left to notice by itself that nobody wants it any more: another thread may have
/// started a process of its own meanwhile, which then holds copies of all ends of its sockets.
#[derive(Debug)]
pub(crate) struct Held<T> {
    process: Option<OwnedFd>,
    // Last: whoever drops it waits for the child.
    memory: Beside<T>,
}

impl<T: Send + 'static> Held<T> {
    /// Starts a child that runs `entry` on `job`.
    pub(crate) fn start(
        stack: usize,
        args: &CloneArgs,
        entry: fn(&mut T) -> i32,
        job: T,
    ) -> Result<Self, Errno> {
        let args = CloneArgs { want_pidfd: true, ..*args };
        let memory = raw::beside_child(Stack::new(stack)?, &args, entry, job)?;
        // KERNEL: the pidfd comes with the clone since Linux 5.2.
        Ok(Held { process: memory.child().pidfd.map(adopt), memory })
    }
}

impl<T> Held<T> {
    /// The child's number.
    pub(crate) fn pid(&self) -> i32 {
        self.memory.child().pid
    }

    /// The child, by its pidfd.
    pub(crate) fn process(&self) -> Option<&OwnedFd> {
        self.process.as_ref()
    }

    /// Hands on who ends the child.
    pub(crate) fn release(&mut self) -> Option<OwnedFd> {
        self.process.take()
    }
}

impl<T> Held<T> {
    /// Ends the child and waits for its end, as dropping does, and gives nothing back: for a caller that will
    /// itself end soon, with all of its memory.
    pub(crate) fn leave(self) {
        self.end();
        self.memory.wait();
        std::mem::forget(self);
    }

    fn end(&self) {
        if let Some(process) = &self.process {
            let _ = pidfd::send_signal(process, consts::SIGKILL);
        }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.end();
    }
}
