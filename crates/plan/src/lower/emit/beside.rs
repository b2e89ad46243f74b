//! Layers made by the helper, while the first process makes the other mounts.
//!
//! KERNEL: an overlay takes about a tenth of a millisecond to make, and nothing of it waits for other mounts:
//! it hangs nowhere until it is attached. What it lies on has to be in the caller's mount namespace.

use std::collections::BTreeSet;

use super::Emitter;
use crate::lower::builder::List;
use crate::lower::setup::Beside;
use crate::lower::view::{Node, Placed};
use crate::namespace::NamespaceKind;
use crate::path::WorldPath;
use crate::program::{Op, OpenFor, Slot};

impl Emitter<'_> {
    /// Whether the helper makes the layers: there are some, and none needs what the first process alone has.
    pub(super) fn layers_beside(&self) -> bool {
        let mut places = self.view.places.iter().filter(|(path, _)| !path.is_root());
        let layers = places.any(|(_, placed)| matches!(placed.node, Node::Layer { .. }));
        layers && !self.cx.owns_root_mounts()
    }

    /// The layers that the first process makes itself, for it is done with the rest sooner.
    pub(super) fn layers_of_first(&self) -> Vec<WorldPath> {
        if self.beside.is_none() {
            return Vec::new();
        }
        let is_layer =
            |placed: &Placed| matches!(placed.node, Node::Layer { .. }) && !placed.optional;
        let layers =
            self.view.places.iter().filter(|(path, placed)| !path.is_root() && is_layer(placed));
        let mut layers: Vec<_> = layers.map(|(path, _)| path.clone()).collect();
        layers.split_off(layers.len() - layers.len() / 5)
    }

    /// The places that are filled when the helper has made the layers: those and what lies below.
    pub(super) fn below_layers(&self) -> BTreeSet<WorldPath> {
        if self.beside.is_none() {
            return BTreeSet::new();
        }
        let mut last: Option<&WorldPath> = None;
        let mut found = BTreeSet::new();
        for (path, placed) in self.view.places.iter().filter(|(path, _)| !path.is_root()) {
            let below = last.is_some_and(|layer| layer.contains(path));
            if !below && matches!(placed.node, Node::Layer { .. }) {
                last = Some(path);
            }
            if below || last == Some(path) {
                found.insert(path.clone());
            }
        }
        found
    }

    /// Gives the helper what it needs: the place for upper directories, and the root directory, which entering
    /// a mount namespace loses.
    pub(super) fn start_layers(&mut self) {
        let Some(Beside { socket, process, .. }) = self.beside else { return };
        self.b.step("make", "the layers", None);
        self.b.op(Op::Give { to: socket, file: self.uppers });
        let (slash, here) = (self.b.str("/"), self.b.str("."));
        let root = self.b.slot();
        self.b.op(Op::Open { at: Slot::CWD, path: slash, how: OpenFor::Directory, into: root });
        self.b.op(Op::Give { to: socket, file: root });
        self.b.write_to(List::Beside);
        self.b.op(Op::ClearUmask);
        self.b.op(Op::Enter { ns: process, kind: NamespaceKind::Mount });
        self.b.op(Op::Take { from: socket, into: root });
        self.b.op(Op::ChdirTo(root));
        self.b.op(Op::Chroot(here));
        self.b.write_to(List::Setup);
        self.b.close(root);
    }

    /// Has the helper do what `make` writes, which gives the slot of a tree, and takes the tree from it.
    pub(super) fn beside(&mut self, make: impl FnOnce(&mut Self) -> Slot) -> Slot {
        let Some(Beside { socket, given, .. }) = self.beside else { return make(self) };
        let uppers = std::mem::replace(&mut self.uppers, given);
        self.b.write_to(List::Beside);
        let from = self.b.mark();
        let tree = make(self);
        self.b.op(Op::Give { to: socket, file: tree });
        let over = self.b.leave();
        self.b.rescue_to_here(from, over);
        self.b.op(Op::Refuse { to: socket });
        self.b.land(over);
        self.b.write_to(List::Setup);
        self.uppers = uppers;
        self.b.op(Op::Take { from: socket, into: tree });
        tree
    }
}
