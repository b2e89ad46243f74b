//! Parents and owners of namespaces, and the namespaces that only these lead to.

use std::os::fd::OwnedFd;

use dwell_plan::NamespaceKind;
use dwell_sys::nsfs;
use rustix::fs::CWD;

use super::model::Namespace;
use super::process::{kind_named, link_name};
use super::scan::{Scan, open_link};
use crate::error::ProbeError;

/// A namespace that was opened, and its number.
type Opened = (OwnedFd, u64);

impl Scan {
    /// Asks for parent and owner of a namespace that is known already.
    pub(super) fn relate(&mut self, fd: &OwnedFd, id: u64) {
        let Some(namespace) = self.inventory.namespaces.get_mut(&id) else { return };
        drop(relate(namespace, fd));
    }

    /// Takes in a namespace that a file led to, with everything above it. Kinds that are not wanted
    /// end the way up.
    pub(super) fn adopt(&mut self, fd: OwnedFd, id: u64) {
        let mut open = vec![(fd, id)];
        while let Some((fd, id)) = open.pop() {
            if self.inventory.namespace(id).is_some_and(|n| n.by_file) {
                continue;
            }
            let Some(kind) = kind_of(&fd).filter(|kind| self.wanted.kinds.has(*kind)) else {
                continue;
            };
            let namespaces = &mut self.inventory.namespaces;
            let namespace = namespaces.entry(id).or_insert_with(|| Namespace::new(id, kind));
            namespace.by_file = true;
            open.extend(relate(namespace, &fd));
            if kind == NamespaceKind::Net {
                self.ask_netnsid(&fd, id);
            }
        }
    }

    /// Takes in the parents and owners that are known by number only.
    pub(super) fn ancestors(&mut self) {
        let missing: Vec<(i32, NamespaceKind)> = self
            .inventory
            .namespaces
            .values()
            .filter(|n| [n.parent, n.owner].into_iter().flatten().any(|id| self.lacks(id)))
            .filter_map(|n| Some((self.inventory.first_member(n)?.pid, n.kind)))
            .collect();
        for (pid, kind) in missing {
            let path = format!("/proc/{pid}/{}", link_name(kind));
            let Ok(fd) = open_link(CWD, &path) else { continue };
            for (fd, id) in [parent(&fd, kind), owner(&fd)].into_iter().flatten() {
                if self.lacks(id) {
                    self.adopt(fd, id);
                }
            }
        }
    }

    /// Takes in what the kernel lists, where it does.
    pub(super) fn listed(&mut self) {
        // ENOSYS before Linux 6.19; what a filter forbids is as good as not there.
        for unique in nsfs::list().unwrap_or_default() {
            let Some((fd, id)) = nsfs::open(unique, None).ok().and_then(numbered) else { continue };
            if self.lacks(id) {
                self.adopt(fd, id);
            }
        }
    }

    fn lacks(&self, id: u64) -> bool {
        self.inventory.namespace(id).is_none()
    }
}

/// Writes down what the namespace behind `fd` says of itself; gives its parent and owner, opened.
fn relate(namespace: &mut Namespace, fd: &OwnedFd) -> impl Iterator<Item = Opened> + use<> {
    let (parent, owner) = (parent(fd, namespace.kind), owner(fd));
    namespace.parent = parent.as_ref().map(|(_, id)| *id);
    namespace.owner = owner.as_ref().map(|(_, id)| *id);
    if namespace.kind == NamespaceKind::User {
        namespace.made_by = nsfs::owner_uid(fd).ok();
    }
    [parent, owner].into_iter().flatten()
}

/// KERNEL: EPERM where it is not to be seen from here, or there is none.
fn parent(fd: &OwnedFd, kind: NamespaceKind) -> Option<Opened> {
    if !matches!(kind, NamespaceKind::User | NamespaceKind::Pid) {
        return None;
    }
    nsfs::parent(fd).ok().and_then(numbered)
}

fn owner(fd: &OwnedFd) -> Option<Opened> {
    nsfs::owner(fd).ok().and_then(numbered)
}

fn numbered(fd: OwnedFd) -> Option<Opened> {
    let id = rustix::fs::fstat(&fd).ok()?.st_ino;
    Some((fd, id))
}

fn kind_of(fd: &OwnedFd) -> Option<NamespaceKind> {
    kind_named(nsfs::kind_name(nsfs::kind(fd).ok()?)?.as_bytes())
}

/// The kind of the namespace that is bound on a file; none when it is another file.
///
/// # Errors
/// It cannot be opened.
pub fn kind_of_file(path: &std::path::Path) -> Result<Option<NamespaceKind>, ProbeError> {
    let fd = rustix::fs::openat(CWD, path, crate::file::READ, rustix::fs::Mode::empty());
    let fd =
        fd.map_err(|no| ProbeError::kernel("open", &path.display().to_string(), "open", no))?;
    Ok(kind_of(&fd))
}
