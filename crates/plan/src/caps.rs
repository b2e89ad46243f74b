//! Capabilities as a typed set; `capabilities(7)`.

use std::fmt;

/// Names in the kernel's order: the n-th is capability number n (Linux 5.9 ends with the last).
pub const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// A set of capabilities.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct CapSet(pub u64);

impl CapSet {
    /// No capability.
    pub const EMPTY: CapSet = CapSet(0);
    /// `CAP_KILL`: signals to processes of other users.
    pub const KILL: CapSet = CapSet(1 << 5);
    /// `CAP_SETUID`: becoming another user.
    pub const SETUID: CapSet = CapSet(1 << 7);
    /// All that have a name here.
    pub const ALL: CapSet = CapSet((1 << NAMES.len()) - 1);
    /// What a world's root has: what container engines grant by default. All of them act on the
    /// world's own ids, files and sockets only, once the user namespace is its own.
    pub const WORLD_ROOT: CapSet = CapSet(
        1 << 0
            | 1 << 1
            | 1 << 3
            | 1 << 4
            | 1 << 5
            | 1 << 6
            | 1 << 7
            | 1 << 8
            | 1 << 10
            | 1 << 13
            | 1 << 18
            | 1 << 27
            | 1 << 29
            | 1 << 31,
    );

    /// The capability called `name`, with or without `CAP_`, in any case; `all` is every one.
    #[must_use]
    pub fn named(name: &str) -> Option<CapSet> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("cap_").unwrap_or(&name);
        if name == "all" {
            return Some(CapSet::ALL);
        }
        NAMES.iter().position(|n| *n == name).map(|n| CapSet(1 << n))
    }

    /// The union.
    #[must_use]
    pub const fn with(self, other: CapSet) -> CapSet {
        CapSet(self.0 | other.0)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub const fn without(self, other: CapSet) -> CapSet {
        CapSet(self.0 & !other.0)
    }
}

impl fmt::Debug for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NAMES.iter().enumerate().filter(|(n, _)| self.0 & (1 << n) != 0);
        f.debug_set().entries(names.map(|(_, name)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(CapSet::named("CAP_SYS_ADMIN"), Some(CapSet(1 << 21)));
        assert_eq!(CapSet::named("net_raw"), Some(CapSet(1 << 13)));
        assert_eq!(CapSet::named("sysadmin"), None);
        let names: Vec<_> =
            format!("{:?}", CapSet::WORLD_ROOT).split(", ").map(str::to_owned).collect();
        assert_eq!(names.len(), 14);
        assert_eq!(CapSet::WORLD_ROOT.0 & (1 << 21), 0);
    }
}
