//! Reading the machine: the kernel's list, `/proc`, the mounts.

use std::collections::{BTreeMap, HashSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dwell_plan::{NamespaceKind, NamespaceSet, Text};
use rustix::fs::{CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::model::{Inventory, NetnsId};
use super::netnsid::Route;
use super::process::{Looked, look, parse_link};
use crate::bytes::number;
use crate::error::ProbeError;
use crate::file::Proc;
use crate::look::LIST;

/// What an inventory is to hold. Every further thing costs time.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The kinds of namespaces.
    pub kinds: NamespaceSet,
    /// Those that only a descriptor or a socket keeps.
    pub held: bool,
    /// Parents and owners of namespaces.
    pub relations: bool,
    /// Parents and owners that are themselves of no process, and have to be looked up one by one.
    pub ancestors: bool,
    /// [`NetnsId`]s.
    pub netnsids: bool,
    /// The kernel's own list, which has what nothing else leads to (Linux 6.19).
    pub listed: bool,
}

impl Wanted {
    /// Everything.
    pub const ALL: Wanted = Wanted {
        kinds: NamespaceSet::ALL,
        held: true,
        relations: true,
        ancestors: true,
        netnsids: true,
        listed: true,
    };
}

/// Reads the inventory of the machine, as far as the caller may see it.
///
/// # Errors
/// There is no usable `/proc`.
pub fn read(wanted: &Wanted) -> Result<Inventory, ProbeError> {
    let proc = Proc::open()?;
    let route = if wanted.netnsids { Route::open() } else { None };
    let mut scan = Scan {
        wanted: *wanted,
        inventory: Inventory::default(),
        route,
        sockets: HashSet::new(),
        entries: vec![MaybeUninit::uninit(); 32 << 10],
    };
    if wanted.listed {
        scan.listed();
    }
    scan.processes(proc.as_fd())?;
    let mounts = proc.read("self/mountinfo")?.unwrap_or_default();
    scan.mounts(&mounts);
    if wanted.ancestors {
        scan.ancestors();
    }
    scan.inventory.unread.hidden = hides_processes(&mounts);
    Ok(scan.inventory)
}

pub(super) struct Scan {
    pub(super) wanted: Wanted,
    pub(super) inventory: Inventory,
    route: Option<Route>,
    /// Inodes of the sockets that were asked for their namespace.
    pub(super) sockets: HashSet<u64>,
    /// Room for the entries of a `/proc/PID/fd`.
    pub(super) entries: Vec<MaybeUninit<u8>>,
}

impl Scan {
    fn processes(&mut self, proc: BorrowedFd<'_>) -> Result<(), ProbeError> {
        let fail = |call, no| ProbeError::kernel("list", "/proc", call, no);
        let listed = rustix::fs::openat(proc, ".", LIST, Mode::empty());
        let listed = listed.map_err(|no| fail("openat", no))?;
        let mut room = vec![MaybeUninit::uninit(); 64 << 10];
        let mut entries = RawDir::new(&listed, &mut room);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|no| fail("getdents64", no))?;
            let Some(pid) = number(entry.file_name().to_bytes()) else { continue };
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            if let Ok(directory) = rustix::fs::openat(proc, entry.file_name(), flags, Mode::empty())
            {
                self.process(directory.as_fd(), pid);
            }
        }
        // KERNEL: the order of /proc, which is sorted here for procfs to change it.
        if !self.inventory.processes.is_sorted_by_key(|p| p.pid) {
            self.sort();
        }
        Ok(())
    }

    fn process(&mut self, directory: BorrowedFd<'_>, pid: i32) {
        let Looked::At(process, denied) = look(directory, pid, self.wanted.kinds) else { return };
        self.inventory.unread.processes += usize::from(denied);
        let new: Vec<(NamespaceKind, u64)> = NamespaceKind::ALL
            .into_iter()
            .zip(process.namespaces)
            .filter(|(_, id)| *id != 0 && self.is_unmet(*id))
            .collect();
        self.inventory.add_process(process);
        for (kind, id) in new {
            self.meet(directory, kind, id);
        }
        if self.wanted.held {
            self.descriptors(directory, pid);
        }
    }

    /// Whether no process of this namespace was seen yet.
    fn is_unmet(&self, id: u64) -> bool {
        self.inventory.namespace(id).is_none_or(|n| n.members.is_empty())
    }

    /// Asks for what else is wanted of a namespace when its first process is met.
    fn meet(&mut self, directory: BorrowedFd<'_>, kind: NamespaceKind, id: u64) {
        let asks_id = self.wanted.netnsids && kind == NamespaceKind::Net;
        let asks_relations = self.wanted.relations
            && self.inventory.namespace(id).is_some_and(|n| n.owner.is_none());
        if !asks_id && !asks_relations {
            return;
        }
        let Ok(fd) = open_link(directory, super::process::link_name(kind)) else { return };
        if asks_relations {
            self.relate(&fd, id);
        }
        if asks_id {
            self.ask_netnsid(&fd, id);
        }
    }

    /// Asks for the id of a network namespace, where that is wanted.
    pub(super) fn ask_netnsid(&mut self, fd: &OwnedFd, id: u64) {
        let Some(route) = &self.route else { return };
        if let Some(namespace) = self.inventory.namespaces.get_mut(&id)
            && namespace.netnsid == NetnsId::Unknown
        {
            namespace.netnsid = route.id_of(fd.as_fd());
        }
    }

    /// Sorts the processes, which are referred to by their places.
    fn sort(&mut self) {
        let mut processes = std::mem::take(&mut self.inventory.processes);
        processes.sort_by_key(|p| p.pid);
        for namespace in self.inventory.namespaces.values_mut() {
            namespace.members.clear();
        }
        for process in processes {
            self.inventory.add_process(process);
        }
    }

    /// Namespaces that are mounted, in the mount namespace of the caller.
    fn mounts(&mut self, mountinfo: &[u8]) {
        for (id, points) in bound(mountinfo) {
            if self.inventory.namespace(id).is_none() {
                let opened = points.iter().find_map(|point| open_bound(point, id));
                if let Some(fd) = opened {
                    self.adopt(fd, id);
                }
            }
            if let Some(namespace) = self.inventory.namespaces.get_mut(&id) {
                namespace.bound = points;
            }
        }
    }
}

/// The numbers of the namespaces that a `mountinfo` text has, and where each is mounted. The same
/// place is listed once.
pub(super) fn bound(mountinfo: &[u8]) -> BTreeMap<u64, Vec<Text>> {
    let mut all: BTreeMap<u64, Vec<Text>> = BTreeMap::new();
    // Most mounts are of something else, and their lines need not be understood.
    let lines = crate::bytes::lines(mountinfo).filter(|line| contains(line, b" nsfs "));
    for mount in lines.flat_map(crate::mountinfo::parse).filter(|m| m.fstype == *"nsfs") {
        let Some((_, id)) = parse_link(mount.root.as_bytes()) else { continue };
        let points = all.entry(id).or_default();
        let point = mount.point.text().clone();
        if !points.contains(&point) {
            points.push(point);
        }
    }
    all
}

fn contains(line: &[u8], what: &[u8]) -> bool {
    line.windows(what.len()).any(|part| part == what)
}

/// The namespace that is mounted at `point`, where it is the one that is looked for: something
/// else may have been mounted there since.
fn open_bound(point: &Text, id: u64) -> Option<OwnedFd> {
    let fd = rustix::fs::openat(CWD, point.as_bytes(), crate::file::READ, Mode::empty()).ok()?;
    (rustix::fs::fstat(&fd).ok()?.st_ino == id).then_some(fd)
}

/// Whether a `mountinfo` text has a `/proc` that hides processes (`hidepid` of `proc(5)`).
pub(super) fn hides_processes(mountinfo: &[u8]) -> bool {
    let mut hidden = false;
    // What was mounted last at a place is what is seen there.
    for line in crate::bytes::lines(mountinfo) {
        if !contains(line, b" /proc ") || !contains(line, b" - proc ") {
            continue;
        }
        let options = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
        hidden = options.split(|b| *b == b',').any(|option| {
            option.strip_prefix(b"hidepid=").is_some_and(|how| how != b"0" && how != b"off")
        });
    }
    hidden
}

/// Opens a namespace by its link.
pub(super) fn open_link(directory: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}
