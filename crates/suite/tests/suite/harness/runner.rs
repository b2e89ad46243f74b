//! Chooses the cases, runs them and reports.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

use rustix::process::Signal;

use super::account::Account;
use super::ctx::Ctx;
use super::leaks::Before;
use super::locate;
use super::machine::{time_is_up, tries_again};
use super::outcome::{Outcome, Stop};

/// Set for the suite that is inside of its own namespaces.
const INSIDE: &str = "DWELL_SUITE_INSIDE";
/// What libtest exits with when something has failed.
const FAILED: u8 = 101;
const THREADS: usize = 2;
/// More failures than this have a reason, and are not tried again.
const FEW: usize = 5;

/// As whom a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    User,
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Who::Root => "root",
            Who::User => "user",
        }
    }
}

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) as_whom: &'static [Who],
    pub(crate) run: fn(&Ctx) -> Outcome,
}

/// The cases of one topic.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    /// Whether they change what other cases look at, and so run while none of those does.
    pub(crate) alone: bool,
    pub(crate) cases: &'static [Case],
}

/// A topic whose cases run beside others.
pub(crate) const fn group(name: &'static str, cases: &'static [Case]) -> Group {
    Group { name, alone: false, cases }
}

/// A topic whose cases run one at a time, with no others beside them.
pub(crate) const fn alone(name: &'static str, cases: &'static [Case]) -> Group {
    Group { name, alone: true, cases }
}

/// A topic's cases: `cases! { both: a, b; root: c; user: d }`.
macro_rules! cases {
    (@who both) => { &[$crate::harness::Who::Root, $crate::harness::Who::User] };
    (@who root) => { &[$crate::harness::Who::Root] };
    (@who user) => { &[$crate::harness::Who::User] };
    ($($who:ident: $($name:ident),+ $(,)?);+ $(;)?) => {
        pub(crate) const CASES: &[$crate::harness::Case] = &[$($(
            $crate::harness::Case {
                name: stringify!($name),
                as_whom: $crate::harness::cases!(@who $who),
                run: $name,
            },
        )+)+];
    };
}
pub(crate) use cases;

struct Job {
    name: String,
    who: Who,
    alone: bool,
    run: fn(&Ctx) -> Outcome,
}

#[derive(Default)]
struct Choice {
    list: bool,
    exact: bool,
    wanted: Vec<String>,
    skipped: Vec<String>,
    threads: Option<usize>,
}

impl Choice {
    /// What libtest's options mean; those that mean nothing here are passed over.
    fn parse(mut args: impl Iterator<Item = String>) -> Choice {
        let mut choice = Choice::default();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--list" => choice.list = true,
                "--exact" => choice.exact = true,
                "--skip" => choice.skipped.extend(args.next()),
                "--test-threads" => choice.threads = args.next().and_then(|n| n.parse().ok()),
                "--format" | "--color" | "--logfile" => drop(args.next()),
                _ => match arg.strip_prefix("--test-threads=") {
                    Some(n) => choice.threads = n.parse().ok(),
                    None if arg.starts_with('-') => {}
                    None => choice.wanted.push(arg),
                },
            }
        }
        choice
    }

    fn takes(&self, name: &str) -> bool {
        let fits = |text: &String| if self.exact { name == text } else { name.contains(text) };
        (self.wanted.is_empty() || self.wanted.iter().any(fits)) && !self.skipped.iter().any(fits)
    }
}

/// Runs the cases that the arguments choose.
pub(crate) fn main(groups: &[Group]) -> ExitCode {
    stop_ignoring_signals();
    let choice = Choice::parse(std::env::args().skip(1));
    let by_root = Account::own().is_root();
    let mut jobs = Vec::new();
    for group in groups {
        for case in group.cases {
            // A user cannot become root: there is nothing to skip a hundred times.
            for who in case.as_whom.iter().filter(|who| **who == Who::User || by_root) {
                let name = format!("{}::{}/{}", group.name, case.name, who.name());
                jobs.push(Job { name, who: *who, alone: group.alone, run: case.run });
            }
        }
    }
    let all = jobs.len();
    jobs.retain(|job| choice.takes(&job.name));
    if choice.list {
        for job in &jobs {
            say(&format!("{}: test\n", job.name));
        }
        return ExitCode::SUCCESS;
    }
    let report = Report { filtered: all - jobs.len(), ..Report::default() };
    match run(&jobs, choice.threads.unwrap_or(THREADS), report) {
        Ok(code) => code,
        Err(why) => {
            say(&format!("the suite cannot run: {why}\n"));
            ExitCode::from(FAILED)
        }
    }
}

/// What nohup and a shell's `&` have ignored. The cases' programs would inherit that, and a shell
/// can neither be ended by such a signal nor set it back.
fn stop_ignoring_signals() {
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT] {
        // Fails for numbers that are no signal's.
        let _ = dwell_sys::raw::stop_ignoring(signal.as_raw());
    }
}

#[derive(Default)]
struct Report {
    passed: usize,
    ignored: usize,
    filtered: usize,
    failures: Vec<(String, String)>,
    /// Those that have passed the second time.
    unsteady: Vec<(String, String)>,
}

fn run(jobs: &[Job], threads: usize, report: Report) -> Result<ExitCode, String> {
    let own = Account::own();
    if own.is_root() && std::env::var_os(INSIDE).is_none() {
        // Found here, where Cargo's lock files are still the same.
        let dwell = locate::dwell()?;
        enter_own_namespaces(&dwell);
    }
    let found = locate::dwell()?;
    let before = Before::look();
    let base = Base::make(&found)?;
    let user = Account::ordinary();
    let account = |who| match (who, &user) {
        (Who::Root, _) => Ok(&own),
        (Who::User, Ok(user)) => Ok(user),
        (Who::User, Err(why)) => Err(why.clone()),
    };
    let started = Instant::now();
    say(&format!("\nrunning {} tests\n", jobs.len()));
    if !own.is_root() {
        say("not run by root: no case is tried as root\n");
    }
    let report = Mutex::new(report);
    let next = AtomicUsize::new(0);
    let machine = RwLock::new(());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (shared, own_turn) = if job.alone {
                        (None, Some(machine.write().unwrap_or_else(PoisonError::into_inner)))
                    } else {
                        (Some(machine.read().unwrap_or_else(PoisonError::into_inner)), None)
                    };
                    let began = Instant::now();
                    let outcome = match account(job.who) {
                        _ if time_is_up() => Err(Stop::Skip("the time for tests is up".to_owned())),
                        Ok(account) => base.try_case(job, account, own.is_root()),
                        Err(why) => Err(Stop::Skip(why)),
                    };
                    drop((shared, own_turn));
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    report.add(&job.name, outcome, began);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    if tries_again() && report.failures.len() <= FEW {
        report.try_again(|name| {
            let job = jobs.iter().find(|job| job.name == name)?;
            let account = account(job.who).ok()?;
            Some(base.try_case(job, account, own.is_root()))
        });
    }
    drop(base);
    let left = before.left();
    if !left.is_empty() {
        report.failures.push(("nothing is left behind".to_owned(), left.join("\n  ")));
    }
    Ok(report.finish(started))
}

/// Starts the suite anew where its mounts, links, queues and names are not the machine's. Where
/// that cannot be had it goes on without.
fn enter_own_namespaces(dwell: &Path) {
    let Ok(own) = std::env::current_exe() else { return };
    let options = ["--mount", "--net", "--ipc", "--uts", "--propagation", "private", "--"];
    let error = Command::new("unshare")
        .args(options)
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .env("DWELL_BIN", dwell)
        .exec();
    say(&format!("the suite works on the machine itself: unshare: {error}\n"));
}

impl Report {
    fn add(&mut self, name: &str, outcome: Outcome, began: Instant) {
        let took = began.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => {
                self.passed += 1;
                say(&format!("test {name} ... ok ({took:.2} s)\n"));
            }
            Err(Stop::Skip(why)) => {
                self.ignored += 1;
                say(&format!("skipped: {name}: {why}\n"));
            }
            Err(Stop::Fail(why)) => {
                say(&format!("test {name} ... FAILED ({took:.2} s)\n"));
                self.failures.push((name.to_owned(), why));
            }
        }
    }

    /// Tries each failed case once more. On a machine that is busy with other things one that depends on time can
    /// fail; which those are is told.
    fn try_again(&mut self, once_more: impl Fn(&str) -> Option<Outcome>) {
        for (name, why) in std::mem::take(&mut self.failures) {
            match once_more(&name) {
                Some(Ok(())) => {
                    say(&format!("unsteady: {name}: passed the second time\n"));
                    self.passed += 1;
                    self.unsteady.push((name, why));
                }
                Some(Err(Stop::Fail(again))) => {
                    self.failures.push((name, format!("{why}\n\nand the second time\n\n{again}")));
                }
                Some(Err(Stop::Skip(_))) | None => self.failures.push((name, why)),
            }
        }
    }

    fn finish(self, started: Instant) -> ExitCode {
        let mut text = String::new();
        for (name, why) in &self.unsteady {
            // Writing to a String cannot fail.
            let _ = write!(text, "\nunsteady: {name} failed the first time\n{why}\n");
        }
        if !self.failures.is_empty() {
            text.push_str("\nfailures:\n");
        }
        for (name, why) in &self.failures {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n---- {name}\n{why}\n");
        }
        let failed = self.failures.len();
        let word = if failed == 0 { "ok" } else { "FAILED" };
        let _ = writeln!(
            text,
            "\ntest result: {word}. {} passed; {failed} failed; {} ignored; 0 measured; {} \
             filtered out; finished in {:.2}s",
            self.passed,
            self.ignored,
            self.filtered,
            started.elapsed().as_secs_f32()
        );
        say(&text);
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }
}

/// The directory of one run of the suite, gone when the value is dropped.
struct Base {
    path: PathBuf,
    dwell: PathBuf,
}

impl Base {
    /// Makes it, with a copy of the binary that every user can reach, and that a build meanwhile
    /// does not change.
    fn make(dwell: &Path) -> Result<Base, String> {
        let path = PathBuf::from(format!("/tmp/dwell-suite-{}", std::process::id()));
        let made = |e: io::Error| format!("{}: {e}", path.display());
        fs::DirBuilder::new().mode(0o755).create(&path).map_err(made)?;
        let base = Base { dwell: path.join("bin/dwell"), path: path.clone() };
        fs::create_dir(path.join("bin")).map_err(made)?;
        fs::copy(dwell, &base.dwell).map_err(made)?;
        for open in [path.as_path(), &path.join("bin"), &base.dwell] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o755)).map_err(made)?;
        }
        Ok(base)
    }

    fn try_case(&self, job: &Job, account: &Account, privileged: bool) -> Outcome {
        let scratch = self.path.join(job.name.replace("::", "-").replace('/', "-"));
        fs::create_dir(&scratch)?;
        if privileged {
            chown(&scratch, Some(account.uid), Some(account.gid))?;
        }
        let ctx = Ctx {
            who: job.who,
            account: account.clone(),
            scratch: scratch.clone(),
            dwell: self.dwell.clone(),
            privileged,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| (job.run)(&ctx)))
            .unwrap_or_else(|_| Err(Stop::Fail("the case panicked".to_owned())));
        let removed = fs::remove_dir_all(&scratch);
        outcome?;
        removed.map_err(|e| Stop::Fail(format!("its directory cannot be removed: {e}")))
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        // What stays is found by whoever looks into /tmp; the next run has another name.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Says something on standard output, where somebody is listening.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
