//! The own binary, out of reach of the programs that are joined.
//!
//! A program whose namespaces are entered can make whoever enters execute `/proc/self/exe`, open that
//! file by way of `/proc/PID/exe`, and write to it once nobody executes it any more (CVE-2019-5736). A
//! world that is made anew cannot: it has ended before the last process that executes the binary. So
//! whoever joins does it from a copy in memory that nobody can change.
//!
//! Where the caller may not write to the file, nobody who has become the caller may either, and
//! nothing is copied.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use dwell_sys::raw::{self, ExecTable, consts};
use dwell_sys::words;
use rustix::fs::{Access, AtFlags, CWD, MemfdFlags, SealFlags};
use rustix::io::Errno;

use crate::failure::{Cause, Failure};

const OWN: &str = "/proc/self/exe";
/// KERNEL: what one call transfers at most; it is asked again for the rest.
const MOST: usize = 0x7fff_f000;
const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

/// Goes on from a copy of the binary that cannot be changed, where the file could be: the same
/// arguments, descriptors and environment, from the beginning. Returns where that is so already, or
/// is not needed.
///
/// # Errors
/// The copy cannot be made or not be executed (`vm.memfd_noexec`).
pub fn go_on_sealed(args: &[OsString]) -> Result<(), Failure> {
    // A kernel, or a filter of system calls, without faccessat2 does not tell: then it is copied.
    let writable = rustix::fs::accessat(CWD, OWN, Access::WRITE_OK, AtFlags::EACCESS);
    if matches!(writable, Err(Errno::ACCESS | Errno::ROFS)) {
        return Ok(());
    }
    let own = File::open(OWN).map_err(|e| cannot("read", "open", &e))?;
    if rustix::fs::fcntl_get_seals(&own).is_ok_and(|seals| seals.contains(SEALS)) {
        // The kernel has named it after the descriptor.
        let _ = rustix::thread::set_name(c"dwell");
        return Ok(());
    }
    let copy = copy(own).map_err(|e| cannot("copy", "memfd_create", &e))?;
    Err(cannot("execute a sealed copy of", "execveat", &become_it(copy.as_fd(), args).into()))
}

fn copy(mut own: File) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // KERNEL: before Linux 6.3 there was no MFD_EXEC, and all were executable.
    let fd = rustix::fs::memfd_create(c"dwell", flags | MemfdFlags::EXEC).or_else(|e| match e {
        Errno::INVAL => rustix::fs::memfd_create(c"dwell", flags),
        _ => Err(e),
    })?;
    let mut copy = File::from(fd);
    fill(&mut copy, &mut own)?;
    rustix::fs::fcntl_add_seals(&copy, SEALS)?;
    Ok(copy)
}

/// Not `io::copy`, which aborts where `sendfile(2)` fails on the way.
fn fill(copy: &mut File, own: &mut File) -> io::Result<()> {
    let mut begun = false;
    loop {
        match rustix::fs::sendfile(&*copy, &*own, None, MOST) {
            Ok(0) => return Ok(()),
            Ok(_) => begun = true,
            Err(Errno::INTR) => {}
            Err(errno) if begun => return Err(errno.into()),
            // A filter of system calls may not let it through.
            Err(_) => break,
        }
    }
    let mut bytes = Vec::new();
    own.read_to_end(&mut bytes)?;
    copy.write_all(&bytes)
}

fn become_it(file: BorrowedFd<'_>, args: &[OsString]) -> Errno {
    let variables =
        std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let tables = (ExecTable::new(args.iter().map(|a| a.as_bytes())), ExecTable::new(variables));
    let (argv, envp) = match tables {
        (Ok(argv), Ok(envp)) => (argv, envp),
        (Err(errno), _) | (_, Err(errno)) => return errno,
    };
    raw::execveat(raw::Fd(file.as_raw_fd()), c"", &argv, &envp, consts::AT_EMPTY_PATH)
}

fn cannot(verb: &str, call: &str, error: &io::Error) -> Failure {
    let sentence = format!("cannot {verb} the own binary: {} ({call})", words::of(error));
    let cause = Cause::HostFile(error.raw_os_error().unwrap_or_default());
    let hint = "a program that is joined could change it; install dwell where you cannot write";
    Failure { sentence, hint: Some(hint.to_owned()), cause }
}
