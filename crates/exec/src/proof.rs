//! What the child has to know of the outside to try its walls: gathered before the clone.

use std::ffi::CString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU32, Ordering};

use dwell_plan::NamespaceKind;
use dwell_plan::program::{Op, Program};
use dwell_plan::proof::Act;
use dwell_sys::raw::{self, Errno, Fd};

use crate::failure::Failure;
use crate::host::internal;

/// The outside, as far as acts are about it.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) pid: i32,
    /// Device and inode of the root directory.
    pub(crate) root: (u64, u64),
    /// The name of the abstract socket that [`Canary`] listens on.
    pub(crate) socket: Vec<u8>,
    /// Where the own namespace of a kind is found, and the inode of the host side's.
    namespaces: Vec<(NamespaceKind, CString, u64)>,
}

/// What must not be reached from inside. It is there while the world is built.
#[derive(Debug, Default)]
pub(crate) struct Canary {
    #[allow(dead_code, reason = "held, and never looked at")]
    listener: Option<UnixListener>,
}

impl Outside {
    /// Looks, where the Program tries its walls at all.
    pub(crate) fn look(program: &Program) -> Result<(Outside, Canary), Failure> {
        if !program.entry.ops.iter().any(|op| matches!(op, Op::Prove(_))) {
            return Ok((Outside::default(), Canary::default()));
        }
        let failed = |e: std::io::Error| {
            internal(
                "look at the walls from outside",
                Errno::from_io_error(&e).unwrap_or(Errno::IO),
            )
        };
        let pid = raw::getpid();
        let socket = name(pid);
        let address = SocketAddr::from_abstract_name(&socket).map_err(failed)?;
        let listener = UnixListener::bind_addr(&address).map_err(failed)?;
        let root = raw::statx_at(Fd::CWD, c"/", 0);
        let root = root.map_err(|e| internal("look at the root directory", e))?;
        let root = (root.dev, root.ino);
        let mut namespaces = Vec::new();
        for op in &program.entry.ops {
            let Op::Prove(Act::ShareNamespace(kind)) = op else { continue };
            let path = format!("/proc/self/ns/{}", kind.proc_name());
            let inode = std::fs::metadata(&path).map_err(failed)?.ino();
            namespaces.push((*kind, CString::new(path).unwrap_or_default(), inode));
        }
        let outside = Outside { pid, root, socket, namespaces };
        Ok((outside, Canary { listener: Some(listener) }))
    }

    /// Where a kind's namespace is found, and the outer one's inode.
    pub(crate) fn namespace(&self, kind: NamespaceKind) -> Option<(&CString, u64)> {
        let found = self.namespaces.iter().find(|(other, _, _)| *other == kind);
        found.map(|(_, path, inode)| (path, *inode))
    }
}

/// A name that no other socket of this process, or of one that had its number before, has.
fn name(pid: i32) -> Vec<u8> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("dwell-canary-{pid}-{count}-{}", raw::clock_monotonic_ns()).into_bytes()
}
