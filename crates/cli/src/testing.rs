//! A machine made of words, for tests.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use dwell_plan::{Plan, Text};

use crate::command::{Action, decide};
use crate::invocation::{Invocation, Machine, UserEntry};
use crate::message::Failure;

/// What exists: directories, files with their content, links, and lines of `passwd` by tree.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) directories: Vec<&'static str>,
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    pub(crate) links: Vec<(&'static str, &'static str)>,
    pub(crate) users: Vec<(&'static str, UserEntry)>,
    pub(crate) env: Vec<(&'static str, &'static str)>,
    pub(crate) cwd: Option<&'static str>,
}

/// The uid of the tests' caller.
pub(crate) const UID: u32 = 1000;

pub(crate) fn user(name: &str, uid: u32, gid: u32, home: &str, shell: &str) -> UserEntry {
    let (name, home, shell) = (Text::from(name), Text::from(home), Text::from(shell));
    UserEntry { name, uid, gid, home, shell }
}

impl Default for Fake {
    fn default() -> Self {
        Fake {
            directories: vec!["/home/u", "/home/u/src", "/srv/root"],
            files: vec![("/bin/zsh", vec![]), ("/bin/bash", vec![]), ("/srv/file", vec![])],
            links: vec![],
            users: vec![
                ("/", user("root", 0, 0, "/root", "/bin/bash")),
                ("/", user("u", UID, UID, "/home/u", "/bin/bash")),
                ("/", user("bob", 1001, 100, "/home/bob", "/usr/sbin/nologin")),
                ("/srv/root", user("root", 0, 0, "/root", "/bin/ash")),
                ("/srv/root", user("app", 10, 20, "/app", "")),
            ],
            env: vec![
                ("HOME", "/home/u"),
                ("USER", "u"),
                ("LOGNAME", "u"),
                ("SHELL", "/bin/zsh"),
                ("PATH", "/opt/bin:/bin"),
                ("TERM", "xterm"),
                ("COLORTERM", "truecolor"),
                ("LANG", "C.UTF-8"),
                ("LC_TIME", "C"),
                ("TZ", "UTC"),
                ("SECRET", "s3cret"),
            ],
            cwd: Some("/home/u/src"),
        }
    }
}

impl Fake {
    pub(crate) fn at(cwd: &'static str) -> Self {
        Fake { cwd: Some(cwd), ..Fake::default() }
    }

    pub(crate) fn file(mut self, path: &'static str, content: &[u8]) -> Self {
        self.files.push((path, content.to_vec()));
        self
    }

    pub(crate) fn without_var(mut self, name: &str) -> Self {
        self.env.retain(|(n, _)| *n != name);
        self
    }

    pub(crate) fn var(self, name: &'static str, value: &'static str) -> Self {
        let mut fake = self.without_var(name);
        fake.env.push((name, value));
        fake
    }

    /// What `dwell` makes of a command line that is given as words between blanks.
    pub(crate) fn dwell(&self, line: &str) -> Result<Action, Failure> {
        self.words(line.split_whitespace().map(OsString::from).collect())
    }

    pub(crate) fn words(&self, args: Vec<OsString>) -> Result<Action, Failure> {
        let env = self.env.iter().map(|(n, v)| (OsString::from(n), OsString::from(v))).collect();
        let cwd = self.cwd.map(PathBuf::from);
        decide(args, &Invocation { env, cwd, uid: UID, machine: self })
    }

    /// The Plan of `dwell run` with these words.
    #[track_caller]
    pub(crate) fn plan(&self, line: &str) -> Plan {
        match self.dwell(&format!("run {line}")) {
            Ok(Action::Run { plan, .. }) => *plan,
            other => panic!("run {line}: {other:?}"),
        }
    }

    /// The sentence and the hint of what `dwell run` refuses.
    #[track_caller]
    pub(crate) fn refusal(&self, line: &str) -> (String, String) {
        match self.dwell(&format!("run {line}")) {
            Err(failure) => (failure.sentence, failure.hint.unwrap_or_default()),
            other => panic!("run {line}: {other:?}"),
        }
    }
}

impl Machine for Fake {
    fn user_by_name(&self, root: &Path, name: &str) -> Option<UserEntry> {
        self.users
            .iter()
            .find(|(r, u)| Path::new(r) == root && u.name == *name)
            .map(|u| u.1.clone())
    }

    fn user_by_uid(&self, root: &Path, uid: u32) -> Option<UserEntry> {
        self.users.iter().find(|(r, u)| Path::new(r) == root && u.uid == uid).map(|u| u.1.clone())
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.iter().any(|(p, _)| Path::new(p) == path) || self.is_directory(path).is_ok()
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        if self.directories.iter().any(|d| Path::new(d) == path) {
            Ok(true)
        } else {
            self.read(path).map(|_| false)
        }
    }

    fn block_device(&self, path: &Path) -> io::Result<Option<(u32, u32)>> {
        if path == Path::new("/dev/sda") {
            return Ok(Some((8, 0)));
        }
        self.read(path).map(|_| None)
    }

    fn canonical(&self, path: &Path) -> Option<PathBuf> {
        let link = self.links.iter().find(|(from, _)| Path::new(from) == path);
        Some(link.map_or_else(|| path.to_owned(), |(_, to)| PathBuf::from(to)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.files.iter().find(|(p, _)| Path::new(p) == path);
        file.map(|(_, content)| content.clone()).ok_or(io::Error::from_raw_os_error(2))
    }

    fn columns(&self) -> Option<usize> {
        None
    }
}
