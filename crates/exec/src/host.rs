//! The host side up to the moment the world lives.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use dwell_plan::NamespaceKind;
use dwell_plan::program::{HostFile, HostFileKind, Program, PtySource};
use dwell_sys::raw::{self, Beside, CloneArgs, Errno, Fd, Stack, consts};
use dwell_sys::{adopt, pidfd, term};

use crate::disk::DiskLayer;
use crate::failure::{Cause, Failure, reason};
use crate::groups::WorldGroup;
use crate::message::Message;
use crate::prepared::{Prepared, block_all, clone_bits};
use crate::supervise::{Errand, Supervisor};
use crate::{Ended, Options, aside, child, idmaps};

/// Enough for counting the files of a deep layer. Pages that are not used cost nothing.
const STACK: usize = 512 * 1024;

/// Builds the world, runs the program in it and waits for its end.
///
/// # Errors
/// The world could not be built, or the program not be started; nothing of it is left.
pub fn run(program: &Arc<Program>, options: &Options) -> Result<Ended, Failure> {
    let mask = block_all().map_err(|e| internal("block signals", e))?;
    let ended = with_signals_blocked(program, *options);
    // The mask is the caller's business from here on; that it cannot be set back is no reason to lose
    // how the program ended.
    let _ = raw::sigmask(raw::MaskHow::Set, mask);
    ended
}

fn with_signals_blocked(program: &Arc<Program>, options: Options) -> Result<Ended, Failure> {
    let (ours, theirs) =
        raw::socketpair_seqpacket_cloexec().map_err(|e| internal("make a socket pair", e))?;
    let (ours, theirs) = (adopt(ours), adopt(theirs));
    let mut prepared = Prepared::new(program, Fd::of(&theirs), options.arguments)
        .map_err(|e| internal("prepare the program", e))?;
    check_kept(program)?;
    let disk = make_disk_layer(program)?;
    let mut group = WorldGroup::make(program)?;
    let files = open_files(program, &mut prepared)?;
    let terminal = open_terminal(program, &mut prepared)?;
    let aside = open_aside(program, &mut prepared)?;
    prepared.choose_descriptors();
    let mut supervisor = Supervisor::new(program, options, ours, terminal)?;
    let directory = group.directory()?;
    let first = clone(program, options, prepared, directory.as_ref())?;
    // From here on the process is waited for whatever happens: its memory may be ours.
    let helper = start_aside(program, &aside, &first.fd);
    drop((files, theirs, aside, directory));
    supervisor.adopt(first.pid, first.fd);
    let helper = helper.inspect_err(|_| supervisor.kill())?;
    let mut ended = supervisor.run(|errand, pid| match (errand, &program.host_maps) {
        (Errand::IdMaps, Some(maps)) => idmaps::write(pid, maps),
        (Errand::IdMaps, None) => Ok(()),
        (Errand::Group, _) => group.take(program, pid),
        (Errand::TakeStock, _) => {
            group.take_stock();
            Ok(())
        }
    });
    // The processes have ended before what they used goes.
    drop((helper, first.memory, disk));
    ended = ended.or_else(|failure| group.explains(failure));
    if let Ok(ended) = &mut ended {
        ended.usage = group.usage(program).map(Box::new);
        ended.left = group.remove();
    }
    for path in &program.remove_after {
        // What has something in it by now stays.
        let _ = std::fs::remove_dir(path.as_path());
    }
    ended
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
    DiskLayer::create(path.as_path()).map(Some).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        let sentence = format!("cannot make {path} for the layers: {}", idmaps::plain(&error));
        Failure::host(sentence, Cause::HostFile(errno))
    })
}

/// The way to the first process for what the helper makes: our end, and its own.
fn open_aside(
    program: &Program,
    prepared: &mut Prepared,
) -> Result<Option<(OwnedFd, OwnedFd)>, Failure> {
    let Some(slot) = program.aside else { return Ok(None) };
    let (ours, theirs) =
        raw::socketpair_seqpacket_cloexec().map_err(|e| internal("make a socket pair", e))?;
    prepared.put(slot, theirs);
    Ok(Some((adopt(ours), adopt(theirs))))
}

fn start_aside(
    program: &Program,
    aside: &Option<(OwnedFd, OwnedFd)>,
    process: &OwnedFd,
) -> Result<Option<Beside<aside::Job>>, Failure> {
    let Some((ours, _)) = aside else { return Ok(None) };
    let owner = program.clone.has(NamespaceKind::User).then(|| Fd::of(process));
    let helper = aside::start(owner, Fd::of(ours)).map_err(|e| internal("start a helper", e))?;
    Ok(Some(helper))
}

/// The first process, and its memory where that is part of the caller's.
struct First {
    pid: i32,
    fd: OwnedFd,
    memory: Option<Beside<Prepared>>,
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
    let refused = |errno: Errno| {
        let what = if program.clone.is_empty() {
            "a process".to_owned()
        } else {
            format!("the {} namespaces", program.clone)
        };
        let sentence = format!("cannot make {what}: {} (clone3)", reason(errno.raw_os_error()));
        Failure::host(sentence, Cause::Clone(errno.raw_os_error()))
    };
    let (cloned, memory) = if options.settles && !program.own_memory {
        let stack = Stack::new(STACK).map_err(|e| internal("make a stack", e))?;
        let memory = raw::beside_child(stack, &args, child::first, prepared).map_err(refused)?;
        (memory.child(), Some(memory))
    } else {
        let cloned = raw::clone_child(&args, || child::first(&mut prepared)).map_err(refused)?;
        if options.settles {
            hide(&prepared);
        }
        (cloned, None)
    };
    let fd = match cloned.pidfd {
        Some(fd) => adopt(fd),
        None => pidfd::open(cloned.pid).map_err(|e| internal("hold the new process", e))?,
    };
    Ok(First { pid: cloned.pid, fd, memory })
}

/// What the first process does for both where they share their memory.
fn hide(prepared: &Prepared) {
    if let Some(area) = &prepared.arguments {
        raw::hide_arguments(area, &prepared.title);
    }
    // It fails for no process.
    let _ = raw::set_dumpable(false);
}

fn open_files(program: &Program, prepared: &mut Prepared) -> Result<Vec<OwnedFd>, Failure> {
    let mut files = Vec::with_capacity(program.host_files.len());
    for file in &program.host_files {
        let fd = open_file(file).map_err(|errno| refused(program, file, errno))?;
        prepared.put(file.slot, fd);
        files.push(adopt(fd));
    }
    Ok(files)
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
    }
}

fn refused(program: &Program, file: &HostFile, errno: Errno) -> Failure {
    let errno = errno.raw_os_error();
    let call = match &file.what {
        HostFileKind::Namespace(path) | HostFileKind::Tasks(path) => {
            format!("open({:?})", path.to_string())
        }
        HostFileKind::Tree(path) => format!("open_tree({:?}, OPEN_TREE_CLONE)", path.to_string()),
    };
    let step = program.steps.get(file.step as usize);
    let what =
        step.map_or_else(|| "open a file".to_owned(), |s| format!("{} {}", s.verb, s.object));
    let mut failure =
        Failure::host(format!("cannot {what}: {} ({call})", reason(errno)), Cause::HostFile(errno));
    failure.hint = step.and_then(|s| s.origin.as_ref()).map(|o| format!("asked for by {o}"));
    failure
}

/// A terminal of the machine's, for a world without a devpts.
fn open_terminal(program: &Program, prepared: &mut Prepared) -> Result<Option<OwnedFd>, Failure> {
    let PtySource::Host(slot) = program.pty else { return Ok(None) };
    let open = || -> Result<(Fd, Fd), Errno> {
        let master = raw::open_ptmx(Fd::CWD, c"/dev/ptmx")?;
        raw::unlock_pt(master)?;
        let peer = raw::pt_peer(master, consts::O_RDWR | consts::O_NOCTTY | consts::O_CLOEXEC)?;
        Ok((master, peer))
    };
    let (master, peer) = open().map_err(|e| internal("open a terminal", e))?;
    prepared.put(slot, peer);
    Ok(Some(adopt(master)))
}

pub(crate) fn internal(what: &str, errno: Errno) -> Failure {
    let sentence = format!("cannot {what}: {}", reason(errno.raw_os_error()));
    Failure::host(sentence, Cause::HostFile(errno.raw_os_error()))
}

/// Tells a waiting process to go on.
pub(crate) fn go_on(control: &OwnedFd) {
    // A process that is gone needs no word.
    let _ = raw::send(Fd::of(control), &[1]);
}

/// Takes the next packet.
pub(crate) fn receive(
    control: &OwnedFd,
    room: &mut [u8],
) -> Result<Option<(usize, Message, Option<OwnedFd>)>, Errno> {
    let (length, fd) = dwell_sys::recv_with_fd(control, room)?;
    Ok(Message::decode(room.get(..length).unwrap_or_default()).map(|message| (length, message, fd)))
}

/// The size of the caller's terminal, if it has one.
pub(crate) fn outer_size(fd: &impl AsFd) -> Option<(u16, u16)> {
    term::winsize(fd).ok()
}
