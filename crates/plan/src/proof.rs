//! Proofs that walls hold: one forbidden act each, tried just before the program is executed.
//!
//! The table says which wall it is about, and what was possible where one does not hold. What is tried
//! and how is up to whoever runs the Program.

use crate::namespace::NamespaceKind;

/// A forbidden act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Signal 0 to the process that started the world.
    SignalOutside,
    /// Looking for the machine's root directory, above the own one too.
    LeaveRoot,
    /// Connecting to an abstract socket that the host side listens on.
    ConnectOutside,
    /// Being in the same namespace as the host side.
    ShareNamespace(NamespaceKind),
    /// Having another capability than these, in any set of the process.
    HaveCapability(u64),
    /// Being able to get another one by executing a program.
    GetCapability(u64),
    /// Doing what takes a capability that was dropped: `chroot(2)`.
    UseCapability,
    /// Gaining rights by executing a program.
    GainPrivileges,
    /// Using a descriptor above 2 that was not to be kept.
    UseDescriptor,
    /// Opening the controlling terminal, where there is none.
    OpenTerminal,
    /// Mapping memory that can be written and executed.
    MapCode,
    /// Making a system call that the filter refuses.
    MakeCall,
}

/// One row: an act and its words.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The wall.
    pub wall: &'static str,
    /// The call.
    pub call: &'static str,
    /// What is possible where it does not hold.
    pub breach: &'static str,
}

/// The error of an act that has succeeded (`EKEYREJECTED`): no call that is tried ends with it.
pub const SUCCEEDED: i32 = 129;

impl Act {
    /// Its row.
    #[must_use]
    pub fn proof(self) -> Proof {
        let (wall, call, breach) = match self {
            Act::SignalOutside => ("pid", "kill", "a process of the machine's can be signalled"),
            Act::LeaveRoot => ("mount", "statx /..", "the machine's root directory is reached"),
            Act::ConnectOutside => {
                ("net", "connect", "an abstract socket of the machine's answers")
            }
            Act::ShareNamespace(kind) => {
                let breach = "the namespace is the machine's";
                (kind.word(), "statx /proc/self/ns", breach)
            }
            Act::HaveCapability(_) => ("capabilities", "capget", "one was not dropped"),
            Act::GetCapability(_) => (
                "bounding set",
                "prctl(PR_CAPBSET_READ)",
                "a program could get a dropped capability",
            ),
            Act::UseCapability => ("capabilities", "chroot", "what takes a dropped one succeeds"),
            Act::GainPrivileges => {
                ("no new privileges", "prctl(PR_GET_NO_NEW_PRIVS)", "programs can gain rights")
            }
            Act::UseDescriptor => ("descriptors", "fcntl", "one of the caller's stays open"),
            Act::OpenTerminal => ("session", "open /dev/tty", "there is a controlling terminal"),
            Act::MapCode => ("no new code", "mmap", "memory can be written and executed"),
            Act::MakeCall => ("system calls", "seccomp", "a call is made that the filter refuses"),
        };
        Proof { wall, call, breach }
    }

    /// What is said when the act has ended with this error.
    #[must_use]
    pub fn sentence(self, errno: i32, reason: &str) -> String {
        let Proof { wall, call, breach } = self.proof();
        if errno == SUCCEEDED {
            format!("wall {wall} does not hold: {breach} ({call})")
        } else {
            format!("cannot try the wall {wall}: {reason} ({call})")
        }
    }
}
