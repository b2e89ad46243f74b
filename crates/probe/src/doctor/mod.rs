//! Which walls this machine can build, and why not.
//!
//! [`observe`] looks at the machine and changes nothing; what it saw is plain data. [`checks`] is a
//! function of that data: a machine that was recorded, or written down by hand, is judged as if it
//! were this one. [`why_no_namespaces`], [`why_no_procfs`], [`why_no_sysfs`] and [`why_no_rights`] give a command that has just failed the
//! same causes, from the same table.

mod causes;
mod cgroups;
mod check;
mod holds;
mod ids;
mod live;
mod machine;
mod names;
mod observations;
mod processes;
mod storage;
mod table;
#[cfg(test)]
mod tests;

pub use check::{Check, Group, Verdict};
pub use live::observe;
pub use observations::{
    Cgroup, Helper, Link, OBSERVATIONS_VERSION, Observations, Outcome, Place, Reading, RunReport,
    SubIds, Who,
};

use dwell_plan::{NamespaceKind, NamespaceSet};
use rustix::io::Errno;

use causes::{Failing, diagnose};
use check::Judged;
use table::{CHECKS, Judge, Spec};

/// Judges what was seen: every check, in the order in which they are listed.
#[must_use]
pub fn checks(seen: &Observations) -> Vec<Check> {
    CHECKS.iter().map(|spec| check(spec, seen)).collect()
}

/// Whether `dwell run` works with its defaults: as it was tried, else as its parts were.
#[must_use]
pub fn all_needed_work(checks: &[Check]) -> bool {
    let bad = |check: &Check| matches!(check.verdict, Verdict::Refused | Verdict::Absent);
    match checks.iter().find(|check| check.id == "run").map(|check| check.verdict) {
        Some(Verdict::Works) => true,
        Some(Verdict::Unknown) | None => !checks.iter().any(|check| check.needed && bad(check)),
        Some(_) => false,
    }
}

fn check(spec: &Spec, seen: &Observations) -> Check {
    let judged = match missing_ground(spec, seen) {
        Some(name) => Judged::unknown(format!("needs `{name}`")),
        None => match spec.judge {
            Judge::Act(act) => judge_act(seen, act),
            Judge::Fact(judge) => judge(seen),
        },
    };
    let soft = spec.soft && matches!(judged.verdict, Verdict::Refused | Verdict::Absent);
    let verdict = if soft { Verdict::Limited } else { judged.verdict };
    let lacking = matches!(verdict, Verdict::Limited | Verdict::Refused | Verdict::Absent);
    Check {
        id: spec.id,
        group: spec.group,
        name: spec.name,
        needed: spec.needed,
        verdict,
        evidence: judged.evidence,
        cause: judged.cause,
        remedy: judged.remedy,
        effect: (lacking && !spec.effect.is_empty()).then_some(spec.effect),
    }
}

/// The name of a check that has to be fine before this one can be told.
fn missing_ground(spec: &Spec, seen: &Observations) -> Option<&'static str> {
    let act = spec.after.iter().find(|act| seen.refused(act).is_some())?;
    CHECKS.iter().find(|check| check.id == *act).map(|check| check.name)
}

fn judge_act(seen: &Observations, act: &'static str) -> Judged {
    let Some(outcome) = seen.acts.get(act) else { return Judged::unknown("it was not tried") };
    let evidence = outcome.evidence();
    match outcome {
        Outcome::Done(_) => Judged::works(evidence),
        Outcome::Stuck(_) => Judged::new(Verdict::Refused, evidence)
            .cause("the kernel did not answer in time, or a filter ended the process")
            .remedy("dmesg | tail; grep Seccomp /proc/self/status"),
        Outcome::Refused { .. } => {
            let failing = Failing::of_act(seen, act);
            match failing.and_then(|failing| diagnose(seen, &failing)) {
                Some(found) => Judged::new(found.verdict, found.evidence)
                    .cause(found.cause)
                    .remedy(found.remedy),
                None => Judged::new(Verdict::Refused, evidence)
                    .cause("none that is known here")
                    .remedy("dmesg | tail, and journalctl -k -g denied, may say more"),
            }
        }
    }
}

/// The acts that `dwell run` needs, in the order of the table.
fn needed_acts() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().filter(|spec| spec.needed).filter_map(|spec| match spec.judge {
        Judge::Act(act) => Some(act),
        Judge::Fact(_) => None,
    })
}

/// Explains namespaces that were refused (`clone3(2)`, `unshare(2)`), with the remedy, if a cause is
/// found. `user` tells whether a user namespace was among them.
#[must_use]
pub fn why_no_namespaces(own: NamespaceSet, user: bool, errno: i32) -> Option<String> {
    let act = if user { "" } else { "plan-alone" };
    hint(&live::look(), act, "clone3", errno, own)
}

/// The namespaces that cannot be made here, tried one by one.
#[must_use]
pub fn refused_namespaces() -> NamespaceSet {
    let acts = NamespaceKind::ALL.map(NamespaceKind::word);
    refused_in(&live::attempt(&acts))
}

/// The same of what was seen. Without a user namespace only root makes the others.
fn refused_in(seen: &Observations) -> NamespaceSet {
    let refused = |kind: &NamespaceKind| {
        let ground = seen.refused("user").is_some() && !seen.is_admin();
        ground || seen.refused(kind.word()).is_some()
    };
    let default = NamespaceKind::ALL.into_iter().filter(|kind| *kind != NamespaceKind::Time);
    default.filter(refused).collect()
}

/// Explains a step that was refused although the namespaces could be made.
#[must_use]
pub fn why_no_rights(errno: i32) -> Option<String> {
    hint(&live::look(), "", "", errno, NamespaceSet::ALL)
}

/// Explains a new procfs that was refused.
#[must_use]
pub fn why_no_procfs(errno: i32) -> Option<String> {
    hint(&live::look(), "procfs", "fsmount", errno, NamespaceSet::ALL)
}

/// Explains a new sysfs that was refused, in a network namespace of the caller's own.
#[must_use]
pub fn why_no_sysfs(errno: i32) -> Option<String> {
    hint(&live::look(), "sysfs", "fsmount", errno, NamespaceSet::ALL)
}

fn hint(
    seen: &Observations,
    act: &str,
    call: &str,
    errno: i32,
    own: NamespaceSet,
) -> Option<String> {
    let errno = Errno::from_raw_os_error(errno);
    let failing = Failing { act, call, errno, kinds: own.iter().collect() };
    diagnose(seen, &failing).map(|found| found.hint())
}
