//! Checks of what the machine is.

use super::causes::diagnose;
use super::check::{Judged, Verdict};
use super::holds::{SINCE, chrooted, is_gvisor, is_wsl1};
use super::observations::{LABEL, Observations, Outcome, RELEASE};

type Seen = Observations;

/// The lowest release whose calls `dwell run` needs: `mount_setattr(2)`.
const LOWEST: (u32, u32) = (5, 12);

pub(super) fn run(seen: &Seen) -> Judged {
    let Some(run) = &seen.run else { return Judged::unknown("it was not tried") };
    let said = run.said.lines().next().unwrap_or_default();
    match run.code {
        Some(0) => Judged::works("tried: `dwell run true` ends with 0"),
        code => {
            let how = code.map_or_else(|| "not in time".to_owned(), |code| format!("with {code}"));
            let judged =
                Judged::new(Verdict::Refused, format!("`dwell run true` ended {how}; {said}"));
            let judged = match first_cause(seen) {
                Some((cause, remedy)) => judged.cause(cause).remedy(remedy),
                None => judged.cause("none that is known here").remedy("dwell run --explain true"),
            };
            match run.said.lines().find_map(|line| line.strip_prefix("hint: ")) {
                Some(hint) if judged.remedy.as_deref() == Some("dwell run --explain true") => {
                    judged.remedy(hint)
                }
                _ => judged,
            }
        }
    }
}

/// The walls of a world, each tried from inside.
pub(super) fn walls(seen: &Seen) -> Judged {
    let Some(run) = &seen.walls else { return Judged::unknown("it was not tried") };
    if run.code == Some(0) {
        return Judged::works(
            "tried: a world was started with --verify; one forbidden act at each wall was refused",
        );
    }
    let said = run.said.lines().next().unwrap_or_default();
    if seen.run.as_ref().is_some_and(|run| run.code != Some(0)) {
        return Judged::unknown("needs `dwell run with its defaults`");
    }
    Judged::new(Verdict::Refused, format!("`dwell run --verify true`: {said}"))
        .cause("a wall that the kernel has made does not keep what it is there for")
        .remedy("do not trust worlds on this kernel; dwell run --verify --explain true says more")
}

/// Of the first needed act that was refused.
fn first_cause(seen: &Seen) -> Option<(String, String)> {
    let acts = super::needed_acts();
    let failing = acts.filter_map(|act| super::causes::Failing::of_act(seen, act));
    let mut found = failing.filter_map(|failing| diagnose(seen, &failing));
    found.next().map(|diagnosis| (diagnosis.cause, diagnosis.remedy))
}

pub(super) fn user_net(seen: &Seen) -> Judged {
    let shown = |name: &str| {
        let helper = seen.programs.get(name)?;
        Some(format!("{} {}", helper.path, helper.version).trim().to_owned())
    };
    if let Some(found) = shown("pasta") {
        return Judged::works(found);
    }
    let Some(found) = shown("slirp4netns") else {
        return Judged::new(Verdict::Absent, "neither is in PATH")
            .cause("no program is installed that gives a world network without root")
            .remedy("as root: apt install passt, or dnf install passt");
    };
    let version = seen.programs.get("slirp4netns").map(|h| h.version.as_str()).unwrap_or_default();
    let old = version.split_whitespace().any(|w| w.starts_with("0."));
    if old {
        return Judged::limited(found)
            .cause("slirp4netns before 1.0 lacks --configure and a sandbox of its own")
            .remedy("as root: apt install passt");
    }
    Judged::works(found)
}

pub(super) fn resolv_conf(seen: &Seen) -> Judged {
    let Some(link) = &seen.resolv_conf else {
        return Judged::limited("there is no /etc/resolv.conf")
            .cause("names are looked up at 127.0.0.1, where as a rule nobody answers")
            .remedy("as root: echo nameserver 9.9.9.9 >/etc/resolv.conf");
    };
    if !link.resolves {
        return Judged::limited(format!("it leads to {}, which is not there", link.target))
            .cause("the link dangles: its service does not run")
            .remedy("as root: systemctl start systemd-resolved, or write a file in its place");
    }
    let text = seen.text("/etc/resolv.conf").unwrap_or_default();
    let loopback = text.lines().find(|line| {
        let mut words = line.split_whitespace();
        let server = words.next() == Some("nameserver");
        server && words.next().is_some_and(|a| a.starts_with("127.") || a == "::1")
    });
    match loopback {
        Some(line) => Judged::limited(format!("it says `{line}`"))
            .cause("a name server of the machine's own loopback cannot be reached from another network \
                    namespace")
            .remedy("dwell run --net host, or --ro FILE:/etc/resolv.conf with another server"),
        None => Judged::works("its name servers are not of the machine's own loopback"),
    }
}

pub(super) fn kernel(seen: &Seen) -> Judged {
    let Some(release) = seen.text(RELEASE) else {
        return Judged::unknown(format!("{RELEASE} cannot be read"));
    };
    let version = seen.text("/proc/version").unwrap_or_default();
    if is_wsl1(version) {
        return Judged::new(Verdict::Refused, release)
            .cause("this is WSL 1, which is no Linux kernel and has few namespaces")
            .remedy("wsl --set-version DISTRIBUTION 2");
    }
    if is_gvisor(seen) {
        return Judged::limited(release)
            .cause("this is gVisor, which has a part of Linux only: some calls fail in odd ways")
            .remedy("run the container with another runtime: --runtime=runc");
    }
    let missing: Vec<_> = SINCE
        .iter()
        .filter(|(_, major, minor)| seen.before(*major, *minor))
        .map(|(what, major, minor)| format!("{what} ({major}.{minor})"))
        .collect();
    if missing.is_empty() {
        return Judged::works(release);
    }
    let verdict = if seen.before(LOWEST.0, LOWEST.1) { Verdict::Refused } else { Verdict::Limited };
    Judged::new(verdict, release)
        .cause(format!("it is too old for: {}", missing.join(", ")))
        .remedy("boot a newer kernel; dwell run needs Linux 5.12")
}

/// The container manager around this machine.
pub(super) fn container(seen: &Seen) -> Option<String> {
    let told = seen.text("/proc/1/environ").and_then(|text| text.strip_prefix("container="));
    let told = told.or_else(|| seen.text("/run/systemd/container"));
    if let Some(name) = told.filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    let there = |path: &str| seen.text(path).is_some();
    // KERNEL: on the outer machine of OpenVZ there is /proc/bc too.
    let marks =
        [("/.dockerenv", "docker"), ("/run/.containerenv", "podman"), ("/dev/lxd/sock", "lxd")];
    if there("/proc/vz") && !there("/proc/bc") {
        return Some("openvz".to_owned());
    }
    marks.iter().find(|(path, _)| there(path)).map(|(_, name)| (*name).to_owned())
}

pub(super) fn container_check(seen: &Seen) -> Judged {
    let Some(name) = container(seen) else {
        return Judged::works("no sign of a container manager");
    };
    let shown = format!("the signs of {name} are there");
    if seen.filtered() {
        return Judged::limited(format!("{shown}; Seccomp of /proc/self/status is 2"))
            .cause("a container has a filter of its own, which may refuse namespaces and mounts")
            .remedy("if something above is refused: --security-opt seccomp=unconfined");
    }
    Judged::works(format!("{shown}, without a seccomp filter"))
}

pub(super) fn chroot(seen: &Seen) -> Judged {
    match chrooted(seen) {
        Some(shown) => Judged::limited(shown)
            .cause("the root directory was changed by chroot, where the kernel makes no user namespace")
            .remedy("leave the chroot, or enter the directory with pivot_root: dwell run --from DIR"),
        None if seen.mounts().next().is_none() => Judged::unknown("the mounts cannot be read"),
        None => Judged::works("/ is the root of the mount namespace"),
    }
}

pub(super) fn rootfs(seen: &Seen) -> Judged {
    let Some(root) = seen.mounts().find(|mount| mount.point == "/") else {
        return Judged::unknown("/proc/self/mountinfo has no mount on /");
    };
    if !matches!(root.fstype, "rootfs" | "ramfs") {
        return Judged::works(format!("/ is {}", root.fstype));
    }
    Judged::limited(format!("/ is {}", root.fstype))
        .cause("the initramfs cannot be exchanged by pivot_root: EINVAL")
        .remedy("make a root of its own first: mount --rbind / /mnt, then switch_root /mnt")
}

pub(super) fn label(seen: &Seen) -> Judged {
    let label = seen.label();
    let inside = match seen.acts.get("label") {
        Some(Outcome::Done(inside)) if inside != label => format!("; in a user namespace {inside}"),
        _ => String::new(),
    };
    let free = label.is_empty() || label == "unconfined" || label.contains("unconfined");
    let shown = match label {
        "" => "no AppArmor or SELinux label".to_owned(),
        label => format!("{LABEL} is {label}{inside}"),
    };
    if free && inside.is_empty() {
        return Judged::works(shown);
    }
    let judged = Judged::limited(shown).cause("a security module confines the process");
    match seen.text("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") {
        Some("1") if seen.caller.uid != 0 => judged.remedy(
            "if something above is refused, as root: sysctl \
             kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        _ => judged.remedy("if something above is refused: the denials are in journalctl -k"),
    }
}

pub(super) fn capabilities(seen: &Seen) -> Judged {
    let shown =
        format!("effective {:#x}, bounding {:#x}", seen.caller.effective, seen.caller.bounding);
    if seen.may_be_admin() {
        return Judged::works(shown);
    }
    Judged::limited(shown)
        .cause("CAP_SYS_ADMIN is not in the bounding set: not even root has it, as in a container")
        .remedy("podman run --cap-add SYS_ADMIN; user namespaces do without")
}

pub(super) fn sysctl(seen: &Seen) -> Judged {
    let mount = seen.mounts().filter(|mount| mount.point == "/proc/sys").last();
    if mount.is_some_and(|mount| mount.has("ro")) {
        return Judged::limited("/proc/sys is mounted read-only")
            .cause("settings can be changed outside of this container only")
            .remedy("change them on the machine outside, or: podman run --security-opt unmask=/proc/sys");
    }
    if seen.missing("/proc/sys") {
        return Judged::new(Verdict::Absent, "there is no /proc/sys")
            .cause("procfs is not mounted, or shows processes alone (subset=pid)")
            .remedy("as root: mount -t proc proc /proc");
    }
    Judged::works("/proc/sys is not mounted read-only")
}

/// It concerns modules, and no namespace: told because a module may be missing.
pub(super) fn lockdown(seen: &Seen) -> Judged {
    match seen.text("/sys/kernel/security/lockdown") {
        Some(text) if !text.contains("[none]") => Judged::limited(format!("lockdown is `{text}`"))
            .cause("unsigned modules cannot be loaded; namespaces are not affected")
            .remedy("sign the module, or switch off secure boot"),
        Some(_) => Judged::works("lockdown is [none]"),
        None => Judged::works("there is no lockdown"),
    }
}
