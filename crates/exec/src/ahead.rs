//! The first process, started before it is known what it is to do.
//!
//! ```text
//!   host side                first process        helper
//!   Ahead::start: clone3 ──▶ begins its list,
//!                            waits
//!            clone3 ────────────────────────────▶ unshare(CLONE_NEWNET)
//!   reads the machine,
//!   decides
//!   Ahead::run: "go" ──────▶ takes the list,
//!                            ends it ◀─────────── the network namespace
//! ```
//!
//! KERNEL: a network namespace takes half a millisecond to make, and reading the machine a quarter. The
//! namespace has to belong to the user namespace, which comes with the first process. All share the
//! memory, so the first process finds the list there. What it begins with follows from the Plan and the caller
//! alone.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use dwell_plan::facts::Caller;
use dwell_plan::program::{Op, Program, Slot};
use dwell_plan::{NamespaceSet, Plan};
use dwell_sys::adopt;
use dwell_sys::raw::{self, CloneArgs, Errno, Fd, consts};

use crate::held::Held;
use crate::host::{Memory, go_on, internal, not_cloned, start_aside};
use crate::prepared::{Prepared, block_all, clone_bits};
use crate::{Ended, Failure, Options, STACK, aside, child, filter, host, processors};

/// Where the first process finds what it is to do.
type Place = Mutex<Option<Prepared>>;

/// A first process that waits. Dropping it ends the process.
#[derive(Debug)]
pub struct Ahead {
    beginning: Arc<Program>,
    channels: Channels,
    waiting: Waiting,
}

/// The ways to the first process: each with our end, then its own.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) control: (OwnedFd, OwnedFd),
    pub(crate) aside: Option<(OwnedFd, OwnedFd)>,
}

impl Channels {
    pub(crate) fn new(aside: bool) -> Result<Self, Failure> {
        let pair = || raw::socketpair_seqpacket_cloexec().map(|(a, b)| (adopt(a), adopt(b)));
        let pair = || pair().map_err(|e| internal("make a socket pair", e));
        let aside = if aside { Some(pair()?) } else { None };
        Ok(Channels { control: pair()?, aside })
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let both = |(ours, theirs): &(OwnedFd, OwnedFd)| (Fd::of(ours), Fd::of(theirs));
        Numbers { control: both(&self.control), aside: self.aside.as_ref().map(both) }
    }
}

/// The numbers of [`Channels`], for processes that have copies of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) control: (Fd, Fd),
    pub(crate) aside: Option<(Fd, Fd)>,
}

/// All signals, blocked until this is dropped.
#[derive(Debug)]
pub(crate) struct Blocked(raw::SigSet);

impl Blocked {
    pub(crate) fn new() -> Result<Self, Failure> {
        let old = block_all().map_err(|e| internal("block signals", e))?;
        // KERNEL: children of who ignores SIGCHLD vanish as they end, which the first process inherits: it would
        // wait for ever. And their numbers would be others' before the id maps are written.
        let blocked = Blocked(old);
        raw::stop_ignoring(consts::SIGCHLD).map_err(|e| internal("hear of children", e))?;
        Ok(blocked)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // The mask is the caller's business from here on; that it cannot be set back is no reason to
        // lose how the program ended.
        let _ = raw::sigmask(raw::MaskHow::Set, self.0);
    }
}

/// The processes without the ways to them.
#[derive(Debug)]
pub(crate) struct Waiting {
    place: Arc<Place>,
    beside: Arc<aside::Place>,
    helper: Held<aside::Job>,
    first: Held<Job>,
    filtered: bool,
}

/// What the first process needs while it waits.
#[derive(Debug)]
pub(crate) struct Job {
    control: Fd,
    /// The host side's ends: only when nobody else has them can its death be heard.
    others: [Fd; 2],
    beginning: Prepared,
    place: Arc<Place>,
}

impl Ahead {
    /// Starts the first process of the world that `plan` declares; none where the machine has to be known
    /// for that.
    ///
    /// It shares the caller's memory, which [`Options::settles`] tells more of. Signals are blocked in it, and
    /// not in the caller: reading the machine may take long, on a file system that does not answer, and whoever
    /// then ends the caller has the processes hear it.
    ///
    /// # Errors
    /// The namespaces are refused; nothing is left.
    pub fn start(plan: &Plan) -> Result<Option<Ahead>, Failure> {
        let caller = caller().map_err(|e| internal("read the caller's capabilities", e))?;
        dwell_plan::beginning(plan, &caller).map(Ahead::with).transpose()
    }

    fn with(beginning: Program) -> Result<Ahead, Failure> {
        let beginning = Arc::new(beginning);
        let clone = beginning.clone;
        // Until both are there.
        let signals = Blocked::new()?;
        let channels = Channels::new(true)?;
        let numbers = channels.numbers();
        let (ours, control) = numbers.control;
        let Some((aside, _)) = numbers.aside else {
            return Err(internal("use a socket", Errno::INVAL));
        };
        let others = [ours, aside];
        let place = Arc::new(Place::default());
        let mut prepared = Prepared::bare(&beginning, control)
            .map_err(|e| internal("prepare the first process", e))?;
        prepared.filter = filter::compile(&beginning)?;
        let job = Job { control, others, beginning: prepared, place: Arc::clone(&place) };
        let first = start_first(clone, job)?;
        let Some(process) = first.process() else {
            return Err(internal("hold the new process", Errno::BADF));
        };
        let beside = Arc::new(aside::Place::default());
        let helper = start_aside(clone, true, numbers, process, &beside)?;
        let filtered = beginning.filter.is_some();
        let waiting = Waiting { place, beside, helper, first, filtered };
        drop(signals);
        Ok(Ahead { beginning, channels, waiting })
    }

    /// Builds the world that `program` describes, as [`run`](crate::run) does.
    ///
    /// # Errors
    /// Those of [`run`](crate::run).
    pub fn run(self, program: &Arc<Program>, options: &Options) -> Result<Ended, Failure> {
        if !self.fits(program) || program.own_memory || program.group.is_some() {
            drop(self);
            return host::run(program, options);
        }
        let Ahead { channels, waiting, .. } = self;
        let signals = Blocked::new()?;
        let ended = host::with_signals_blocked(program, *options, channels, Some(waiting));
        drop(signals);
        ended
    }

    /// Whether the first process has begun as this list does.
    fn fits(&self, program: &Program) -> bool {
        let begun = &*self.beginning;
        program.aside.is_some()
            && program.clone == begun.clone
            && program.arena.starts_with(&begun.arena)
            && program.setup.ops.starts_with(&begun.setup.ops)
            && begun
                .filter
                .as_ref()
                .is_none_or(|begun| filter::are_alike(begun, program.filter.as_ref()))
    }
}

/// What is to be known of the caller for the beginning.
fn caller() -> Result<Caller, Errno> {
    let (capabilities, ..) = raw::capget()?;
    Ok(Caller { uid: raw::geteuid(), gid: raw::getegid(), capabilities, ..Caller::default() })
}

fn start_first(namespaces: NamespaceSet, job: Job) -> Result<Held<Job>, Failure> {
    let args = CloneArgs {
        flags: clone_bits(namespaces),
        exit_signal: consts::SIGCHLD,
        ..CloneArgs::default()
    };
    Held::start(STACK, &args, wait_and_run, job).map_err(|e| not_cloned(namespaces, e))
}

impl Waiting {
    /// The first process, by its pidfd.
    pub(crate) fn process(&self) -> Option<&OwnedFd> {
        self.first.process()
    }

    /// The first process's number, its own as long as this is held.
    pub(crate) fn pid(&self) -> i32 {
        self.first.pid()
    }

    /// Whether the filter of system calls is installed already.
    pub(crate) fn is_filtered(&self) -> bool {
        self.filtered
    }

    /// Where the helper looks for its list.
    pub(crate) fn beside(&self) -> &aside::Place {
        &self.beside
    }

    /// Tells the first process what to do, and hands it the files it does not have yet.
    pub(crate) fn go(
        mut self,
        mut prepared: Prepared,
        control: &OwnedFd,
        files: &[(Slot, OwnedFd)],
    ) -> Result<(host::First, Held<aside::Job>), Failure> {
        // It is given back what it had: all.
        if prepared.program().setup.ops.contains(&Op::Pin) {
            prepared.pinned = processors::bring_here(self.first.pid());
        }
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared);
        go_on(control)?;
        for (slot, file) in files {
            raw::send_with_fd(Fd::of(control), &slot.0.to_ne_bytes(), Fd::of(file))
                .map_err(|e| internal("hand a file to the new process", e))?;
        }
        let pid = self.first.pid();
        let fd = self.first.release().ok_or(Errno::BADF);
        let fd = fd.map_err(|e| internal("hold the new process", e))?;
        Ok((host::First { pid, fd, memory: Memory::Ahead(self.first) }, self.helper))
    }
}

/// Runs in the first process, on the caller's memory: raw calls only. Returns the exit code.
fn wait_and_run(job: &mut Job) -> i32 {
    for fd in job.others {
        let _ = raw::close(fd);
    }
    let begun = child::begin(&mut job.beginning);
    if !matches!(raw::recv(job.control, &mut [0]), Ok(1)) {
        // Nothing is wanted of it.
        return 0;
    }
    // Nobody holds the lock: what is in there was put there before the word was sent.
    match job.place.try_lock().as_deref_mut() {
        Ok(Some(prepared)) => child::go_on(prepared, begun),
        _ => 0,
    }
}
