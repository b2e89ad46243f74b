//! `--explain`: what will be done and why, in words for someone who meets namespaces for the first
//! time.

use std::fmt::Write;

use crate::namespace::NamespaceKind;
use crate::program::{Program, Topic};

/// What a namespace hides, and what it does not.
#[must_use]
pub fn about(kind: NamespaceKind) -> (&'static str, &'static str) {
    match kind {
        NamespaceKind::User => (
            "ids and capabilities inside mean something only inside",
            "files of the machine keep their owners",
        ),
        NamespaceKind::Mount => (
            "mounts made or removed inside are not seen outside, nor the other way",
            "files below shared mounts are the same files",
        ),
        NamespaceKind::Pid => (
            "processes outside have no number inside, so they cannot be seen or signalled",
            "the processes inside are visible from outside",
        ),
        NamespaceKind::Net => (
            "interfaces, addresses, routes, ports and abstract sockets outside cannot be reached",
            "Unix sockets in the file system are not part of it",
        ),
        NamespaceKind::Uts => {
            ("the host name inside is its own", "nothing else of the machine's identity")
        }
        NamespaceKind::Ipc => (
            "System V shared memory, semaphores, queues and POSIX queues outside cannot be reached",
            "pipes, sockets and files are not part of it",
        ),
        NamespaceKind::Cgroup => (
            "the own control group shows as the root, others do not show",
            "it limits nothing by itself",
        ),
        NamespaceKind::Time => (
            "the monotonic and boot clocks can run ahead or behind",
            "the wall clock is the machine's",
        ),
    }
}

/// The decisions of a Program as text.
#[must_use]
pub fn text(program: &Program) -> String {
    let mut out = String::new();
    for topic in TOPICS {
        let mut decisions = program.decisions.iter().filter(|d| d.topic == topic).peekable();
        if decisions.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "{}:", heading(topic));
        for decision in decisions {
            let _ = writeln!(out, "  {}\n      {}", decision.what, decision.why);
        }
    }
    out
}

const TOPICS: [Topic; 6] =
    [Topic::Actions, Topic::Walls, Topic::Ids, Topic::Files, Topic::Limits, Topic::Process];

fn heading(topic: Topic) -> &'static str {
    match topic {
        Topic::Actions => "In this order",
        Topic::Walls => "Walls",
        Topic::Ids => "Users and groups",
        Topic::Files => "Files",
        Topic::Limits => "Limits",
        Topic::Process => "Process",
    }
}
