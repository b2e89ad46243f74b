//! The view: for every place in the world, what is found there. Pure data, ordered so that a
//! directory stands before what lies below it.

use std::collections::BTreeMap;

use crate::path::WorldPath;
use crate::plan::Origin;
use crate::text::Text;

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// An empty directory of the world's own.
    Fresh(Fresh),
    /// A symbolic link.
    Link(Text),
    /// A small file of the world's own.
    File { mode: u32, data: Vec<u8> },
    /// The machine's file or tree itself.
    Bind { source: Text, read_only: bool, recursive: bool, dir: bool, device: bool },
    /// A copy of the machine's file.
    Copy { source: Text },
    /// The machine's tree with a throw-away layer on top.
    Layer { source: Text, read_only: bool },
    /// A file that nobody can read, or an empty directory that nobody can write.
    Hidden { dir: bool },
    /// A filesystem of the kernel's.
    Kernel(KernelFs),
    /// The world's own control group, in the hierarchy that has these controllers: in version 2 when there
    /// are none.
    Groups { controllers: Vec<String>, read_only: bool },
    /// A part of a filesystem that is already in the world, seen again read-only.
    Frozen,
    /// The file below is removed from the layer.
    Removed,
}

/// An empty directory of the world's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fresh {
    pub(super) mode: u32,
    /// Whether it belongs to the program's user rather than to the world's root.
    pub(super) users_own: bool,
    /// A filesystem of its own with this limit.
    pub(super) size: Option<u64>,
    /// A filesystem of its own with the kernel's default limit.
    pub(super) own_filesystem: bool,
}

impl Fresh {
    pub(super) const fn mode(mode: u32) -> Node {
        Node::Fresh(Fresh { mode, users_own: false, size: None, own_filesystem: false })
    }

    pub(super) const fn users(mode: u32) -> Node {
        Node::Fresh(Fresh { mode, users_own: true, size: None, own_filesystem: false })
    }
}

/// Filesystems that show the kernel's own data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KernelFs {
    Proc,
    Sysfs,
    Devpts,
    Mqueue,
}

/// A node, and who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) node: Node,
    pub(super) origin: Option<Origin>,
    /// Left out without a word where it cannot be (a masked file that this kernel does not have).
    pub(super) optional: bool,
}

/// All places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub(super) places: BTreeMap<WorldPath, Placed>,
}

impl View {
    pub(super) fn put(&mut self, path: WorldPath, node: Node) {
        self.places.insert(path, Placed { node, origin: None, optional: false });
    }

    pub(super) fn put_optional(&mut self, path: WorldPath, node: Node) {
        self.places.insert(path, Placed { node, origin: None, optional: true });
    }

    pub(super) fn put_for(&mut self, path: WorldPath, node: Node, origin: &Origin) {
        self.places.insert(path, Placed { node, origin: Some(origin.clone()), optional: false });
    }

    /// The place at `path` or the nearest above it.
    pub(super) fn nearest(&self, path: &WorldPath) -> Option<(&WorldPath, &Placed)> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if let Some(found) = self.places.get_key_value(&path) {
                return Some(found);
            }
            at = path.parent();
        }
        None
    }

    /// The nearest place strictly above `path`.
    pub(super) fn above(&self, path: &WorldPath) -> Option<(&WorldPath, &Placed)> {
        self.nearest(&path.parent()?)
    }

    /// `path` with the links that the view itself places resolved: `/bin/x` is `/usr/bin/x` where
    /// `/bin` is a link to `usr/bin`.
    pub(super) fn resolve(&self, path: &WorldPath) -> WorldPath {
        let mut path = path.clone();
        for _ in 0..40 {
            let Some((at, target)) = self.link_above(&path) else { break };
            let rest = at.remainder(&path).unwrap_or_default().to_vec();
            let base = at.parent().unwrap_or_default();
            path = WorldPath::new(target.as_bytes(), base.as_bytes()).join(&rest);
        }
        path
    }

    fn link_above(&self, path: &WorldPath) -> Option<(WorldPath, Text)> {
        match self.above(path)? {
            (at, Placed { node: Node::Link(target), .. }) => Some((at.clone(), target.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_its_own_links_only() {
        let mut view = View::default();
        view.put(WorldPath::root(), Fresh::mode(0o755));
        view.put(WorldPath::abs("/bin"), Node::Link("usr/bin".into()));
        view.put(WorldPath::abs("/lib"), Node::Link("/usr/lib".into()));
        assert_eq!(view.resolve(&WorldPath::abs("/bin/x/y")), WorldPath::abs("/usr/bin/x/y"));
        assert_eq!(view.resolve(&WorldPath::abs("/lib/x")), WorldPath::abs("/usr/lib/x"));
        assert_eq!(view.resolve(&WorldPath::abs("/bin")), WorldPath::abs("/bin"));
        assert_eq!(view.resolve(&WorldPath::abs("/srv/x")), WorldPath::abs("/srv/x"));
        view.put(WorldPath::abs("/loop"), Node::Link("loop".into()));
        view.resolve(&WorldPath::abs("/loop/x"));
    }
}
