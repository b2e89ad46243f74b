//! `/proc`, `/sys` and `/dev`: what the kernel itself shows.

use super::Context;
use super::builder::Builder;
use super::view::{Fresh, KernelFs, Node, View};
use crate::cgroups::Version;
use crate::facts::Found;
use crate::hardening::ProcView;
use crate::namespace::NamespaceKind;
use crate::path::WorldPath;
use crate::plan::RootSource;
use crate::program::Topic;
use crate::text::Text;

/// Parts of `/proc` and `/sys` that act on the whole machine, as the OCI runtimes close them. They belong to
/// the machine's root, so they only need closing where a world's root is the machine's root too; with
/// `--proc` they are closed for everybody.
const FROZEN: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const COVERED_FILES: [&str; 7] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
];
const COVERED_DIRECTORIES: [&str; 5] =
    ["/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"];

/// Files of `/proc` that no program reads which watches processes, memory and load: addresses, buses and
/// memory of the machine, how it was started and what it is made of.
const BEYOND_TOOLS: [&str; 28] = [
    "/proc/allocinfo",
    "/proc/bootconfig",
    "/proc/buddyinfo",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/consoles",
    "/proc/crypto",
    "/proc/dma",
    "/proc/execdomains",
    "/proc/fb",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/key-users",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/mdstat",
    "/proc/misc",
    "/proc/modules",
    "/proc/mtrr",
    "/proc/pagetypeinfo",
    "/proc/schedstat",
    "/proc/slabinfo",
    "/proc/softirqs",
    "/proc/vmallocinfo",
    "/proc/zoneinfo",
];

const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

pub(super) fn place(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    processes(cx, view, b);
    system(cx, view, b);
    groups(cx, view, b);
    devices(cx, view, b);
    names(cx, view);
    covers(cx, view, b);
}

/// Closes what acts on the whole machine or tells much of it.
fn covers(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    let (proc, why) = match cx.plan.hardening.proc {
        ProcView::Default if cx.facts.caller.uid != 0 => return,
        ProcView::Default => (true, ""),
        ProcView::Pids => (false, "/proc shows the program's own processes alone"),
        ProcView::Tools => (true, "/proc shows what programs read that watch processes and load"),
        ProcView::Full => (true, "/proc shows all but what acts on the machine"),
    };
    let wanted = |paths: &'static [&'static str]| {
        paths.iter().copied().filter(move |path| proc || !path.starts_with("/proc"))
    };
    close(view, wanted(&FROZEN), &Node::Frozen);
    close(view, wanted(&COVERED_FILES), &Node::Hidden { dir: false });
    close(view, wanted(&COVERED_DIRECTORIES), &Node::Hidden { dir: true });
    if cx.plan.hardening.proc == ProcView::Pids {
        // KERNEL: a new procfs is refused where the one that is there has a part covered. That it shows few
        // files is not looked at: in a user namespace of its own a program could mount a whole one.
        view.put(WorldPath::abs("/proc/1/map_files"), Node::Hidden { dir: true });
    }
    if cx.plan.hardening.proc == ProcView::Tools {
        close(view, BEYOND_TOOLS.into_iter(), &Node::Hidden { dir: false });
        close(view, ["/proc/driver", "/proc/tty"].into_iter(), &Node::Hidden { dir: true });
    }
    if !why.is_empty() {
        b.decide(Topic::Files, why, format!("`--proc {}`", cx.plan.hardening.proc.word()));
    }
}

/// Places a node unless the user has put something there.
fn offer(view: &mut View, path: &str, node: Node) {
    let path = WorldPath::abs(path);
    if view.places.get(&path).is_none_or(|p| p.origin.is_none()) {
        view.put(path, node);
    }
}

fn machines(path: &str, read_only: bool) -> Node {
    Node::Bind { source: Text::from(path), read_only, recursive: true, dir: true, device: false }
}

fn processes(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    if cx.owns(NamespaceKind::Pid) {
        b.decide(
            Topic::Files,
            "/proc is new",
            "it shows the processes of the pid namespace it is mounted in",
        );
        offer(view, "/proc", Node::Kernel(KernelFs::Proc));
    } else {
        b.decide(Topic::Files, "/proc is the machine's", "the pid namespace is shared");
        offer(view, "/proc", machines("/proc", cx.no_new_code()));
    }
}

fn system(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    if cx.owns(NamespaceKind::Net) {
        b.decide(
            Topic::Files,
            "/sys is new and read-only",
            "it shows the interfaces of its network namespace alone",
        );
        offer(view, "/sys", Node::Kernel(KernelFs::Sysfs));
    } else {
        b.decide(
            Topic::Files,
            "/sys is the machine's, read-only",
            "sysfs can only be mounted by the owner of the network namespace, which is shared",
        );
        offer(view, "/sys", machines("/sys", true));
    }
}

/// Control groups: the own one, or none. The others on the machine are nobody's business.
fn groups(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    const PLACE: &str = "/sys/fs/cgroup";
    if !cx.owns(NamespaceKind::Cgroup) {
        return;
    }
    let Some(group) = &cx.enforced.group else {
        // A new sysfs has an empty directory there.
        let place = WorldPath::abs(PLACE);
        if !cx.owns(NamespaceKind::Net) && !view.places.contains_key(&place) {
            view.put_optional(place, Node::Hidden { dir: true });
        }
        return;
    };
    let read_only = !cx.plan.cgroup.writable;
    b.decide(
        Topic::Files,
        format!(
            "{PLACE} shows the world's own control group{}",
            if read_only { ", read-only" } else { "" }
        ),
        "it is mounted in the cgroup namespace of the world",
    );
    let node =
        |controllers: &[String]| Node::Groups { controllers: controllers.to_vec(), read_only };
    if let [member] = &group.members[..]
        && member.version == Version::V2
        && !group.is_beside_v1
    {
        offer(view, PLACE, node(&[]));
        return;
    }
    offer(view, PLACE, Fresh::mode(0o555));
    for member in &group.members {
        let name = match member.version {
            Version::V1 => member.hierarchy.join(","),
            Version::V2 => "unified".to_owned(),
        };
        offer(view, &format!("{PLACE}/{name}"), node(&member.hierarchy));
    }
}

fn devices(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    offer(view, "/dev", Fresh::mode(0o755));
    for name in DEVICES {
        let path = format!("/dev/{name}");
        let source = Text::from(path.as_str());
        offer(
            view,
            &path,
            Node::Bind { source, read_only: false, recursive: false, dir: false, device: true },
        );
    }
    for (name, target) in LINKS {
        offer(view, &format!("/dev/{name}"), Node::Link(Text::from(target)));
    }
    if cx.ids.has_root {
        offer(view, "/dev/pts", Node::Kernel(KernelFs::Devpts));
    } else {
        b.decide(
            Topic::Files,
            "/dev/pts is empty",
            "devpts needs an id 0, which the map leaves out",
        );
        offer(view, "/dev/pts", Fresh::mode(0o755));
    }
    if cx.owns(NamespaceKind::Ipc) {
        offer(view, "/dev/shm", Fresh::mode(0o1777));
        offer(view, "/dev/mqueue", Node::Kernel(KernelFs::Mqueue));
        return;
    }
    offer(view, "/dev/shm", machines("/dev/shm", cx.read_only()));
    if cx.facts.places.get(&WorldPath::abs("/dev/mqueue")).is_some_and(Found::is_dir) {
        offer(view, "/dev/mqueue", machines("/dev/mqueue", cx.read_only()));
    }
}

/// The world's own name, in the files that programs look it up in.
fn names(cx: &Context<'_>, view: &mut View) {
    let Some(name) = cx.plan.hostname.as_ref().filter(|_| cx.owns(NamespaceKind::Uts)) else {
        return;
    };
    let hosts = format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    );
    for (path, text) in [("/etc/hostname", format!("{name}\n")), ("/etc/hosts", hosts)] {
        let place = WorldPath::abs(path);
        let there = cx.facts.places.get(&place) == Some(&Found::File);
        let made = matches!(cx.plan.root, RootSource::Directory { .. });
        let shared_hosts = path == "/etc/hosts" && !cx.owns(NamespaceKind::Net);
        if (there || made) && !shared_hosts && !view.places.contains_key(&place) {
            view.put_optional(place, Node::File { mode: 0o644, data: text.into_bytes() });
        }
    }
}

fn close<'a>(view: &mut View, paths: impl Iterator<Item = &'a str>, node: &Node) {
    for path in paths {
        let path = WorldPath::abs(path);
        if !view.places.contains_key(&path) {
            view.put_optional(path, node.clone());
        }
    }
}
