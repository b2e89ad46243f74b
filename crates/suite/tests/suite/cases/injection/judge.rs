//! Whether a run with a fault in it went as it may.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::evidence::{self, difference, files, normal};
use super::places::{Fault, Recorded, What};
use super::trace::Trace;
use rustix::process::{Pid, Signal, kill_process};

use super::Start;
use crate::cases::limits::abandoned_groups;
use crate::harness::process::{marked, wait_for, wait_gone};
use crate::harness::{Got, Outcome, Stop, ensure, sorted_lines};

/// How long a run may take, in seconds: what takes longer hangs.
const LIMIT: u64 = 20;
/// Ended by `abort(3)`, in the words of a shell.
const ABORTED: i32 = 134;

/// How dwell says that it could not pass on all that the program printed.
const LOST: [&str; 2] =
    ["dwell: cannot pass on what ", "dwell: cannot read the world's terminal: "];

/// Tries the faults of one start.
pub(super) struct Judge<'a> {
    start: &'a Start<'a>,
    /// Among the arguments of every process of the start's.
    marker: String,
    program: PathBuf,
    trace: PathBuf,
    /// What the program tells when nothing fails.
    evidence: String,
    /// What lies in the case's directory.
    files: Vec<PathBuf>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(start: &'a Start<'a>) -> Outcome<Self> {
        let marker = format!("walls{}of{}", start.ctx.account.uid, std::process::id());
        let place =
            start.ctx.scratch.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let marker = format!("{marker}{}", place.replace(['-', '_'], ""));
        let program = evidence::program(start.ctx, &marker)?;
        let trace = start.ctx.file("trace", "")?;
        let mut judge =
            Judge { start, marker, program, trace, evidence: String::new(), files: Vec::new() };
        let (got, _) = judge.run(&[])?;
        got.exits(0)?;
        let Some(evidence) = normal(&got.out()) else {
            return got.bad("the program was expected to tell of its walls");
        };
        judge.evidence = evidence;
        judge.files = files(&start.ctx.scratch);
        Ok(judge)
    }

    /// Runs it under strace, with these options more.
    fn run(&self, options: &[String]) -> Outcome<(Got, Trace)> {
        let trace = self.trace.display().to_string();
        let mut words = vec!["-b", "execve", "-qq", "-o", &trace];
        words.extend(options.iter().map(String::as_str));
        if self.start.by_root {
            words.extend(["-u", &self.start.ctx.account.name]);
        }
        words.push("--");
        let run = (self.start.run)()?.arg(&self.program);
        let mut run = run.through("strace", &words).limit(LIMIT);
        if self.start.by_root {
            run = run.by_suite();
        }
        let got = run.go()?;
        let trace = fs::read(&self.trace)?;
        Ok((got, Trace::parse(&String::from_utf8_lossy(&trace))))
    }

    /// Which calls there are.
    pub(super) fn record(&self) -> Outcome<Recorded> {
        let (got, trace) = self.run(&["-f".to_owned()])?;
        got.exits(0)?;
        let own = trace.calls.get(&trace.first).cloned().unwrap_or_default();
        // A start that does nothing: what it begins with is the C library's.
        let nothing = self.start.ctx.host(&self.start.ctx.dwell).arg("--version");
        let file = self.trace.display().to_string();
        nothing.through("strace", &["-f", "-o", &file, "--"]).go()?.exits(0)?;
        let nothing = Trace::parse(&String::from_utf8_lossy(&fs::read(&self.trace)?));
        let nothing = nothing.calls.into_values().next().unwrap_or_default();
        let library = own.iter().zip(&nothing).take_while(|(a, b)| a == b).count();
        ensure!(own.len() > library + 5, "too few calls were seen: {own:?}");
        Ok(Recorded { trace, library })
    }

    /// One run with a fault in it.
    pub(super) fn try_one(&self, fault: &Fault) -> Outcome {
        let ran = self.run(&fault.options());
        let told = |why: Stop| {
            end(&self.marker);
            Stop::Fail(format!("{fault}: {}", why.into_text()))
        };
        let (got, trace) = ran.map_err(told)?;
        let verdict = self.ended_well(fault, &got, &trace);
        let verdict = verdict.and_then(|()| self.nothing_is_left(fault, &got, &trace));
        let calls: String = trace.injected.iter().map(|line| format!("\n    {line}")).collect();
        verdict.map_err(|why| Stop::Fail(format!("{fault}: {}{calls}", why.into_text())))
    }

    fn ended_well(&self, fault: &Fault, got: &Got, trace: &Trace) -> Outcome {
        let (out, err) = (got.out(), got.err());
        if fault.what == What::Late {
            got.exits(0)?;
            return self.same(got);
        }
        if LOST.iter().any(|sentence| err.contains(sentence)) {
            got.exits(125)?;
            return Ok(());
        }
        if let Some(walls) = normal(&out) {
            let differs = self.difference(&walls)?;
            ensure!(differs.is_empty(), "the walls are others:{differs}\n    {}", got.err());
        }
        let code = code(got);
        if fault.what == What::Kill && code == 137 {
            return Ok(());
        }
        // KERNEL: the answer of a terminal whose other end nobody holds any more.
        let closed = |line: &String| line.starts_with("read(") && line.contains(", 16384)");
        if code == 0 && fault.what == What::Error("EIO") && trace.injected.iter().any(closed) {
            return Ok(());
        }
        if code == 0 {
            ensure!(
                normal(&out).is_some(),
                "it says that all went well, and nothing was told{got}"
            );
            return Ok(());
        }
        if ran_out_of_memory(fault) && code == ABORTED && err.contains("memory allocation of") {
            return Ok(());
        }
        ensure!(self.start.codes.contains(&code), "the exit code is {code}{got}");
        // That it cannot say anything was the fault.
        let mute = trace.injected.iter().any(|line| line.starts_with("write(2, "));
        let spoke = err.contains(&format!("{}: ", self.start.name));
        ensure!(spoke || mute, "it does not say why{got}");
        Ok(())
    }

    /// Who comes first makes no difference, but to the order of the mounts.
    fn same(&self, got: &Got) -> Outcome {
        let told = normal(&got.out());
        let told = told.as_deref().map(sorted_lines);
        if told == Some(sorted_lines(&self.evidence)) {
            return Ok(());
        }
        // Others may have changed the machine meanwhile.
        let (again, _) = self.run(&[])?;
        let now = normal(&again.out());
        ensure!(told == now.as_deref().map(sorted_lines), "the walls are others{got}");
        Ok(())
    }

    /// What makes walls worse than they are without a fault.
    fn difference(&self, walls: &str) -> Outcome<String> {
        let differs = difference(&self.evidence, walls);
        if differs.is_empty() {
            return Ok(differs);
        }
        // Others may have changed the machine meanwhile.
        let (got, _) = self.run(&[])?;
        Ok(normal(&got.out()).map_or(differs, |now| difference(&now, walls)))
    }

    fn nothing_is_left(&self, fault: &Fault, got: &Got, trace: &Trace) -> Outcome {
        wait_gone(&self.marker, Duration::from_secs(3))?;
        if self.start.grouped {
            let refused = trace.injected.iter().any(|line| line.starts_with("rmdir("));
            if refused && !abandoned_groups().is_empty() {
                ensure!(got.err().contains("dwell: cannot remove "), "it does not say so{got}");
            }
            if refused || fault.what == What::Kill {
                // What a killed process cannot clear away the next start does, or this.
                self.start.ctx.host(&self.start.ctx.dwell).arg("gc").go()?.exits(0)?;
            }
            // Other cases' are on their way out.
            let gone = || abandoned_groups().is_empty().then_some(());
            wait_for("no group whose maker is gone", Duration::from_secs(3), gone)?;
        }
        let now = files(&self.start.ctx.scratch);
        ensure!(now == self.files, "files: {now:?}, before: {:?}", self.files);
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let place = self.start.ctx.scratch.display().to_string();
        ensure!(!mounts.contains(&place), "a mount is left:\n{mounts}");
        Ok(())
    }
}

/// What hangs is told of, and does not stay.
fn end(marker: &str) {
    for process in marked(marker) {
        if let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) {
            // It may have ended with another one.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The exit code in the words of a shell.
fn code(got: &Got) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let status = got.status();
    status.code().or_else(|| status.signal().map(|n| 128 + n)).unwrap_or(-1)
}

/// Without memory the standard library says so and aborts.
fn ran_out_of_memory(fault: &Fault) -> bool {
    matches!(fault.call.as_str(), "mmap" | "mremap")
}
