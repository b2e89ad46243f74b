//! Signals: sets, masks, dispositions, waiting.

use linux_raw_sys::general;

use super::Errno;
use super::call::syscall;

/// The kernel wants to hear how large it thinks a signal set is.
const SET_SIZE: usize = size_of::<SigSet>();

/// A set of signals: bit *n* is signal *n* + 1.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SigSet(pub u64);

impl SigSet {
    /// Every signal, those the C library keeps for itself among them. The kernel never blocks
    /// `SIGKILL` and `SIGSTOP`.
    #[inline]
    pub const fn all() -> Self {
        Self(u64::MAX)
    }

    /// No signal.
    #[inline]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// This set and `sig`. A number that is no signal changes nothing, here and below.
    #[inline]
    #[must_use]
    pub const fn with(self, sig: i32) -> Self {
        Self(self.0 | Self::bit(sig))
    }

    /// This set but `sig`.
    #[inline]
    #[must_use]
    pub const fn without(self, sig: i32) -> Self {
        Self(self.0 & !Self::bit(sig))
    }

    /// `sig` is in the set.
    #[inline]
    pub const fn contains(self, sig: i32) -> bool {
        self.0 & Self::bit(sig) != 0
    }

    const fn bit(sig: i32) -> u64 {
        if sig >= 1 && sig <= 64 { 1 << (sig - 1) } else { 0 }
    }
}

/// A signal that was received.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// Its number.
    pub signo: i32,
    /// Why it was sent: `SI_USER`, `CLD_EXITED` …
    pub code: i32,
    /// The sending process, or for `SIGCHLD` the child.
    pub pid: i32,
    /// For `SIGCHLD`, the exit code or signal.
    pub status: i32,
}

/// The kernel's `siginfo_t`: 128 bytes, numbers at fixed places on every 64-bit architecture.
#[repr(C, align(8))]
#[derive(Default)]
pub(super) struct RawSigInfo([i32; 32]);

impl RawSigInfo {
    pub(super) fn as_mut_ptr(&mut self) -> *mut Self {
        self
    }

    pub(super) fn get(&self) -> SigInfo {
        let [signo, _errno, code, _pad, pid, _uid, status, ..] = self.0;
        SigInfo { signo, code, pid, status }
    }
}

/// What [`sigmask`] does with the set.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum MaskHow {
    /// Block these too.
    Block,
    /// Block these no more.
    Unblock,
    /// Block exactly these.
    Set,
}

/// Changes the calling thread's signal mask and returns the old one (`rt_sigprocmask(2)`).
#[inline]
pub fn sigmask(how: MaskHow, set: SigSet) -> Result<SigSet, Errno> {
    let how = match how {
        MaskHow::Block => general::SIG_BLOCK,
        MaskHow::Unblock => general::SIG_UNBLOCK,
        MaskHow::Set => general::SIG_SETMASK,
    };
    let mut old = SigSet::empty();
    let (set, was) = (&raw const set, &raw mut old);
    // SAFETY: the kernel reads one set and writes one.
    unsafe { syscall!(__NR_rt_sigprocmask, how, set, was, SET_SIZE) }?;
    Ok(old)
}

/// Waits until one of the *blocked* signals in `set` is pending and takes it (`rt_sigtimedwait(2)`).
///
/// The timeout is seconds and nanoseconds; `EAGAIN` when it passes. `EINTR` when another signal's
/// handler ran.
pub fn wait_signal(set: &SigSet, timeout: Option<(i64, i64)>) -> Result<SigInfo, Errno> {
    let mut info = RawSigInfo::default();
    let limit = timeout.map(|(seconds, nanoseconds)| [seconds, nanoseconds]);
    let limit = limit.as_ref().map_or(core::ptr::null(), |limit| limit.as_ptr());
    let (set, place) = (&raw const *set, info.as_mut_ptr());
    // SAFETY: the kernel reads the set and, where there is one, the timeout; it writes one siginfo.
    unsafe { syscall!(__NR_rt_sigtimedwait, set, place, limit, SET_SIZE) }?;
    Ok(info.get())
}

/// Sets every signal that can be caught back to its default (`rt_sigaction(2)`).
///
/// 62 calls; `CLONE_CLEAR_SIGHAND` (Linux 5.5) does it in none, but leaves ignored ones ignored.
pub fn reset_dispositions() {
    for sig in 1..=64 {
        // SIGKILL and SIGSTOP are EINVAL.
        let _ = set_disposition(sig, SIG_DFL);
    }
}

/// Ignores a signal (`rt_sigaction(2)`). Programs executed later inherit that.
#[inline]
pub fn ignore_signal(sig: i32) -> Result<(), Errno> {
    set_disposition(sig, SIG_IGN)
}

/// Sets a signal back to its default (`rt_sigaction(2)`).
#[inline]
pub fn default_signal(sig: i32) -> Result<(), Errno> {
    set_disposition(sig, SIG_DFL)
}

/// Whether a signal is ignored (`rt_sigaction(2)`).
pub fn is_ignored(sig: i32) -> Result<bool, Errno> {
    let mut old = [0usize; 4];
    // SAFETY: the new action is a null pointer; the kernel writes at most four words of the old one.
    unsafe { syscall!(__NR_rt_sigaction, sig, 0usize, old.as_mut_ptr(), SET_SIZE) }?;
    Ok(old[0] == SIG_IGN)
}

/// Sets a signal back to its default where it is ignored; a handler stays.
pub fn stop_ignoring(sig: i32) -> Result<(), Errno> {
    if is_ignored(sig)? { default_signal(sig) } else { Ok(()) }
}

const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;

fn set_disposition(sig: i32, handler: usize) -> Result<(), Errno> {
    // The kernel's sigaction is the handler, then flags, mask and on some architectures a restorer:
    // at most four words, the others zero.
    let action = [handler, 0, 0, 0];
    // SAFETY: the kernel reads one action, which names no function; the old one is a null pointer.
    unsafe { syscall!(__NR_rt_sigaction, sig, action.as_ptr(), 0usize, SET_SIZE) }.map(drop)
}

/// A descriptor to read signals from, or changes the set of one there is when `fd` is not -1
/// (`signalfd4`, see `signalfd(2)`).
pub(crate) fn signalfd(fd: super::Fd, set: &SigSet, flags: u32) -> Result<super::Fd, Errno> {
    let set = &raw const *set;
    // SAFETY: the kernel only reads the set.
    unsafe { syscall!(__NR_signalfd4, fd, set, SET_SIZE, flags) }.map(super::call::to_fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let set = SigSet::empty().with(1).with(64).with(0).with(65).with(-1);
        assert_eq!(set.0, 1 | 1 << 63);
        assert!(set.contains(64) && !set.contains(2) && !set.contains(0));
        assert_eq!(set.without(64).without(0), SigSet(1));
        assert!(SigSet::all().contains(33));
    }
}
