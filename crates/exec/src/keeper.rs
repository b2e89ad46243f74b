//! A process that does nothing but be in a control group, so that it stays.
//!
//! systemd removes a scope as soon as nobody is in it, with everything that the kernel has counted there.
//! Where the program is the world's first process nobody is left at its end who could wait until that has
//! been read.

use dwell_sys::raw::{self, CloneArgs, Errno, Fd, consts};

/// It ends when this is dropped, or when the calling process is gone.
#[derive(Debug)]
pub(crate) struct Keeper {
    pid: i32,
    pipe: Fd,
}

impl Keeper {
    /// Starts it, with a copy of the memory: where memory is short, the kernel ends whoever shares that of
    /// a process that it chooses.
    pub(crate) fn start() -> Result<Keeper, Errno> {
        let (waits, pipe) = raw::pipe2(consts::O_CLOEXEC)?;
        let args = CloneArgs { exit_signal: consts::SIGCHLD, ..CloneArgs::default() };
        let cloned = raw::clone_child(&args, || stay(waits));
        let _ = raw::close(waits);
        match cloned {
            Ok(cloned) => Ok(Keeper { pid: cloned.pid, pipe }),
            Err(errno) => {
                let _ = raw::close(pipe);
                Err(errno)
            }
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = raw::close(self.pipe);
        // It ends at once; all signals that could interrupt this are blocked.
        let _ = raw::wait(self.pid, consts::__WALL);
    }
}

/// Runs in the keeper: raw calls only.
fn stay(pipe: Fd) -> i32 {
    let number = pipe.0.cast_unsigned();
    // Nobody shall wait for the end of something that it has a copy of, and its own copy of the other end
    // would keep it from learning that the caller is gone.
    if number > 0 {
        let _ = raw::close_range(0, number - 1, 0);
    }
    let _ = raw::close_range(number + 1, u32::MAX, 0);
    while raw::read(pipe, &mut [0]) == Err(Errno::INTR) {}
    0
}
