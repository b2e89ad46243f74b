//! The host side up to the moment the world lives.

use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError};

use dwell_plan::program::{
    HostFile, HostFileKind, HostMaps, MapWriter, Op, Program, PtySource, Slot,
};
use dwell_plan::{NamespaceKind, NamespaceSet};
use dwell_sys::raw::{self, Beside, CloneArgs, Errno, Fd, Stack, consts};
use dwell_sys::{adopt, pidfd};

use crate::ahead::{Blocked, Channels, Numbers, Waiting};
use crate::claims::Claims;
use crate::disk::DiskLayer;
use crate::failure::{Cause, Failure, reason};
use crate::filter::Filter;
use crate::groups::WorldGroup;
use crate::held::Held;
use crate::message::Message;
use crate::prepared::{Prepared, clone_bits};
use crate::proof::Outside;
use crate::supervise::{Errand, Supervisor};
use crate::{Ended, How, Options, STACK, ahead, aside, child, filter, idmaps, prepared, pty};

/// Builds the world, runs the program in it and waits for its end.
///
/// # Errors
/// The world could not be built, or the program not be started; nothing of it is left.
pub fn run(program: &Arc<Program>, options: &Options) -> Result<Ended, Failure> {
    let _signals = Blocked::new()?;
    let channels = Channels::new(program.aside.is_some())?;
    with_signals_blocked(program, *options, channels, None)
}

/// With a first process that waits already, or to be made.
pub(crate) fn with_signals_blocked(
    program: &Arc<Program>,
    options: Options,
    channels: Channels,
    waiting: Option<Waiting>,
) -> Result<Ended, Failure> {
    let numbers = channels.numbers();
    let Channels { control: (ours, theirs), aside } = channels;
    let filter = if waiting.as_ref().is_some_and(Waiting::is_filtered) {
        Filter::default()
    } else {
        filter::compile(program)?
    };
    // Who starts the program watches it, or else the program's own process has to tell.
    let spawns = program.setup.ops.contains(&Op::Spawn { vfork: true });
    let mute = filter.mute && !spawns;
    let mut prepared = Prepared::new(program, Fd::of(&theirs), filter, options.arguments)
        .map_err(|e| internal("prepare the program", e))?;
    if let (Some(aside), Some((_, theirs))) = (&program.aside, numbers.aside) {
        prepared.put(aside.socket, theirs);
    }
    let (outside, canary) = Outside::look(program)?;
    prepared.outside = outside;
    check_kept(program)?;
    let disk = make_disk_layer(program)?;
    let mut group = WorldGroup::make(program)?;
    let mut files = open_files(program)?;
    let terminal = open_terminal(program, &mut files)?;
    let mut supervisor = Supervisor::new(program, options, ours, terminal)?;
    let (first, helper) = match waiting {
        Some(waiting) => {
            // They come after it has closed all that it does not know.
            prepared.awaited = files.len();
            prepared.choose_descriptors();
            if let Some(process) = waiting.process() {
                let (claims, of_helper) = Claims::shared();
                prepared.claims = claims;
                list_beside(program, numbers, process, waiting.beside(), of_helper)?;
            }
            prepared.mapped = map_ahead(program, waiting.pid())?;
            let (first, helper) = waiting.go(prepared, supervisor.control(), &files)?;
            (first, Ok(Some(helper)))
        }
        None => {
            for (slot, file) in &files {
                prepared.put(*slot, Fd::of(file));
            }
            prepared.choose_descriptors();
            let directory = group.directory()?;
            let first = clone(program, options, prepared, directory.as_ref())?;
            let place = Arc::new(aside::Place::default());
            let helper = numbers.aside.map(|_| {
                list_beside(program, numbers, &first.fd, &place, Claims::All)?;
                start_aside(program.clone, false, numbers, &first.fd, &place)
            });
            (first, helper.transpose())
        }
    };
    // From here on the process is waited for whatever happens: its memory may be ours.
    drop((files, theirs, aside));
    supervisor.adopt(first.pid, first.fd);
    let mut helper = helper.inspect_err(|_| supervisor.kill())?;
    let mut ended = supervisor.run(|errand, pid| match (errand, &program.host_maps) {
        (Errand::IdMaps, Some(maps)) => idmaps::begin(pid, maps).map_err(Failure::from),
        (Errand::IdMaps, None) => Ok(None),
        (Errand::Group, _) => group.take(program, pid).map(|()| None),
        (Errand::TakeStock, _) => {
            group.take_stock();
            Ok(None)
        }
        (Errand::TidyUp, _) => {
            match helper.take() {
                Some(helper) if options.settles => helper.leave(),
                helper => drop(helper),
            }
            Ok(None)
        }
    });
    if supervisor.has_left() {
        // What it uses stays, for as long as there is this process.
        std::mem::forget((helper.take(), first.memory));
    } else {
        // The processes have ended before what they used goes.
        drop(helper);
        match ended {
            // With this process, then, and all at once.
            Ok(_) if options.settles => std::mem::forget((first.memory, supervisor.outlived())),
            _ => drop(first.memory),
        }
    }
    drop((disk, canary));
    ended = ended.or_else(|failure| group.explains(failure));
    if let Ok(ended) = &mut ended {
        ended.usage = group.usage(program).map(Box::new);
        ended.left.extend(group.remove());
    }
    if mute && ended.as_ref().is_ok_and(|ended| ended.how == How::Exited(125)) {
        let sentence = "cannot tell whether the program was started: the filter of system calls \
                        refuses what is needed to say so (sendto)";
        ended = Err(Failure::host(sentence.to_owned(), Cause::Lost));
    }
    for path in &program.remove_after {
        // What has something in it by now stays.
        let _ = std::fs::remove_dir(path.as_path());
    }
    ended
}

/// Writes the id maps of a first process that is there already, where nobody's help is needed, so that it does not
/// have to ask. Whether they are written.
fn map_ahead(program: &Program, pid: i32) -> Result<bool, Failure> {
    let direct = |maps: &&HostMaps| maps.writer == MapWriter::Direct;
    let Some(maps) = program.host_maps.as_ref().filter(direct) else { return Ok(false) };
    idmaps::write(pid, maps).map_err(Failure::from)?;
    Ok(true)
}

fn check_kept(program: &Program) -> Result<(), Failure> {
    let missing = program.keep_fds.iter().find(|fd| raw::set_cloexec(Fd(**fd), false).is_err());
    match missing {
        Some(fd) => Err(Failure::host(
            format!("cannot keep descriptor {fd}: it is not open (--keep-fd {fd})"),
            Cause::HostFile(0),
        )),
        None => Ok(()),
    }
}

fn make_disk_layer(program: &Program) -> Result<Option<DiskLayer>, Failure> {
    let Some(path) = &program.disk_layer else { return Ok(None) };
    let root = program
        .host_maps
        .as_ref()
        .and_then(|maps| Some((maps.users.outer_of(0)?, maps.groups.outer_of(0)?)));
    DiskLayer::create(path.as_path(), root).map(Some).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        let sentence =
            format!("cannot make {path} for the layers: {}", dwell_sys::words::of(&error));
        Failure::host(sentence, Cause::HostFile(errno))
    })
}

/// Starts the helper that makes the network namespace for a process that has the other `namespaces`, while the
/// caller does something else or waits.
pub(crate) fn start_aside(
    namespaces: NamespaceSet,
    is_busy: bool,
    numbers: Numbers,
    process: &OwnedFd,
    place: &Arc<aside::Place>,
) -> Result<Held<aside::Job>, Failure> {
    let owned = namespaces.has(NamespaceKind::User);
    aside::start(Fd::of(process), owned, is_busy, numbers, Arc::clone(place))
        .map_err(|e| internal("start a helper", e))
}

/// Puts the helper's list where it looks for it.
fn list_beside(
    program: &Arc<Program>,
    numbers: Numbers,
    process: &OwnedFd,
    place: &aside::Place,
    claims: Claims,
) -> Result<(), Failure> {
    let (Some(aside), Some((ours, _))) = (&program.aside, numbers.aside) else { return Ok(()) };
    let mut prepared =
        Prepared::bare(program, prepared::NO_FD).map_err(|e| internal("prepare the helper", e))?;
    prepared.put(aside.socket, ours);
    prepared.put(aside.process, Fd::of(process));
    prepared.claims = claims;
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((prepared, aside.given));
    Ok(())
}

/// The first process, and its memory where that is part of the caller's.
pub(crate) struct First {
    pub(crate) pid: i32,
    pub(crate) fd: OwnedFd,
    pub(crate) memory: Memory,
}

/// What the first process has of the caller's memory: held until it has ended.
#[allow(dead_code, reason = "held, and never looked at")]
pub(crate) enum Memory {
    /// Nothing: its memory is a copy.
    Own,
    /// All of it, and its Program from the start.
    Shared(Beside<Prepared>),
    /// All of it, with a place for its Program.
    Ahead(Held<ahead::Job>),
}

/// Starts the first process. For a caller that does nothing else it shares the memory, which saves copying it
/// now and taking the copy apart at the end; its owner must be kept until the process has ended.
fn clone(
    program: &Program,
    options: Options,
    mut prepared: Prepared,
    group: Option<&OwnedFd>,
) -> Result<First, Failure> {
    let args = CloneArgs {
        flags: clone_bits(program.clone),
        exit_signal: consts::SIGCHLD,
        cgroup: group.map(Fd::of),
        want_pidfd: true,
    };
    let refused = |errno| not_cloned(program.clone, errno);
    let shares = options.settles && !program.own_memory && !enters_time(program);
    let (cloned, memory) = if shares {
        let stack = Stack::new(STACK).map_err(|e| internal("make a stack", e))?;
        let memory = raw::beside_child(stack, &args, child::first, prepared).map_err(refused)?;
        (memory.child(), Memory::Shared(memory))
    } else {
        // Before there is a copy, which may have to wait for long until its turn comes to hide them.
        if options.settles {
            hide_arguments(&prepared);
        }
        let cloned = raw::clone_child(&args, || child::first(&mut prepared)).map_err(refused)?;
        if options.settles {
            // After: who may not be traced is nobody whose ids the caller may map. It fails for no process.
            let _ = raw::set_dumpable(false);
        }
        (cloned, Memory::Own)
    };
    let fd = match cloned.pidfd {
        Some(fd) => adopt(fd),
        None => pidfd::open(cloned.pid).map_err(|e| internal("hold the new process", e))?,
    };
    Ok(First { pid: cloned.pid, fd, memory })
}

/// KERNEL: the clocks of a process lie in a page of its memory, so a time namespace is entered only by who
/// shares that with nobody (EUSERS).
fn enters_time(program: &Program) -> bool {
    let is_time = |op: &Op| matches!(op, Op::Enter { kind: NamespaceKind::Time, .. });
    program.setup.ops.iter().any(is_time)
}

pub(crate) fn not_cloned(namespaces: NamespaceSet, errno: Errno) -> Failure {
    let what = if namespaces.is_empty() {
        "a process".to_owned()
    } else {
        format!("the {namespaces} namespaces")
    };
    // What engines of containers put around dwell answers clone3 with ENOSYS: then clone was asked.
    let call = if raw::knows_clone3() { "clone3" } else { "clone" };
    let sentence = format!("cannot make {what}: {} ({call})", reason(errno.raw_os_error()));
    Failure::host(sentence, Cause::Clone(errno.raw_os_error()))
}

fn open_files(program: &Program) -> Result<Vec<(Slot, OwnedFd)>, Failure> {
    let open = |file: &HostFile| match open_file(file) {
        Ok(fd) => Ok((file.slot, adopt(fd))),
        Err(errno) => Err(refused(program, file, errno)),
    };
    let files: Vec<_> = program.host_files.iter().map(open).collect::<Result<_, _>>()?;
    // A process that is still there has not given its number away in the meantime.
    for (file, (_, fd)) in program.host_files.iter().zip(&files) {
        if matches!(file.what, HostFileKind::Process(_)) {
            pidfd::send_signal(fd, 0)
                .or_else(not_permitted)
                .map_err(|e| refused(program, file, e))?;
        }
    }
    Ok(files)
}

/// What the first process does for both where they share their memory.
fn hide_arguments(prepared: &Prepared) {
    if let Some(area) = &prepared.arguments {
        raw::hide_arguments(area, &prepared.title);
    }
}

/// KERNEL: EPERM is said of a process that lives.
fn not_permitted(errno: Errno) -> Result<(), Errno> {
    if errno == Errno::PERM { Ok(()) } else { Err(errno) }
}

fn open_file(file: &HostFile) -> Result<Fd, Errno> {
    let c_string =
        |text: &dwell_plan::Text| std::ffi::CString::new(text.as_bytes()).map_err(|_| Errno::INVAL);
    match &file.what {
        HostFileKind::Namespace(path) => {
            raw::openat(Fd::CWD, &c_string(path)?, consts::O_RDONLY | consts::O_CLOEXEC, 0)
        }
        HostFileKind::Tasks(path) => {
            raw::openat(Fd::CWD, &c_string(path)?, consts::O_WRONLY | consts::O_CLOEXEC, 0)
        }
        HostFileKind::Tree(path) => {
            let flags = consts::OPEN_TREE_CLONE | consts::OPEN_TREE_CLOEXEC;
            raw::open_tree(Fd::CWD, &c_string(path)?, flags)
        }
        HostFileKind::Directory(path) => {
            let flags = consts::O_PATH | consts::O_DIRECTORY | consts::O_CLOEXEC;
            raw::openat(Fd::CWD, &c_string(path)?, flags, 0)
        }
        HostFileKind::Process(pid) => raw::pidfd_open(*pid, 0),
    }
}

fn refused(program: &Program, file: &HostFile, errno: Errno) -> Failure {
    let errno = errno.raw_os_error();
    let call = match &file.what {
        HostFileKind::Namespace(path) | HostFileKind::Tasks(path) => {
            format!("open({:?})", path.to_string())
        }
        HostFileKind::Tree(path) => format!("open_tree({:?}, OPEN_TREE_CLONE)", path.to_string()),
        HostFileKind::Directory(path) => format!("open({:?}, O_PATH)", path.to_string()),
        HostFileKind::Process(pid) => format!("pidfd_open({pid})"),
    };
    let step = program.steps.get(file.step as usize);
    let what =
        step.map_or_else(|| "open a file".to_owned(), |s| format!("{} {}", s.verb, s.object));
    let mut failure =
        Failure::host(format!("cannot {what}: {} ({call})", reason(errno)), Cause::HostFile(errno));
    failure.hint = step.and_then(|s| s.origin.as_ref()).map(|o| format!("asked for by {o}"));
    failure
}

/// A terminal of the machine's, for a world without a devpts: its master; the peer is one more file.
fn open_terminal(
    program: &Program,
    files: &mut Vec<(Slot, OwnedFd)>,
) -> Result<Option<OwnedFd>, Failure> {
    let PtySource::Host(slot) = program.pty else { return Ok(None) };
    let opened = pty::open(c"/dev/ptmx", program.pty_input);
    let (master, peer) = opened.map_err(|e| internal("open a terminal", e))?;
    files.push((slot, adopt(peer)));
    Ok(Some(adopt(master)))
}

pub(crate) fn internal(what: &str, errno: Errno) -> Failure {
    let sentence = format!("cannot {what}: {}", reason(errno.raw_os_error()));
    Failure::host(sentence, Cause::HostFile(errno.raw_os_error()))
}

/// Tells a waiting process to go on. One that is gone needs no word; one that cannot be told waits for
/// ever, and has to be ended.
pub(crate) fn go_on(control: &OwnedFd) -> Result<(), Failure> {
    match raw::send(Fd::of(control), &[1]) {
        Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        Err(errno) => Err(internal("tell the new process to go on", errno)),
    }
}

/// Takes the next packet; `None` when the other end is closed.
///
/// KERNEL: where memory is short a packet stays in its queue, and the next call may get it. Without it
/// nobody would know which process is the program's now, or how it ended.
pub(crate) fn receive(
    control: &OwnedFd,
    room: &mut [u8],
) -> Result<Option<(usize, Message, Option<OwnedFd>)>, Errno> {
    let mut tries_left = 2;
    let (length, fd) = loop {
        match dwell_sys::recv_with_fd(control, room) {
            Err(Errno::INTR) => {}
            Err(Errno::NOMEM | Errno::NOBUFS) if tries_left > 0 => tries_left -= 1,
            // KERNEL: so unix(7) tells of an end that was closed with something unread in it.
            Err(Errno::CONNRESET) => return Ok(None),
            received => break received?,
        }
    };
    Ok(Message::decode(room.get(..length).unwrap_or_default()).map(|message| (length, message, fd)))
}
