//! What the second stage may ask about its surroundings; plain data and one trait, so that tests
//! do not depend on the machine.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use dwell_plan::Text;

pub use dwell_probe::UserEntry;

/// The caller's surroundings.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The caller's environment.
    pub env: Vec<(OsString, OsString)>,
    /// The current directory as the kernel names it; none when it is gone or out of reach.
    pub cwd: Option<PathBuf>,
    /// Effective user id.
    pub uid: u32,
    /// Look-ups that are made only when an option asks for them.
    pub machine: &'a dyn Machine,
}

impl Invocation<'_> {
    /// The value of an environment variable.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.env.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_os_str())
    }

    /// The caller's home directory: `$HOME` where it is absolute, else the user database's.
    #[must_use]
    pub fn home(&self) -> Text {
        match self.var("HOME") {
            Some(home) if Path::new(home).is_absolute() => Text::from(home),
            _ => match self.machine.user_by_uid(Path::new("/"), self.uid) {
                Some(entry) if !entry.home.is_empty() => entry.home,
                _ => Text::from("/"),
            },
        }
    }
}

/// Read-only questions to the machine.
pub trait Machine: fmt::Debug {
    /// The user called `name` in the user database of the tree at `root`.
    fn user_by_name(&self, root: &Path, name: &str) -> Option<UserEntry>;
    /// The user with the number `uid` there.
    fn user_by_uid(&self, root: &Path, uid: u32) -> Option<UserEntry>;
    /// Whether a file is there.
    fn exists(&self, path: &Path) -> bool;
    /// Whether `path` is a directory.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn is_directory(&self, path: &Path) -> io::Result<bool>;
    /// The numbers of a block device, links followed; none where it is something else.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn block_device(&self, path: &Path) -> io::Result<Option<(u32, u32)>>;
    /// The path with all symbolic links resolved, where it is there.
    fn canonical(&self, path: &Path) -> Option<PathBuf>;
    /// The content of a file; of standard input for `-`.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Columns of the terminal on standard output, when it is one.
    fn columns(&self) -> Option<usize>;
}
