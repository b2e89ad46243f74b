//! Checks of users and ids.

use super::causes::{Failing, diagnose};
use super::check::{Judged, Verdict};
use super::observations::{Observations, Outcome, SubIds};

type Seen = Observations;

/// What most images need: ids 0 to 65535.
const ENOUGH: u64 = 65_536;

pub(super) fn account(seen: &Seen) -> Judged {
    let uid = seen.caller.uid;
    if seen.caller.named {
        return Judged::works(format!("/etc/passwd has user {uid}"));
    }
    Judged::limited(format!("/etc/passwd does not have user {uid}"))
        .cause("the user has no name here, so its home directory and shell are not known")
        .remedy(format!(
            "set HOME and SHELL; lines in /etc/subuid and /etc/subgid must say {uid}, not a name"
        ))
}

pub(super) fn subuid(seen: &Seen) -> Judged {
    judge(seen, &seen.subuid, "/etc/subuid", "--add-subuids")
}

pub(super) fn subgid(seen: &Seen) -> Judged {
    judge(seen, &seen.subgid, "/etc/subgid", "--add-subgids")
}

fn judge(seen: &Seen, ids: &SubIds, file: &str, option: &str) -> Judged {
    if seen.caller.uid == 0 {
        return Judged::works("root maps ids without them");
    }
    let count: u64 = ids.own.iter().map(|(_, count)| u64::from(*count)).sum();
    let remedy = format!("as root: usermod {option} {} {}", free_range(ids), name(seen));
    if count == 0 && ids.elsewhere {
        return Judged::unknown("nsswitch.conf has a source `subid:` that is not a file")
            .cause("a directory service may have them, which dwell does not ask")
            .remedy("getsubids $(id -un)");
    }
    if count == 0 {
        return Judged::new(Verdict::Absent, format!("{file} has no line for you"))
            .cause("no subordinate ids were given to you")
            .remedy(remedy);
    }
    if let Some((first, _)) =
        ids.own.iter().find(|own| ids.others.iter().any(|o| overlap(**own, *o)))
    {
        return Judged::limited(format!("the range from {first} in {file} is somebody else's too"))
            .cause("two users with the same ids can reach each other's files and processes")
            .remedy(remedy);
    }
    if count < ENOUGH {
        return Judged::limited(format!("{file} gives you {count} ids"))
            .cause("images expect 65536 of them")
            .remedy(remedy);
    }
    Judged::works(format!("{file} gives you {count} ids"))
}

fn name(seen: &Seen) -> &'static str {
    if seen.caller.named { "$(id -un)" } else { "USER" }
}

fn overlap(a: (u32, u32), b: (u32, u32)) -> bool {
    let end = |(first, count): (u32, u32)| u64::from(first) + u64::from(count);
    u64::from(a.0) < end(b) && u64::from(b.0) < end(a)
}

/// 65536 ids beyond all that are given.
fn free_range(ids: &SubIds) -> String {
    let ends = ids.own.iter().chain(&ids.others).map(|(f, c)| u64::from(*f) + u64::from(*c));
    let first = ends.max().unwrap_or(0).max(100_000);
    format!("{first}-{}", first + ENOUGH - 1)
}

pub(super) fn newuidmap(seen: &Seen) -> Judged {
    helper(seen, "newuidmap")
}

pub(super) fn newgidmap(seen: &Seen) -> Judged {
    helper(seen, "newgidmap")
}

fn helper(seen: &Seen, name: &str) -> Judged {
    let Some(helper) = seen.programs.get(name) else {
        if seen.caller.uid == 0 {
            return Judged::works("root needs none");
        }
        return Judged::new(Verdict::Absent, format!("{name} is not in PATH"))
            .cause("the program is not installed")
            .remedy("as root: apt install uidmap, or dnf install shadow-utils");
    };
    match seen.acts.get(name) {
        Some(Outcome::Done(_)) => Judged::works(format!("tried: {} maps ids", helper.path)),
        Some(outcome @ Outcome::Stuck(_)) => {
            Judged::new(Verdict::Refused, outcome.evidence()).cause("the program hangs")
        }
        Some(Outcome::Refused { .. }) => refused(seen, name),
        None => untried(seen, helper),
    }
}

fn refused(seen: &Seen, name: &str) -> Judged {
    let Some(failing) = Failing::of_act(seen, name) else {
        return Judged::unknown("it was not tried");
    };
    match diagnose(seen, &failing) {
        Some(found) => {
            Judged::new(found.verdict, found.evidence).cause(found.cause).remedy(found.remedy)
        }
        None => Judged::new(Verdict::Refused, format!("{name} failed"))
            .cause("the map was refused, although the program has rights")
            .remedy(format!(
                "{name} PID 0 $(id -u) 1, with the PID of a process in a user namespace"
            )),
    }
}

/// Without subordinate ids it cannot be tried.
fn untried(seen: &Seen, helper: &super::Helper) -> Judged {
    let found = format!("{} is there", helper.path);
    if seen.caller.uid == 0 {
        return Judged::works(found);
    }
    if helper.nosuid || !(helper.setuid || helper.capable) {
        return Judged::new(Verdict::Refused, found)
            .cause("it has no rights: no set-user-ID bit, no capability, or a mount with nosuid")
            .remedy(format!("reinstall it, or as root: chmod u+s {}", helper.path));
    }
    Judged::unknown(format!("{found}; without subordinate ids it cannot be tried"))
}

pub(super) fn no_new_privs(seen: &Seen) -> Judged {
    match seen.status("NoNewPrivs") {
        Some("1") => Judged::limited("NoNewPrivs of /proc/self/status is 1")
            .cause("a program further out has set NO_NEW_PRIVS, so set-user-ID has no effect")
            .remedy("start dwell from a shell without it, or use a world with one user"),
        Some(value) => Judged::works(format!("NoNewPrivs of /proc/self/status is {value}")),
        None => Judged::unknown("/proc/self/status has no line NoNewPrivs"),
    }
}
