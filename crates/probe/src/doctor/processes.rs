//! Checks of processes and what confines them.

use super::check::{Judged, Verdict};
use super::observations::{Observations, Outcome};

type Seen = Observations;

pub(super) fn seccomp_notify(seen: &Seen) -> Judged {
    let path = "/proc/sys/kernel/seccomp/actions_avail";
    match seen.text(path) {
        Some(actions) if actions.contains("user_notif") => {
            Judged::works(format!("{path} has user_notif"))
        }
        Some(_) => Judged::new(Verdict::Absent, format!("{path} lacks user_notif"))
            .cause("it came with Linux 5.0")
            .remedy("boot a newer kernel: uname -r"),
        None => Judged::unknown(format!("{path} cannot be read")),
    }
}

/// What each version of the interface brought.
const ABIS: [(u32, &str); 7] = [
    (1, "files"),
    (2, "moving files"),
    (3, "truncating"),
    (4, "TCP ports"),
    (5, "devices"),
    (6, "signals and abstract sockets"),
    (7, "audit"),
];

pub(super) fn landlock_abi(seen: &Seen) -> Judged {
    let Some(Outcome::Done(abi)) = seen.acts.get("landlock") else {
        return Judged::unknown("Landlock does not answer");
    };
    let version: u32 = abi.parse().unwrap_or_default();
    let missing: Vec<_> =
        ABIS.iter().filter(|(v, _)| *v > version).map(|(_, what)| *what).collect();
    let shown = format!("the interface has version {version}");
    if missing.is_empty() {
        return Judged::works(shown);
    }
    Judged::limited(shown)
        .cause(format!("the kernel is too old for: {}", missing.join(", ")))
        .remedy("boot a newer kernel; Linux 6.15 has all of it")
}

/// KERNEL: `TIOCSTI` puts characters into the terminal's input, as if they were typed there.
pub(super) fn tiocsti(seen: &Seen) -> Judged {
    let path = "/proc/sys/dev/tty/legacy_tiocsti";
    let shown = match seen.text(path) {
        Some("0") => return Judged::works(format!("{path} is 0")),
        Some(value) => format!("{path} is {value}"),
        None => format!("there is no {path} (before Linux 6.2)"),
    };
    let here =
        if seen.stdin_is_terminal { "standard input is one" } else { "standard input is none" };
    Judged::limited(format!("{shown}; {here}"))
        .cause("a program that shares your terminal can type commands into your shell")
        .remedy(
            "dwell run gives a terminal of its own, unless --pty never is asked for; for all \
             programs, as root: sysctl dev.tty.legacy_tiocsti=0",
        )
}

pub(super) fn proc_self(seen: &Seen) -> Judged {
    let Some(link) = &seen.proc_self else {
        return Judged::unknown(
            "/proc/self cannot be read: procfs is not mounted, or of another world",
        );
    };
    let shown = format!("/proc/self leads to {link}, the process id is {}", seen.pid);
    if *link == seen.pid.to_string() {
        return Judged::works(shown);
    }
    Judged::limited(shown)
        .cause("/proc belongs to another pid namespace, so ps shows the processes of that one")
        .remedy("as root: mount -t proc proc /proc; unshare does it with --mount-proc")
}

/// Whether others can be seen at all: `hidepid` of procfs, Yama.
pub(super) fn visibility(seen: &Seen) -> Judged {
    let hidden = seen.mounts().filter(|m| m.point == "/proc" && m.fstype == "proc").find_map(|m| {
        let options = m.super_options.split(',').chain(m.options.split(','));
        options.filter_map(|o| o.strip_prefix("hidepid=")).next()
    });
    let yama = seen.text("/proc/sys/kernel/yama/ptrace_scope");
    match (hidden, yama) {
        (Some(value), _) if !matches!(value, "0" | "off") => {
            Judged::limited(format!("/proc is mounted with hidepid={value}"))
                .cause("processes of other users cannot be seen, nor their namespaces entered")
                .remedy("as root: mount -o remount,hidepid=0 /proc")
        }
        (_, Some(scope @ ("2" | "3"))) => {
            Judged::limited(format!("/proc/sys/kernel/yama/ptrace_scope is {scope}"))
                .cause("processes cannot be traced, not even your own")
                .remedy("as root: sysctl kernel.yama.ptrace_scope=1")
        }
        (_, scope) => {
            Judged::works(format!("no hidepid, yama is {}", scope.unwrap_or("not there")))
        }
    }
}

/// Depends on the target: who owns its user namespace, and whether it may be looked at.
pub(super) fn others(_: &Seen) -> Judged {
    Judged::unknown("it depends on whose they are")
        .cause("a namespace is joined by whoever is root in the user namespace that owns it: its owner \
                or somebody further out; a process that is not dumpable is closed to its own user")
        .remedy("dwell run --join KIND=PID says what is missing; root may join any")
}

/// Depends on the program.
pub(super) fn program(_: &Seen) -> Judged {
    Judged::unknown("it depends on the program")
        .cause("\"No such file\" for a program that is there means its #! line or its loader")
        .remedy(
            "dwell run PROGRAM names the part that is missing inside; file PROGRAM, ldd PROGRAM",
        )
}
