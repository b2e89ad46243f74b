//! Where faults are put, and which.

use std::collections::BTreeMap;

use super::trace::Trace;

/// One fault in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) call: String,
    /// The how many-th call of this name, counted in each process for itself.
    pub(super) number: usize,
    pub(super) reach: Reach,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The process that was started alone.
    First,
    /// Each process, those that it starts too, when it comes to this number.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The call is not made and gives this error.
    Error(&'static str),
    /// `SIGKILL`.
    Kill,
    /// The call is made later: the other processes are ahead of this one.
    Late,
}

/// Longer than anything that goes on beside it, in µs.
const DELAY: u32 = 40_000;

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            What::Error(errno) => f.write_str(errno),
            What::Kill => f.write_str("SIGKILL"),
            What::Late => f.write_str("a delay"),
        }
    }
}

impl Fault {
    /// The options of strace that bring it about.
    pub(super) fn options(&self) -> Vec<String> {
        let (call, number) = (&self.call, self.number);
        let effect = match self.what {
            What::Error(errno) => format!("error={errno}"),
            What::Kill => "signal=KILL".to_owned(),
            What::Late => format!("delay_enter={DELAY}"),
        };
        let mut options = vec![format!("--trace={call}")];
        options.push(format!("--inject={call}:{effect}:when={number}"));
        if self.reach == Reach::All {
            options.push("-f".to_owned());
        }
        options
    }
}

/// Calls that have no error, whatever the kernel's state, so nobody looks at one.
const NEVER_FAIL: [&str; 12] = [
    "exit_group",
    "exit",
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "umask",
    "uname",
    "rt_sigreturn",
];

/// KERNEL: close(2) takes the descriptor away whatever it answers. A call that strace makes fail is not
/// made at all, so that would be something that cannot happen. Nor does brk(2) ever answer with an error
/// number, as strace makes it do.
const NOT_IMITATED: [&str; 5] = ["close", "close_range", "munmap", "brk", "execve"];

/// What else the calls can meet that strace cannot: nothing but `execve` of the program itself, which is
/// tried by programs that cannot be run.
fn errors(call: &str) -> &'static [&'static str] {
    if NEVER_FAIL.contains(&call) || NOT_IMITATED.contains(&call) {
        return &[];
    }
    match call {
        "openat" | "openat2" | "open_tree" | "fsopen" | "fsmount" | "socketpair" | "socket"
        | "pipe2" | "pidfd_open" | "signalfd4" | "timerfd_create" | "dup" | "dup3" | "fcntl" => {
            &["EMFILE", "ENOMEM", "EPERM", "EINTR"]
        }
        "read" | "readlink" | "readlinkat" | "getdents64" | "statx" | "fstatfs" => {
            // Not EACCES: that what is out of the caller's reach is out of the world's is an answer.
            &["EIO", "ENOMEM", "EINTR"]
        }
        "write" | "sendto" | "sendmsg" | "recvfrom" | "recvmsg" => {
            &["EINTR", "ENOMEM", "EPERM", "ENOSPC"]
        }
        "mkdirat" | "mknodat" | "symlinkat" | "fsconfig" | "move_mount" | "mount"
        | "mount_setattr" | "unlinkat" | "fchmodat" | "fchownat" => {
            &["ENOSPC", "ENOMEM", "EPERM", "EINTR"]
        }
        "clone" | "clone3" | "fork" | "vfork" => &["EAGAIN", "ENOMEM", "EPERM", "ENOSPC"],
        "ppoll" | "poll" | "waitid" => &["EINTR", "ENOMEM"],
        // For who waits for a child of their own.
        "wait4" | "rt_sigtimedwait" => &["EINTR"],
        "mmap" | "mremap" | "mprotect" | "madvise" => &["ENOMEM"],
        _ => &["EPERM", "ENOMEM", "EINTR", "ENOSPC"],
    }
}

/// How many calls each name has in a process, and of those how many are of the C library's start.
struct Counts(BTreeMap<String, usize>);

impl Counts {
    fn of(calls: &[String]) -> Counts {
        let mut counts = BTreeMap::new();
        for call in calls {
            *counts.entry(call.clone()).or_insert(0) += 1;
        }
        Counts(counts)
    }

    fn get(&self, call: &str) -> usize {
        self.0.get(call).copied().unwrap_or(0)
    }
}

/// All faults of a start, in the order of the calls. With `every` each with each error number, else with
/// one, in turn.
pub(super) fn faults(recorded: &Recorded, every: bool) -> Vec<Fault> {
    let no_calls = Vec::new();
    let own = recorded.trace.calls.get(&recorded.trace.first).unwrap_or(&no_calls);
    let before = Counts::of(own.get(..recorded.library).unwrap_or_default());
    let in_first = Counts::of(own);
    let mut faults = Vec::new();
    for (call, number) in numbered(own) {
        if number > before.get(call) && call != "execve" {
            add(&mut faults, call, number, Reach::First, every);
        }
    }
    let mut seen = BTreeMap::new();
    for (_, calls) in recorded.trace.calls.iter().filter(|(pid, _)| **pid != recorded.trace.first) {
        for (call, number) in numbered(calls) {
            let known = seen.entry(call.to_owned()).or_insert(0);
            // Where the first process makes as many calls it is the one that fails.
            if number > *known && (every || number > in_first.get(call)) {
                *known = number;
                if number > before.get(call) && call != "execve" {
                    add(&mut faults, call, number, Reach::All, every);
                }
            }
        }
    }
    faults
}

/// Each call with its number among those of its name.
fn numbered(calls: &[String]) -> impl Iterator<Item = (&str, usize)> {
    let mut counts = BTreeMap::new();
    calls.iter().map(move |call| {
        let number = counts.entry(call.as_str()).or_insert(0);
        *number += 1;
        (call.as_str(), *number)
    })
}

fn add(faults: &mut Vec<Fault>, call: &str, number: usize, reach: Reach, every: bool) {
    let fault = |what| Fault { call: call.to_owned(), number, reach, what };
    let errors = errors(call);
    if every {
        faults.extend(errors.iter().map(|errno| fault(What::Error(errno))));
    } else if let Some(errno) = errors.get(number % errors.len().max(1)) {
        faults.push(fault(What::Error(errno)));
    }
    faults.extend([What::Kill, What::Late].map(fault));
}

/// At most so many, from everywhere.
pub(super) fn spread(faults: Vec<Fault>, most: usize) -> Vec<Fault> {
    let all = faults.len();
    let chosen = |at: &usize| at * most / all.max(1) != (at + 1) * most / all.max(1);
    faults
        .into_iter()
        .enumerate()
        .filter(|(at, _)| all <= most || chosen(at))
        .map(|(_, f)| f)
        .collect()
}

/// A start without a fault.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) trace: Trace,
    /// How many calls the C library makes before `main`.
    pub(super) library: usize,
}
