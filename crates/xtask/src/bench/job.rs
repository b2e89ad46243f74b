//! A program to be measured: how it is started, and as whom.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use dwell_sys::raw::{self, ExecTable, Fd, Stack, WaitStatus};

/// Where programs are looked for, outside and in worlds.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// Whose program it is, and where that one lives.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// "user" or "root".
    pub(super) label: &'static str,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
}

impl Who {
    /// A small directory below the home directory: where the programs start.
    pub(super) fn cwd(&self) -> PathBuf {
        self.home.join("w")
    }

    /// The static program that does nothing, in that directory so that every world shows it.
    pub(super) fn nothing(&self) -> PathBuf {
        self.cwd().join("true")
    }
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) argv: Vec<OsString>,
    pub(super) who: Who,
}

/// The program's path, by the same rule in and out of the measurement.
pub(super) fn which(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.into());
    }
    PATH.split(':').map(|dir| PathBuf::from(dir).join(program)).find(|path| path.is_file())
}

impl Job {
    pub(super) fn new<A: AsRef<OsStr>>(name: &str, who: &Who, argv: &[A]) -> Job {
        let argv = argv.iter().map(|a| a.as_ref().to_owned()).collect();
        Job { name: name.to_owned(), argv, who: who.clone() }
    }

    /// The same for another program behind the same walls.
    pub(super) fn with<A: AsRef<OsStr>>(mut self, more: &[A]) -> Job {
        self.argv.extend(more.iter().map(|a| a.as_ref().to_owned()));
        self
    }

    fn program(&self) -> Result<PathBuf> {
        let name = self.argv.first().context("no program")?;
        which(name).with_context(|| format!("{} is not installed", name.display()))
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![("PATH", PATH.into()), ("HOME", self.who.home.clone().into()), ("LANG", "C".into())]
    }

    /// For everything but measuring time.
    pub(super) fn command(&self) -> Result<Command> {
        let mut command = Command::new(self.program()?);
        command.args(self.argv.iter().skip(1)).current_dir(self.who.cwd());
        command.env_clear().envs(self.environment()).stdin(Stdio::null());
        if raw::geteuid() == 0 && self.who.uid != 0 {
            command.uid(self.who.uid).gid(self.who.gid);
        }
        Ok(command)
    }

    /// Runs it once and says why it does not work, if so.
    pub(super) fn check(&self) -> Result<()> {
        let output = self.command()?.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().next().unwrap_or_default().to_owned();
        bail!("{}: {}", output.status, if said.is_empty() { "without a word" } else { &said })
    }

    pub(super) fn ready(&self) -> Result<Ready> {
        let c_string = |s: &OsStr| CString::new(s.as_bytes());
        let env = self.environment();
        let env = env.iter().map(|(k, v)| [k.as_bytes(), b"=", v.as_bytes()].concat());
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let drops = raw::geteuid() == 0 && self.who.uid != 0;
        Ok(Ready {
            stack: Stack::new(64 * 1024)?,
            child: Child {
                path: c_string(self.program()?.as_os_str())?,
                cwd: c_string(self.who.cwd().as_os_str())?,
                argv: ExecTable::new(self.argv.iter().map(|a| a.as_bytes()))?,
                env: ExecTable::new(env)?,
                null: Fd::of(&null),
                ids: drops.then_some((self.who.uid, self.who.gid)),
            },
            _null: null,
        })
    }
}

/// Ready to be started again and again at the least cost that a start can have, the same for all.
pub(super) struct Ready {
    stack: Stack,
    child: Child,
    _null: File,
}

struct Child {
    path: CString,
    cwd: CString,
    argv: ExecTable,
    env: ExecTable,
    null: Fd,
    ids: Option<(u32, u32)>,
}

impl Ready {
    /// From before its process is made until its end has been learnt.
    pub(super) fn time(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let pid = raw::vfork_child(&mut self.stack, 0, become_program, &mut self.child)?;
        let status = loop {
            match raw::wait(pid, 0) {
                Err(raw::Errno::INTR) => {}
                answer => break answer?,
            }
        };
        let time = start.elapsed();
        match status {
            WaitStatus::Exited { code: 0, .. } => Ok(time),
            other => Err(anyhow!("{:?} ended with {other:?}", self.child.path)),
        }
    }
}

/// Shares this process's memory, so only `raw`.
fn become_program(child: &mut Child) -> i32 {
    for fd in 0..3 {
        if raw::dup3(child.null, Fd(fd), 0).is_err() {
            return 126;
        }
    }
    if let Some((uid, gid)) = child.ids
        && (raw::setgroups(&[]).is_err()
            || raw::setresgid(gid, gid, gid).is_err()
            || raw::setresuid(uid, uid, uid).is_err())
    {
        return 126;
    }
    if raw::chdir(&child.cwd).is_err() {
        return 126;
    }
    raw::execve(&child.path, &child.argv, &child.env);
    127
}
