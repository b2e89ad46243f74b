//! The checks: one table, in the order in which they are listed.

use super::check::{Group, Judged};
use super::observations::Observations;
use super::{cgroups, ids, machine, processes, storage};

/// A check before it is made.
pub(crate) struct Spec {
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    pub(crate) name: &'static str,
    /// Whether `dwell run` needs it with its defaults.
    pub(crate) needed: bool,
    pub(crate) judge: Judge,
    /// Acts without which this one cannot be told.
    pub(crate) after: &'static [&'static str],
    /// Whether a refusal of it is a limit only.
    pub(crate) soft: bool,
    /// What does not work without it.
    pub(crate) effect: &'static str,
}

/// How a check is made.
pub(crate) enum Judge {
    /// By the outcome of an act, and the table of causes.
    Act(&'static str),
    /// By anything else.
    Fact(fn(&Observations) -> Judged),
}

impl Spec {
    const fn needed(self) -> Self {
        Spec { needed: true, ..self }
    }

    const fn soft(self) -> Self {
        Spec { soft: true, ..self }
    }

    const fn after(self, acts: &'static [&'static str]) -> Self {
        Spec { after: acts, ..self }
    }

    const fn effect(self, effect: &'static str) -> Self {
        Spec { effect, ..self }
    }
}

const fn spec(id: &'static str, group: Group, name: &'static str, judge: Judge) -> Spec {
    Spec { id, group, name, needed: false, judge, after: &[], soft: false, effect: "" }
}

const fn act(id: &'static str, group: Group, name: &'static str) -> Spec {
    spec(id, group, name, Judge::Act(id))
}

const fn fact(
    id: &'static str,
    group: Group,
    name: &'static str,
    judge: fn(&Observations) -> Judged,
) -> Spec {
    spec(id, group, name, Judge::Fact(judge))
}

const USER: &[&str] = &["user"];
const MAPPED: &[&str] = &["user", "maps"];
const MOUNT: &[&str] = &["user", "maps", "mount", "private"];
const TMPFS: &[&str] = &["user", "maps", "mount", "private", "mount-legacy"];
const NET: &[&str] = &["user", "maps", "net"];

/// Every check.
pub(crate) const CHECKS: &[Spec] = &[
    fact("run", Group::Dwell, "dwell run with its defaults", machine::run).needed(),
    fact("walls", Group::Dwell, "each wall holds when it is tried", machine::walls),
    // Namespaces
    act("user", Group::Namespaces, "user namespace").needed(),
    act("unshare-user", Group::Namespaces, "user namespace by unshare(2)")
        .after(USER)
        .effect("other tools fail; dwell uses clone3"),
    act("second-user", Group::Namespaces, "user namespace inside another")
        .needed()
        .after(MAPPED)
        .effect("dwell run works with --root only"),
    act("mount", Group::Namespaces, "mount namespace").needed().after(USER),
    act("pid", Group::Namespaces, "pid namespace").needed().after(USER),
    act("net", Group::Namespaces, "net namespace").needed().after(USER),
    act("uts", Group::Namespaces, "uts namespace (host name)").needed().after(USER),
    act("ipc", Group::Namespaces, "ipc namespace").needed().after(USER),
    act("cgroup", Group::Namespaces, "cgroup namespace").needed().after(USER),
    act("time", Group::Namespaces, "time namespace")
        .after(USER)
        .effect("--time-offset cannot be used"),
    act("time-offsets", Group::Namespaces, "clocks of their own")
        .after(&["user", "maps", "time"])
        .effect("--time-offset cannot be used"),
    act("mount-alone", Group::Namespaces, "namespaces without a user one")
        .soft()
        .effect("sets without `user` are for root"),
    act("join", Group::Namespaces, "joining one's own namespaces")
        .after(MAPPED)
        .effect("--join may fail"),
    fact("join-others", Group::Namespaces, "joining those of others", processes::others),
    // Ids
    act("maps", Group::Ids, "mapping one's own ids").needed().after(USER),
    fact("account", Group::Ids, "a name for the user", ids::account),
    fact("subuid", Group::Ids, "subordinate user ids", ids::subuid)
        .effect("a world has one user; --from DIR shows other owners as nobody"),
    fact("subgid", Group::Ids, "subordinate group ids", ids::subgid)
        .effect("a world has one group"),
    fact("newuidmap", Group::Ids, "newuidmap, with its rights", ids::newuidmap)
        .after(USER)
        .effect("subordinate user ids cannot be mapped"),
    fact("newgidmap", Group::Ids, "newgidmap, with its rights", ids::newgidmap)
        .after(USER)
        .effect("subordinate group ids cannot be mapped"),
    fact("no-new-privs", Group::Ids, "programs may gain rights", ids::no_new_privs)
        .effect("newuidmap and newgidmap have no effect"),
    // Files
    act("private", Group::Files, "mounts of one's own").needed().after(&["user", "maps", "mount"]),
    act("mount-legacy", Group::Files, "tmpfs, by mount(2)").needed().after(MOUNT),
    act("mount-api", Group::Files, "mounts by descriptor (fsopen)").needed().after(MOUNT),
    act("mount-attributes", Group::Files, "read-only trees (mount_setattr)").needed().after(MOUNT),
    act("pivot_root", Group::Files, "a root of one's own (pivot_root)").needed().after(TMPFS),
    act("openat2", Group::Files, "paths that stay inside (openat2)").needed(),
    act("procfs", Group::Files, "a new /proc")
        .needed()
        .after(&["user", "maps", "mount", "private", "pid"])
        .effect("a world with its own pid namespace cannot be made"),
    act("sysfs", Group::Files, "a new /sys")
        .after(&["user", "maps", "mount", "private", "net"])
        .soft(),
    act("sysfs-host-net", Group::Files, "a new /sys with the machine's net")
        .after(MOUNT)
        .soft()
        .effect("with --net host the machine's /sys is shown, read-only"),
    act("devpts", Group::Files, "terminals of its own (devpts)").needed().after(MOUNT),
    act("mqueue", Group::Files, "message queues (mqueue)")
        .after(&["user", "maps", "mount", "private", "ipc"])
        .soft(),
    act("overlay", Group::Files, "copy-on-write layers (overlay)")
        .after(TMPFS)
        .effect("--cow fails; the current directory is read-only"),
    act("overlay-root", Group::Files, "one layer over the whole machine")
        .after(&["user", "maps", "mount", "private", "mount-legacy", "overlay"])
        .soft(),
    act("overlay-descriptors", Group::Files, "layers by descriptor")
        .after(&["user", "maps", "mount", "private", "mount-legacy", "overlay"])
        .soft()
        .effect("layers are given by path"),
    act("user-xattr", Group::Files, "user.* attributes on tmpfs")
        .after(TMPFS)
        .soft()
        .effect("layers are kept on disk, and --scratch cannot limit them"),
    act("idmap", Group::Files, "mounts with shifted ids")
        .after(MOUNT)
        .effect("a root file system must be owned by the ids of the map"),
    fact("home", Group::Files, "the home directory", storage::home),
    fact("temporary", Group::Files, "the directory for temporary files", storage::temporary),
    fact("var-tmp", Group::Files, "/var/tmp", storage::var_tmp),
    fact("mount-max", Group::Files, "room for more mounts", storage::mount_max),
    fact("propagation", Group::Files, "propagation of mounts", storage::propagation),
    fact("proc-mount", Group::Files, "the machine's /proc", storage::proc_mount),
    act("fuse", Group::Files, "/dev/fuse")
        .effect("file systems in user space, such as fuse-overlayfs, need it"),
    // Network
    act("lo", Group::Network, "bringing up lo").needed().after(NET),
    act("netfilter", Group::Network, "packet filter (nf_tables)")
        .after(NET)
        .effect("nft in a world needs it"),
    act("tun", Group::Network, "tunnels (/dev/net/tun)")
        .after(NET)
        .effect("pasta and slirp4netns need it"),
    fact("user-net", Group::Network, "pasta or slirp4netns", machine::user_net)
        .effect("a network of a world's own takes one, without root"),
    fact("resolv-conf", Group::Network, "/etc/resolv.conf", machine::resolv_conf),
    // Processes
    act("fork", Group::Processes, "starting processes").needed(),
    act("clone3", Group::Processes, "clone3(2)").effect("time namespaces cannot be made at once"),
    act("unshare-nothing", Group::Processes, "no filter on harmless calls").soft(),
    act("pidfd", Group::Processes, "processes by descriptor (pidfd)").needed(),
    act("seccomp", Group::Processes, "seccomp filters")
        .effect("the world's key store is not closed, and nothing is filtered"),
    fact("seccomp-notify", Group::Processes, "seccomp notification", processes::seccomp_notify)
        .effect("deciding on calls from outside needs it"),
    act("landlock", Group::Processes, "Landlock").effect("confinement without namespaces needs it"),
    fact("landlock-abi", Group::Processes, "what Landlock can", processes::landlock_abi),
    fact("tiocsti", Group::Processes, "typing into the terminal", processes::tiocsti),
    fact("proc-self", Group::Processes, "/proc shows these processes", processes::proc_self),
    fact("visibility", Group::Processes, "looking at other processes", processes::visibility),
    fact("cgroup-layout", Group::Processes, "cgroup version 2", cgroups::layout)
        .effect("limits of memory, processor time and processes by cgroup need it"),
    fact("cgroup-delegation", Group::Processes, "a cgroup of one's own", cgroups::delegation)
        .effect("limits of memory, processor time and processes by cgroup need it"),
    fact("cgroup-leaf", Group::Processes, "groups below one's own", cgroups::leaf),
    fact("cgroup-kill", Group::Processes, "ending a whole cgroup", cgroups::kill),
    fact("user-bus", Group::Processes, "systemd of the user", cgroups::user_bus),
    fact("program", Group::Processes, "programs find their parts", processes::program),
    // Machine
    fact("kernel", Group::Machine, "the kernel", machine::kernel),
    fact("container", Group::Machine, "a container around it", machine::container_check),
    fact("chroot", Group::Machine, "the root directory", machine::chroot),
    fact("rootfs", Group::Machine, "the root file system", machine::rootfs),
    fact("label", Group::Machine, "security label", machine::label),
    fact("capabilities", Group::Machine, "capabilities", machine::capabilities),
    fact("sysctl", Group::Machine, "settings can be changed", machine::sysctl),
    fact("lockdown", Group::Machine, "kernel lockdown", machine::lockdown),
];
