//! What a program takes over from a process beside namespaces, directories and ids: control groups,
//! resource limits, how readily it is ended when memory runs out. And what it cannot take over.

use std::fs;

use dwell_plan::Text;
use dwell_plan::plan::Rlimit;
use dwell_probe::cgroups::{self, Elsewhere};
use dwell_probe::inventory;

use crate::message::Failure;

/// Whose control groups the program is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Groups {
    /// The process's where the caller may; else the caller's, which is told.
    #[default]
    Auto,
    /// The process's.
    Join,
    /// The caller's.
    Own,
}

impl Groups {
    pub(super) fn named(name: &str) -> Result<Groups, Failure> {
        match name {
            "auto" => Ok(Groups::Auto),
            "join" => Ok(Groups::Join),
            "own" => Ok(Groups::Own),
            other => Err(Failure::cannot_use(
                &format!("--cgroup {other}"),
                "it is `auto`, `join` or `own`",
            )),
        }
    }
}

/// What is taken over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Files by which one gets into the control groups.
    pub(super) tasks: Vec<Text>,
    pub(super) rlimits: Vec<Rlimit>,
    pub(super) oom_score_adj: Option<i32>,
    /// What is not, a sentence each.
    pub(super) notes: Vec<String>,
}

/// Finds out what a program can take over from process `pid`.
///
/// # Errors
/// The control groups were asked for, and cannot be joined.
pub(super) fn of_process(pid: i32, groups: Groups) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    if groups != Groups::Own {
        let found = cgroups::elsewhere(pid).map_err(|e| Failure::new(e.to_string()))?;
        (taken.tasks, taken.notes) = sort(pid, found, groups)?;
    }
    let limits = |pid: i32| inventory::rlimits(pid).unwrap_or_default();
    let own = i32::try_from(std::process::id()).map(limits).unwrap_or_default();
    taken.rlimits = lower(&own, &limits(pid));
    let score = |who: &str| {
        let text = fs::read_to_string(format!("/proc/{who}/oom_score_adj")).ok()?;
        text.trim().parse::<i32>().ok()
    };
    // KERNEL: raising it takes no right.
    taken.oom_score_adj = score(&pid.to_string()).filter(|theirs| Some(*theirs) > score("self"));
    taken.notes.extend(unlike_confined(pid));
    Ok(taken)
}

/// The groups that can be joined, and why the others cannot.
fn sort(
    pid: i32,
    found: Vec<Elsewhere>,
    wanted: Groups,
) -> Result<(Vec<Text>, Vec<String>), Failure> {
    let (mut tasks, mut notes) = (Vec::new(), Vec::new());
    for group in found {
        let path = &group.path;
        let why = match (group.tasks, group.closed) {
            (Some(file), None) => {
                tasks.push(file);
                continue;
            }
            (_, Some(closed)) => format!("{closed} is closed to you"),
            (None, None) => "it lies outside of the control groups that are seen here".to_owned(),
        };
        if wanted == Groups::Join {
            return Err(Failure::new(format!(
                "cannot join the control group {path} of process {pid}: {why}"
            ))
            .hint("`--cgroup own` leaves the program in yours, where the limits of that one do not hold"));
        }
        notes.push(format!(
            "the program is not in the control group {path} of process {pid}, whose limits do not hold for it: {why}"
        ));
    }
    Ok((tasks, notes))
}

/// The smaller one of each two limits, where that is not the caller's own. Without `core`: of that no
/// program gets anything unless it is asked for.
fn lower(own: &[Rlimit], theirs: &[Rlimit]) -> Vec<Rlimit> {
    // None is infinity.
    let min = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(b.map_or(a, |b| a.min(b))));
    let pairs = own.iter().flat_map(|own| {
        theirs.iter().filter(|t| t.name == own.name && t.name != "core").map(move |t| (own, t))
    });
    pairs
        .filter_map(|(own, theirs)| {
            let (soft, hard) = (min(own.soft, theirs.soft), min(own.hard, theirs.hard));
            let changed = (soft, hard) != (own.soft, own.hard);
            changed.then(|| Rlimit { name: own.name.clone(), soft, hard })
        })
        .collect()
}

/// A sentence, where a security module confines the process in another way than the caller.
fn unlike_confined(pid: i32) -> Option<String> {
    let label = |who: &str| {
        let text = fs::read_to_string(format!("/proc/{who}/attr/current")).ok()?;
        Some(text.trim_end_matches(['\0', '\n']).to_owned())
    };
    let theirs =
        label(&pid.to_string()).filter(|label| !label.is_empty() && label != "unconfined")?;
    (Some(&theirs) != label("self").as_ref()).then(|| {
        format!(
            "a security module confines process {pid} as '{theirs}', and the program as it does you"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, soft: Option<u64>, hard: Option<u64>) -> Rlimit {
        Rlimit { name: name.to_owned(), soft, hard }
    }

    #[test]
    fn the_lower_limit_holds() {
        let own = [
            limit("nofile", Some(1024), Some(4096)),
            limit("nproc", None, None),
            limit("as", Some(5), None),
            limit("core", None, None),
        ];
        let theirs = [
            limit("nofile", Some(100_000), Some(2000)),
            limit("nproc", Some(7), None),
            limit("as", None, None),
            limit("core", Some(1), Some(1)),
        ];
        assert_eq!(
            lower(&own, &theirs),
            [limit("nofile", Some(1024), Some(2000)), limit("nproc", Some(7), None)]
        );
        assert_eq!(lower(&own, &own), []);
    }

    #[test]
    fn groups_that_are_closed() {
        let open = Elsewhere { path: "/a".into(), tasks: Some("/m/a/tasks".into()), closed: None };
        let closed = Elsewhere { closed: Some("/m/cgroup.procs".into()), ..open.clone() };
        let outside = Elsewhere { tasks: None, ..open.clone() };
        let (tasks, notes) =
            sort(7, vec![open.clone(), closed.clone(), outside], Groups::Auto).unwrap();
        assert_eq!(tasks, [Text::from("/m/a/tasks")]);
        assert!(notes[0].ends_with("do not hold for it: /m/cgroup.procs is closed to you"));
        assert!(notes[1].ends_with("it lies outside of the control groups that are seen here"));
        assert!(sort(7, vec![open.clone()], Groups::Join).unwrap().1.is_empty());
        let refused = sort(7, vec![open, closed], Groups::Join).unwrap_err();
        assert_eq!(
            refused.sentence,
            "cannot join the control group /a of process 7: /m/cgroup.procs is closed to you"
        );
    }

    #[test]
    fn of_oneself_nothing_is_taken() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(of_process(pid, Groups::Join).unwrap(), Taken::default());
        assert!(Groups::named("x").is_err() && Groups::named("own") == Ok(Groups::Own));
    }
}
