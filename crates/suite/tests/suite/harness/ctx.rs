//! What a case is given.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::command::{Got, Run};
use super::outcome::{Outcome, fail, skip};
use super::runner::Who;

/// Where programs are looked for, by the suite and by its worlds.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The surroundings of one case.
#[derive(Debug)]
pub(crate) struct Ctx {
    /// As whom the case runs.
    pub(crate) who: Who,
    pub(crate) account: Account,
    /// An empty directory of that user's, gone after the case.
    pub(crate) scratch: PathBuf,
    /// The binary.
    pub(crate) dwell: PathBuf,
    /// Whether the suite itself is root, in namespaces of its own.
    pub(crate) privileged: bool,
}

impl Ctx {
    pub(crate) fn is_root(&self) -> bool {
        self.who == Who::Root
    }

    /// A program outside of any world, as the case's user, in the scratch directory.
    pub(crate) fn host(&self, program: impl AsRef<OsStr>) -> Run {
        Run::new(program.as_ref(), self)
    }

    /// A shell script outside of any world; `$DWELL` is the binary.
    pub(crate) fn shell(&self, script: &str) -> Run {
        self.host("/bin/sh").args(["-c", script])
    }

    /// A shell script of root's, where the suite is root.
    pub(crate) fn as_root(&self, script: &str) -> Outcome<Got> {
        self.needs_privilege()?;
        let got = self.shell(script).by_suite().go()?;
        got.exits(0)?;
        Ok(got)
    }

    /// `dwell run`, to which options and a program are added.
    pub(crate) fn run(&self) -> Run {
        self.host(&self.dwell).arg("run")
    }

    /// `dwell run OPTIONS -- sh -c SCRIPT`; the options are split at blanks.
    pub(crate) fn world(&self, options: &str, script: &str) -> Run {
        self.run().args(options.split_whitespace()).args(["--", "/bin/sh", "-c", script])
    }

    /// The binary under the names of the tools it stands in for.
    pub(crate) fn links(&self) -> Outcome<PathBuf> {
        let links = self.path("links");
        if !links.exists() {
            fs::create_dir(&links)?;
            let made = Command::new(&self.dwell).arg("install-links").arg(&links).output()?;
            if !made.status.success() {
                return fail(String::from_utf8_lossy(&made.stderr));
            }
        }
        Ok(links)
    }

    /// A tool that the binary stands in for.
    pub(crate) fn applet(&self, name: &str) -> Outcome<Run> {
        Ok(self.host(self.links()?.join(name)))
    }

    /// A shell script that finds those tools before the installed ones.
    pub(crate) fn with_applets(&self, script: &str) -> Outcome<Run> {
        let path = format!("{}:{PATH}", self.links()?.display());
        Ok(self.shell(script).env("PATH", path))
    }

    /// `kinds` as a set that this user can have: an ordinary one needs a user namespace as well.
    pub(crate) fn set(&self, kinds: &str) -> String {
        if self.is_root() { kinds.to_owned() } else { format!("user,{kinds}") }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.scratch.join(name)
    }

    /// Makes a file in the scratch directory, with the directories above it.
    pub(crate) fn file(
        &self,
        name: impl AsRef<Path>,
        content: impl AsRef<[u8]>,
    ) -> Outcome<PathBuf> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            self.dir(parent)?;
        }
        fs::write(&path, content)?;
        self.give(&path)?;
        Ok(path)
    }

    /// Makes a directory in the scratch directory, with those above it.
    pub(crate) fn dir(&self, name: impl AsRef<Path>) -> Outcome<PathBuf> {
        let path = self.path(name);
        let missing: Vec<&Path> = path.ancestors().take_while(|p| !p.exists()).collect();
        for directory in missing.into_iter().rev() {
            fs::create_dir(directory)?;
            self.give(directory)?;
        }
        Ok(path)
    }

    /// Makes the user the owner.
    pub(crate) fn give(&self, path: &Path) -> Outcome {
        if self.privileged {
            chown(path, Some(self.account.uid), Some(self.account.gid))?;
        }
        Ok(())
    }

    /// Skips the case where a program is missing.
    pub(crate) fn needs(&self, program: &str) -> Outcome<PathBuf> {
        let found = PATH.split(':').map(|dir| Path::new(dir).join(program)).find(|p| p.is_file());
        match found {
            Some(path) => Ok(path),
            None => skip(format!("{program} is not installed")),
        }
    }

    /// Skips the case where the suite cannot arrange things as root.
    pub(crate) fn needs_privilege(&self) -> Outcome {
        if self.privileged { Ok(()) } else { skip("arranging it needs root") }
    }

    /// `mount ARGUMENTS PLACE` outside, undone when the value is dropped.
    pub(crate) fn mount(&self, arguments: &[&str], place: &Path) -> Outcome<Mounted> {
        self.needs_privilege()?;
        let output = Command::new("mount").args(arguments).arg(place).output()?;
        if !output.status.success() {
            return fail(format!("mount: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(Mounted(place.as_os_str().to_owned()))
    }
}

/// A mount that the suite has made.
#[derive(Debug)]
pub(crate) struct Mounted(OsString);

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a world that another case starts may be looking at it. One that stays is found by
        // the final check.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).stderr(Stdio::null()).status();
    }
}
