//! The processes, one after the other, by one thread or two.
//!
//! KERNEL: what this takes is spent in calls, 20 of them a process, each of which walks a path of procfs. An inode
//! and an entry of its own for each file that was looked at make some 900 bytes, so a process takes 10 to 15 KiB
//! of the kernel's memory; where those of all processes are more than the processor's caches hold, the same
//! calls take longer. So no file is looked at that is not needed, and two threads share what is left.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dwell_plan::NamespaceKind;
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::path::DecInt;

use super::model::{Inventory, Namespace, NetnsId};
use super::process::{details, link_name, look};
use super::scan::{Scan, open_link};
use crate::bytes::number;
use crate::error::ProbeError;
use crate::look::LIST;

/// How many processes a thread takes at a time.
const SHARE: usize = 64;

/// Fewer are read before a second thread has begun.
const MANY: usize = 4 * SHARE;

/// What there is to do.
#[derive(Clone, Copy)]
struct Work<'w> {
    proc: BorrowedFd<'w>,
    pids: &'w [i32],
}

impl Scan {
    /// Adds all processes, with what their descriptors keep.
    pub(super) fn with_processes(mut self, proc: BorrowedFd<'_>) -> Result<Scan, ProbeError> {
        let pids = pids(proc)?;
        let next = AtomicUsize::new(0);
        let two = self.wanted.two_threads && pids.len() >= MANY && processors() > 1;
        let wanted = self.wanted;
        let (work, next) = (Work { proc, pids: &pids }, &next);
        let other = thread::scope(|scope| {
            let help = move || {
                let mut scan = Scan::new(wanted);
                scan.take(&work, next);
                scan
            };
            // Where no thread may be started one does it all.
            let helper =
                two.then(|| thread::Builder::new().spawn_scoped(scope, help).ok()).flatten();
            self.take(&work, next);
            helper.map(|helper| helper.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
        });
        if let Some(other) = other {
            self.merge(other);
        }
        self.keep();
        Ok(self)
    }

    /// Reads processes until none is left. What one thread reads is in order.
    fn take(&mut self, work: &Work<'_>, next: &AtomicUsize) {
        loop {
            let from = next.fetch_add(SHARE, Ordering::Relaxed);
            let Some(rest) = work.pids.get(from..).filter(|rest| !rest.is_empty()) else { return };
            for pid in rest.iter().take(SHARE) {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let directory =
                    rustix::fs::openat(work.proc, DecInt::new(*pid), flags, Mode::empty());
                if let Ok(directory) = directory {
                    self.process(directory.as_fd(), *pid);
                }
            }
        }
    }

    fn process(&mut self, directory: BorrowedFd<'_>, pid: i32) {
        let (mut process, denied) = look(directory, pid, self.wanted.kinds);
        let mut new = [None; 8];
        for ((new, kind), id) in new.iter_mut().zip(NamespaceKind::ALL).zip(process.namespaces) {
            *new = Some((kind, id)).filter(|_| id != 0 && self.is_unmet(id));
        }
        if (self.wanted.details || new.iter().any(Option::is_some))
            && !details(directory, &mut process)
        {
            return;
        }
        self.inventory.unread.processes += usize::from(denied);
        self.inventory.add_process(process);
        for (kind, id) in new.into_iter().flatten() {
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
        let Ok(fd) = open_link(directory, link_name(kind)) else { return };
        if asks_relations {
            self.relate(&fd, id);
        }
        if asks_id {
            self.ask_netnsid(&fd, id);
        }
    }

    /// Takes in what another thread has read.
    fn merge(&mut self, other: Scan) {
        self.held.extend(other.held);
        self.inventory.merge(other.inventory);
    }

    /// Writes down who keeps a namespace. A socket that several processes have is the first one's.
    pub(super) fn keep(&mut self) {
        self.held.sort_by_key(|held| (held.holder.pid, held.holder.fd));
        let mut sockets = HashSet::new();
        for held in std::mem::take(&mut self.held) {
            let is_first = held.socket.is_none_or(|inode| sockets.insert(inode));
            if is_first
                && !held.is_own
                && let Some(namespace) = self.inventory.namespaces.get_mut(&held.namespace)
            {
                namespace.holders.push(held.holder);
            }
        }
    }
}

/// The numbers that `/proc` lists, in order.
fn pids(proc: BorrowedFd<'_>) -> Result<Vec<i32>, ProbeError> {
    let fail = |call, no| ProbeError::kernel("list", "/proc", call, no);
    let listed = rustix::fs::openat(proc, ".", LIST, Mode::empty());
    let listed = listed.map_err(|no| fail("openat", no))?;
    let mut room = vec![MaybeUninit::uninit(); 64 << 10];
    let mut entries = RawDir::new(&listed, &mut room);
    let mut pids = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|no| fail("getdents64", no))?;
        pids.extend(number::<i32>(entry.file_name().to_bytes()));
    }
    // KERNEL: the order of /proc, which is sorted here for procfs to change it.
    pids.sort_unstable();
    Ok(pids)
}

/// On how many processors this process may run.
fn processors() -> u32 {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count())
}

impl Inventory {
    /// Adds what was read of other processes of the same machine.
    pub(super) fn merge(&mut self, other: Inventory) {
        self.unread.processes += other.unread.processes;
        for (id, new) in other.namespaces {
            self.namespaces.entry(id).or_insert_with(|| Namespace::new(id, new.kind)).learn(&new);
        }
        // They are referred to by their places.
        let mut processes = std::mem::take(&mut self.processes);
        self.namespaces.values_mut().for_each(|namespace| namespace.members.clear());
        processes.extend(other.processes);
        processes.sort_by_key(|process| process.pid);
        processes.into_iter().for_each(|process| self.add_process(process));
    }
}

impl Namespace {
    /// Takes over what `other`, the same namespace, knows besides.
    fn learn(&mut self, other: &Namespace) {
        self.parent = self.parent.or(other.parent);
        self.owner = self.owner.or(other.owner);
        self.made_by = self.made_by.or(other.made_by);
        self.by_file |= other.by_file;
        if self.netnsid == NetnsId::Unknown {
            self.netnsid = other.netnsid;
        }
    }
}
