//! `dwell install-links`: the names under which the applets are found.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::LINKS;
use crate::message::{self, Failure, reason};

const HELP: &str = "\
Usage: dwell install-links [--force] DIRECTORY

Gives this binary the names unshare, nsenter and lsns in DIRECTORY, as hard links. A name that another
file has already is left alone, and that is an error; with --force it is replaced.
";

/// Makes the links and gives the exit code.
pub(crate) fn install_links(args: &[OsString]) -> u8 {
    let done = match args {
        [help] if help == "-h" || help == "--help" => return message::print(HELP),
        [force, directory] if force == "--force" => make(Path::new(directory), true),
        [directory] => make(Path::new(directory), false),
        _ => Err(Failure::new("install-links takes one directory")
            .hint("`dwell install-links /usr/local/bin` makes unshare, nsenter and lsns there")),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => message::fail(&failure),
    }
}

fn make(directory: &Path, force: bool) -> Result<(), Failure> {
    let own =
        std::env::current_exe().map_err(|e| cannot("find", Path::new("/proc/self/exe"), &e))?;
    for name in LINKS {
        let link = directory.join(name);
        match fs::hard_link(&own, &link) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                replace(&own, &link, force)?;
            }
            Err(error) => return Err(refused(&own, &link, &error)),
        }
    }
    Ok(())
}

fn refused(own: &Path, link: &Path, error: &io::Error) -> Failure {
    let failure = cannot("make", link, error);
    let why = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::XDEV) => "a hard link stays on its file system",
        // KERNEL: with fs.protected_hardlinks, which most machines have set.
        Some(Errno::PERM) => "a file of somebody else's is linked by root alone",
        _ => return failure,
    };
    let directory = link.parent().unwrap_or(Path::new("."));
    let (own, directory) = (own.display(), directory.display());
    failure.hint(format!(
        "{why}: copy the binary there first, `cp {own} {directory}`, and link that one"
    ))
}

/// What has the name gives way by a rename, so that the name is never missing.
fn replace(own: &Path, link: &Path, force: bool) -> Result<(), Failure> {
    let look = |path: &Path| fs::symlink_metadata(path).map_err(|e| cannot("look at", path, &e));
    let (binary, there) = (look(own)?, look(link)?);
    if (binary.dev(), binary.ino()) == (there.dev(), there.ino()) {
        return Ok(());
    }
    if !force {
        let why = format!("cannot make {}: another file has this name", link.display());
        return Err(Failure::new(why).hint("`--force` replaces it"));
    }
    let mut fresh = link.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    fs::hard_link(own, &fresh).map_err(|e| cannot("make", &fresh, &e))?;
    fs::rename(&fresh, link).map_err(|error| {
        let _ = fs::remove_file(&fresh);
        cannot("replace", link, &error)
    })
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {verb} {}: {}", path.display(), reason(error)))
}
