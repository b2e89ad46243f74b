//! Programs that cases start, and what came of them.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::ctx::{Ctx, PATH};
use super::machine::patience;
use super::outcome::{Outcome, Stop, ensure, fail};
use super::process;

/// How long a program may take unless a case says otherwise: the machine may be busy.
const LIMIT: Duration = Duration::from_secs(40);
/// How long standard output may stay open when the program has ended.
const CLOSING: Duration = Duration::from_secs(3);
/// How much of an output a failure shows.
const SHOWN: usize = 4000;

#[derive(Debug)]
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    Open,
}

/// A program to be started.
#[derive(Debug)]
pub(crate) struct Run {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: PathBuf,
    ids: Option<(u32, u32)>,
    input: Input,
    limit: Duration,
}

impl Run {
    pub(crate) fn new(program: &OsStr, ctx: &Ctx) -> Run {
        let account = &ctx.account;
        let env = [
            ("PATH", OsStr::new(PATH)),
            ("HOME", account.home.as_os_str()),
            ("USER", OsStr::new(&account.name)),
            ("LOGNAME", OsStr::new(&account.name)),
            ("SHELL", OsStr::new("/bin/bash")),
            ("TERM", OsStr::new("xterm")),
            ("LANG", OsStr::new("C.UTF-8")),
            ("DWELL", ctx.dwell.as_os_str()),
        ];
        Run {
            program: program.to_owned(),
            args: Vec::new(),
            env: env.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))).collect(),
            cwd: ctx.scratch.clone(),
            ids: (ctx.privileged && !account.is_root()).then_some((account.uid, account.gid)),
            input: Input::Nothing,
            limit: patience(LIMIT),
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Run {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Run {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn cwd(mut self, directory: impl AsRef<Path>) -> Run {
        self.cwd = directory.as_ref().to_owned();
        self
    }

    pub(crate) fn limit(mut self, seconds: u64) -> Run {
        self.limit = patience(Duration::from_secs(seconds));
        self
    }

    /// What standard input gives.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Run {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Standard input is a pipe that the case writes to.
    pub(crate) fn open_input(mut self) -> Run {
        self.input = Input::Open;
        self
    }

    /// As the user who runs the suite, whoever the case's is.
    pub(crate) fn by_suite(mut self) -> Run {
        self.ids = None;
        self
    }

    /// As another user, who has a home directory of no use.
    pub(crate) fn by_nobody(mut self) -> Run {
        self.ids = Some((65534, 65534));
        self.env("HOME", "/nonexistent").env("USER", "nobody").env("LOGNAME", "nobody")
    }

    /// The command with everything but its standard streams.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().current_dir(&self.cwd);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The same program, started by another one that is given it as arguments.
    pub(crate) fn through(mut self, program: &str, options: &[&str]) -> Run {
        let options = options.iter().map(OsString::from);
        self.args = options.chain(Some(self.program)).chain(self.args).collect();
        self.program = program.into();
        self
    }

    /// What a person would type.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        for word in Some(&self.program).into_iter().chain(&self.args) {
            let word = word.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                text.push_str(&word);
            } else {
                text.push_str(&format!("'{}'", word.replace('\'', "'\\''")));
            }
            text.push(' ');
        }
        text.push_str(&format!("  [in {}", self.cwd.display()));
        if let Some((uid, _)) = self.ids {
            text.push_str(&format!(", uid {uid}"));
        }
        text + "]"
    }

    /// Starts it.
    pub(crate) fn start(self) -> Outcome<Live> {
        let shown = self.shown();
        let mut command = self.command();
        let input = match self.input {
            Input::Nothing => Stdio::null(),
            Input::Bytes(_) | Input::Open => Stdio::piped(),
        };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A signal to its whole process group must not reach the suite.
        command.process_group(0);
        let started = Instant::now();
        let mut child = command.spawn().map_err(|e| Stop::Fail(format!("{shown}: {e}")))?;
        let out = Stream::follow(child.stdout.take());
        let err = Stream::follow(child.stderr.take());
        let mut input = child.stdin.take();
        if let Input::Bytes(bytes) = self.input
            && let Some(mut pipe) = input.take()
        {
            // Who does not read all of it closes the pipe.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        Ok(Live { child, input, out, err, shown, started, limit: self.limit, read: 0 })
    }

    /// Starts it and waits for its end.
    pub(crate) fn go(self) -> Outcome<Got> {
        self.start()?.finish()
    }

    /// Starts it, and gives standard output when it has ended with 0.
    pub(crate) fn output(self) -> Outcome<String> {
        let got = self.go()?;
        got.exits(0)?;
        Ok(got.out())
    }
}

#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    closed: bool,
}

/// What comes out of a pipe.
#[derive(Clone, Debug, Default)]
struct Stream(Arc<(Mutex<Bytes>, Condvar)>);

impl Stream {
    fn follow(pipe: Option<impl Read + Send + 'static>) -> Stream {
        let stream = Stream::default();
        if let Some(mut pipe) = pipe {
            let stream = stream.clone();
            std::thread::spawn(move || {
                let mut room = vec![0; 64 << 10];
                loop {
                    let n = pipe.read(&mut room).unwrap_or(0);
                    let mut now = stream.lock();
                    now.bytes.extend_from_slice(room.get(..n).unwrap_or_default());
                    now.closed = n == 0;
                    stream.0.1.notify_all();
                    if n == 0 {
                        return;
                    }
                }
            });
        }
        stream
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `enough` holds; whether it did in time.
    fn wait(&self, limit: Duration, enough: impl Fn(&Bytes) -> bool) -> bool {
        let (now, result) = (self.0.1)
            .wait_timeout_while(self.lock(), limit, |bytes| !enough(bytes))
            .unwrap_or_else(PoisonError::into_inner);
        drop(now);
        !result.timed_out()
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Live {
    child: Child,
    input: Option<ChildStdin>,
    out: Stream,
    err: Stream,
    shown: String,
    started: Instant,
    limit: Duration,
    /// How much of standard output [`Live::line`] has given.
    read: usize,
}

impl Live {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> Outcome<String> {
        let read = self.read;
        let ends = |b: &Bytes| b.bytes.get(read..).is_some_and(|rest| rest.contains(&b'\n'));
        self.out.wait(self.limit, |b| b.closed || ends(b));
        let now = self.out.lock();
        let rest = now.bytes.get(read..).unwrap_or_default();
        let Some(length) = rest.iter().position(|b| *b == b'\n') else {
            let error = String::from_utf8_lossy(&self.err.lock().bytes).into_owned();
            return fail(format!("no further line from\n  {}\n  stderr: {error}", self.shown));
        };
        let line = rest.get(..length).unwrap_or_default();
        self.read += length + 1;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        match &mut self.input {
            Some(pipe) => Ok(pipe.write_all(bytes.as_ref())?),
            None => fail("standard input is not open"),
        }
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The process below it that is called `name`: the program inside of a world.
    pub(crate) fn program(&self, name: &str) -> Outcome<u32> {
        process::wait_for(&format!("a process called {name}"), Duration::from_secs(10), || {
            process::descendants(self.pid()).into_iter().find(|p| p.name == name).map(|p| p.pid)
        })
    }

    /// Closes standard input and waits for the end.
    pub(crate) fn finish(mut self) -> Outcome<Got> {
        self.input = None;
        let ended = self.wait_for_end()?;
        let took = self.started.elapsed();
        if !ended {
            let tree = process::descendants(self.pid());
            self.kill();
            let got = self.got(ExitStatus::from_raw(9), took);
            return fail(format!(
                "did not end within {:?}\n  processes: {tree:?}{got}",
                self.limit
            ));
        }
        let status = self.child.wait()?;
        let closed = [&self.out, &self.err].map(|s| s.wait(patience(CLOSING), |b| b.closed));
        let got = self.got(status, took);
        ensure!(
            closed == [true, true],
            "it has ended, and something of it still holds its standard output or error{got}"
        );
        Ok(got)
    }

    fn wait_for_end(&self) -> Outcome<bool> {
        let pidfd = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty())?;
        let end = self.started + self.limit;
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            match poll(&mut fds, Some(&left)) {
                Ok(n) => return Ok(n > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn got(&self, status: ExitStatus, took: Duration) -> Got {
        let take = |stream: &Stream| std::mem::take(&mut stream.lock().bytes);
        let (out, err) = (take(&self.out), take(&self.err));
        Got { shown: self.shown.clone(), status, out, err, took }
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Got {
    shown: String,
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    err: Vec<u8>,
    pub(crate) took: Duration,
}

impl std::fmt::Display for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let clip = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let cut = text.char_indices().nth(SHOWN).map(|(at, _)| at);
            let shown = cut.and_then(|cut| text.get(..cut)).unwrap_or(&text);
            let more = if cut.is_some() { " …" } else { "" };
            shown.lines().map(|l| format!("\n    {l}")).collect::<String>() + more
        };
        write!(f, "\n  command: {}\n  ended: {}, after {:?}", self.shown, self.status, self.took)?;
        write!(f, "\n  stdout:{}\n  stderr:{}", clip(&self.out), clip(&self.err))
    }
}

impl Got {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }

    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    /// A failure that shows all of it.
    pub(crate) fn bad<T>(&self, why: impl std::fmt::Display) -> Outcome<T> {
        fail(format!("{why}{self}"))
    }

    pub(crate) fn exits(&self, code: i32) -> Outcome<&Got> {
        if self.status.code() == Some(code) {
            return Ok(self);
        }
        self.bad(format_args!("exit code {code} was expected"))
    }

    /// Standard output is exactly `text`.
    pub(crate) fn prints(&self, text: &str) -> Outcome<&Got> {
        if self.out == text.as_bytes() {
            return Ok(self);
        }
        self.bad(format_args!("standard output was expected to be {text:?}"))
    }

    /// `text` is somewhere in standard output.
    pub(crate) fn has(&self, text: &str) -> Outcome<&Got> {
        if self.out().contains(text) {
            return Ok(self);
        }
        self.bad(format_args!("{text:?} was expected in standard output"))
    }

    /// `text` is nowhere in standard output.
    pub(crate) fn lacks(&self, text: &str) -> Outcome<&Got> {
        if self.out().contains(text) {
            return self.bad(format_args!("{text:?} was not expected in standard output"));
        }
        Ok(self)
    }

    /// `text` is somewhere in standard error.
    pub(crate) fn says(&self, text: &str) -> Outcome<&Got> {
        if self.err().contains(text) {
            return Ok(self);
        }
        self.bad(format_args!("{text:?} was expected in standard error"))
    }

    /// Nothing went to standard error.
    pub(crate) fn silent(&self) -> Outcome<&Got> {
        if self.err.is_empty() {
            return Ok(self);
        }
        self.bad("nothing was expected in standard error")
    }

    /// One sentence of dwell's that begins like this, at most one hint, and this exit code.
    pub(crate) fn refuses(&self, code: i32, sentence: &str) -> Outcome<&Got> {
        self.exits(code)?;
        let err = self.err();
        let mut lines = err.lines();
        let first = lines.next().unwrap_or_default();
        let hints = lines.clone().all(|l| l.starts_with("hint: ")) && lines.count() <= 1;
        let stop = first.ends_with('.') && !first.ends_with("...");
        if first.starts_with(&format!("dwell: {sentence}")) && hints && !stop {
            return Ok(self);
        }
        self.bad(format_args!("one sentence was expected: dwell: {sentence}…"))
    }
}

/// The lines of what was printed, without their order.
pub(crate) fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}
