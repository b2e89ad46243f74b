//! Acts on processes. They run in a child: `dwell_sys::raw` alone.

use core::ffi::CStr;

use dwell_sys::Errno;
use dwell_sys::raw::consts::{__WALL, CLONE_NEWTIME, CLONE_NEWUSER, O_CLOEXEC, SIGCHLD, SIGKILL};
use dwell_sys::raw::{self, CloneArgs, Fd, SockFilter};

use super::acts::Prepared;
use super::child::{Answer, Named, Refusal};
use super::files::{map, map_to, write};

/// KERNEL: never refuses this by itself, so who does is a seccomp filter.
pub(crate) fn unshare_nothing(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    raw::unshare(0).at("unshare")
}

pub(crate) fn unshare_user(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    raw::unshare(CLONE_NEWUSER).at("unshare")
}

/// A user namespace in a user namespace: the program's, below that of its mounts' owner.
pub(crate) fn second_user(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    map(prepared)?;
    raw::unshare(CLONE_NEWUSER).at("unshare")
}

pub(crate) fn time_offsets(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    map(prepared)?;
    raw::unshare(CLONE_NEWTIME).at("unshare")?;
    write(c"/proc/self/timens_offsets", c"boottime 60 0").at("write /proc/self/timens_offsets")
}

pub(crate) fn pidfd(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    let fd = raw::pidfd_open(raw::getpid(), 0).at("pidfd_open")?;
    raw::pidfd_send_signal(fd, 0).at("pidfd_send_signal")
}

/// Joins the user namespace of a process of the caller's own.
pub(crate) fn join(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    with_user_namespace(&prepared.uid_map, &prepared.gid_map, |pid| {
        let process = raw::pidfd_open(pid, 0).at("pidfd_open")?;
        raw::setns(process, u32::try_from(CLONE_NEWUSER).unwrap_or_default()).at("setns")
    })
}

/// Does `act` while there is a process in a mapped user namespace of its own, whose id it is given.
pub(crate) fn with_user_namespace(
    uid_map: &CStr,
    gid_map: &CStr,
    act: impl FnOnce(i32) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let (ready, tell) = raw::pipe2(O_CLOEXEC).at("pipe2")?;
    let args = CloneArgs { flags: CLONE_NEWUSER, exit_signal: SIGCHLD, ..CloneArgs::default() };
    let child = raw::clone_child(&args, || holder(uid_map, gid_map, tell)).at("clone3")?;
    let _ = raw::close(tell);
    let mut word = [0u8; 1];
    let result = match raw::read(ready, &mut word) {
        Ok(1) => act(child.pid),
        _ => Err(Errno::PERM).at("write /proc/self/uid_map"),
    };
    let _ = raw::kill(child.pid, SIGKILL);
    let _ = raw::wait(child.pid, __WALL);
    result
}

/// Maps itself, says so, and waits to be killed.
fn holder(uid_map: &CStr, gid_map: &CStr, tell: Fd) -> i32 {
    let _ = raw::set_pdeathsig(SIGKILL);
    if map_to(uid_map, gid_map).is_err() || raw::write(tell, b"x").is_err() {
        return 1;
    }
    loop {
        let _ = raw::poll1(tell, 0, 1000);
        if raw::getppid() == 1 {
            return 1;
        }
    }
}

pub(crate) fn seccomp(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    /// `BPF_RET | BPF_K`, `SECCOMP_RET_ALLOW`.
    const ALLOW: SockFilter = SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 };
    raw::set_no_new_privs().at("prctl PR_SET_NO_NEW_PRIVS")?;
    raw::seccomp_set_filter(&[ALLOW], 0).map(drop).at("seccomp")
}

/// The answer is the version of the interface.
pub(crate) fn landlock(_: &Prepared, answer: &mut Answer) -> Result<(), Refusal> {
    let abi = raw::landlock_abi().at("landlock_create_ruleset")?;
    let ones = u8::try_from(abi.rem_euclid(10)).unwrap_or_default();
    let tens = u8::try_from(abi.rem_euclid(100) / 10).unwrap_or_default();
    if tens > 0 {
        answer.add(&[b'0' + tens]);
    }
    answer.add(&[b'0' + ones]);
    Ok(())
}
