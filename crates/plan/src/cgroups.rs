//! Facts about control groups: which hierarchies there are, where in them the caller is, and what may
//! be done there. `probe` reads them when a Plan asks for limits; a test may write them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// A version of the kernel's interface; `cgroups(7)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One hierarchy for each controller, or for several.
    V1,
    /// One hierarchy for all.
    #[default]
    V2,
}

/// How a machine has its controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No hierarchy is mounted.
    None,
    /// All in version 1.
    V1,
    /// Hierarchies of both versions.
    Hybrid,
    /// All in version 2.
    V2,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::None => "none",
            Layout::V1 => "version 1",
            Layout::Hybrid => "hybrid: versions 1 and 2",
            Layout::V2 => "version 2",
        })
    }
}

/// The control groups of the machine, as the caller sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cgroups {
    /// The hierarchies that have controllers, and that of version 2.
    pub hierarchies: Vec<Hierarchy>,
    /// Controllers that the kernel has but that were switched off when it started.
    pub disabled: Vec<String>,
    /// A name that no group has yet. Whoever finds a group that is called so can tell whether its
    /// maker still lives.
    pub name: Text,
    /// The service manager that owns the tree, where one does.
    pub systemd: Option<Systemd>,
}

/// A hierarchy of control groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hierarchy {
    /// Its version.
    pub version: Version,
    /// The controllers in it, as its version calls them; in version 2 those that the group has at
    /// which it is mounted.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: Text,
    /// Whether that mount is read-only.
    pub read_only: bool,
    /// The caller's own group: its path in the hierarchy, as `/proc/self/cgroup` shows it.
    pub own: Text,
    /// The caller's own group and those above it, up to the mount; none where the own group is not
    /// below what is mounted.
    pub places: Vec<Place>,
}

/// A group below which another one may be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Its directory.
    pub dir: Text,
    /// Whether the caller may make groups in it and move processes there.
    pub writable: bool,
    /// Whether it is the root of the hierarchy, for which the rule about processes does not hold.
    pub root: bool,
    /// Version 2: the controllers it has (`cgroup.controllers`).
    pub controllers: Vec<String>,
    /// Version 2: those it gives to the groups in it (`cgroup.subtree_control`).
    pub enabled: Vec<String>,
    /// Version 2: whether there are processes in it other than the caller.
    pub crowded: bool,
    /// Version 2: whether it takes processes and controllers at all: it is neither threaded nor invalid
    /// (`cgroup.type`).
    pub domain: bool,
    /// Whether its manager has left it to whoever runs in it (`Delegate=` of systemd).
    pub delegated: bool,
}

/// The service manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Systemd {
    /// The socket of the bus on which the manager for the caller listens: the system's for root, the
    /// user's for anybody else. None where there is no such socket.
    pub bus: Option<Text>,
    /// The controllers that this manager can give; empty when that is not known.
    pub controllers: Vec<String>,
}

impl Cgroups {
    /// How the controllers are spread.
    #[must_use]
    pub fn layout(&self) -> Layout {
        let has = |version| {
            self.hierarchies.iter().any(|h| h.version == version && !h.controllers.is_empty())
        };
        match (has(Version::V1), has(Version::V2)) {
            (true, true) => Layout::Hybrid,
            (true, false) => Layout::V1,
            (false, true) => Layout::V2,
            (false, false) => Layout::None,
        }
    }

    /// The hierarchy of version 2, if it is mounted.
    #[must_use]
    pub fn unified(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|h| h.version == Version::V2)
    }
}
