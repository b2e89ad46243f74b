//! dwell's own profiles: `default` and `strict`.
//!
//! Every system call that the kernel's headers name belongs to one family. The default lets through what
//! container engines let through, and beside that the making of namespaces and mounts where these have
//! power over nothing but the world's own: in a user namespace of its own.

use super::calls;
use super::{Action, ArchMap, Architecture, Arg, Compare, Name, Profile, Rule};
use crate::caps::CapSet;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// What nearly every program can live with.
    Default,
    /// Without what few programs need and attacks often use.
    Strict,
}

/// What the profiles depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Whether the program lives in a user namespace that is not the caller's.
    pub own_users: bool,
    /// The capabilities that it can get.
    pub capabilities: CapSet,
}

impl World {
    /// The world of a user namespace of its own, and of a program that may be its root.
    pub const OWN: World = World { own_users: true, capabilities: CapSet::WORLD_ROOT };

    /// Whether the program can get no more capabilities than a world's root usually has. The profiles are the same
    /// with any of those, and without: no family of calls depends on one of them.
    #[must_use]
    pub fn holds_the_usual(self) -> bool {
        self.capabilities.0 & !CapSet::WORLD_ROOT.0 == 0
    }
}

/// A family of calls and what is done about them.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What they are for.
    pub title: &'static str,
    /// The calls.
    pub calls: &'static str,
    /// What `default` does.
    pub default: Answer,
    /// What `strict` does.
    pub strict: Answer,
    /// With one of these capabilities they are allowed all the same: the kernel then decides.
    pub unless: CapSet,
}

/// What is done about a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The calls are made.
    Allow,
    /// They fail as for somebody without the right to (`EPERM`).
    Refuse,
    /// They fail as on a kernel without them (`ENOSYS`): programs then do without.
    Missing,
    /// They are made with these values of an argument of 32 bits, else refused.
    Only(u32, &'static [u32]),
    /// With these values of an argument of 32 bits they fail with this error, else they are made.
    Without(u32, &'static [u32], u32),
    /// They are made when none of these bits of the first argument is set, else refused.
    Bits(u32),
    /// The one in a user namespace of the world's own, the other elsewhere.
    OwnUsers(&'static Answer, &'static Answer),
}

const fn cap(number: u32) -> CapSet {
    CapSet(1 << number)
}

const SYS_ADMIN: CapSet = cap(21);

/// What most rows have in common.
const ROW: Family = Family {
    title: "",
    calls: "",
    default: Answer::Allow,
    strict: Answer::Allow,
    unless: CapSet::EMPTY,
};
const REFUSED: Family = Family { default: Answer::Refuse, strict: Answer::Refuse, ..ROW };
const MISSING: Family = Family { default: Answer::Missing, strict: Answer::Missing, ..ROW };

/// `CLONE_NEW…` but for the time namespace, whose bit means something else to `clone(2)`.
const CLONE_NEW: u32 = 0x7e02_0000;

/// Address families: all but those that are not namespaced or that hardly any kernel has
/// (DECnet, ECONET, ATMSVC, IRDA, WANPIPE, ISDN, CAIF, ALG, VSOCK, and what is newer than XDP and MCTP).
const FAMILIES: &[u32] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30,
    31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
];
/// `AF_UNIX`, `AF_INET`, `AF_INET6`, `AF_NETLINK`.
const FEW_FAMILIES: &[u32] = &[1, 2, 10, 16];

/// Linux, Linux with 32 bits, both with the release shown as 2.6, and the question which it is. None
/// of them turns off the randomization of addresses.
const PERSONALITIES: &[u32] = &[0, 8, 0x2_0000, 0x2_0008, u32::MAX];

/// `TIOCSTI`, `TIOCLINUX`, `FIOSETOWN`, `SIOCSPGRP`.
const IOCTLS: &[u32] = &[0x5412, 0x541c, 0x8901, 0x8902];
const ENOTTY: u32 = 25;
/// `F_SETOWN`, `F_SETOWN_EX`.
const FCNTLS: &[u32] = &[8, 15];
const EINVAL: u32 = 22;

/// All of them.
pub static FAMILIES_OF_CALLS: &[Family] = &[
    Family { title: "files and directories", calls: calls::FILES, ..ROW },
    Family { title: "waiting, pipes and events", calls: calls::PIPES, ..ROW },
    Family { title: "memory", calls: calls::MEMORY, ..ROW },
    Family { title: "processes, threads and signals", calls: calls::PROCESSES, ..ROW },
    Family { title: "time and what the machine is", calls: calls::TIME, ..ROW },
    Family { title: "sockets that there are", calls: calls::SOCKETS, ..ROW },
    Family { title: "queues, semaphores and shared memory", calls: calls::IPC, ..ROW },
    Family { title: "tracing", calls: "process_vm_readv process_vm_writev ptrace", ..ROW },
    Family {
        title: "new sockets",
        calls: "socket",
        default: Answer::Only(0, FAMILIES),
        strict: Answer::Only(0, FEW_FAMILIES),
        ..ROW
    },
    Family {
        title: "pairs of sockets",
        calls: "socketpair",
        strict: Answer::Only(0, FEW_FAMILIES),
        ..ROW
    },
    Family { title: "ioctl", calls: "ioctl", strict: Answer::Without(1, IOCTLS, ENOTTY), ..ROW },
    Family {
        title: "fcntl",
        calls: "fcntl fcntl64",
        strict: Answer::Without(1, FCNTLS, EINVAL),
        ..ROW
    },
    Family {
        title: "personality",
        calls: "personality",
        default: Answer::Only(0, PERSONALITIES),
        strict: Answer::Only(0, PERSONALITIES),
        ..ROW
    },
    Family {
        title: "namespaces and mounts",
        calls: calls::NAMESPACES,
        default: Answer::OwnUsers(&Answer::Allow, &Answer::Refuse),
        strict: Answer::Refuse,
        unless: SYS_ADMIN,
    },
    Family {
        title: "new processes in namespaces",
        calls: "clone",
        default: Answer::OwnUsers(&Answer::Allow, &Answer::Bits(CLONE_NEW)),
        strict: Answer::Bits(CLONE_NEW),
        unless: SYS_ADMIN,
    },
    Family {
        title: "the same, with arguments that no filter sees",
        calls: "clone3",
        default: Answer::OwnUsers(&Answer::Allow, &Answer::Missing),
        strict: Answer::Missing,
        unless: SYS_ADMIN,
    },
    Family {
        title: "another root directory",
        calls: "chroot",
        default: Answer::OwnUsers(&Answer::Allow, &Answer::Refuse),
        strict: Answer::Refuse,
        unless: cap(18),
    },
    Family {
        title: "what few programs need",
        calls: "modify_ldt name_to_handle_at vmsplice",
        strict: Answer::Refuse,
        ..ROW
    },
    Family { title: "the key store", calls: "add_key keyctl request_key", ..MISSING },
    Family {
        title: "io_uring",
        calls: "io_uring_enter io_uring_register io_uring_setup",
        ..MISSING
    },
    Family { title: "userfaultfd", calls: "userfaultfd", ..MISSING },
    Family {
        title: "kernel modules",
        calls: "delete_module finit_module init_module",
        unless: cap(16),
        ..REFUSED
    },
    Family {
        title: "programs in the kernel",
        calls: "bpf",
        unless: SYS_ADMIN.with(cap(39)),
        ..REFUSED
    },
    Family {
        title: "performance counters",
        calls: "perf_event_open",
        unless: SYS_ADMIN.with(cap(38)),
        ..REFUSED
    },
    Family {
        title: "setting the clock",
        calls: "clock_settime clock_settime64 settimeofday stime",
        unless: cap(25),
        ..REFUSED
    },
    Family { title: "files by handle", calls: "open_by_handle_at", unless: cap(2), ..REFUSED },
    Family {
        title: "descriptors and memory of other processes",
        calls: "kcmp pidfd_getfd process_madvise",
        unless: cap(19),
        ..REFUSED
    },
    Family {
        title: "placement of memory",
        calls: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
        unless: cap(23),
        ..REFUSED
    },
    Family { title: "ports of the hardware", calls: "ioperm iopl", unless: cap(17), ..REFUSED },
    Family { title: "accounting", calls: "acct", unless: cap(20), ..REFUSED },
    Family { title: "reboot", calls: "reboot", unless: cap(22), ..REFUSED },
    Family { title: "hanging up terminals", calls: "vhangup", unless: cap(26), ..REFUSED },
    Family {
        title: "the kernel's log",
        calls: "syslog",
        unless: SYS_ADMIN.with(cap(34)),
        ..REFUSED
    },
    Family {
        title: "quotas and events of whole file systems",
        calls: "fanotify_init lookup_dcookie quotactl quotactl_fd",
        unless: SYS_ADMIN,
        ..REFUSED
    },
    Family { title: "another kernel, swap, moving pages", calls: calls::NEVER, ..REFUSED },
    Family { title: "what is new and not judged yet", calls: calls::NEW, ..MISSING },
    Family { title: "what nothing uses any more", calls: calls::OLD, ..MISSING },
];

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

impl Family {
    /// What a profile does about it in a world.
    #[must_use]
    pub fn answer(&self, strictness: Strictness, world: World) -> Answer {
        if self.unless.0 & world.capabilities.0 != 0 {
            return Answer::Allow;
        }
        let answer = match strictness {
            Strictness::Default => self.default,
            Strictness::Strict => self.strict,
        };
        match answer {
            Answer::OwnUsers(own, _) if world.own_users => *own,
            Answer::OwnUsers(_, elsewhere) => *elsewhere,
            other => other,
        }
    }
}

/// The profile.
#[must_use]
pub fn profile(strictness: Strictness, world: World) -> Profile<'static> {
    let mut rules = Vec::with_capacity(64);
    for family in FAMILIES_OF_CALLS {
        add(&mut rules, family.calls, family.answer(strictness, world));
    }
    Profile {
        default_action: Action::Errno,
        default_errno_ret: Some(EPERM),
        arch_map: match strictness {
            Strictness::Default => own_abis(),
            Strictness::Strict => Vec::new(),
        },
        syscalls: rules,
        ..Profile::default()
    }
}

/// A profile that allows every call, of 32-bit programs too.
#[must_use]
pub fn everything() -> Profile<'static> {
    Profile { default_action: Action::Allow, arch_map: own_abis(), ..Profile::default() }
}

/// Leaves only those sockets that Landlock keeps apart, for a world without namespaces: TCP, and with
/// `network` all of the machine's network; pairs of sockets; with `unix` those too that have paths.
///
/// KERNEL: Landlock knows neither UDP nor raw sockets nor other protocols over TCP's types, neither a
/// connection that is made by sending (`MSG_FASTOPEN`) nor a port that is chosen by `listen(2)` alone. A pair of
/// datagram sockets can send to any address, and by `socketcall(2)` no filter sees which family is asked for.
pub fn close_sockets(profile: &mut Profile<'static>, network: bool, unix: bool) {
    const AF_UNIX: u32 = 1;
    const NETWORK_AND_LINKS: &[u32] = &[2, 10, 16];
    const MSG_FASTOPEN: u32 = 0x2000_0000;
    let closed = ["socket", "socketpair", "socketcall"];
    let sends = ["listen", "sendto", "sendmsg", "sendmmsg"];
    for rule in &mut profile.syscalls {
        rule.names
            .retain(|name| !closed.contains(&&**name) && (network || !sends.contains(&&**name)));
    }
    profile.syscalls.retain(|rule| !rule.names.is_empty());
    let mut allow = |name: &'static str, args: Vec<Arg>| {
        let names = vec![Name::from(name)];
        profile.syscalls.push(Rule { names, action: Action::Allow, args, ..Rule::default() });
    };
    if network {
        allow("socket", any_of(0, NETWORK_AND_LINKS));
    } else {
        // IPv4 and IPv6, TCP by its number and as what a stream is. Of conditions on one argument any is
        // enough, and then on all of them: so each pair has a rule of its own.
        for (family, protocol) in [(2, 0), (2, 6), (10, 0), (10, 6)] {
            allow("socket", vec![given(0, family), stream(1), given(2, protocol)]);
        }
        for (name, flags) in [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)] {
            allow(name, vec![masked(flags, MSG_FASTOPEN, 0)]);
        }
    }
    if unix {
        allow("socket", any_of(0, &[AF_UNIX]));
        allow("socketpair", any_of(0, &[AF_UNIX]));
    } else {
        // `SOCK_STREAM` and `SOCK_SEQPACKET` stay with whom they are connected to.
        for kind in [stream(1), masked(1, SOCKET_TYPE, 5)] {
            allow("socketpair", vec![given(0, AF_UNIX), kind]);
        }
    }
}

/// Beside it are flags (`SOCK_CLOEXEC`, `SOCK_NONBLOCK`).
const SOCKET_TYPE: u32 = 0xf;

fn masked(index: u32, mask: u32, value: u32) -> Arg {
    Arg { index, value: mask.into(), value_two: value.into(), op: Compare::MaskedEqual }
}

fn given(index: u32, value: u32) -> Arg {
    masked(index, u32::MAX, value)
}

fn stream(index: u32) -> Arg {
    masked(index, SOCKET_TYPE, 1)
}

/// 32-bit programs run; x32, which hardly any kernel has, is left out.
fn own_abis() -> Vec<ArchMap> {
    let map = |architecture, sub| ArchMap { architecture, sub_architectures: vec![sub] };
    vec![
        map(Architecture::X86_64, Architecture::X86),
        map(Architecture::Aarch64, Architecture::Arm),
    ]
}

fn add(rules: &mut Vec<Rule<'static>>, calls: &'static str, answer: Answer) {
    let mut rule = |action, errno_ret, args| {
        let names = calls.split_whitespace().map(Name::from).collect();
        rules.push(Rule { names, action, errno_ret, args, ..Rule::default() });
    };
    match answer {
        Answer::Allow | Answer::OwnUsers(..) => rule(Action::Allow, None, Vec::new()),
        Answer::Refuse => rule(Action::Errno, Some(EPERM), Vec::new()),
        Answer::Missing => rule(Action::Errno, Some(ENOSYS), Vec::new()),
        // Several conditions on an argument are alternatives.
        Answer::Only(index, values) => rule(Action::Allow, None, any_of(index, values)),
        Answer::Without(index, values, errno) => {
            rule(Action::Errno, Some(errno), any_of(index, values));
            // A rule without conditions would win over the one before.
            let always = Arg { index, value: 0, value_two: 0, op: Compare::GreaterOrEqual };
            rule(Action::Allow, None, vec![always]);
        }
        Answer::Bits(bits) => {
            let value = bits.into();
            let none = Arg { index: 0, value, value_two: 0, op: Compare::MaskedEqual };
            rule(Action::Allow, None, vec![none]);
        }
    }
}

/// KERNEL: of an argument that is an `int` the upper half is not looked at, so it must not matter here.
fn any_of(index: u32, values: &[u32]) -> Vec<Arg> {
    values.iter().map(|value| given(index, *value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_in_two_families() {
        let mut seen = std::collections::BTreeMap::new();
        for family in FAMILIES_OF_CALLS {
            for call in family.calls.split_whitespace() {
                let other = seen.insert(call, family.title);
                assert_eq!(other, None, "{call} is in {}", family.title);
            }
        }
        assert!(seen.len() > 480);
    }

    #[test]
    fn capabilities_and_user_namespaces() {
        let family = |name: &str| {
            FAMILIES_OF_CALLS.iter().find(|f| f.calls.split(' ').any(|c| c == name)).unwrap()
        };
        let world = |own_users, caps| World { own_users, capabilities: CapSet(caps) };
        let (shared, own) = (world(false, 0), world(true, 0));
        let of = |name: &str, world| family(name).answer(Strictness::Default, world);
        assert_eq!(of("mount", own), Answer::Allow);
        assert_eq!(of("mount", shared), Answer::Refuse);
        assert_eq!(of("mount", world(false, 1 << 21)), Answer::Allow);
        assert_eq!(of("clone", shared), Answer::Bits(CLONE_NEW));
        assert_eq!(of("clone3", shared), Answer::Missing);
        assert_eq!(of("bpf", own), Answer::Refuse);
        assert_eq!(of("bpf", world(true, 1 << 39)), Answer::Allow);
        assert_eq!(family("mount").answer(Strictness::Strict, own), Answer::Refuse);
        // Alternatives on one argument need a comparison that can be told from none.
        assert!(!FEW_FAMILIES.is_empty() && !PERSONALITIES.is_empty());
    }
}
