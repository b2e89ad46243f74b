//! The control group of a world, as the part of a [`Program`](crate::Program) that the host side
//! carries out.

use crate::cgroups::Version;
use crate::limits::{DeviceRule, Limits, Write};
use crate::text::Text;

/// The group that the world's processes are in.
///
/// It has two levels. The limits stand in the outer one; the processes are in the inner one, which is
/// all that a cgroup namespace shows. Nobody in the world can reach the files with the limits then, not
/// even as the same user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name in every hierarchy.
    pub name: Text,
    /// Its part in each hierarchy.
    pub members: Vec<Member>,
    /// Who makes it.
    pub maker: Maker,
    /// The machine has hierarchies of version 1 too.
    pub is_beside_v1: bool,
    /// Device rules to be attached as a program: version 2.
    pub devices: Vec<DeviceRule>,
    /// The numbers that it is reported by when one of them is reached.
    pub told: Told,
    /// Whether what was used is reported at the end.
    pub stats: bool,
    /// A process of the host side's is in it as well, beside the inner level: one that ends with its
    /// processes ends after what it has counted was read.
    pub is_kept: bool,
    /// Owner of the inner group, where that is another than the caller.
    pub owner: Option<(u32, u32)>,
}

/// How the inner level of a group is called.
pub const INNER: &str = "box";

/// How the group beside it is called that has the [keeper](Group::is_kept).
pub const KEPT: &str = "keeper";

/// Who makes a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The host side, by itself, before the first process is cloned.
    Caller,
    /// systemd, as a transient scope around the first process, which waits meanwhile.
    Systemd {
        /// The socket of the bus.
        bus: Text,
        /// The name of the unit.
        unit: String,
        /// The slice it is put into; the manager's default without it.
        slice: Option<String>,
        /// What is said with properties; the files of the members are written too.
        limits: Box<Limits>,
    },
}

/// A group's part in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The version of the hierarchy.
    pub version: Version,
    /// Version 1: the controllers of the hierarchy, by which it is mounted.
    pub hierarchy: Vec<String>,
    /// The directory that it is made in; where systemd makes it, the mount point.
    pub parent: Text,
    /// Controllers that the parent must be told to give (version 2).
    pub enable: Vec<String>,
    /// The caller is in the parent, alone, and must leave it first: a group of version 2 that gives
    /// controllers has no processes.
    pub step_aside: bool,
    /// What is written, in order.
    pub writes: Vec<Write>,
    /// What is written into the inner one.
    pub inner_writes: Vec<Write>,
    /// Controllers that the inner one has too.
    pub inner_controllers: Vec<String>,
}

impl Group {
    /// Whether it is gone as soon as nobody is in it: then what was used is read before the first process
    /// ends, which waits for that.
    #[must_use]
    pub fn ends_with_its_processes(&self) -> bool {
        matches!(self.maker, Maker::Systemd { .. })
    }

    /// The directory of the outer level in one hierarchy.
    #[must_use]
    pub fn outer(&self, member: &Member) -> Text {
        Text::from([member.parent.as_bytes(), b"/", self.name.as_bytes()].concat())
    }

    /// The directory that the processes are in.
    #[must_use]
    pub fn inner(&self, member: &Member) -> Text {
        Text::from([self.outer(member).as_bytes(), b"/", INNER.as_bytes()].concat())
    }
}

/// What is said when a limit has been reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The limit on memory in bytes.
    pub memory: Option<u64>,
    /// The limit on processes, as it was asked for.
    pub pids: Option<u64>,
    /// How many processes in the group are not the program's.
    pub own_processes: u64,
}
