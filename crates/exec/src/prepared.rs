//! Everything the new processes need, laid out before the clone so that they need no memory of their
//! own.

use std::ffi::CStr;
use std::sync::Arc;

use crate::aside::Refused;
use crate::claims::Claims;
use crate::filter::Filter;
use crate::proof::Outside;
use dwell_plan::program::{Attrs, Op, Program, Slot, Str};
use dwell_sys::raw::{self, ArgArea, Errno, ExecTable, Fd, Stack, consts};

/// A Program with its tables built and its slots empty.
#[derive(Debug)]
pub(crate) struct Prepared {
    program: Arc<Program>,
    slots: Vec<Fd>,
    pub(crate) control: Fd,
    pub(crate) candidates: ExecTable,
    pub(crate) argv: ExecTable,
    pub(crate) env: ExecTable,
    pub(crate) stack: Option<Stack>,
    /// For [`Op::Filter`].
    pub(crate) filter: Filter,
    pub(crate) arguments: Option<ArgArea>,
    /// For [`Op::Prove`].
    pub(crate) outside: Outside,
    /// Ranges of descriptors that nobody needs.
    pub(crate) unneeded: Vec<(u32, u32)>,
    /// How many files the host side sends before the list begins.
    pub(crate) awaited: usize,
    /// The caller's umask, once it has been cleared.
    pub(crate) umask: u32,
    /// What the processes of the host side and of the reaper are called in `/proc`.
    pub(crate) title: Vec<u8>,
    /// The program's process, once it has been started.
    pub(crate) started: i32,
    /// The process that ops are about which say so: this one, or the one that started the helper.
    pub(crate) subject: i32,
    /// Whose a file is that was looked at: user and group.
    pub(crate) owner: (u32, u32),
    /// The op that was refused last and did not end the list.
    pub(crate) refused: Refused,
    /// The op of the helper's that was refused last.
    pub(crate) taken: Option<u32>,
    /// A try to drop the supplementary groups has failed.
    pub(crate) groups_refused: bool,
    /// Who makes what both the first process and its helper can make.
    pub(crate) claims: Claims,
    /// Whether the host side has written the id maps already.
    pub(crate) mapped: bool,
    /// Whether this process is confined to one processor, and so is a child.
    pub(crate) pinned: bool,
    /// What has failed and could not be told: position in the list, error number. A process that shares its
    /// parent's memory leaves it there.
    pub(crate) untold: Option<(u32, Errno)>,
}

pub(crate) const NO_FD: Fd = Fd(-1);

impl Prepared {
    pub(crate) fn new(
        program: &Arc<Program>,
        control: Fd,
        filter: Filter,
        arguments: Option<ArgArea>,
    ) -> Result<Self, Errno> {
        let table = |texts: &[dwell_plan::Text]| {
            ExecTable::new(texts.iter().map(dwell_plan::Text::as_bytes))
        };
        let title =
            [&b"dwell: "[..], program.argv.first().map_or(&b""[..], |name| name.as_bytes())];
        let spawns = program.setup.ops.iter().any(|op| matches!(op, Op::Spawn { vfork: true }));
        Ok(Prepared {
            candidates: table(&program.candidates)?,
            argv: table(&program.argv)?,
            env: table(&program.env)?,
            stack: if spawns { Some(Stack::new(64 * 1024)?) } else { None },
            filter,
            arguments,
            title: title.concat(),
            ..Prepared::bare(program, control)?
        })
    }

    /// Without what a program is started with.
    pub(crate) fn bare(program: &Arc<Program>, control: Fd) -> Result<Self, Errno> {
        let table = || ExecTable::new(std::iter::empty::<&[u8]>());
        Ok(Prepared {
            slots: vec![NO_FD; usize::from(program.slots)],
            control,
            candidates: table()?,
            argv: table()?,
            env: table()?,
            stack: None,
            filter: Filter::default(),
            arguments: None,
            outside: Outside::default(),
            unneeded: Vec::new(),
            awaited: 0,
            umask: 0o022,
            started: 0,
            subject: 0,
            owner: (0, 0),
            refused: Refused { errno: Errno::CANCELED, op: u32::MAX },
            taken: None,
            groups_refused: false,
            claims: Claims::default(),
            mapped: false,
            pinned: false,
            untold: None,
            title: Vec::new(),
            program: Arc::clone(program),
        })
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The descriptor in a slot.
    pub(crate) fn fd(&self, slot: Slot) -> Fd {
        if slot == Slot::CWD {
            return Fd::CWD;
        }
        self.slots.get(usize::from(slot.0)).copied().unwrap_or(NO_FD)
    }

    pub(crate) fn put(&mut self, slot: Slot, fd: Fd) {
        if let Some(place) = self.slots.get_mut(usize::from(slot.0)) {
            *place = fd;
        }
    }

    pub(crate) fn bytes(&self, s: Str) -> &[u8] {
        self.program.bytes(s)
    }

    /// A string as the kernel wants it.
    pub(crate) fn c_str(&self, s: Str) -> Result<&CStr, Errno> {
        let (at, end) = (s.at as usize, s.at as usize + s.len as usize + 1);
        let bytes = self.program.arena.get(at..end).ok_or(Errno::INVAL)?;
        CStr::from_bytes_with_nul(bytes).map_err(|_| Errno::INVAL)
    }

    /// Decides which descriptors the new processes do not need.
    pub(crate) fn choose_descriptors(&mut self) {
        let mut needed: Vec<u32> = self
            .slots
            .iter()
            .map(|fd| fd.0)
            .chain([self.control.0])
            .chain(self.program.keep_fds.iter().copied())
            .filter_map(|fd| u32::try_from(fd).ok())
            .collect();
        needed.sort_unstable();
        let mut next = 3;
        for fd in needed {
            if fd > next {
                self.unneeded.push((next, fd - 1));
            }
            next = next.max(fd + 1);
        }
        self.unneeded.push((next, u32::MAX));
    }
}

/// The bits of `mount_setattr(2)`.
pub(crate) fn attr_bits(attrs: Attrs) -> u64 {
    [
        (attrs.read_only, consts::MOUNT_ATTR_RDONLY),
        (attrs.nosuid, consts::MOUNT_ATTR_NOSUID),
        (attrs.nodev, consts::MOUNT_ATTR_NODEV),
        (attrs.noexec, consts::MOUNT_ATTR_NOEXEC),
    ]
    .into_iter()
    .filter(|(on, _)| *on)
    .fold(0, |bits, (_, bit)| bits | bit)
}

/// The bits of `clone3(2)`.
pub(crate) fn clone_bits(set: dwell_plan::NamespaceSet) -> u64 {
    set.iter().fold(0, |bits, kind| bits | clone_bit(kind))
}

pub(crate) fn clone_bit(kind: dwell_plan::NamespaceKind) -> u64 {
    use dwell_plan::NamespaceKind as N;
    match kind {
        N::User => consts::CLONE_NEWUSER,
        N::Mount => consts::CLONE_NEWNS,
        N::Pid => consts::CLONE_NEWPID,
        N::Net => consts::CLONE_NEWNET,
        N::Uts => consts::CLONE_NEWUTS,
        N::Ipc => consts::CLONE_NEWIPC,
        N::Cgroup => consts::CLONE_NEWCGROUP,
        N::Time => consts::CLONE_NEWTIME,
    }
}

/// The whole set of signals, blocked while the world is built.
pub(crate) fn block_all() -> Result<raw::SigSet, Errno> {
    raw::sigmask(raw::MaskHow::Set, raw::SigSet::all())
}
