//! Namespaces that only an open file or a socket keeps alive.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dwell_plan::NamespaceKind;
use dwell_sys::{nsfs, pidfd};
use rustix::fs::{Mode, RawDir};

use super::model::{Holder, Via};
use super::process::parse_link;
use super::scan::{Scan, open_link};
use crate::bytes::number;
use crate::look::LIST;

/// A namespace that a descriptor keeps.
pub(super) struct Held {
    pub(super) namespace: u64,
    pub(super) holder: Holder,
    /// The inode, of a socket.
    pub(super) socket: Option<u64>,
    /// The process is in that namespace itself, and keeps it anyway.
    pub(super) is_own: bool,
}

/// What the link of a descriptor says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// A namespace's number.
    Namespace(NamespaceKind, u64),
    /// A socket's inode.
    Socket(u64),
}

impl Link {
    /// `net:[4026531840]` or `socket:[1234]`.
    pub(super) fn parse(text: &[u8]) -> Option<Link> {
        if let Some(rest) = text.strip_prefix(b"socket:[") {
            return number(rest.strip_suffix(b"]")?).map(Link::Socket);
        }
        parse_link(text).map(|(kind, id)| Link::Namespace(kind, id))
    }
}

impl Scan {
    /// Looks through the descriptors of the process whose `/proc/PID` is `directory`.
    pub(super) fn descriptors(&mut self, directory: BorrowedFd<'_>, pid: i32) {
        let Ok(fds) = rustix::fs::openat(directory, "fd", LIST, Mode::empty()) else { return };
        // Taken out for as long as it is read, because everything else is still needed.
        let mut room = std::mem::take(&mut self.entries);
        let mut entries = RawDir::new(&fds, &mut room);
        let mut process = None;
        while let Some(Ok(entry)) = entries.next() {
            let Some(number) = number(entry.file_name().to_bytes()) else { continue };
            let mut text = [MaybeUninit::uninit(); 64];
            let link = rustix::fs::readlinkat_raw(&fds, entry.file_name(), &mut text);
            match link.ok().and_then(|(text, _)| Link::parse(text)) {
                Some(Link::Namespace(kind, id)) => {
                    self.namespace(fds.as_fd(), pid, number, kind, id);
                }
                Some(Link::Socket(inode)) => self.socket(&mut process, pid, number, inode),
                None => {}
            }
        }
        self.entries = room;
    }

    fn namespace(
        &mut self,
        fds: BorrowedFd<'_>,
        pid: i32,
        number: i32,
        kind: NamespaceKind,
        id: u64,
    ) {
        if !self.wanted.kinds.has(kind) {
            return;
        }
        if self.inventory.namespace(id).is_none_or(|n| !n.by_file)
            && let Ok(fd) = open_link(fds, &number.to_string())
            // Another file may have taken its number.
            && rustix::fs::fstat(&fd).is_ok_and(|stat| stat.st_ino == id)
        {
            self.adopt(fd, id);
        }
        self.hold(id, Holder { pid, fd: number, via: Via::Descriptor }, None);
    }

    /// KERNEL: a socket stays in the network namespace that it was made in, and keeps it.
    fn socket(&mut self, process: &mut Option<OwnedFd>, pid: i32, number: i32, inode: u64) {
        if !self.wanted.kinds.has(NamespaceKind::Net) || !self.sockets.insert(inode) {
            return;
        }
        if process.is_none() {
            *process = pidfd::open(pid).ok();
        }
        let Some(process) = process else { return };
        let namespace = nsfs::descriptor_of(process, number).and_then(|s| nsfs::of_socket(&s));
        let Ok(namespace) = namespace else { return };
        let Ok(id) = rustix::fs::fstat(&namespace).map(|stat| stat.st_ino) else { return };
        self.adopt(namespace, id);
        self.hold(id, Holder { pid, fd: number, via: Via::Socket }, Some(inode));
    }

    /// Notes who holds a namespace.
    fn hold(&mut self, namespace: u64, holder: Holder, socket: Option<u64>) {
        let own = |p: &&super::Process| p.pid == holder.pid && p.namespaces.contains(&namespace);
        let is_own = self.inventory.processes.last().filter(own).is_some();
        self.held.push(Held { namespace, holder, socket, is_own });
    }
}
