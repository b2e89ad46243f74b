//! A parent that has nothing to do but to wait, and to end as its child did.

use dwell_plan::action::Parent;
use dwell_sys::raw::{self, Errno, Fd, MaskHow, SigSet, WaitStatus, consts};

/// The signals that a parent receives by asking for them, while its child runs.
pub(super) fn passed_on() -> SigSet {
    SigSet::empty().with(consts::SIGINT).with(consts::SIGTERM).with(consts::SIGCHLD)
}

/// The first steps of the child: the caller's signal mask, and the signal at its parent's death. The
/// pidfd is the parent's.
///
/// KERNEL: the signal does not come when the parent has ended before it was asked for, and in a new pid
/// namespace the parent's number is always 0: only the pidfd tells.
pub(super) fn begin_child(mask: SigSet, kill: Option<(i32, Fd)>) -> Result<(), Errno> {
    raw::sigmask(MaskHow::Set, mask)?;
    let Some((signal, parent)) = kill else { return Ok(()) };
    raw::set_pdeathsig(signal)?;
    let gone = raw::poll1(parent, consts::POLLIN, 0)? & consts::POLLIN != 0;
    raw::close(parent)?;
    if gone { Err(Errno::SRCH) } else { Ok(()) }
}

/// Waits for the child and gives its exit code.
pub(super) fn for_child(child: i32, parent: Parent) -> Result<u8, Errno> {
    loop {
        let flags = match parent {
            Parent::Ignores => 0,
            Parent::PassesOn => consts::WNOHANG,
            Parent::StopsToo => consts::WUNTRACED,
        };
        match raw::wait(child, flags) {
            Ok(WaitStatus::Exited { code, .. }) => return Ok(u8::try_from(code).unwrap_or(1)),
            Ok(WaitStatus::Signaled { sig, .. }) => return Ok(end_by(sig)),
            Ok(WaitStatus::Stopped { .. }) => {
                let _ = raw::kill(raw::getpid(), consts::SIGSTOP);
                let _ = raw::kill(child, consts::SIGCONT);
            }
            Ok(WaitStatus::StillAlive) => pass_on(child),
            Ok(WaitStatus::Continued { .. }) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn pass_on(child: i32) {
    if let Ok(info) = raw::wait_signal(&passed_on(), None)
        && info.signo != consts::SIGCHLD
    {
        let _ = raw::kill(child, info.signo);
    }
}

/// Ends this process by the signal that ended the child; where that does not end it, with code 1.
fn end_by(signal: i32) -> u8 {
    // SIGKILL has no other disposition.
    let _ = raw::default_signal(signal);
    let _ = raw::sigmask(MaskHow::Unblock, SigSet::empty().with(signal));
    let _ = raw::kill(raw::getpid(), signal);
    1
}
