//! Puts a Program together: arena, slots, steps and the list being written.

use crate::plan::Origin;
use crate::program::{
    Attrs, Block, Decision, HostFile, HostFileKind, Op, Rescue, Slot, Step, Str, Topic,
};
use crate::text::Text;

/// Which list is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Setup,
    Entry,
    /// That of the next helper.
    Helper,
    /// That of the helper beside the first process.
    Beside,
}

#[derive(Debug)]
pub(super) struct Builder {
    pub(super) arena: Vec<u8>,
    slots: u16,
    free: Vec<Slot>,
    pub(super) steps: Vec<Step>,
    pub(super) setup: Block,
    pub(super) entry: Block,
    pub(super) beside: Block,
    helper: Block,
    pub(super) helpers: Vec<Block>,
    list: List,
    pub(super) host_files: Vec<HostFile>,
    /// Directories that the host side removes at the end.
    pub(super) added: Vec<Text>,
    pub(super) decisions: Vec<Decision>,
    explains: bool,
}

impl Builder {
    pub(super) fn new(explains: bool) -> Self {
        Builder {
            arena: Vec::with_capacity(4096),
            slots: 0,
            free: Vec::new(),
            // About what a world of the machine's files has.
            steps: Vec::with_capacity(128),
            setup: Block::with_capacity(256),
            entry: Block::default(),
            beside: Block::default(),
            helper: Block::default(),
            helpers: Vec::new(),
            list: List::Setup,
            host_files: Vec::new(),
            added: Vec::new(),
            decisions: Vec::new(),
            explains,
        }
    }

    /// Writes the other list from here on.
    pub(super) fn write_to(&mut self, list: List) {
        self.list = list;
    }

    /// A string in the arena.
    pub(super) fn str(&mut self, bytes: impl AsRef<[u8]>) -> Str {
        let bytes = bytes.as_ref();
        let s = Str { at: index(self.arena.len()), len: index(bytes.len()) };
        self.arena.extend_from_slice(bytes);
        self.arena.push(0);
        s
    }

    /// An unused slot.
    pub(super) fn slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| self.new_slot())
    }

    /// A slot that no earlier op uses.
    fn new_slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }

    /// Closes a slot's descriptor and gives the slot back.
    pub(super) fn close(&mut self, slot: Slot) {
        self.op(Op::Close(slot));
        self.free.push(slot);
    }

    /// Gives a slot back whose descriptor stays open until the process ends.
    pub(super) fn abandon(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    pub(super) fn slot_count(&self) -> u16 {
        self.slots
    }

    /// What the following ops are for.
    pub(super) fn step(
        &mut self,
        verb: &'static str,
        object: impl Into<String>,
        origin: Option<&Origin>,
    ) {
        let object = object.into();
        self.steps.push(Step { verb, object, origin: origin.cloned(), says: None });
    }

    /// The words for failures of the following ops.
    pub(super) fn says(&mut self, words: impl Into<String>) {
        let (object, says) = (String::new(), Some(words.into()));
        self.steps.push(Step { verb: "", object, origin: None, says });
    }

    pub(super) fn current_step(&self) -> u32 {
        index(self.steps.len().saturating_sub(1))
    }

    pub(super) fn op(&mut self, op: Op) {
        let step = self.current_step();
        let block = self.block();
        block.ops.push(op);
        block.steps.push(step);
    }

    fn block(&mut self) -> &mut Block {
        match self.list {
            List::Setup => &mut self.setup,
            List::Entry => &mut self.entry,
            List::Helper => &mut self.helper,
            List::Beside => &mut self.beside,
        }
    }

    /// Makes what was written to [`List::Helper`] a list of its own, and gives its number.
    pub(super) fn end_helper(&mut self) -> u16 {
        self.helpers.push(std::mem::take(&mut self.helper));
        u16::try_from(self.helpers.len() - 1).unwrap_or(u16::MAX)
    }

    fn here(&mut self) -> u32 {
        index(self.block().ops.len())
    }

    /// The next op, as the start of a range that may be rescued.
    pub(super) fn mark(&mut self) -> u32 {
        self.here()
    }

    /// If one of the ops since `from` ends with one of `errnos`, the list goes on at the next op.
    pub(super) fn rescue_since(&mut self, from: u32, errnos: &'static [i32]) {
        let to = self.here();
        self.block().rescues.push(Rescue { from, to, errnos, then: to });
    }

    /// If one of the ops since `from` and before `to` ends with any error, the list goes on here.
    pub(super) fn rescue_to_here(&mut self, from: u32, to: u32) {
        let then = self.here();
        self.block().rescues.push(Rescue { from, to, errnos: &[], then });
    }

    /// If the op at `from` ends with one of `errnos`, the list goes on at the next op.
    pub(super) fn rescue_one(&mut self, from: u32, errnos: &'static [i32]) {
        let then = self.here();
        self.block().rescues.push(Rescue { from, to: from + 1, errnos, then });
    }

    /// A jump over what follows, to where [`land`](Self::land) is called.
    pub(super) fn leave(&mut self) -> u32 {
        let at = self.here();
        self.op(Op::Goto(0));
        at
    }

    /// A jump for when the other process has this piece, to where [`land`](Self::land) is called.
    pub(super) fn claim(&mut self, piece: u8) -> u32 {
        let at = self.here();
        self.op(Op::Claim { piece, taken: 0 });
        at
    }

    /// The target of a jump made by [`leave`](Self::leave) or [`claim`](Self::claim), or of the parent of a fork.
    pub(super) fn land(&mut self, jump: u32) {
        let end = self.here();
        let op = self.block().ops.get_mut(jump as usize);
        if let Some(Op::Goto(to) | Op::Claim { taken: to, .. } | Op::Fork { parent: to, .. }) = op {
            *to = end;
        }
    }

    /// A descriptor opened by the host side.
    pub(super) fn host_file(&mut self, what: HostFileKind) -> Slot {
        let slot = self.new_slot();
        let step = self.current_step();
        self.host_files.push(HostFile { slot, what, step });
        slot
    }

    /// Whether decisions are recorded.
    pub(super) fn explains(&self) -> bool {
        self.explains
    }

    pub(super) fn decide(&mut self, topic: Topic, what: impl Into<String>, why: impl Into<String>) {
        if !self.explains {
            return;
        }
        self.decisions.push(Decision { topic, what: what.into(), why: why.into() });
    }

    /// A new filesystem with these options, as a detached tree.
    pub(super) fn new_filesystem(
        &mut self,
        fstype: &str,
        options: &[(&str, &[u8])],
        attrs: Attrs,
    ) -> Slot {
        let fs = self.slot();
        let fstype = self.str(fstype);
        self.op(Op::FsOpen { fstype, into: fs });
        for (key, value) in options {
            let key = self.str(key);
            if value.is_empty() {
                self.op(Op::FsFlag { fs, key });
            } else {
                let value = self.str(value);
                self.op(Op::FsString { fs, key, value });
            }
        }
        self.finish_filesystem(fs, attrs)
    }

    /// Creates what `fs` was configured to be.
    pub(super) fn finish_filesystem(&mut self, fs: Slot, attrs: Attrs) -> Slot {
        self.op(Op::FsCreate { fs });
        let tree = self.slot();
        self.op(Op::FsMount { fs, attrs, into: tree });
        self.free.push(fs);
        tree
    }

    /// A copy of the mounts at a path of the machine, as a detached tree.
    pub(super) fn clone_tree(&mut self, at: Slot, path: &Text, recursive: bool) -> Slot {
        let into = self.slot();
        self.clone_into(into, at, path, recursive);
        into
    }

    /// The same, in a slot.
    pub(super) fn clone_into(&mut self, into: Slot, at: Slot, path: &Text, recursive: bool) {
        let path = self.str(path.as_bytes());
        self.op(Op::CloneTree { at, path, recursive, into });
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
