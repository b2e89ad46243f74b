//! The inventory as data.

use std::collections::BTreeMap;

use dwell_plan::{NamespaceKind, Text};

/// What is known of all namespaces at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The processes, lowest number first.
    pub processes: Vec<Process>,
    /// The namespaces by their number, which is that of their inode in nsfs.
    pub namespaces: BTreeMap<u64, Namespace>,
    /// What could not be looked at.
    pub unread: Unread,
}

/// A process: what `/proc/PID/stat` says of it, and its namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number in the reader's pid namespace.
    pub pid: i32,
    /// Its parent's number; 0 when that is outside.
    pub parent: i32,
    /// Effective user id, 0 when it may not be traced by that user (`proc_pid(5)`).
    pub uid: u32,
    /// State as the kernel's letter: `R`, `S`, `Z` …
    pub state: u8,
    /// When it was started, in clock ticks since the machine was (`starttime`).
    pub started: u64,
    /// The name of its first thread, at most 15 bytes.
    pub name: Text,
    /// Numbers of its namespaces by kind; 0 is one that it has no longer, or that was not read.
    pub namespaces: [u64; 8],
}

impl Process {
    /// The number of its namespace of this kind, where it is known.
    #[must_use]
    pub fn namespace(&self, kind: NamespaceKind) -> Option<u64> {
        self.namespaces.get(kind as usize).copied().filter(|id| *id != 0)
    }
}

/// A namespace and its edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its number.
    pub id: u64,
    /// Its kind.
    pub kind: NamespaceKind,
    /// The user or pid namespace that it was made in, where that is visible.
    pub parent: Option<u64>,
    /// The user namespace that owns it, where that is visible.
    pub owner: Option<u64>,
    /// Who made it, of a user namespace.
    pub made_by: Option<u32>,
    /// The processes in it, as places in [`Inventory::processes`], in order.
    pub members: Vec<usize>,
    /// Who else keeps it alive.
    pub holders: Vec<Holder>,
    /// Where it is mounted.
    pub bound: Vec<Text>,
    /// The id that the reader's network namespace has for this one.
    pub netnsid: NetnsId,
    /// Whether it was reached through an open file, a socket or a mount, and not only as one of a
    /// process.
    pub by_file: bool,
}

impl Namespace {
    /// One of which only number and kind are known.
    #[must_use]
    pub fn new(id: u64, kind: NamespaceKind) -> Self {
        Namespace {
            id,
            kind,
            parent: None,
            owner: None,
            made_by: None,
            members: Vec::new(),
            holders: Vec::new(),
            bound: Vec::new(),
            netnsid: NetnsId::Unknown,
            by_file: false,
        }
    }
}

/// A process that keeps a namespace alive in which it need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: i32,
    /// Its descriptor.
    pub fd: i32,
    /// What the descriptor is.
    pub via: Via,
}

/// How a descriptor keeps a namespace alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// It is the namespace.
    Descriptor,
    /// It is a socket of that network namespace.
    Socket,
}

/// The id that one network namespace has for another (`RTM_GETNSID` of `rtnetlink(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetnsId {
    /// The kernel was not asked, or did not say.
    #[default]
    Unknown,
    /// None was given out yet.
    Unassigned,
    /// The id.
    Id(i32),
}

/// What could not be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Processes that are there and whose namespaces are closed to the reader.
    pub processes: usize,
    /// `/proc` hides processes of other users (its option `hidepid`).
    pub hidden: bool,
}

impl Inventory {
    /// The namespace with this number.
    #[must_use]
    pub fn namespace(&self, id: u64) -> Option<&Namespace> {
        self.namespaces.get(&id)
    }

    /// The process with this number.
    #[must_use]
    pub fn process(&self, pid: i32) -> Option<&Process> {
        let at = self.processes.binary_search_by_key(&pid, |p| p.pid).ok()?;
        self.processes.get(at)
    }

    /// The process in `namespace` with the lowest number.
    #[must_use]
    pub fn first_member(&self, namespace: &Namespace) -> Option<&Process> {
        self.processes.get(*namespace.members.first()?)
    }

    /// The processes in `namespace`, lowest number first.
    pub fn members<'a>(&'a self, namespace: &'a Namespace) -> impl Iterator<Item = &'a Process> {
        namespace.members.iter().filter_map(|at| self.processes.get(*at))
    }

    /// Adds a process and makes it a member of its namespaces. Processes come in order.
    pub fn add_process(&mut self, process: Process) {
        let at = self.processes.len();
        for (kind, id) in NamespaceKind::ALL.into_iter().zip(process.namespaces) {
            if id != 0 {
                let namespace = self.namespaces.entry(id);
                namespace.or_insert_with(|| Namespace::new(id, kind)).members.push(at);
            }
        }
        self.processes.push(process);
    }
}
