//! Reading the machine: the kernel's list, `/proc`, the mounts.

use std::collections::{BTreeMap, HashSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dwell_plan::{NamespaceSet, Text};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::descriptors::Held;
use super::model::{Inventory, NetnsId};
use super::netnsid::Route;
use super::process::parse_link;
use crate::error::ProbeError;
use crate::file::Proc;

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
    /// Owner, parent, state and name of every process, and not only of the first in each namespace.
    pub details: bool,
    /// A second thread takes part where there are many processes. Not for a process that goes on to change its
    /// own namespaces: the kernel refuses that (`EINVAL`) for some moments after a thread was waited for.
    pub two_threads: bool,
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
        details: true,
        two_threads: false,
    };
}

/// Reads the inventory of the machine, as far as the caller may see it.
///
/// # Errors
/// There is no usable `/proc`.
pub fn read(wanted: &Wanted) -> Result<Inventory, ProbeError> {
    let proc = Proc::open()?;
    let mut scan = Scan::new(*wanted);
    if wanted.listed {
        scan.listed();
    }
    let mut scan = scan.with_processes(proc.as_fd())?;
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
    /// What descriptors keep.
    pub(super) held: Vec<Held>,
    /// Room for the entries of a `/proc/PID/fd`.
    pub(super) entries: Vec<MaybeUninit<u8>>,
}

impl Scan {
    pub(super) fn new(wanted: Wanted) -> Scan {
        Scan {
            wanted,
            inventory: Inventory::default(),
            route: if wanted.netnsids { Route::open() } else { None },
            sockets: HashSet::new(),
            held: Vec::new(),
            entries: vec![MaybeUninit::uninit(); 32 << 10],
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
