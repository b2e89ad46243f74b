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
use crate::text::Text;

impl Emitter<'_> {
    /// Whether the helper makes the layers: there are some, and none needs what the first process alone has.
    pub(super) fn layers_beside(&self) -> bool {
        let mut places = self.view.places.iter().filter(|(path, _)| !path.is_root());
        let layers = places.any(|(_, placed)| matches!(placed.node, Node::Layer { .. }));
        layers && !self.cx.owns_root_mounts()
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
        let Some(Beside { socket, .. }) = self.beside else { return };
        self.b.step("make", "the layers", None);
        self.b.op(Op::Give { to: socket, file: self.uppers });
        let slash = self.b.str("/");
        let root = self.b.slot();
        self.b.op(Op::Open { at: Slot::CWD, path: slash, how: OpenFor::Directory, into: root });
        self.b.op(Op::Give { to: socket, file: root });
        self.b.close(root);
    }

    /// Has the layers made by whoever comes to them: the helper begins with the first one, the first process with
    /// the last. Where the helper is held up, by the network namespaces of others that are being taken apart, or
    /// for want of a processor, none of them waits for it.
    pub(super) fn make_layers(&mut self) {
        if self.beside.is_none() {
            return;
        }
        let view = self.view;
        let layers = view.places.iter().filter(|(path, placed)| {
            let is_layer = matches!(placed.node, Node::Layer { .. });
            is_layer && !placed.optional && !path.is_root()
        });
        let mut pieces = Vec::new();
        for (path, placed) in layers.take(usize::from(MOST)) {
            let Node::Layer { source, read_only } = &placed.node else { continue };
            let number = self.number(path);
            pieces.push(Piece { number, path, placed, source, read_only: *read_only });
        }
        self.b.write_to(List::Beside);
        self.list_of_helper(&pieces);
        self.b.write_to(List::Setup);
        for (n, piece) in (0..MOST).zip(&pieces).rev() {
            let Piece { number, path, placed, source, read_only } = *piece;
            self.announce(path, placed);
            let taken = self.b.claim(n);
            let tree = self.tree(path, source, placed.origin.as_ref(), |e| {
                e.layer_as(number, path, source, read_only)
            });
            self.b.land(taken);
            self.ready.insert(path.clone(), (n, tree));
        }
    }

    /// Where a piece is not its own all that come after it are not either.
    fn list_of_helper(&mut self, pieces: &[Piece<'_>]) {
        let Some(Beside { socket, given, .. }) = self.beside else { return };
        let uppers = std::mem::replace(&mut self.uppers, given);
        // KERNEL: who closes a socket with something unread in it has the other end fail (ECONNRESET), with what
        // is still to be read there.
        let root = self.b.slot();
        self.b.op(Op::Take { from: socket, into: root });
        let mut taken = Vec::with_capacity(pieces.len());
        for (n, piece) in (0..MOST).zip(pieces) {
            let Piece { number, path, placed, source, read_only } = *piece;
            self.announce(path, placed);
            taken.push(self.b.claim(n));
            if n == 0 {
                self.enter_world(root);
            }
            let from = self.b.mark();
            let tree = self.layer_as(number, path, source, read_only);
            self.b.op(Op::Give { to: socket, file: tree });
            let over = self.b.leave();
            self.b.rescue_to_here(from, over);
            self.b.op(Op::Refuse { to: socket });
            self.b.land(over);
            self.b.abandon(tree);
        }
        for jump in taken {
            self.b.land(jump);
        }
        self.uppers = uppers;
    }

    fn enter_world(&mut self, root: Slot) {
        let Some(Beside { process, .. }) = self.beside else { return };
        let here = self.b.str(".");
        self.b.op(Op::ClearUmask);
        self.b.op(Op::Enter { ns: process, kind: NamespaceKind::Mount });
        self.b.op(Op::ChdirTo(root));
        self.b.op(Op::Chroot(here));
        self.b.abandon(root);
    }

    /// Takes the layer from the helper, if the first process has not made it.
    pub(super) fn await_layer(&mut self, piece: u8, tree: Slot) -> Slot {
        if let Some(Beside { socket, .. }) = self.beside {
            self.b.op(Op::Await { piece, from: socket, into: tree });
        }
        tree
    }
}

/// As many as can be claimed. What is more the first process makes.
const MOST: u8 = 64;

/// A layer that either may make.
#[derive(Clone, Copy)]
struct Piece<'a> {
    number: usize,
    path: &'a WorldPath,
    placed: &'a Placed,
    source: &'a Text,
    read_only: bool,
}
