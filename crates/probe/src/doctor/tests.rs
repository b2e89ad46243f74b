//! Machines that are written down: each is one that works, and what is different about it.

use std::collections::{BTreeMap, BTreeSet};

use super::observations::{CONFIG, LABEL, MOUNTINFO, RELEASE, STATUS, limit_path};
use super::table::{CHECKS, Judge};
use super::*;
use dwell_plan::NamespaceKind;

const ALL_CAPS: u64 = 0x1ff_ffff_ffff;
const RESTRICT: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// A machine on which everything works, for an ordinary user.
struct Machine(Observations);

impl Machine {
    fn new() -> Self {
        let acts =
            live::act_names().into_iter().map(|a| (a.to_owned(), Outcome::Done(String::new())));
        let place = |path: &str, kind| Place { path: path.into(), kind, ..Place::default() };
        let helper = |path: &str| Helper { path: path.into(), setuid: true, ..Helper::default() };
        let range = SubIds { own: vec![(100_000, 65_536)], ..SubIds::default() };
        let mut machine = Machine(Observations {
            version: OBSERVATIONS_VERSION,
            program: "/opt/dwell".into(),
            caller: Who { uid: 1000, gid: 1000, named: true, effective: 0, bounding: ALL_CAPS },
            acts: acts.collect(),
            places: BTreeMap::from([
                ("home".into(), place("/home/u", 0xef53)),
                ("temporary".into(), place("/tmp", 0x0102_1994)),
                ("var-tmp".into(), place("/var/tmp", 0xef53)),
                ("cgroup".into(), place("/sys/fs/cgroup", 0x6367_7270)),
            ]),
            programs: BTreeMap::from([
                ("newuidmap".into(), helper("/usr/bin/newuidmap")),
                ("newgidmap".into(), helper("/usr/bin/newgidmap")),
                (
                    "pasta".into(),
                    Helper { version: "pasta 2024".into(), ..helper("/usr/bin/pasta") },
                ),
            ]),
            subuid: range.clone(),
            subgid: range,
            cgroup: Cgroup {
                path: "/sys/fs/cgroup/user.slice/x.scope".into(),
                writable: true,
                controllers: "cpu memory pids".into(),
                kill: true,
                ..Cgroup::default()
            },
            resolv_conf: Some(Link { resolves: true, ..Link::default() }),
            other_root_than_init: None,
            pid: 77,
            proc_self: Some("77".into()),
            user_bus: Some(true),
            run: Some(RunReport { code: Some(0), said: String::new() }),
            walls: Some(RunReport { code: Some(0), said: String::new() }),
            ..Observations::default()
        })
        .act("landlock", "7")
        .mounts("")
        .file(STATUS, "NoNewPrivs:\t0\nSeccomp:\t0\n")
        .file(RELEASE, "6.18.1\n")
        .file("/proc/version", "Linux version 6.18.1 (builder@host)\n")
        .file("/proc/self/cgroup", "0::/user.slice/x.scope\n")
        .file("/proc/self/uid_map", "         0          0 4294967295\n")
        .file("/proc/self/setgroups", "allow\n")
        .file("/proc/sys/dev/tty/legacy_tiocsti", "0\n")
        .file("/proc/sys/fs/mount-max", "100000\n")
        .file("/proc/sys/kernel/seccomp/actions_avail", "kill user_notif allow\n")
        .file("/etc/resolv.conf", "nameserver 192.0.2.1\n");
        for kind in NamespaceKind::ALL {
            machine = machine.file(&limit_path(kind), "10000\n");
        }
        machine
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.0.files.insert(path.into(), Reading::Text(text.into()));
        self
    }

    fn no_file(mut self, path: &str) -> Self {
        self.0.files.insert(path.into(), Reading::Failed(Errno::NOENT.raw_os_error()));
        self
    }

    fn act(mut self, act: &str, answer: &str) -> Self {
        self.0.acts.insert(act.into(), Outcome::Done(answer.into()));
        self
    }

    fn refuses(mut self, acts: &str, call: &str, errno: Errno) -> Self {
        let errno = errno.raw_os_error();
        for act in acts.split(' ') {
            assert!(self.0.acts.contains_key(act), "there is no act {act}");
            self.0.acts.insert(act.into(), Outcome::Refused { call: call.into(), errno });
        }
        self
    }

    /// The usual mounts and these, as lines of `mountinfo`.
    fn mounts(self, more: &str) -> Self {
        let text = format!(
            "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n21 20 0:5 / /proc rw - proc proc rw\n\
             22 20 0:6 / /sys rw - sysfs sysfs rw\n{more}\n"
        );
        self.file(MOUNTINFO, &text)
    }

    fn with(mut self, change: impl FnOnce(&mut Observations)) -> Self {
        change(&mut self.0);
        self
    }

    fn filtered(self) -> Self {
        self.file(STATUS, "NoNewPrivs:\t0\nSeccomp:\t2\n")
    }

    fn root(self) -> Self {
        self.with(|seen| seen.caller = Who { effective: ALL_CAPS, uid: 0, ..seen.caller.clone() })
    }

    /// The check `id` has this verdict, a cause with `cause` in it and a remedy with `remedy`.
    #[track_caller]
    fn is(&self, id: &str, verdict: Verdict, cause: &str, remedy: &str) -> &Self {
        let checks = checks(&self.0);
        let check = checks.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("no check {id}"));
        assert_eq!(check.verdict, verdict, "{check:#?}");
        let has =
            |text: &Option<String>, part: &str| text.as_deref().unwrap_or_default().contains(part);
        assert!(has(&check.cause, cause) && has(&check.remedy, remedy), "{check:#?}");
        assert!(!check.evidence.is_empty(), "{check:#?}");
        self
    }
}

use Verdict::{Absent, Limited, Refused, Unknown, Works};

#[test]
fn a_good_machine_is_fine() {
    let machine = Machine::new();
    let checks = checks(&machine.0);
    let told: Vec<_> = checks.iter().filter(|c| !c.verdict.is_fine()).map(|c| c.id).collect();
    assert_eq!(told, ["join-others", "program"]);
    assert!(all_needed_work(&checks));
}

/// The document has a row for each check and for each cause.
#[test]
fn the_document_is_whole() {
    let document = include_str!("../../../../docs/doctor.md");
    for spec in CHECKS {
        let row = format!("| {} |", spec.name);
        assert!(document.contains(&row), "no row for the check: {row}");
    }
    for known in causes::CAUSES {
        let cause = known.cause.replace("{}", "*…*");
        let row = format!("| {cause} |");
        assert!(document.contains(&row), "no row for the cause: {row}");
    }
}

/// What is not fine has a cause and a remedy; what was never looked at is no verdict.
#[test]
fn nothing_is_known_of_nothing() {
    for check in checks(&Observations::default()) {
        assert!(!matches!(check.verdict, Refused) || check.cause.is_some(), "{check:#?}");
        assert!(check.cause.is_some() == check.remedy.is_some(), "{check:#?}");
    }
    assert!(all_needed_work(&checks(&Observations::default())));
}

#[test]
fn the_table_is_sound() {
    let acts: BTreeSet<_> = live::act_names().into_iter().collect();
    let ids: BTreeSet<_> = CHECKS.iter().map(|spec| spec.id).collect();
    assert_eq!(ids.len(), CHECKS.len(), "two checks have one name");
    let judged: BTreeSet<_> = CHECKS
        .iter()
        .filter_map(|spec| if let Judge::Act(act) = spec.judge { Some(act) } else { None })
        .chain(["label", "newuidmap", "newgidmap"])
        .collect();
    assert_eq!(acts, judged, "every act is judged, and every judged act is tried");
    for spec in CHECKS {
        assert!(spec.name.len() <= 36, "{} is too long for its column", spec.name);
        for act in spec.after {
            assert!(ids.contains(act), "{} waits for {act}, which is no check", spec.id);
        }
    }
    let causes: BTreeSet<_> = causes::CAUSES.iter().map(|known| known.id).collect();
    assert_eq!(causes.len(), causes::CAUSES.len(), "two causes have one name");
}

#[test]
fn user_namespaces_that_are_refused() {
    let denied = || Machine::new().refuses("user", "clone3", Errno::PERM);
    denied()
        .file("/proc/sys/kernel/unprivileged_userns_clone", "0\n")
        .is("user", Refused, "for root alone", "sysctl kernel.unprivileged_userns_clone=1")
        .is("mount", Unknown, "", "");
    denied()
        .with(|seen| seen.other_root_than_init = Some(true))
        .is("user", Refused, "inside a chroot", "pivot_root")
        .is("chroot", Limited, "chroot", "pivot_root");
    denied().file(MOUNTINFO, "21 20 0:5 / /proc rw - proc proc rw\n").is(
        "user",
        Refused,
        "inside a chroot",
        "pivot_root",
    );
    denied().file("/proc/self/uid_map", "0 1000 1\n").is(
        "user",
        Refused,
        "your uid is not mapped",
        "--map-current-user",
    );
    denied().file("/proc/self/gid_map", "0 1 1\n").is(
        "user",
        Refused,
        "your gid is not mapped",
        "--map-current-user",
    );
    denied().filtered().is("user", Refused, "a seccomp filter", "seccomp=unconfined");
    denied().is("user", Refused, "changed by chroot, it seems", "pivot_root");
    denied().file(LABEL, "unconfined\n").is("user", Refused, "by chroot, it seems", "pivot_root");
    denied().file(LABEL, "x").is("user", Refused, "none that is known here", "dmesg");
    Machine::new()
        .refuses("user", "clone3", Errno::ACCESS)
        .file("/sys/fs/selinux/enforce", "1")
        .file(LABEL, "user_u:user_r:user_t:s0\0")
        .is("user", Refused, "the domain user_t", "ausearch");
    Machine::new().refuses("user", "clone3", Errno::INVAL).no_file("/proc/self/ns/user").is(
        "user",
        Absent,
        "without user namespaces",
        "_NS=",
    );
    Machine::new()
        .refuses("user", "clone3", Errno::INVAL)
        .file("/sys/module/user_namespace/parameters/enable", "N\n")
        .is("user", Refused, "switched off at boot", "grubby");
}

#[test]
fn limits_of_namespaces() {
    let full = |act| Machine::new().refuses(act, "clone3", Errno::NOSPC);
    full("user").file("/proc/sys/user/max_user_namespaces", "0\n").is(
        "user",
        Refused,
        "user namespaces is 0",
        "sysctl user.max_user_namespaces=",
    );
    full("user").is("user", Refused, "used up", "lsns");
    full("user").file("/proc/self/uid_map", "0 1000 1\n").is(
        "user",
        Refused,
        "more than 32 deep",
        "further out",
    );
    for (act, kind) in [("mount", "mnt"), ("net", "net"), ("pid", "pid"), ("time", "time")] {
        let path = format!("/proc/sys/user/max_{kind}_namespaces");
        let remedy = format!("sysctl user.max_{kind}_namespaces=");
        full(act).file(&path, "0\n").is(act, Refused, "namespaces is 0", &remedy);
    }
    Machine::new()
        .refuses("time", "clone3", Errno::INVAL)
        .file(CONFIG, "# CONFIG_TIME_NS is not set\n")
        .is("time", Absent, "without time namespaces", "boot a kernel")
        .is("time-offsets", Unknown, "", "");
}

#[test]
fn security_modules() {
    let ubuntu = || {
        Machine::new()
            .file(RESTRICT, "1\n")
            .act("label", "unprivileged_userns (enforce)")
            .file(LABEL, "unconfined\n")
    };
    ubuntu()
        .refuses("maps", "write /proc/self/uid_map", Errno::PERM)
        .is("maps", Refused, "AppArmor takes all rights", "apparmor_restrict_unprivileged_userns=0")
        .is("mount-api", Unknown, "", "")
        .is("label", Limited, "a security module", "sysctl");
    ubuntu().refuses("lo", "ioctl SIOCSIFFLAGS on lo", Errno::PERM).is(
        "lo",
        Refused,
        "AppArmor takes all rights",
        "profile dwell /opt/dwell flags=(unconfined) { userns, }",
    );
    ubuntu().refuses("private", "mount MS_PRIVATE on /", Errno::ACCESS).is(
        "private",
        Refused,
        "AppArmor takes all rights",
        "sysctl",
    );
    Machine::new()
        .act("label", "bwrap//&unpriv_bwrap (enforce)")
        .refuses("private", "mount MS_PRIVATE on /", Errno::ACCESS)
        .is("private", Refused, "unpriv_bwrap", "outside of that sandbox");
    Machine::new()
        .act("label", "docker-default (enforce)")
        .refuses("private", "mount MS_PRIVATE on /", Errno::ACCESS)
        .is("private", Refused, "profile of the container", "apparmor=unconfined");
    Machine::new()
        .file("/sys/fs/selinux/enforce", "1\n")
        .act("label", "system_u:system_r:container_t:s0:c1,c2")
        .refuses("mount-legacy", "mount tmpfs", Errno::ACCESS)
        .is("mount-legacy", Refused, "container_t", "label=disable");
    Machine::new()
        .act("label", "/usr/bin/x (enforce)")
        .refuses("mount-legacy", "mount tmpfs", Errno::ACCESS)
        .is("mount-legacy", Refused, "/usr/bin/x", "aa-complain");
    Machine::new().refuses("private", "mount MS_PRIVATE on /", Errno::PERM).is(
        "private",
        Refused,
        "confined by Landlock",
        "outside of that sandbox",
    );
    Machine::new().refuses("maps", "write /proc/self/uid_map", Errno::ACCESS).is(
        "maps",
        Refused,
        "confined by Landlock",
        "outside",
    );
}

#[test]
fn containers() {
    Machine::new()
        .filtered()
        .file("/.dockerenv", "")
        .refuses("unshare-nothing", "unshare", Errno::PERM)
        .refuses("clone3", "clone3", Errno::NOSYS)
        .is("unshare-nothing", Limited, "a seccomp filter", "seccomp=unconfined")
        .is("clone3", Refused, "a seccomp filter", "seccomp=unconfined")
        .is("container", Limited, "a filter of its own", "seccomp=unconfined")
        .is("user", Works, "", "");
    let masked = "23 21 0:7 /null /proc/kcore rw - tmpfs tmpfs rw\n\
                  24 21 0:5 /sys /proc/sys ro - proc proc rw";
    Machine::new()
        .mounts(masked)
        .refuses("procfs", "mount proc", Errno::PERM)
        .is("procfs", Refused, "parts of /proc are covered", "--share pid goes without")
        .is("proc-mount", Limited, "parts are covered", "unmask=ALL")
        .is("sysctl", Limited, "outside of this container", "unmask=/proc/sys");
    Machine::new()
        .file(MOUNTINFO, "20 1 8:1 / / rw - ext4 d rw\n22 20 0:6 / /sys ro - sysfs sysfs ro\n")
        .refuses("sysfs", "mount sysfs", Errno::PERM)
        .is("sysfs", Limited, "parts of /sys", "unmask=ALL")
        .is("proc-mount", Absent, "not mounted", "mount -t proc");
    Machine::new().refuses("sysfs-host-net", "mount sysfs", Errno::PERM).is(
        "sysfs-host-net",
        Limited,
        "another user namespace",
        "nothing to do",
    );
    for (path, text, name) in [
        ("/proc/1/environ", "container=lxc", "lxc"),
        ("/run/systemd/container", "lxc\n", "lxc"),
        ("/proc/vz", "", "openvz"),
    ] {
        Machine::new().file(path, text).refuses("pivot_root", "pivot_root", Errno::ACCESS).is(
            "pivot_root",
            Refused,
            name,
            "nesting",
        );
    }
    Machine::new()
        .root()
        .with(|seen| {
            seen.caller.effective &= !(1 << 21);
            seen.caller.bounding &= !(1 << 21);
        })
        .refuses("mount-alone", "clone3", Errno::PERM)
        .is("mount-alone", Limited, "taken from root", "--cap-add SYS_ADMIN")
        .is("capabilities", Limited, "bounding set", "SYS_ADMIN");
    Machine::new().refuses("mount-alone", "clone3", Errno::PERM).is(
        "mount-alone",
        Limited,
        "only CAP_SYS_ADMIN",
        "keep `user`",
    );
}

#[test]
fn other_kernels() {
    Machine::new()
        .file("/proc/version", "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)\n")
        .file(RELEASE, "4.4.0-19041-Microsoft")
        .refuses("user", "clone3", Errno::INVAL)
        .is("user", Absent, "WSL 1", "wsl --set-version")
        .is("kernel", Refused, "WSL 1", "wsl");
    Machine::new()
        .file("/proc/version", "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n")
        .refuses("mount-attributes", "mount_setattr", Errno::NOSYS)
        .is("mount-attributes", Absent, "gVisor", "--runtime=runc")
        .is("kernel", Limited, "gVisor", "--runtime=runc");
    let old = |release| Machine::new().file(RELEASE, release);
    for (release, act, call, errno, since) in [
        ("5.1.0", "pidfd", "pidfd_open", Errno::NOSYS, "5.3"),
        ("5.2.0", "clone3", "clone3", Errno::NOSYS, "5.5"),
        ("5.4.0", "openat2", "openat2", Errno::NOSYS, "5.6"),
        ("5.7.0", "join", "setns", Errno::INVAL, "5.8"),
        ("5.1.0", "mount-api", "fsopen", Errno::NOSYS, "5.2"),
        ("5.10.0", "mount-attributes", "mount_setattr", Errno::NOSYS, "5.12"),
        ("5.10.0", "idmap", "mount_setattr MOUNT_ATTR_IDMAP", Errno::NOSYS, "5.12"),
        ("5.10.0", "landlock", "landlock_create_ruleset", Errno::NOSYS, "5.13"),
    ] {
        old(release).refuses(act, call, errno).is(act, Absent, since, "newer kernel");
    }
    old("5.4.0")
        .refuses("overlay-descriptors", "fsconfig FSCONFIG_SET_FD lowerdir+", Errno::INVAL)
        .is("overlay-descriptors", Limited, "6.13", "newer kernel")
        .is("kernel", Refused, "mount-attributes (5.12)", "5.12");
    old("6.1.0").is("kernel", Limited, "overlay-descriptors (6.13)", "newer");
    old("5.10.0").with(|seen| seen.cgroup.kill = false).is(
        "cgroup-kill",
        Absent,
        "5.14",
        "newer kernel",
    );
}

#[test]
fn ids() {
    Machine::new()
        .with(|seen| drop(seen.programs.remove("newuidmap")))
        .is("newuidmap", Absent, "not installed", "apt install uidmap")
        .is("newgidmap", Works, "", "");
    let failing = || Machine::new().refuses("newuidmap", "newuidmap", Errno::PERM);
    let helper = |change: fn(&mut Helper)| {
        failing().with(|seen| seen.programs.get_mut("newuidmap").into_iter().for_each(change))
    };
    helper(|h| h.setuid = false).is(
        "newuidmap",
        Refused,
        "neither",
        "chmod u+s /usr/bin/newuidmap",
    );
    helper(|h| h.nosuid = true).is("newuidmap", Refused, "nosuid", "remount,suid");
    helper(|_| ())
        .file(STATUS, "NoNewPrivs:\t1\nSeccomp:\t0\n")
        .is("newuidmap", Refused, "NO_NEW_PRIVS", "NoNewPrivs")
        .is("no-new-privs", Limited, "NO_NEW_PRIVS", "a shell without it");
    failing().is("newuidmap", Refused, "the map was refused", "newuidmap PID");
    let none = || {
        Machine::new().with(|seen| {
            seen.subuid = SubIds { others: vec![(100_000, 65_536)], ..SubIds::default() };
            seen.acts.remove("newuidmap");
        })
    };
    none().is("subuid", Absent, "no subordinate ids", "usermod --add-subuids 165536-231071").is(
        "newuidmap",
        Unknown,
        "",
        "",
    );
    none().with(|seen| seen.subuid.elsewhere = true).is(
        "subuid",
        Unknown,
        "directory",
        "getsubids",
    );
    Machine::new().with(|seen| seen.subgid.own = vec![(100_000, 1000)]).is(
        "subgid",
        Limited,
        "65536",
        "usermod --add-subgids",
    );
    Machine::new().with(|seen| seen.subuid.others = vec![(165_535, 1)]).is(
        "subuid",
        Limited,
        "each other's",
        "usermod --add-subuids 165536-",
    );
    Machine::new().with(|seen| seen.caller.named = false).is(
        "account",
        Limited,
        "no name",
        "must say 1000",
    );
    Machine::new().root().with(|seen| seen.subuid = SubIds::default()).is("subuid", Works, "", "");
    Machine::new().refuses("maps", "write /proc/self/gid_map", Errno::PERM).is(
        "maps",
        Refused,
        "setgroups",
        "newgidmap",
    );
    Machine::new()
        .root()
        .with(|seen| seen.caller.effective &= !(1 << 31))
        .refuses("maps", "write /proc/self/uid_map", Errno::PERM)
        .is("maps", Refused, "CAP_SETFCAP", "--cap-add SETFCAP");
    Machine::new().refuses("maps", "write /proc/self/uid_map", Errno::NOENT).is(
        "maps",
        Refused,
        "no procfs",
        "mount -t proc",
    );
    Machine::new().refuses("maps", "write /proc/self/uid_map", Errno::ROFS).is(
        "maps",
        Refused,
        "read-only",
        "remount,rw",
    );
}

#[test]
fn file_systems() {
    Machine::new()
        .refuses("overlay", "mount overlay", Errno::NODEV)
        .file("/proc/filesystems", "nodev\ttmpfs\n")
        .is("overlay", Absent, "no overlay file system", "modprobe overlay");
    Machine::new().refuses("overlay", "mount overlay", Errno::PERM).file(RELEASE, "5.10.0\n").is(
        "overlay",
        Absent,
        "5.11",
        "newer kernel",
    );
    Machine::new().refuses("overlay-root", "mount overlay over /", Errno::INVAL).is(
        "overlay-root",
        Limited,
        "locked together",
        "nothing to do",
    );
    Machine::new()
        .refuses("user-xattr", "fsetxattr user.* on tmpfs", Errno::OPNOTSUPP)
        .file(RELEASE, "6.1.0\n")
        .is("user-xattr", Limited, "6.6", "/var/tmp");
    Machine::new()
        .refuses("idmap", "mount_setattr MOUNT_ATTR_IDMAP", Errno::INVAL)
        .file(RELEASE, "6.1.0\n")
        .is("idmap", Absent, "6.3", "ext4");
    Machine::new()
        .refuses("pivot_root", "pivot_root", Errno::INVAL)
        .file(MOUNTINFO, "1 1 0:1 / / rw - rootfs rootfs rw\n21 1 0:5 / /proc rw - proc proc rw\n")
        .is("pivot_root", Refused, "initramfs", "switch_root")
        .is("rootfs", Limited, "initramfs", "switch_root");
    Machine::new().refuses("mount-legacy", "mount tmpfs", Errno::NOSPC).is(
        "mount-legacy",
        Refused,
        "no more mounts",
        "sysctl fs.mount-max",
    );
    Machine::new().file("/proc/sys/fs/mount-max", "10\n").is(
        "mount-max",
        Limited,
        "copies all mounts",
        "sysctl fs.mount-max",
    );
    Machine::new().refuses("mount-legacy", "mount tmpfs", Errno::MFILE).is(
        "mount-legacy",
        Refused,
        "without a device",
        "findmnt",
    );
    let shared = "20 1 8:1 / / rw shared:1 - ext4 d rw\n21 20 0:5 / /proc rw - proc proc rw\n";
    Machine::new().file(MOUNTINFO, shared).is("propagation", Works, "", "");
    Machine::new()
        .file(MOUNTINFO, shared)
        .refuses("private", "mount MS_PRIVATE on /", Errno::INVAL)
        .is("propagation", Limited, "shows in all its peers", "--make-rprivate");
    let kind = |name: &'static str, kind| {
        Machine::new().with(|seen| {
            seen.places.get_mut(name).into_iter().for_each(|place| place.kind = kind);
        })
    };
    for foreign in [0x6969, 0x6573_5546, 0x0187] {
        kind("home", foreign).is("home", Limited, "mapped ids", "allow_other");
    }
    for unfit in [0x794c_7630, 0x6969, 0x6573_5546] {
        kind("var-tmp", unfit).is("var-tmp", Limited, "cannot be kept", "tmpfs");
    }
    let place = |name: &'static str, change: fn(&mut Place)| {
        Machine::new().with(|seen| seen.places.get_mut(name).into_iter().for_each(change))
    };
    place("temporary", |p| p.flags = 8).is("temporary", Limited, "executed", "remount,exec");
    place("var-tmp", |p| p.flags = 1).is("var-tmp", Limited, "kept", "remount,rw");
    place("home", |p| p.silent = true).is("home", Refused, "does not answer", "findmnt -T /home/u");
    place("home", |p| p.errno = Some(13)).is("home", Limited, "reached", "ls -ld /home/u");
    Machine::new().refuses("fuse", "open /dev/fuse", Errno::ACCESS).is(
        "fuse",
        Refused,
        "may not open /dev/fuse",
        "chmod 0666 /dev/fuse",
    );
}

#[test]
fn networks() {
    let tun = |errno| Machine::new().refuses("tun", "open /dev/net/tun", errno);
    tun(Errno::ACCESS).is("tun", Refused, "may not open", "chmod 0666 /dev/net/tun");
    for errno in [Errno::NOENT, Errno::NXIO, Errno::NODEV] {
        tun(errno).is("tun", Absent, "no /dev/net/tun", "modprobe");
    }
    Machine::new().refuses("netfilter", "socket NETLINK_NETFILTER", Errno::PROTONOSUPPORT).is(
        "netfilter",
        Absent,
        "nf_tables",
        "modprobe nf_tables",
    );
    let program = |name: &'static str, version: &str| {
        let helper = Helper {
            path: format!("/usr/bin/{name}"),
            version: version.into(),
            ..Helper::default()
        };
        Machine::new().with(|seen| seen.programs = BTreeMap::from([(name.to_owned(), helper)]))
    };
    program("x", "").is("user-net", Absent, "no program", "apt install passt");
    program("slirp4netns", "slirp4netns version 0.4.3").is("user-net", Limited, "1.0", "passt");
    program("slirp4netns", "slirp4netns version 1.2.0").is("user-net", Works, "", "");
    Machine::new()
        .with(|seen| seen.resolv_conf = Some(Link { target: "../run/x".into(), resolves: false }))
        .is("resolv-conf", Limited, "dangles", "systemd-resolved");
    Machine::new().file("/etc/resolv.conf", "nameserver 127.0.0.53\n").is(
        "resolv-conf",
        Limited,
        "loopback",
        "--net host",
    );
    Machine::new().with(|seen| seen.resolv_conf = None).is("resolv-conf", Limited, "127.0.0.1", "");
}

#[test]
fn processes_and_filters() {
    Machine::new().refuses("fork", "clone", Errno::AGAIN).is(
        "fork",
        Refused,
        "no more processes",
        "ulimit -u",
    );
    Machine::new()
        .refuses("fork", "clone", Errno::NOMEM)
        .file("/proc/self/ns/pid", "pid:[1]")
        .file("/proc/self/ns/pid_for_children", "pid:[2]")
        .is("fork", Refused, "without --fork", "--fork --mount-proc");
    Machine::new().with(|seen| seen.proc_self = Some("4711".into())).is(
        "proc-self",
        Limited,
        "another pid namespace",
        "mount -t proc",
    );
    Machine::new().file("/proc/sys/dev/tty/legacy_tiocsti", "1\n").is(
        "tiocsti",
        Limited,
        "type commands",
        "legacy_tiocsti=0",
    );
    Machine::new().no_file("/proc/sys/dev/tty/legacy_tiocsti").is(
        "tiocsti",
        Limited,
        "type commands",
        "legacy_tiocsti=0",
    );
    Machine::new()
        .file(
            MOUNTINFO,
            "20 1 8:1 / / rw - ext4 d rw\n21 20 0:5 / /proc rw - proc proc rw,hidepid=2\n",
        )
        .is("visibility", Limited, "other users", "hidepid=0");
    Machine::new().file("/proc/sys/kernel/yama/ptrace_scope", "3\n").is(
        "visibility",
        Limited,
        "traced",
        "ptrace_scope=1",
    );
    Machine::new().refuses("seccomp", "seccomp", Errno::INVAL).file(STATUS, "NoNewPrivs:\t0\n").is(
        "seccomp",
        Absent,
        "without seccomp",
        "CONFIG_SECCOMP_FILTER",
    );
    Machine::new().file("/proc/sys/kernel/seccomp/actions_avail", "kill allow\n").is(
        "seccomp-notify",
        Absent,
        "5.0",
        "newer",
    );
    let landlock = |errno| Machine::new().refuses("landlock", "landlock_create_ruleset", errno);
    landlock(Errno::OPNOTSUPP).is("landlock", Absent, "not switched on", "lsm=");
    landlock(Errno::NOSYS).is("landlock", Absent, "without Landlock", "CONFIG_SECURITY_LANDLOCK");
    Machine::new().act("landlock", "3").is("landlock-abi", Limited, "TCP ports", "newer kernel");
    Machine::new()
        .with(|seen| drop(seen.acts.insert("user".into(), Outcome::Stuck("it hangs".into()))))
        .is("user", Refused, "did not answer", "dmesg");
    Machine::new().file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n").is(
        "lockdown",
        Limited,
        "modules",
        "secure boot",
    );
    Machine::new()
        .is("join-others", Unknown, "owns it", "--join")
        .is("program", Unknown, "#!", "ldd");
}

#[test]
fn control_groups() {
    let place = |kind, groups: &str| {
        Machine::new().file("/proc/self/cgroup", groups).with(|seen| {
            seen.places.get_mut("cgroup").into_iter().for_each(|place| place.kind = kind);
        })
    };
    place(0x0102_1994, "1:cpu:/\n0::/\n").is("cgroup-layout", Limited, "hybrid", "unified_cgroup");
    place(0x0102_1994, "1:cpu:/\n").is("cgroup-layout", Limited, "version 1", "unified_cgroup");
    place(0x6367_7270, "1:cpu:/\n0::/\n").is("cgroup-layout", Limited, "version 1", "unified");
    place(0x6265_6572, "").is("cgroup-layout", Absent, "not mounted", "mount -t cgroup2");
    let group = |change: fn(&mut Cgroup)| Machine::new().with(|seen| change(&mut seen.cgroup));
    group(|g| g.writable = false)
        .is("cgroup-delegation", Refused, "not delegated", "Delegate=yes")
        .is("cgroup-leaf", Unknown, "", "");
    group(|g| g.controllers = "pids".into()).is(
        "cgroup-delegation",
        Limited,
        "cpu, memory",
        ">/sys/fs/cgroup/user.slice/cgroup.subtree_control",
    );
    group(|g| g.processes = 2).is("cgroup-leaf", Limited, "EBUSY", "one level down");
    group(|g| g.path.clear()).is("cgroup-delegation", Absent, "version 2", "cgroup");
    Machine::new().with(|seen| seen.user_bus = Some(false)).is(
        "user-bus",
        Limited,
        "no systemd of yours",
        "enable-linger",
    );
}

#[test]
fn the_run_decides() {
    let report = |code, said: &str| {
        Machine::new().with(|seen| seen.run = Some(RunReport { code, said: said.into() }))
    };
    let failed = report(Some(125), "dwell: cannot x: y (z)\nhint: do that\n");
    failed.is("run", Refused, "none that is known", "do that");
    assert!(!all_needed_work(&checks(&failed.0)));
    report(None, "").is("run", Refused, "", "--explain");
    let machine = report(Some(125), "").refuses("net", "clone3", Errno::NOSPC);
    let machine = machine.file("/proc/sys/user/max_net_namespaces", "0\n");
    machine.is("run", Refused, "net namespaces is 0", "max_net_namespaces");
    let untried = machine.with(|seen| seen.run = None);
    assert!(!all_needed_work(&checks(&untried.0)), "a needed part is refused");
}

#[test]
fn walls_are_tried() {
    let report = |code, said: &str| {
        Machine::new().with(|seen| seen.walls = Some(RunReport { code, said: said.into() }))
    };
    report(Some(0), "").is("walls", Works, "", "");
    let said = "dwell: wall net does not hold: x (connect)";
    report(Some(125), said).is("walls", Refused, "the kernel has made", "do not trust");
    let none = report(Some(125), "dwell: cannot x").with(|seen| {
        seen.run = Some(RunReport { code: Some(125), said: "dwell: cannot x".into() });
    });
    none.is("walls", Unknown, "", "");
}

/// A command that failed and the doctor say the same.
#[test]
fn hints_are_of_the_same_table() {
    let machine = Machine::new().file("/proc/sys/user/max_net_namespaces", "0\n").refuses(
        "net",
        "clone3",
        Errno::NOSPC,
    );
    let checks = checks(&machine.0);
    let check = checks.iter().find(|check| check.id == "net").unwrap();
    let own = NamespaceSet::DEFAULT;
    let told = hint(&machine.0, "", "clone3", Errno::NOSPC.raw_os_error(), own).unwrap();
    let (cause, remedy) = (check.cause.as_ref().unwrap(), check.remedy.as_ref().unwrap());
    assert_eq!(told, format!("{cause}: {remedy}"));
    let mut seen = Machine::new().file(RESTRICT, "1\n").0;
    seen.acts.clear();
    let told = hint(&seen, "", "", Errno::ACCESS.raw_os_error(), own).unwrap();
    assert!(told.starts_with("AppArmor takes all rights"), "{told}");
    assert_eq!(hint(&seen, "", "", Errno::NOENT.raw_os_error(), own), None);
}
