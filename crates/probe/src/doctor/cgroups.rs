//! Checks of control groups.

use super::check::{Judged, Verdict};
use super::observations::Observations;

type Seen = Observations;

const CGROUP2: u64 = 0x6367_7270;
const TMPFS: u64 = 0x0102_1994;
/// What limits of memory, processor time and processes need.
const WANTED: [&str; 3] = ["cpu", "memory", "pids"];
const UNIFY: &str =
    "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all; until then --ulimit";
const DELEGATE: &str = "systemd-run --user --scope -p Delegate=yes dwell run, or a drop-in with \
                        Delegate=yes for user@.service";

pub(super) fn layout(seen: &Seen) -> Judged {
    let Some(place) = seen.places.get("cgroup") else {
        return Judged::unknown("it was not looked at");
    };
    let groups = seen.text("/proc/self/cgroup").unwrap_or_default();
    let others = groups.lines().filter(|line| !line.starts_with("0::")).count();
    let unified = groups.lines().any(|line| line.starts_with("0::"));
    match place.kind {
        CGROUP2 if others == 0 => Judged::works("/sys/fs/cgroup is cgroup2"),
        CGROUP2 => Judged::limited(format!("/proc/self/cgroup has {others} lines of version 1"))
            .cause("some controllers are in hierarchies of version 1")
            .remedy(UNIFY),
        TMPFS if unified => Judged::limited(format!(
            "/sys/fs/cgroup is tmpfs; /proc/self/cgroup has {others} lines of version 1 and `0::`"
        ))
        .cause("the layout is hybrid: the controllers are in version 1")
        .remedy(UNIFY),
        TMPFS => Judged::limited("/sys/fs/cgroup is tmpfs, /proc/self/cgroup has no line `0::`")
            .cause("the layout is version 1")
            .remedy(UNIFY),
        _ => Judged::new(Verdict::Absent, "nothing of the kind is mounted on /sys/fs/cgroup")
            .cause("control groups are not mounted")
            .remedy("as root: mount -t cgroup2 none /sys/fs/cgroup"),
    }
}

pub(super) fn delegation(seen: &Seen) -> Judged {
    let group = &seen.cgroup;
    if group.path.is_empty() {
        return Judged::new(Verdict::Absent, "there is no cgroup of version 2 for this process")
            .cause("version 2 is not mounted, or not visible here")
            .remedy("see `cgroup version 2`");
    }
    if !group.writable {
        return Judged::new(
            Verdict::Refused,
            format!("{}/cgroup.procs cannot be written", group.path),
        )
        .cause("the group was not delegated to you")
        .remedy(DELEGATE);
    }
    let has = |wanted: &&str| group.controllers.split_whitespace().any(|c| c == *wanted);
    let missing: Vec<_> = WANTED.iter().filter(|w| !has(w)).copied().collect();
    let shown = format!("{}/cgroup.controllers is `{}`", group.path, group.controllers);
    if missing.is_empty() {
        return Judged::works(shown);
    }
    let missing = missing.join(", ");
    let Some((parent, _)) = group.path.rsplit_once('/').filter(|_| !group.is_root) else {
        return Judged::limited(shown)
            .cause(format!("these controllers are in hierarchies of version 1: {missing}"))
            .remedy(UNIFY);
    };
    Judged::limited(shown)
        .cause(format!("these controllers were not delegated: {missing}"))
        .remedy(format!("as root: echo +cpu +memory +pids >{parent}/cgroup.subtree_control"))
}

/// KERNEL: a group that has processes can have no groups with controllers below it (EBUSY). To try it
/// would change the machine.
pub(super) fn leaf(seen: &Seen) -> Judged {
    let group = &seen.cgroup;
    if group.path.is_empty() || !group.writable {
        return Judged::unknown("there is no cgroup of version 2 that may be written");
    }
    let shown = format!("{}/cgroup.procs has {} processes", group.path, group.processes);
    if group.is_root || group.processes == 0 {
        return Judged::works(shown);
    }
    Judged::limited(shown)
        .cause("controllers cannot be passed on while processes are in the group itself: EBUSY")
        .remedy(
            "move them one level down first, or start dwell in a scope: systemd-run --user --scope",
        )
}

pub(super) fn kill(seen: &Seen) -> Judged {
    let group = &seen.cgroup;
    if group.path.is_empty() {
        return Judged::unknown("there is no cgroup of version 2 to look at");
    }
    if group.kill || group.is_root && seen.since(5, 14) {
        return Judged::works(if group.kill {
            "cgroup.kill is there"
        } else {
            "Linux 5.14 or later"
        });
    }
    Judged::new(Verdict::Absent, "cgroup.kill is not there")
        .cause("it came with Linux 5.14")
        .remedy("boot a newer kernel; until then processes are ended one by one")
}

pub(super) fn user_bus(seen: &Seen) -> Judged {
    match seen.user_bus {
        Some(true) => Judged::works("the socket `bus` is in XDG_RUNTIME_DIR"),
        Some(false) if seen.caller.uid == 0 => Judged::works("root does not need one"),
        Some(false) => Judged::limited("XDG_RUNTIME_DIR or /run/user/UID has no socket `bus`")
            .cause("there is no systemd of yours that could delegate a cgroup")
            .remedy("as root: loginctl enable-linger USER; then log in anew"),
        None => Judged::unknown("it was not looked at"),
    }
}
