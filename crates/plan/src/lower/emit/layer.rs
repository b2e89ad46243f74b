//! Layers: overlays whose upper directory lies in the scratch.

use super::{Emitter, Ground, NO_LAYER, append};
use crate::facts::Found;
use crate::lower::view::{Node, Placed};
use crate::path::WorldPath;
use crate::plan::{Origin, RootSource};
use crate::program::{Attrs, HostFileKind, Op, Slot};
use crate::text::Text;

impl Emitter<'_> {
    /// A layer that a rule wants becomes read-only where the filesystem cannot carry one; a layer that
    /// the user asked for is a promise.
    pub(super) fn layer_or_bind(
        &mut self,
        path: &WorldPath,
        source: &Text,
        read_only: bool,
        origin: Option<&Origin>,
        ground: &Ground,
    ) {
        let made = self.ready.remove(path);
        let tree = self.tree(path, source, origin, |e| match made {
            Some((piece, tree)) => e.await_layer(piece, tree),
            None => e.layer(path, source, read_only),
        });
        self.attach(tree, path, ground);
    }

    /// The layer that `make` makes, or what stands in for it.
    pub(super) fn tree(
        &mut self,
        path: &WorldPath,
        source: &Text,
        origin: Option<&Origin>,
        make: impl FnOnce(&mut Self) -> Slot,
    ) -> Slot {
        let from = self.b.mark();
        let tree = make(self);
        if !matches!(origin, Some(Origin::Option(_))) {
            let over = self.b.leave();
            self.b.rescue_since(from, NO_LAYER);
            self.b.clone_into(tree, Slot::CWD, source, true);
            let noexec = self.forbids_programs(path, true);
            let attrs = Attrs { noexec, ..Attrs::SAFE_READ_ONLY };
            self.b.op(Op::SetAttrs { tree, attrs, recursive: true });
            self.b.land(over);
        }
        tree
    }

    /// A layer over `source`, as a detached tree.
    pub(super) fn layer(&mut self, path: &WorldPath, source: &Text, read_only: bool) -> Slot {
        let number = self.number(path);
        self.layer_as(number, path, source, read_only)
    }

    /// The number of a layer's directories.
    pub(super) fn number(&mut self, path: &WorldPath) -> usize {
        let number = self.layers.len();
        self.layers.push((path.clone(), number));
        number
    }

    /// A layer whose number is given: helper and first process both have it in their lists.
    pub(super) fn layer_as(
        &mut self,
        number: usize,
        path: &WorldPath,
        source: &Text,
        read_only: bool,
    ) -> Slot {
        let upper = format!("u/{number}").into_bytes();
        let work = format!("w/{number}");
        self.mkdir(self.uppers, &upper, 0o755);
        self.mkdir(self.uppers, &work, 0o755);
        self.go_to(number, source);
        let here = self.b.str(".");
        let upper_path = self.b.str(&upper);
        self.b.op(Op::Likeness { of: here, at: self.uppers, path: upper_path });
        self.prepare_upper(path, source, &upper);
        let attrs = if read_only { Attrs::SAFE_READ_ONLY } else { Attrs::SAFE };
        // What the tree's own mount forbids stays forbidden.
        let noexec = self.cx.is_noexec(source) || self.cx.no_new_code() && !read_only;
        let attrs = Attrs { noexec, ..attrs };
        self.overlay(&upper, work.as_bytes(), attrs)
    }

    /// Makes the tree that lies below the working directory.
    ///
    /// KERNEL: options of an overlay are strings of at most 255 bytes in which commas and colons have
    /// a meaning; `.` is neither.
    fn go_to(&mut self, number: usize, source: &Text) {
        if !self.cx.owns_root_mounts() {
            let path = self.b.str(source.as_bytes());
            self.b.op(Op::Chdir(path));
            return;
        }
        // The host side copies the mount without what is mounted below it, which locks in a user
        // namespace; an overlay takes its layers only from mounts that hang somewhere.
        let tree = self.b.host_file(HostFileKind::Tree(source.clone()));
        let spot = format!("l/{number}");
        self.mkdir(self.scratch, &spot, 0o755);
        let path = self.b.str(&spot);
        self.b.op(Op::Attach { tree, to: self.scratch, path });
        self.b.op(Op::ChdirTo(tree));
        self.b.close(tree);
    }

    fn overlay(&mut self, upper: &[u8], work: &[u8], attrs: Attrs) -> Slot {
        let fs = self.b.slot();
        let fstype = self.b.str("overlay");
        self.b.op(Op::FsOpen { fstype, into: fs });
        let (key, here) = (self.b.str("lowerdir"), self.b.str("."));
        self.b.op(Op::FsString { fs, key, value: here });
        for (key, path) in [("upperdir", upper), ("workdir", work)] {
            let (key, path) = (self.b.str(key), self.b.str(path));
            self.b.op(Op::FsDirectory { fs, key, at: self.uppers, path });
        }
        let key = self.b.str("userxattr");
        self.b.op(Op::FsFlag { fs, key });
        if self.cx.disk_layer().is_some() {
            // KERNEL: without this the whole disk is written out each time an overlay goes (5.10).
            let key = self.b.str("volatile");
            self.b.op(Op::FsFlag { fs, key });
        }
        self.b.finish_filesystem(fs, attrs)
    }

    /// Puts into the upper directory what must be there before anything is mounted: mount points that
    /// the tree below does not have, and files of the world's own.
    fn prepare_upper(&mut self, path: &WorldPath, source: &Text, upper: &[u8]) {
        let view = self.view;
        let below = view.places.range(path.clone()..).skip(1);
        for (place, placed) in below.take_while(|(place, _)| path.contains(place)) {
            if view.above(place).is_none_or(|(at, _)| at != path) {
                continue;
            }
            let rest = path.remainder(place).unwrap_or_default();
            match (&placed.node, self.found(path, source, place)) {
                (Node::File { .. }, Some(Found::File)) if self.cx.owns_root_mounts() => {}
                (Node::File { mode, data }, _) => {
                    self.upper_parents(source, upper, rest);
                    let at = self.uppers;
                    let target = self.b.str(joined(upper, rest));
                    let data = self.b.str(data);
                    self.b.op(Op::PutFile { at, path: target, mode: *mode, data });
                    self.done.insert(place.clone());
                }
                (Node::Removed | Node::Link(_) | Node::Frozen, _) => {}
                (_, Some(found)) if found.exists() => {}
                _ if placed.optional && placed.origin.is_none() && !self.made_root() => {}
                (node, _) => {
                    self.upper_parents(source, upper, rest);
                    self.upper_point(joined(upper, rest), is_dir(node));
                }
            }
        }
    }

    /// Whether the root is a directory that the user named: it may lack even `/proc`.
    fn made_root(&self) -> bool {
        matches!(self.cx.plan.root, RootSource::Directory { .. })
    }

    fn found(&self, path: &WorldPath, source: &Text, place: &WorldPath) -> Option<&Found> {
        let same = *source == *path.text() || (path.is_root() && self.made_root());
        if same { self.cx.facts.places.get(place) } else { None }
    }

    fn upper_parents(&mut self, source: &Text, upper: &[u8], rest: &[u8]) {
        let mut target = upper.to_vec();
        let mut origin = source.as_bytes().to_vec();
        let mut parts = rest.split(|b| *b == b'/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                break;
            }
            append(&mut target, part);
            origin.push(b'/');
            origin.extend_from_slice(part);
            if self.made.insert((self.uppers, target.clone())) {
                let at = self.uppers;
                let (path, of) = (self.b.str(&target), self.b.str(&origin));
                self.b.op(Op::Mkdir { at, path, mode: 0o755 });
                self.b.op(Op::Likeness { of, at, path });
            }
        }
    }

    fn upper_point(&mut self, location: Vec<u8>, dir: bool) {
        if dir {
            self.mkdir(self.uppers, location, 0o755);
        } else {
            let path = self.b.str(location);
            self.b.op(Op::CreateFile { at: self.uppers, path, mode: 0o444 });
        }
    }

    /// Files of the world's own that exist below a layer, written through it: they keep their owner
    /// and mode, and what replaces them by renaming goes on working.
    pub(super) fn write_through(&mut self, layer: &WorldPath) {
        if !self.cx.owns_root_mounts() {
            return;
        }
        let view = self.view;
        let below = view.places.range(layer.clone()..).skip(1);
        for (place, placed) in below.take_while(|(place, _)| layer.contains(place)) {
            let Placed { node: Node::File { mode, data }, .. } = placed else { continue };
            if self.done.contains(place) || view.above(place).is_none_or(|(at, _)| at != layer) {
                continue;
            }
            self.announce(place, placed);
            let from = self.b.mark();
            let dir = self.find(place.parent().unwrap_or_default().relative());
            let (path, data) = (self.b.str(place.name()), self.b.str(data));
            self.b.op(Op::PutFile { at: dir, path, mode: *mode, data });
            self.b.close(dir);
            if placed.optional {
                self.b.rescue_since(from, super::ABSENT);
            }
            self.done.insert(place.clone());
        }
    }
}

fn is_dir(node: &Node) -> bool {
    match node {
        Node::Bind { dir, .. } | Node::Hidden { dir } => *dir,
        Node::Copy { .. } => false,
        _ => true,
    }
}

fn joined(base: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut path = base.to_vec();
    append(&mut path, rest);
    path
}
