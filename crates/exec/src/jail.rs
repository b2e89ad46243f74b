//! The host side's own walls, once its world runs: what is left to do takes few calls and few files, and
//! the bytes that come from the world are nobody's friends.
//!
//! Nothing of this was asked for, so what the kernel does not have is left out. A call that is not among
//! those below fails with `EPERM`; ending the host side would end the world.

use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::filter::for_kernel;
use dwell_bpf::seccomp::{self, Machine, Setting};
use dwell_plan::cgroups::Version;
use dwell_plan::group::Member;
use dwell_plan::landlock as rights;
use dwell_plan::program::{Op, Program};
use dwell_plan::seccomp::{Action, Arg, Compare, Name, Profile, Rule};
use dwell_plan::{NamespaceKind, Text};
use dwell_sys::raw::{self, Errno, Fd, Handled, SockFilter};

/// What waiting, passing on and ending takes.
const CALLS: &str = "\
    read readv write writev close poll ppoll recvmsg recvfrom sendto waitid wait4 \
    pidfd_send_signal timerfd_settime ioctl fcntl dup lseek munmap mremap brk madvise futex \
    rt_sigprocmask rt_sigaction rt_sigreturn sigaltstack restart_syscall getpid gettid getpgrp \
    getpgid geteuid getuid kill tkill tgkill exit exit_group clock_gettime clock_nanosleep nanosleep \
    getrandom getrusage sched_yield";

/// What clearing away takes, for a world that leaves something to clear. Where there are older calls for the same
/// musl makes those.
const FILE_CALLS: &str = "\
    openat open statx newfstatat fstat stat lstat getdents64 unlinkat rmdir unlink readlink readlinkat \
    fchmodat chmod fchmod pidfd_open";

/// Memory, but none that is to be executed.
const MEMORY_CALLS: &str = "mmap mprotect";

const CAP_DAC_OVERRIDE: u64 = 1 << 1;
const CAP_FOWNER: u64 = 1 << 3;
const CAP_KILL: u64 = 1 << 5;

/// `REMOVE_DIR` and `REMOVE_FILE`.
const REMOVE: u64 = 1 << 4 | 1 << 5;

/// Puts the calling process, which the world's host side must be alone, behind them.
pub(crate) fn enter(program: &Program) {
    // Whatever fails leaves the rest: this is more than was promised.
    let _ = drop_capabilities(program);
    if raw::set_no_new_privs().is_ok() {
        let _ = confine(program);
        let _ = filter(program);
    }
}

fn clears_away(program: &Program) -> bool {
    program.group.is_some() || program.disk_layer.is_some() || !program.remove_after.is_empty()
}

fn drop_capabilities(program: &Program) -> Result<(), Errno> {
    let keep = needed(program);
    let (_, permitted, _) = raw::capget()?;
    raw::capset(permitted & keep, permitted & keep, 0)
}

/// The capabilities without which root could not clear away what belongs to others, nor end another user's
/// program.
///
/// KERNEL: who has made a user namespace has all capabilities in it, and so may signal those in it, whatever
/// its own. The signal of a parent's death is the parent's too, and refused where it could not send it.
fn needed(program: &Program) -> u64 {
    let foreign_files = program.disk_layer.is_some() || !program.remove_after.is_empty();
    let foreign_group = program.group.as_ref().is_some_and(|group| {
        let closed = |member: &Member| !is_writable(member.parent.as_path());
        group.owner.is_some() || group.members.iter().any(closed)
    });
    let files = if foreign_files { CAP_DAC_OVERRIDE | CAP_FOWNER } else { 0 };
    let group = if foreign_group { CAP_DAC_OVERRIDE } else { 0 };
    let one_by_one = program
        .group
        .as_ref()
        .is_some_and(|group| group.members.iter().all(|member| member.version == Version::V1));
    let signals = program.to_end.0 | if one_by_one { CAP_KILL } else { 0 };
    let others = if owns_users(program) { 0 } else { signals };
    files | group | others
}

/// KERNEL: the directory at the top of a hierarchy of control groups has the mode 0555.
fn is_writable(dir: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    dir.metadata().is_ok_and(|found| found.uid() == own && found.mode() & 0o200 != 0)
}

fn owns_users(program: &Program) -> bool {
    let makes = |op: &Op| matches!(op, Op::Unshare(set) if set.has(NamespaceKind::User));
    program.clone.has(NamespaceKind::User) || program.setup.ops.iter().any(makes)
}

/// Files: those alone that are to be cleared away. Connections: none.
fn confine(program: &Program) -> Result<(), Errno> {
    let abi = u32::try_from(raw::landlock_abi()?).unwrap_or(0);
    let files = rights::all(abi);
    let network = rights::network(abi);
    // Signals go to the world, which is outside.
    let scoped = rights::scopes(abi) & rights::SCOPE_ABSTRACT;
    let ruleset = raw::landlock_create_ruleset(&Handled { files, network, scoped })?;
    let allowed = kept(program).into_iter().try_for_each(|(path, wanted)| {
        match allow(ruleset, path, wanted & files) {
            // What is not there is not cleared away either.
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            // Rather no wall than one that has something left behind.
            outcome => outcome,
        }
    });
    let confined =
        allowed.and_then(|()| raw::landlock_restrict_self(ruleset, rights::restrict_flags(abi)));
    raw::close(ruleset)?;
    confined
}

/// The directories in which something is left to do.
fn kept(program: &Program) -> Vec<(&Path, u64)> {
    let look = rights::READ_FILE | rights::READ_DIR;
    let mut kept = Vec::new();
    for member in program.group.iter().flat_map(|group| &group.members) {
        kept.push((member.parent.as_path(), look | rights::WRITE_FILE | REMOVE));
    }
    if let Some(layer) = program.disk_layer.as_ref().map(Text::as_path) {
        kept.push((layer, look | REMOVE));
        kept.extend(layer.parent().map(|parent| (parent, REMOVE)));
    }
    let parents = program.remove_after.iter().filter_map(|path| path.as_path().parent());
    kept.extend(parents.map(|parent| (parent, REMOVE)));
    kept
}

fn allow(ruleset: Fd, path: &Path, wanted: u64) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::INVAL)?;
    raw::landlock_allow_path(ruleset, &path, wanted)
}

fn filter(program: &Program) -> Result<(), Errno> {
    let instructions = compile(clears_away(program), program).ok_or(Errno::INVAL)?;
    raw::seccomp_set_filter(&instructions, 0).map(drop)
}

fn compile(files: bool, program: &Program) -> Option<Vec<SockFilter>> {
    let setting = Setting {
        machine: Machine::OWN,
        kernel: program.kernel,
        capabilities: dwell_plan::caps::CapSet::EMPTY,
        log: false,
    };
    let filter = seccomp::compile(&profile(files), &setting).ok()?;
    Some(for_kernel(&filter.instructions))
}

fn profile(files: bool) -> Profile<'static> {
    let names = |calls: &'static str| calls.split_whitespace().map(Name::from).collect();
    let allow =
        |calls, args| Rule { names: names(calls), action: Action::Allow, args, ..Rule::default() };
    const PROT_EXEC: u64 = 4;
    let not_executed = Arg { index: 2, value: PROT_EXEC, value_two: 0, op: Compare::MaskedEqual };
    let mut syscalls = vec![allow(CALLS, Vec::new()), allow(MEMORY_CALLS, vec![not_executed])];
    if files {
        syscalls.push(allow(FILE_CALLS, Vec::new()));
    }
    Profile { default_action: Action::Errno, syscalls, ..Profile::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwell_bpf::seccomp::Call;
    use dwell_bpf::seccomp::emulate::{self, Data};

    fn verdict(files: bool, name: &str, args: [u64; 6]) -> u32 {
        const ALLOW: u32 = 0x7fff_0000;
        let kernel = dwell_plan::facts::Kernel { major: 6, minor: 18 };
        let capabilities = dwell_plan::caps::CapSet::EMPTY;
        let setting = Setting { machine: Machine::OWN, kernel, capabilities, log: false };
        let filter = seccomp::compile(&profile(files), &setting).unwrap();
        assert!(filter.instructions.len() < 150, "{}", filter.instructions.len());
        let abi = Machine::OWN.abis()[0];
        let number = Call::named(name).and_then(|call| call.number(abi)).unwrap();
        let data = Data { number, arch: abi.audit(), instruction_pointer: 0, args };
        emulate::verdict(&filter.instructions, &data).unwrap() ^ ALLOW
    }

    #[test]
    fn every_name_is_one() {
        for name in [CALLS, FILE_CALLS, MEMORY_CALLS].iter().flat_map(|list| list.split(' ')) {
            assert!(name.is_empty() || Call::named(name).is_some(), "there is no call {name}");
        }
    }

    #[test]
    fn what_is_left_to_do_can_be_done_and_nothing_else() {
        for name in ["ppoll", "recvmsg", "waitid", "pidfd_send_signal", "exit_group", "mmap"] {
            assert_eq!(verdict(false, name, [0; 6]), 0, "{name}");
        }
        for name in ["execve", "socket", "ptrace", "clone", "unshare", "setns", "mount", "openat"] {
            assert_ne!(verdict(false, name, [0; 6]), 0, "{name}");
        }
        assert_eq!(verdict(true, "openat", [0; 6]), 0);
        assert_ne!(verdict(true, "execve", [0; 6]), 0);
        for name in ["mmap", "mprotect"] {
            assert_eq!(verdict(true, name, [0, 0, 3, 0, 0, 0]), 0);
            assert_ne!(verdict(true, name, [0, 0, 5, 0, 0, 0]), 0, "{name} of code");
        }
    }
}
