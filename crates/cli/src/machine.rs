//! The real machine behind [`Machine`].

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dwell_plan::WorldPath;
use dwell_probe::UserEntry;

use crate::invocation::Machine;

/// The machine that dwell runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local;

impl Machine for Local {
    fn user_by_name(&self, root: &Path, name: &str) -> Option<UserEntry> {
        match is_machine(root) {
            true => dwell_probe::user_by_name(Path::new(PASSWD), name),
            false => user_in(root, |e| e.name == name),
        }
    }

    fn user_by_uid(&self, root: &Path, uid: u32) -> Option<UserEntry> {
        match is_machine(root) {
            true => dwell_probe::user_by_uid(Path::new(PASSWD), uid),
            false => user_in(root, |e| e.uid == uid),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        path.metadata().map(|m| m.is_dir())
    }

    fn block_device(&self, path: &Path) -> io::Result<Option<(u32, u32)>> {
        let found = path.metadata()?;
        let device = found.rdev();
        let numbers = (rustix::fs::major(device), rustix::fs::minor(device));
        Ok(found.file_type().is_block_device().then_some(numbers))
    }

    fn canonical(&self, path: &Path) -> Option<PathBuf> {
        // In the C library's own way this takes its heap, which nothing else does.
        dwell_probe::real_path(path).or_else(|| path.canonicalize().ok())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path.as_os_str().as_bytes() == b"-" {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes)?;
            Ok(bytes)
        } else {
            std::fs::read(path)
        }
    }

    fn columns(&self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then(|| usize::from(size.ws_col))
    }
}

const PASSWD: &str = "/etc/passwd";

fn is_machine(root: &Path) -> bool {
    root == Path::new("/")
}

/// The first user that `wanted` accepts in the root filesystem directory `root`, whose links do
/// not lead out of it.
fn user_in(root: &Path, wanted: impl Fn(&UserEntry) -> bool) -> Option<UserEntry> {
    let bytes = dwell_probe::read_in_root(root, &WorldPath::abs(PASSWD)).ok()??;
    bytes.split(|b| *b == b'\n').filter_map(dwell_probe::passwd::parse_user).find(|e| wanted(e))
}
