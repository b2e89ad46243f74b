//! What each action does, in words: `--explain`.

use super::super::builder::Builder;
use crate::action::{Action, Demand, Fork, Id, IdBlock, Join, Parent, Place, Setgroups, Source};
use crate::program::{Topic, clock_name};

/// Tells an action, where it is to be told.
pub(super) fn tell(action: &Action, b: &mut Builder) {
    if !b.explains() {
        return;
    }
    if let Action::Unshare(set) = action {
        for kind in set.iter() {
            let (hides, _) = crate::explain::about(kind);
            b.decide(Topic::Actions, format!("own {kind} namespace (unshare)"), hides);
        }
        return;
    }
    let (what, why) = of_process(action).or_else(|| of_files(action)).unwrap_or_else(|| {
        let (what, why) = of_ids(action);
        (what, why.to_owned())
    });
    b.decide(Topic::Actions, what, why);
}

type Words = (String, String);

fn of_process(action: &Action) -> Option<Words> {
    let (what, why) = match action {
        Action::DefaultSigchld => (
            "SIGCHLD is at its default (rt_sigaction)".to_owned(),
            "a caller that ignores it would keep the program from waiting for children".to_owned(),
        ),
        Action::Clock(offset) => (
            format!("the {} clock is {} s ahead", clock_name(offset.clock), offset.seconds),
            "until a process is in the time namespace its clocks can be set".to_owned(),
        ),
        Action::Fork(fork) => forks(*fork),
        Action::Join(join) => joins(join),
        Action::JoinCgroup(procs) => (
            format!("the control group of the target is joined (write to {procs})"),
            "its limits hold for the program too".to_owned(),
        ),
        Action::ExecContext(context) => (
            format!("the program gets the SELinux context {context}"),
            "it is the target's".to_owned(),
        ),
        Action::LoginShell => {
            ("the shell is a login shell".to_owned(), "no program was named".to_owned())
        }
        _ => return None,
    };
    Some((what, why))
}

fn forks(fork: Fork) -> Words {
    let why = match fork.parent {
        Parent::Ignores => {
            "the parent waits, ignores SIGINT and SIGTERM, and ends as the child does"
        }
        Parent::PassesOn => {
            "the parent waits, passes SIGINT and SIGTERM on, and ends as the child does"
        }
        Parent::StopsToo => "the parent waits, stops when the child does, and ends as it does",
    };
    let killed = fork
        .kill_child
        .map(|signal| format!("; when the parent ends the child gets signal {signal}"))
        .unwrap_or_default();
    ("what follows is done by a child (clone3)".to_owned(), format!("{why}{killed}"))
}

fn joins(join: &Join) -> Words {
    let mut parts = Vec::new();
    if let (Some(target), false) = (join.target, join.of_target.is_empty()) {
        parts.push(format!("{} of process {}", join.of_target, target.pid));
    }
    parts.extend(join.from.iter().map(|(kind, source)| match source {
        Source::File(path) => format!("{kind} at {path}"),
        Source::Number(number) => format!("{kind} number {number}"),
        Source::Socket(fd) => format!("{kind} of the target's socket {fd}"),
        Source::ParentOf(path) => format!("{kind}, the parent of {path}"),
    }));
    (
        format!("namespaces are entered: {} (setns)", parts.join("; ")),
        "those that can be entered without the user namespace, then that one, then the rest"
            .to_owned(),
    )
}

fn of_files(action: &Action) -> Option<Words> {
    let (what, why) = match action {
        Action::Persist { kind, path } => (
            format!("the new {kind} namespace is bound on {path} (mount)"),
            "it stays when its last process has ended, until that is unmounted",
        ),
        Action::Propagation(how) => (
            format!("all mounts become {how:?} (mount)").to_lowercase(),
            "that decides whether later mounts are passed on to other mount namespaces",
        ),
        Action::MountProc { at, .. } => {
            (format!("a new procfs at {at} (mount)"), "it shows the processes of the pid namespace")
        }
        Action::MountBinfmt { at } => (
            format!("a new binfmt_misc at {at} (mount)"),
            "a user namespace has interpreters of its own since Linux 6.7",
        ),
        Action::RegisterBinfmt { at, line } => {
            (format!("an interpreter is registered in {at}: {line}"), "for programs of that format")
        }
        Action::Chroot { to, .. } => {
            (format!("the root directory is {} (chroot)", place(to)), "paths begin there")
        }
        Action::Chdir(to) => {
            (format!("the working directory is {} (chdir)", place(to)), "the program starts there")
        }
        _ => return None,
    };
    Some((what, why.to_owned()))
}

fn place(place: &Place) -> String {
    match place {
        Place::Held(path) => format!("{path} as it is found before anything else is done"),
        Place::There(path) | Place::Opened(path) => path.to_string(),
    }
}

fn of_ids(action: &Action) -> (String, &'static str) {
    match action {
        Action::Become { uid, gid } => (
            format!("user {uid} and group {gid} are taken first"),
            "what is made next belongs to them",
        ),
        Action::MapFromOutside { users, groups } => (
            format!("mapped from outside: users {}; groups {}", blocks(users), blocks(groups)),
            "more than one's own id can only be mapped by a process that stays outside",
        ),
        Action::MapOwnUser(inner) => (
            format!("your user id is {inner} inside (write to uid_map)"),
            "others do not exist there",
        ),
        Action::MapOwnGroup(inner) => (
            format!("your group id is {inner} inside (write to gid_map)"),
            "setgroups has to be denied for good before",
        ),
        Action::Setgroups(Setgroups::Allow) => {
            ("setgroups may be called inside".to_owned(), "it was asked for")
        }
        Action::Setgroups(Setgroups::Deny) => {
            ("setgroups may not be called inside".to_owned(), "dropping a group could open files")
        }
        Action::DropGroups(demand) => (
            "supplementary groups are dropped (setgroups)".to_owned(),
            match demand {
                Demand::Must => "they have rights of their own",
                Demand::Try => "before entering; a failure counts only if it fails after, too",
                Demand::MustOnce => {
                    "after entering; a failure counts only if it failed before, too"
                }
            },
        ),
        Action::SetGid(id) => (format!("the group is {} (setgid)", whose(id)), "for the program"),
        Action::SetUid(id) => (format!("the user is {} (setuid)", whose(id)), "for the program"),
        Action::KeepCapabilities => (
            "capabilities are kept (ambient)".to_owned(),
            "the program has them, whichever user it is",
        ),
        // Told before this is reached.
        _ => (String::new(), ""),
    }
}

fn whose(id: &Id) -> String {
    match id {
        Id::Number(number) => number.to_string(),
        Id::OwnerOf(path) => format!("that of {path}"),
    }
}

fn blocks(blocks: &[IdBlock]) -> String {
    let each = |block: &IdBlock| match block {
        IdBlock::Own(inner) => format!("yours as {inner}"),
        IdBlock::Range(range) => {
            format!("{} from {} on as {} on", range.count, range.outer, range.inner)
        }
        IdBlock::Subordinate => "your subordinate ones from 0 on".to_owned(),
        IdBlock::SubordinateAsTheyAre => "your subordinate ones as they are".to_owned(),
        IdBlock::All => "all as they are".to_owned(),
    };
    if blocks.is_empty() {
        return "none".to_owned();
    }
    blocks.iter().map(each).collect::<Vec<_>>().join(", ")
}
