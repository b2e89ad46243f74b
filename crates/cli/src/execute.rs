//! From Plan to exit code: hands the Plan to the engine.

use std::fs::File;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;

use dwell_exec::{Ahead, ArgArea, Cause, Ended, Options};
use dwell_plan::landlock::Wall;
use dwell_plan::plan::RootSource;
use dwell_plan::program::Start;
use dwell_plan::{NamespaceKind, NamespaceSet, Plan, explain, lower, lower_explained};
use rustix::io::Errno;

use crate::message::{self, Failure, OWN_FAILURE};
use crate::report;

/// Runs `plan`, explaining it first where asked, and gives the exit code.
#[must_use]
pub fn execute(plan: &Plan, explain: bool) -> u8 {
    match try_execute(plan, explain) {
        Ok(code) => code,
        Err((failure, code)) => message::fail_with(&failure, code),
    }
}

fn try_execute(plan: &Plan, explained: bool) -> Result<u8, (Failure, u8)> {
    // Before anything can have moved the environment.
    let arguments = ArgArea::locate();
    // Whoever wants to know first what will be done is told before anything is.
    let ahead = if explained { Ok(None) } else { Ahead::start(plan) };
    let facts = dwell_probe::facts(plan).map_err(|e| refused(e.to_string(), None, OWN_FAILURE))?;
    let lowered = if explained { lower_explained(plan, &facts) } else { lower(plan, &facts) };
    let program =
        lowered.map_err(|refusal| refused(refusal.sentence, refusal.hint, OWN_FAILURE))?;
    if explained {
        message::say(&explain::text(&program));
    }
    if program.start == Start::InPlace {
        let program = Arc::new(program);
        return Ok(dwell_exec::become_program(&program, &|failure| {
            let (sentence, hint) = (failure.sentence.clone(), failure.hint.clone());
            message::fail_with(&Failure { sentence, hint }, failure.code())
        }));
    }
    for note in &program.notes {
        message::say(&format!("dwell: {note}\n"));
    }
    let stats_file = open_stats_file(plan)?;
    tell_empty_home(plan);
    let (program, options) = (Arc::new(program), Options { arguments, settles: true });
    let ended = ahead.and_then(|ahead| match ahead {
        Some(ahead) => ahead.run(&program, &options),
        None => dwell_exec::run(&program, &options),
    });
    let ended = ended.map_err(|failure| {
        let code = failure.code();
        let hint = failure.hint.or_else(|| known_cause(plan, failure.cause));
        refused(failure.sentence, hint, code)
    })?;
    if ended.timed_out {
        message::say("dwell: the time is up\n");
    }
    tell_usage(plan, &ended, stats_file);
    tell_changes(ended.changed);
    let code = u8::try_from(ended.code() & 0xff).unwrap_or(u8::MAX);
    match &ended.lost {
        // The program could not know.
        Some(sentence) if code == 0 => Err(refused(sentence.clone(), None, OWN_FAILURE)),
        Some(sentence) => {
            message::say(&format!("dwell: {sentence}\n"));
            Ok(code)
        }
        None => Ok(code),
    }
}

/// Opened beforehand: that it cannot be written is found before the program runs.
fn open_stats_file(plan: &Plan) -> Result<Option<File>, (Failure, u8)> {
    let Some(path) = &plan.cgroup.stats_file else { return Ok(None) };
    File::create(path.as_path()).map(Some).map_err(|e| {
        let why = message::reason(&e);
        refused(format!("cannot write the statistics to {path}: {why} (open)"), None, OWN_FAILURE)
    })
}

fn tell_usage(plan: &Plan, ended: &Ended, file: Option<File>) {
    message::say(&report::reached(ended));
    if plan.cgroup.stats
        && let Some(usage) = &ended.usage
    {
        message::say(&report::stats(usage));
    }
    if let Some(mut file) = file
        && let Err(e) = file.write_all(report::json(ended).as_bytes())
    {
        let why = message::reason(&e);
        message::say(&format!("dwell: cannot write the statistics: {why} (write)\n"));
    }
    for sentence in &ended.left {
        message::say(&format!("dwell: {sentence}\nhint: `dwell gc` tries again\n"));
    }
}

fn refused(sentence: String, hint: Option<String>, code: u8) -> (Failure, u8) {
    (Failure { sentence, hint }, code)
}

/// Why the kernel refuses what the world is built from, where that can be told, and what remains.
fn known_cause(plan: &Plan, cause: Cause) -> Option<String> {
    let why = cause_alone(plan, cause);
    let refused = matches!(cause, Cause::Clone(_)) || why.is_some();
    if !refused || plan.namespaces.own.is_empty() {
        return why;
    }
    let refused = dwell_probe::refused_namespaces();
    let parts = [why, Some(remains(refused, dwell_probe::landlock_version()))];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Which walls are refused here, and whether those of Landlock can be put up.
fn remains(refused: NamespaceSet, landlock: u32) -> String {
    let whole = Wall::OF_LANDLOCK.iter().map(|wall| wall.needs().0).max().unwrap_or(0);
    let which = if refused.is_empty() {
        String::new()
    } else {
        format!("refused here are the namespaces {refused}; ")
    };
    match landlock {
        0 => format!("{which}nor does Landlock answer, which could do without them"),
        version if version < whole => format!(
            "{which}`--walls landlock` does without them, but in part only: this kernel's Landlock has version {version}"
        ),
        _ => format!("{which}`--walls landlock` does without them"),
    }
}

fn cause_alone(plan: &Plan, cause: Cause) -> Option<String> {
    match cause {
        Cause::Clone(errno) => dwell_probe::why_no_namespaces(
            plan.namespaces.own,
            plan.namespaces.owns(NamespaceKind::User),
            errno,
        ),
        Cause::IdMap => dwell_probe::why_no_rights(Errno::PERM.raw_os_error()),
        Cause::Procfs(errno) => dwell_probe::why_no_procfs(errno),
        Cause::Sysfs(errno) => dwell_probe::why_no_sysfs(errno),
        Cause::Step(errno) => dwell_probe::why_no_rights(errno),
        _ => None,
    }
}

/// Whoever starts in their home directory finds it empty: said beforehand, to people.
fn tell_empty_home(plan: &Plan) {
    let home = plan.command.env.iter().find(|var| var.name == "HOME").map(|var| &var.value);
    let workdir = plan.command.workdir.as_ref().filter(|dir| !dir.required);
    let hidden =
        plan.root == RootSource::Host { home: false } && plan.namespaces.owns(NamespaceKind::Mount);
    if hidden
        && workdir.is_some_and(|dir| Some(dir.path.text()) == home)
        && std::io::stderr().is_terminal()
    {
        message::say("dwell: the home directory is empty in here; --home shows it\n");
    }
}

/// What was changed in the working directory is gone now: said once, to people.
fn tell_changes(changed: Option<u32>) {
    let Some(count) = changed.filter(|n| *n > 0) else { return };
    if std::io::stderr().is_terminal() {
        let files = if count == 1 { "file" } else { "files" };
        message::say(&format!(
            "dwell: changes to {count} {files} in the working directory were thrown away; --rw . keeps them\n"
        ));
    }
}
