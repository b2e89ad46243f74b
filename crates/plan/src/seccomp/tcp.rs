//! What a profile must refuse so that Landlock's wall around TCP ports has no gap.
//!
//! KERNEL: Landlock looks at `bind(2)` and `connect(2)` of sockets whose protocol is TCP. Other protocols
//! that become TCP on the wire are not asked about: MPTCP, SMC (as a family, as a protocol of IPv4 and IPv6,
//! and as what a TCP socket is turned into by `TCP_ULP`) and RDS. Neither is a connection that is made by
//! sending (`MSG_FASTOPEN`), nor a port that `listen(2)` chooses for a socket that has none. By
//! `socketcall(2)` and by io_uring no filter sees what is asked for.

use super::Profile;
use super::refuse::{Always, Sometimes, refuse};

const EPERM: u32 = 1;
const ENOENT: u32 = 2;
const ENOSYS: u32 = 38;
const EPROTONOSUPPORT: u32 = 93;
const EOPNOTSUPP: u32 = 95;
const EAFNOSUPPORT: u32 = 97;

/// An `int` has 32 bits, whatever the register has above.
const INT: u64 = 0xffff_ffff;
const MSG_FASTOPEN: u64 = 0x2000_0000;

const UNSEEN: Always =
    (&["socketcall", "io_uring_setup", "io_uring_enter", "io_uring_register"], ENOSYS);
const LISTEN: Always = (&["listen"], EPERM);

/// The errors are those of a kernel without the feature: programs know what to do then.
const SOMETIMES: [Sometimes; 8] = [
    ("socket", &[(2, INT, 262)], EPROTONOSUPPORT),
    ("socket", &[(2, INT, 256)], EPROTONOSUPPORT),
    ("socket", &[(0, INT, 43)], EAFNOSUPPORT),
    ("socket", &[(0, INT, 21)], EAFNOSUPPORT),
    // IPPROTO_TCP, TCP_ULP.
    ("setsockopt", &[(1, INT, 6), (2, INT, 31)], ENOENT),
    ("sendto", &[(3, MSG_FASTOPEN, MSG_FASTOPEN)], EOPNOTSUPP),
    ("sendmsg", &[(2, MSG_FASTOPEN, MSG_FASTOPEN)], EOPNOTSUPP),
    ("sendmmsg", &[(3, MSG_FASTOPEN, MSG_FASTOPEN)], EOPNOTSUPP),
];

/// The profile with this refused too; without `listening` no socket can be listened on, whatever its family:
/// on somebody else's network a port would be open to others.
#[must_use]
pub fn harden(mut profile: Profile<'static>, listening: bool) -> Profile<'static> {
    let always: &[Always] = if listening { &[UNSEEN] } else { &[UNSEEN, LISTEN] };
    refuse(&mut profile, always, &SOMETIMES);
    profile
}
