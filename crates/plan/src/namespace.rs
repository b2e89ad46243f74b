//! The eight kinds of namespace and sets of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of Linux namespace; see `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum NamespaceKind {
    /// User and group ids, capabilities: `user_namespaces(7)`, Linux 3.8.
    User = 0,
    /// Mount points: `mount_namespaces(7)`, Linux 2.4.19.
    Mount = 1,
    /// Process ids: `pid_namespaces(7)`, Linux 3.8 (2.6.24 for root).
    Pid = 2,
    /// Interfaces, addresses, routes, ports, abstract sockets: `network_namespaces(7)`, Linux 2.6.29.
    Net = 3,
    /// Host and domain name: `uts_namespaces(7)`, Linux 2.6.19.
    Uts = 4,
    /// System V IPC and POSIX message queues: `ipc_namespaces(7)`, Linux 2.6.19.
    Ipc = 5,
    /// The root of the control groups: `cgroup_namespaces(7)`, Linux 4.6.
    Cgroup = 6,
    /// The monotonic and boot-time clocks: `time_namespaces(7)`, Linux 5.6.
    Time = 7,
}

impl NamespaceKind {
    /// All kinds, the user namespace first: it owns the others.
    pub const ALL: [NamespaceKind; 8] = [
        NamespaceKind::User,
        NamespaceKind::Mount,
        NamespaceKind::Pid,
        NamespaceKind::Net,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
        NamespaceKind::Cgroup,
        NamespaceKind::Time,
    ];

    /// The word used in options.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            NamespaceKind::User => "user",
            NamespaceKind::Mount => "mount",
            NamespaceKind::Pid => "pid",
            NamespaceKind::Net => "net",
            NamespaceKind::Uts => "uts",
            NamespaceKind::Ipc => "ipc",
            NamespaceKind::Cgroup => "cgroup",
            NamespaceKind::Time => "time",
        }
    }

    /// The name of its file in `/proc/PID/ns`.
    #[must_use]
    pub fn proc_name(self) -> &'static str {
        match self {
            NamespaceKind::Mount => "mnt",
            other => other.word(),
        }
    }

    /// The name of the file in `/proc/PID/ns` of the namespace that the process's children are put into.
    #[must_use]
    pub fn children_name(self) -> &'static str {
        match self {
            NamespaceKind::Pid => "pid_for_children",
            NamespaceKind::Time => "time_for_children",
            other => other.proc_name(),
        }
    }

    /// The flag of `clone(2)` and `unshare(2)`, by name.
    #[must_use]
    pub fn clone_flag_name(self) -> &'static str {
        match self {
            NamespaceKind::User => "CLONE_NEWUSER",
            NamespaceKind::Mount => "CLONE_NEWNS",
            NamespaceKind::Pid => "CLONE_NEWPID",
            NamespaceKind::Net => "CLONE_NEWNET",
            NamespaceKind::Uts => "CLONE_NEWUTS",
            NamespaceKind::Ipc => "CLONE_NEWIPC",
            NamespaceKind::Cgroup => "CLONE_NEWCGROUP",
            NamespaceKind::Time => "CLONE_NEWTIME",
        }
    }
}

impl fmt::Display for NamespaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for NamespaceKind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        NamespaceKind::ALL
            .into_iter()
            .find(|k| k.word() == s || k.proc_name() == s)
            .or(match s {
                "network" => Some(NamespaceKind::Net),
                _ => None,
            })
            .ok_or_else(|| {
                format!(
                    "'{s}' is not a namespace: one of pid, mount, net, uts, ipc, user, cgroup, time"
                )
            })
    }
}

/// A set of namespace kinds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<NamespaceKind>", into = "Vec<NamespaceKind>")]
pub struct NamespaceSet(u8);

impl NamespaceSet {
    /// No namespace.
    pub const EMPTY: NamespaceSet = NamespaceSet(0);
    /// All eight.
    pub const ALL: NamespaceSet = NamespaceSet(0xff);
    /// What a world gets without a word: all but the time namespace.
    pub const DEFAULT: NamespaceSet = NamespaceSet(0x7f);

    /// The set with the bits of `bits`, bit n standing for the n-th kind of [`NamespaceKind::ALL`].
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        NamespaceSet(bits)
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn has(self, kind: NamespaceKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Adds `kind`.
    pub const fn insert(&mut self, kind: NamespaceKind) {
        self.0 |= 1 << kind as u8;
    }

    /// Takes `kind` away.
    pub const fn remove(&mut self, kind: NamespaceKind) {
        self.0 &= !(1 << kind as u8);
    }

    /// The union.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        NamespaceSet(self.0 | other.0)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        NamespaceSet(self.0 & !other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = NamespaceKind> {
        NamespaceKind::ALL.into_iter().filter(move |k| self.has(*k))
    }

    /// Parses a comma-separated list of kinds, `all` and `none`.
    ///
    /// # Errors
    /// The word that is not a kind.
    pub fn parse_list(list: &str) -> Result<Self, String> {
        let mut set = NamespaceSet::EMPTY;
        for word in list.split(',') {
            match word {
                "all" => set = NamespaceSet::ALL,
                "none" | "" => {}
                _ => set.insert(word.parse()?),
            }
        }
        Ok(set)
    }
}

impl FromIterator<NamespaceKind> for NamespaceSet {
    fn from_iter<I: IntoIterator<Item = NamespaceKind>>(iter: I) -> Self {
        let mut set = NamespaceSet::EMPTY;
        for kind in iter {
            set.insert(kind);
        }
        set
    }
}

impl From<Vec<NamespaceKind>> for NamespaceSet {
    fn from(kinds: Vec<NamespaceKind>) -> Self {
        kinds.into_iter().collect()
    }
}

impl From<NamespaceSet> for Vec<NamespaceKind> {
    fn from(set: NamespaceSet) -> Self {
        set.iter().collect()
    }
}

impl fmt::Display for NamespaceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let words: Vec<_> = self.iter().map(NamespaceKind::word).collect();
        f.write_str(&words.join(","))
    }
}

impl fmt::Debug for NamespaceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(NamespaceSet::parse_list("all").unwrap(), NamespaceSet::ALL);
        assert_eq!(NamespaceSet::parse_list("none").unwrap(), NamespaceSet::EMPTY);
        let set = NamespaceSet::parse_list("pid,mnt,network").unwrap();
        assert_eq!(set.to_string(), "mount,pid,net");
        assert!(NamespaceSet::parse_list("pids").unwrap_err().contains("'pids'"));
        assert!(!NamespaceSet::DEFAULT.has(NamespaceKind::Time));
    }
}
