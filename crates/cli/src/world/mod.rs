//! The second stage: from what was typed to a [`Plan`].

mod environment;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod identity;
mod limits;
mod namespaces;
pub(crate) mod paths;
mod seccomp;
#[cfg(test)]
mod tests;
mod walls;

use std::ffi::OsString;
use std::path::Path;

use dwell_plan::plan::{Command, PLAN_VERSION, Process, RootSource};
use dwell_plan::{NamespaceKind, Plan, Text};

use crate::invocation::Invocation;
use crate::message::Failure;
use crate::options::LowArgs;
use identity::Who;
use paths::Paths;

/// Describes the world that `low` asks for.
///
/// # Errors
/// A contradiction, or something named that is not there.
pub fn plan(low: LowArgs, invocation: &Invocation<'_>) -> Result<Plan, Failure> {
    let home = invocation.home();
    let mut paths = Paths::new(invocation, home);
    let root = files::root(&low, &paths, invocation)?;
    let namespaces = namespaces::decide(&low, &paths)?;
    files::check(&low, &root, &namespaces)?;
    let who = identity::decide(&low, &root, &namespaces, &paths, invocation)?;
    paths.world_home = who.home.clone();

    let own_files = namespaces.owns(NamespaceKind::Mount);
    let mut grants = files::grants(&low, &paths)?;
    let workdir = files::workdir(&low, &root, own_files, &paths)?;
    let confined = walls::is_confined(&low, &namespaces);
    if (own_files || confined)
        && let Some(grant) = files::current_directory(&low, &root, &grants, &paths)
    {
        grants.extend(if confined { walls::shown_only(grant) } else { Some(grant) });
    }
    let hostname = namespaces::hostname(&low, &namespaces)?;
    let clocks = low.time_offsets.iter().map(|o| o.value).collect();
    if let Some(words) = low.as_pid_1.as_ref().map(|t| &t.words)
        && !namespaces.owns(NamespaceKind::Pid)
    {
        let why = "the program is one process among the machine's";
        return Err(namespaces::missing(&low, NamespaceKind::Pid, words, why));
    }

    let landlock = walls::decide(&low, &namespaces)?;
    let seccomp = seccomp::decide(&low, &paths, invocation)?;
    let limits = limits::decide(&low, &paths, invocation)?;
    let cgroup = limits::group(&low, &paths)?;
    Ok(Plan {
        version: PLAN_VERSION,
        command: Command {
            env: environment::decide(&low, &root, &who, &paths, invocation)?,
            workdir,
            argv: argv(low.program, &root, &who, invocation)?,
        },
        namespaces,
        identity: who.identity,
        root,
        grants,
        read_only: low.read_only.is_some(),
        scratch: low.scratch.map(|s| s.value),
        hostname,
        clocks,
        limits,
        cgroup,
        process: Process {
            as_pid_1: low.as_pid_1.is_some(),
            pty: low.pty,
            keep_fds: low.keep_fds,
            rlimits: low.rlimits,
            nice: low.nice,
            oom_score_adj: low.oom_score,
            timeout_ms: low.timeout_ms,
            capabilities: low.capabilities,
            seccomp,
            surroundings: None,
        },
        hardening: low.hardening,
        actions: Vec::new(),
        landlock,
    })
}

/// The program, or a shell where none is named.
fn argv(
    program: Vec<OsString>,
    root: &RootSource,
    who: &Who,
    invocation: &Invocation<'_>,
) -> Result<Vec<Text>, Failure> {
    if program.first().is_some_and(|p| p.is_empty()) {
        return Err(Failure::new("the program's name is empty"));
    }
    if !program.is_empty() {
        return Ok(program.into_iter().map(Text::from).collect());
    }
    let shell = match root {
        RootSource::Host { .. } => host_shell(invocation),
        RootSource::Directory { .. } => who.shell.clone().filter(|s| s.as_path().is_absolute()),
    };
    Ok(vec![shell.unwrap_or_else(|| Text::from("/bin/sh"))])
}

/// The caller's shell: `$SHELL`, else the user database's; whichever is there.
fn host_shell(invocation: &Invocation<'_>) -> Option<Text> {
    let usable =
        |shell: &Text| shell.as_path().is_absolute() && invocation.machine.exists(shell.as_path());
    let from_database =
        || invocation.machine.user_by_uid(Path::new("/"), invocation.uid).map(|e| e.shell);
    let from_environment = invocation.var("SHELL").map(Text::from);
    from_environment.filter(usable).or_else(|| from_database().filter(usable))
}
