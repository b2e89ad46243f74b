//! A block as a shell session.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::block::Block;
use crate::{compare, installed};

/// Where the commands are looked for, after the directory that holds `dwell`.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
/// Programs that a machine may lack.
const MAYBE: [&str; 12] = [
    "findmnt", "hostname", "ip", "ipcmk", "ipcs", "lsns", "nsenter", "pgrep", "ps", "pkill",
    "uptime", "unshare",
];
/// Stands in the output before that of each command.
const MARK: char = '\u{1}';
/// How long a session may take, times what `DWELL_TEST_PACE` says of a machine that is emulated.
const LIMIT: Duration = Duration::from_secs(90);
/// How long a command in the background is given before the next, at first and when that was not
/// enough for a busy machine.
const PAUSES: [u32; 3] = [1, 4, 15];
/// An account that need not exist.
const NOBODY_KNOWN: (u32, u32) = (54321, 54321);

/// What came of a block.
#[derive(Debug)]
pub(crate) enum Verdict {
    Ok,
    Skipped(String),
    Failed(String),
}

/// What the sessions are started with.
#[derive(Debug)]
pub(crate) struct Machine {
    base: PathBuf,
    is_root: bool,
    user: (u32, u32),
    /// Why an ordinary user's blocks cannot be run here.
    no_user_namespaces: Option<String>,
}

impl Machine {
    /// Makes the directory of the sessions, with a copy of the binary that everybody may run.
    pub(crate) fn look(dwell: &Path) -> Result<Machine, String> {
        let base = std::env::temp_dir().join(format!("dwell-guide-{}", std::process::id()));
        let made = || -> std::io::Result<()> {
            fs::DirBuilder::new().mode(0o755).create(&base)?;
            fs::create_dir(base.join("bin"))?;
            fs::copy(dwell, base.join("bin/dwell"))?;
            for path in [base.clone(), base.join("bin"), base.join("bin/dwell")] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        };
        made().map_err(|e| format!("{}: {e}", base.display()))?;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let id = |key| ids(&status, key).unwrap_or(NOBODY_KNOWN.0);
        let is_root = id("Uid:") == 0;
        let user = if is_root { test_account() } else { (id("Uid:"), id("Gid:")) };
        let mut machine = Machine { base, is_root, user, no_user_namespaces: None };
        machine.no_user_namespaces = machine.try_user_namespace();
        Ok(machine)
    }

    /// Asks another program than the one under test.
    fn try_user_namespace(&self) -> Option<String> {
        if !installed("unshare") {
            return None;
        }
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--mount", "true"]).stdin(Stdio::null()).env("PATH", PATH);
        let output = self.as_user(&mut unshare).output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr);
        (!output.status.success())
            .then(|| format!("an ordinary user may not make namespaces here ({})", said.trim()))
    }

    fn as_user<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if self.is_root { command.uid(self.user.0).gid(self.user.1) } else { command }
    }

    pub(crate) fn run(&self, block: &Block) -> Verdict {
        if block.for_root && !self.is_root {
            return Verdict::Skipped("it is root's".to_owned());
        }
        if let Some(why) = self.no_user_namespaces.as_ref().filter(|_| !block.for_root) {
            return Verdict::Skipped(why.clone());
        }
        let missing = MAYBE.into_iter().find(|m| block.words().any(|w| w == *m) && !installed(m));
        if let Some(name) = missing {
            return Verdict::Skipped(format!("{name} is not installed"));
        }
        let mut verdict = Verdict::Ok;
        for pause in PAUSES {
            verdict = match self.session(block, pause) {
                Ok(outputs) => judge(block, &outputs),
                Err(error) => Verdict::Failed(error.to_string()),
            };
            let in_background = block.commands.iter().any(|c| c.text.ends_with('&'));
            if matches!(verdict, Verdict::Ok) || !in_background {
                break;
            }
        }
        verdict
    }

    /// Runs all commands in one shell; returns the lines that each has said.
    fn session(&self, block: &Block, pause: u32) -> std::io::Result<Vec<Vec<String>>> {
        let home = self.base.join("home");
        let cwd = home.join("project");
        fs::create_dir_all(&cwd)?;
        let mut script = String::new();
        for command in &block.commands {
            script.push_str(&format!("printf '{MARK}\\n'\n{}\n", command.text));
            if command.text.ends_with('&') {
                script.push_str(&format!("sleep {pause}\n"));
            }
        }
        let (script_path, output) = (self.base.join("script"), self.base.join("output"));
        fs::write(&script_path, script)?;
        let out = File::options().create(true).append(true).open(&output)?;
        let mut shell = Command::new("/bin/sh");
        shell.arg(&script_path).current_dir(&cwd).env_clear();
        shell.env("PATH", format!("{}:{PATH}", self.base.join("bin").display()));
        shell.env("HOME", &home).env("LANG", "C.UTF-8").env("TERM", "dumb").env("PWD", &cwd);
        shell.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        if !block.for_root {
            self.as_user(&mut shell);
            if self.is_root {
                chown(&home, Some(self.user.0), Some(self.user.1))?;
                chown(&cwd, Some(self.user.0), Some(self.user.1))?;
            }
        }
        let ended = finish(shell.spawn()?);
        let text = String::from_utf8_lossy(&fs::read(&output)?).into_owned();
        fs::remove_file(&output)?;
        fs::remove_dir_all(&home)?;
        if !ended {
            let why =
                format!("the session did not end within {:?}; so far it said:\n{text}", limit());
            return Err(std::io::Error::other(why));
        }
        let parts = text.split(MARK).skip(1);
        Ok(parts.map(|part| part.lines().skip(1).map(str::to_owned).collect()).collect())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // In the directory for temporary files, where what stays is swept away.
        let _ = fs::remove_dir_all(&self.base);
    }
}

fn limit() -> Duration {
    let pace = std::env::var("DWELL_TEST_PACE").ok().and_then(|text| text.parse().ok());
    LIMIT * pace.unwrap_or(1)
}

/// Waits for the shell and ends what it has left in the background; whether it ended by itself.
fn finish(mut shell: Child) -> bool {
    let started = Instant::now();
    let mut ended = false;
    while !ended && started.elapsed() < limit() {
        ended = matches!(shell.try_wait(), Ok(Some(_)));
        sleep(Duration::from_millis(20));
    }
    // There may be nobody left in it.
    let _ = kill_process_group(Pid::from_child(&shell), Signal::KILL);
    let _ = shell.wait();
    ended
}

fn judge(block: &Block, outputs: &[Vec<String>]) -> Verdict {
    let mut why = String::new();
    for (n, command) in block.commands.iter().enumerate() {
        let found = outputs.get(n).cloned().unwrap_or_default();
        if !compare::fits(&command.expected, &found) {
            let lines =
                |lines: &[String]| lines.iter().map(|l| format!("    {l}\n")).collect::<String>();
            why.push_str(&format!(
                "{}\n  the guide says:\n{}  it says:\n{}",
                command.text,
                lines(&command.expected),
                lines(&found)
            ));
        }
    }
    if why.is_empty() { Verdict::Ok } else { Verdict::Failed(why) }
}

/// The effective one of the four numbers of a line of `/proc/self/status`.
fn ids(status: &str, key: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn test_account() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = passwd.lines().find(|line| line.starts_with("dwelltest:"));
    let number = |n| line.and_then(|line| line.split(':').nth(n)?.parse().ok());
    match (number(2), number(3)) {
        (Some(uid), Some(gid)) => (uid, gid),
        _ => NOBODY_KNOWN,
    }
}
