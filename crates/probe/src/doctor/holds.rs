//! When each cause holds, and what shows it.

use dwell_plan::NamespaceKind;
use rustix::io::Errno;

use super::causes::{Failing, Proof};
use super::names::errno_name;
use super::observations::{Observations, limit_path};

type Seen = Observations;
type Held = Option<Proof>;

const RESTRICT: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
const CLONE_SWITCH: &str = "/proc/sys/kernel/unprivileged_userns_clone";
const ENFORCE: &str = "/sys/fs/selinux/enforce";
const MODULE: &str = "/sys/module/user_namespace/parameters/enable";
const MOUNT_MAX: &str = "/proc/sys/fs/mount-max";

/// The refusal itself, then `more`.
fn shown(failing: &Failing<'_>, more: impl AsRef<str>) -> String {
    let call = if failing.call.is_empty() { "the call" } else { failing.call };
    let refusal = format!("{call}: {}", errno_name(failing.errno));
    if more.as_ref().is_empty() { refusal } else { format!("{refusal}; {}", more.as_ref()) }
}

fn proof(failing: &Failing<'_>, more: impl AsRef<str>) -> Held {
    about(failing, more, "")
}

fn about(failing: &Failing<'_>, more: impl AsRef<str>, subject: impl Into<String>) -> Held {
    Some(Proof { shown: shown(failing, more), subject: subject.into() })
}

/// `path is value`, if it is.
fn setting(seen: &Seen, path: &str, value: &str) -> Option<String> {
    (seen.text(path)? == value).then(|| format!("{path} is {value}"))
}

pub(super) fn process_limit(_: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_clone() && failing.errno == Errno::AGAIN).then_some(())?;
    proof(failing, "")
}

pub(super) fn dead_pid_namespace(seen: &Seen, failing: &Failing<'_>) -> Held {
    let own = seen.text("/proc/self/ns/pid")?;
    let children = seen.text("/proc/self/ns/pid_for_children").unwrap_or("nothing");
    (failing.is_clone() && failing.errno == Errno::NOMEM && own != children).then_some(())?;
    proof(failing, format!("/proc/self/ns/pid is {own}, pid_for_children is {children}"))
}

pub(super) fn wsl1(seen: &Seen, failing: &Failing<'_>) -> Held {
    // WSL 2 calls itself `microsoft-standard`, the first one `Microsoft`.
    let version = seen.text("/proc/version")?;
    let odd = matches!(failing.errno, Errno::NOSYS | Errno::INVAL);
    (odd && is_wsl1(version)).then_some(())?;
    proof(failing, "/proc/version names Microsoft")
}

pub(super) fn is_wsl1(version: &str) -> bool {
    version.contains("-Microsoft") && !version.contains("microsoft-standard")
}

pub(super) fn gvisor(seen: &Seen, failing: &Failing<'_>) -> Held {
    let odd = matches!(failing.errno, Errno::NOSYS | Errno::INVAL);
    (odd && is_gvisor(seen)).then_some(())?;
    proof(failing, "/proc/version is gVisor's")
}

/// KERNEL: gVisor says `Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016`, whatever it is.
pub(super) fn is_gvisor(seen: &Seen) -> bool {
    let version = seen.text("/proc/version").unwrap_or_default();
    version.contains("gVisor") || version.contains("Sun Jan 10 15:06:54 PST 2016")
}

pub(super) fn module_off(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_clone() && failing.kinds.contains(&NamespaceKind::User)).then_some(())?;
    proof(failing, setting(seen, MODULE, "N")?)
}

pub(super) fn not_built(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_clone() && failing.errno == Errno::INVAL).then_some(())?;
    failing.kinds.iter().find_map(|kind| {
        let link = format!("/proc/self/ns/{}", kind.proc_name());
        let option = match kind {
            NamespaceKind::Cgroup => "CONFIG_CGROUPS".to_owned(),
            NamespaceKind::Mount => "CONFIG_NAMESPACES".to_owned(),
            kind => format!("CONFIG_{}_NS", kind.word().to_uppercase()),
        };
        let more = if seen.configured(&option) == Some(false) {
            format!("{option} is not set")
        } else if seen.missing(&link) {
            format!("there is no {link}")
        } else {
            return None;
        };
        about(failing, more, kind.word())
    })
}

/// Whether namespaces could not be counted any more.
fn no_room(failing: &Failing<'_>) -> Option<()> {
    let full = matches!(failing.errno, Errno::NOSPC | Errno::USERS);
    (failing.is_clone() && full).then_some(())
}

pub(super) fn limit_zero(seen: &Seen, failing: &Failing<'_>) -> Held {
    no_room(failing)?;
    let kind = *failing.kinds.iter().find(|kind| seen.limit(**kind) == Some(0))?;
    let more = format!("{} is 0", limit_path(kind));
    about(failing, more, kind.proc_name())
}

/// KERNEL: limits are counted in every user namespace outwards. In the first one, which has all ids,
/// there is nothing further out, and the depth is 0.
pub(super) fn limit_used(seen: &Seen, failing: &Failing<'_>) -> Held {
    no_room(failing)?;
    is_first_user_namespace(seen).then_some(())?;
    proof(failing, limits(seen, failing))
}

pub(super) fn limit_or_depth(seen: &Seen, failing: &Failing<'_>) -> Held {
    no_room(failing)?;
    proof(failing, limits(seen, failing))
}

fn limits(seen: &Seen, failing: &Failing<'_>) -> String {
    let known = failing.kinds.iter().find_map(|kind| Some((*kind, seen.limit(*kind)?)));
    known.map_or_else(String::new, |(kind, limit)| format!("{} is {limit}", limit_path(kind)))
}

fn is_first_user_namespace(seen: &Seen) -> bool {
    let map = seen.text("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether a user namespace was refused for lack of a right.
fn userns_denied(failing: &Failing<'_>) -> Option<()> {
    let user = failing.kinds.contains(&NamespaceKind::User);
    (failing.is_clone() && user && failing.errno == Errno::PERM).then_some(())
}

pub(super) fn unprivileged_off(seen: &Seen, failing: &Failing<'_>) -> Held {
    userns_denied(failing)?;
    (!seen.is_admin()).then_some(())?;
    proof(failing, setting(seen, CLONE_SWITCH, "0")?)
}

pub(super) fn chroot(seen: &Seen, failing: &Failing<'_>) -> Held {
    userns_denied(failing)?;
    proof(failing, chrooted(seen)?)
}

/// What shows that the root directory is not the root of the mount namespace.
pub(super) fn chrooted(seen: &Seen) -> Option<&'static str> {
    let mut mounts = seen.mounts().peekable();
    if mounts.peek().is_some() && !mounts.any(|mount| mount.point == "/") {
        return Some("/proc/self/mountinfo has no mount on /");
    }
    (seen.other_root_than_init == Some(true)).then_some("/proc/1/root is another directory than /")
}

pub(super) fn unmapped(seen: &Seen, failing: &Failing<'_>) -> Held {
    userns_denied(failing)?;
    [("uid", seen.caller.uid), ("gid", seen.caller.gid)].into_iter().find_map(|(kind, id)| {
        let path = format!("/proc/self/{kind}_map");
        let map = seen.text(&path)?;
        let mapped = map.lines().any(|line| has_id(line, id) == Some(true));
        if mapped { None } else { about(failing, format!("{path} does not have {id}"), kind) }
    })
}

/// Whether a line of `uid_map` has this id; none where it is no such line.
fn has_id(line: &str, id: u32) -> Option<bool> {
    let mut numbers = line.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (first, _, count) = (next()?, next()?, next()?);
    Some((first..first.saturating_add(count)).contains(&u64::from(id)))
}

pub(super) fn no_bounding_capability(seen: &Seen, failing: &Failing<'_>) -> Held {
    alone_denied(failing)?;
    (seen.caller.uid == 0 && !seen.may_be_admin()).then_some(())?;
    proof(failing, "CapBnd of /proc/self/status lacks CAP_SYS_ADMIN")
}

pub(super) fn no_capability(seen: &Seen, failing: &Failing<'_>) -> Held {
    alone_denied(failing)?;
    (!seen.is_admin()).then_some(())?;
    proof(failing, "CapEff of /proc/self/status lacks CAP_SYS_ADMIN")
}

/// Whether a namespace was refused that was to be made without a user namespace.
fn alone_denied(failing: &Failing<'_>) -> Option<()> {
    let alone = !failing.kinds.contains(&NamespaceKind::User) && failing.act.ends_with("-alone");
    (failing.is_clone() && alone && failing.errno == Errno::PERM).then_some(())
}

/// The label of a process in a new user namespace, else the caller's own.
fn label_of<'a>(seen: &'a Seen, failing: &Failing<'_>) -> &'a str {
    match seen.acts.get("label") {
        Some(super::Outcome::Done(label)) if !failing.is_clone() => label,
        _ => seen.label(),
    }
}

/// Whether it was refused although the namespace could be made.
fn denied_inside(failing: &Failing<'_>) -> Option<()> {
    (failing.is_denied() && !failing.is_clone()).then_some(())
}

pub(super) fn apparmor_stacked(seen: &Seen, failing: &Failing<'_>) -> Held {
    failing.is_denied().then_some(())?;
    let label = label_of(seen, failing);
    label.contains("unpriv_bwrap").then_some(())?;
    proof(failing, format!("the label is {label}"))
}

pub(super) fn apparmor_userns(seen: &Seen, failing: &Failing<'_>) -> Held {
    denied_inside(failing)?;
    let setting = setting(seen, RESTRICT, "1");
    let label = label_of(seen, failing);
    if label.starts_with("unprivileged_userns") {
        let more = format!("in a user namespace the label is {label}");
        return about(failing, more, seen.program.clone());
    }
    // A command that has failed knows the setting alone.
    let tried = seen.acts.contains_key("label");
    (!tried && seen.caller.uid != 0).then_some(())?;
    about(failing, setting?, seen.program.clone())
}

pub(super) fn apparmor_container(seen: &Seen, failing: &Failing<'_>) -> Held {
    denied_inside(failing)?;
    let label = label_of(seen, failing);
    let profile = ["docker-default", "containers-default", "crio-default", "cri-containerd"]
        .iter()
        .any(|name| label.starts_with(name));
    profile.then_some(())?;
    proof(failing, format!("the label is {label}"))
}

pub(super) fn selinux(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_denied() && seen.text(ENFORCE) == Some("1")).then_some(())?;
    // `user:role:type:level`; what is not confined is not refused anything by SELinux.
    let domain = label_of(seen, failing).split(':').nth(2)?;
    (!domain.starts_with("unconfined")).then_some(())?;
    about(failing, format!("{ENFORCE} is 1, the domain is {domain}"), domain)
}

pub(super) fn apparmor_profile(seen: &Seen, failing: &Failing<'_>) -> Held {
    let label = label_of(seen, failing);
    let (profile, mode) = label.rsplit_once(' ')?;
    (failing.is_denied() && mode == "(enforce)").then_some(())?;
    about(failing, format!("the label is {label}"), profile)
}

pub(super) fn setgroups(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.call == "write /proc/self/gid_map" && failing.errno == Errno::PERM).then_some(())?;
    proof(failing, setting(seen, "/proc/self/setgroups", "allow")?)
}

pub(super) fn no_setfcap(seen: &Seen, failing: &Failing<'_>) -> Held {
    const CAP_SETFCAP: u64 = 1 << 31;
    (failing.call == "write /proc/self/uid_map" && failing.errno == Errno::PERM).then_some(())?;
    (seen.caller.uid == 0 && seen.caller.effective & CAP_SETFCAP == 0).then_some(())?;
    proof(failing, "CapEff of /proc/self/status lacks CAP_SETFCAP")
}

pub(super) fn proc_not_there(_: &Seen, failing: &Failing<'_>) -> Held {
    (failing.call.contains("/proc/self/") && failing.errno == Errno::NOENT).then_some(())?;
    (failing.act != "time-offsets" && failing.act != "label").then_some(())?;
    proof(failing, "")
}

pub(super) fn proc_read_only(_: &Seen, failing: &Failing<'_>) -> Held {
    (failing.call.contains("/proc/self/") && failing.errno == Errno::ROFS).then_some(())?;
    proof(failing, "")
}

/// Mounts below `top` that cover or restrict a part of it.
pub(super) fn covers(seen: &Seen, top: &str) -> Vec<String> {
    let below = |point: &str| point.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
    seen.mounts().filter(|mount| below(mount.point)).map(|mount| mount.point.to_owned()).collect()
}

/// `/proc/kcore and 3 more are mounted over`.
fn list(covers: &[String]) -> Option<String> {
    let first = covers.first()?;
    Some(match covers.len() {
        1 => format!("there is a mount on {first}"),
        n => format!("there are mounts on {first} and {} more", n.saturating_sub(1)),
    })
}

/// KERNEL: a new procfs may show no more than one that is visible already, whole and without mounts over
/// its parts (`mount_too_revealing`).
pub(super) fn proc_masked(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.act == "procfs" && failing.is_mount() && failing.errno == Errno::PERM).then_some(())?;
    let covers = list(&covers(seen, "/proc"));
    proof(failing, covers.unwrap_or_else(|| "no whole procfs is visible".to_owned()))
}

pub(super) fn sysfs_foreign_net(_: &Seen, failing: &Failing<'_>) -> Held {
    (failing.act == "sysfs-host-net" && failing.errno == Errno::PERM).then_some(())?;
    proof(failing, "")
}

pub(super) fn sysfs_masked(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.act == "sysfs" && failing.errno == Errno::PERM).then_some(())?;
    let mut covers = covers(seen, "/sys");
    // KERNEL: these are mount points that sysfs makes for the purpose, and they do not count.
    covers.retain(|point| !point.starts_with("/sys/fs/") && !point.starts_with("/sys/kernel/"));
    let read_only = seen.mounts().any(|mount| mount.point == "/sys" && mount.has("ro"));
    let more = if read_only { Some("/sys is mounted read-only".to_owned()) } else { list(&covers) };
    proof(failing, more?)
}

pub(super) fn rootfs(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.call == "pivot_root" && failing.errno == Errno::INVAL).then_some(())?;
    let root = seen.mounts().find(|mount| mount.point == "/")?;
    matches!(root.fstype, "rootfs" | "ramfs").then_some(())?;
    proof(failing, format!("/ is a {}", root.fstype))
}

pub(super) fn lxc(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_mount() && failing.is_denied()).then_some(())?;
    let manager = super::machine::container(seen)?;
    matches!(manager.as_str(), "lxc" | "openvz" | "lxd").then_some(())?;
    about(failing, format!("this is a container of {manager}"), manager)
}

pub(super) fn no_overlay(seen: &Seen, failing: &Failing<'_>) -> Held {
    is_overlay(failing).then_some(())?;
    (failing.errno == Errno::NODEV).then_some(())?;
    let listed = seen.text("/proc/filesystems").is_some_and(|text| text.contains("\toverlay"));
    proof(failing, if listed { "" } else { "/proc/filesystems does not list overlay" })
}

fn is_overlay(failing: &Failing<'_>) -> bool {
    failing.call.contains("overlay")
}

pub(super) fn old_overlay(seen: &Seen, failing: &Failing<'_>) -> Held {
    (is_overlay(failing) && failing.errno == Errno::PERM && seen.before(5, 11)).then_some(())?;
    proof(failing, "the kernel is older than 5.11")
}

pub(super) fn overlay_locked_mounts(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.act == "overlay-root" && failing.errno == Errno::INVAL).then_some(())?;
    let below = seen.mounts().filter(|mount| mount.point != "/").count();
    (below > 0).then_some(())?;
    proof(failing, format!("there are {below} mounts below /"))
}

pub(super) fn mount_limit(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_mount() && failing.errno == Errno::NOSPC).then_some(())?;
    let limit = seen.text(MOUNT_MAX).unwrap_or("not known");
    proof(failing, format!("there are {} mounts, {MOUNT_MAX} is {limit}", seen.mounts().count()))
}

pub(super) fn anonymous_devices(_: &Seen, failing: &Failing<'_>) -> Held {
    (failing.is_mount() && failing.errno == Errno::MFILE).then_some(())?;
    proof(failing, "")
}

pub(super) fn tmpfs_xattr(seen: &Seen, failing: &Failing<'_>) -> Held {
    let call = failing.call.starts_with("fsetxattr user.*");
    (call && failing.errno == Errno::OPNOTSUPP && seen.before(6, 6)).then_some(())?;
    proof(failing, "the kernel is older than 6.6")
}

pub(super) fn tmpfs_idmap(seen: &Seen, failing: &Failing<'_>) -> Held {
    let call = failing.call == "mount_setattr MOUNT_ATTR_IDMAP";
    (call && failing.errno == Errno::INVAL && seen.before(6, 3)).then_some(())?;
    proof(failing, "the kernel is older than 6.3")
}

fn device<'a>(failing: &Failing<'a>) -> Option<&'a str> {
    let device = failing.call.split(' ').find(|word| word.starts_with("/dev/"))?;
    Some(device)
}

pub(super) fn device_missing(_: &Seen, failing: &Failing<'_>) -> Held {
    let device = device(failing)?;
    matches!(failing.errno, Errno::NOENT | Errno::NODEV | Errno::NXIO).then_some(())?;
    about(failing, "", device)
}

pub(super) fn device_forbidden(_: &Seen, failing: &Failing<'_>) -> Held {
    let device = device(failing)?;
    failing.is_denied().then_some(())?;
    about(failing, "", device)
}

pub(super) fn no_netfilter(_: &Seen, failing: &Failing<'_>) -> Held {
    let missing = matches!(
        failing.errno,
        Errno::PROTONOSUPPORT | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOENT
    );
    (failing.act == "netfilter" && missing).then_some(())?;
    proof(failing, "")
}

fn landlock_version(failing: &Failing<'_>, errno: Errno) -> Option<()> {
    (failing.call == "landlock_create_ruleset" && failing.errno == errno).then_some(())
}

pub(super) fn landlock_off(_: &Seen, failing: &Failing<'_>) -> Held {
    landlock_version(failing, Errno::OPNOTSUPP)?;
    proof(failing, "")
}

pub(super) fn landlock_not_built(seen: &Seen, failing: &Failing<'_>) -> Held {
    landlock_version(failing, Errno::NOSYS)?;
    (!seen.filtered() && seen.since(5, 13)).then_some(())?;
    proof(failing, "")
}

pub(super) fn seccomp_not_built(seen: &Seen, failing: &Failing<'_>) -> Held {
    (failing.act == "seccomp").then_some(())?;
    matches!(failing.errno, Errno::INVAL | Errno::NOSYS).then_some(())?;
    seen.status("Seccomp").is_none().then_some(())?;
    proof(failing, "/proc/self/status has no line Seccomp")
}

/// The release with which each came.
pub(crate) const SINCE: &[(&str, u32, u32)] = &[
    ("clone3", 5, 5),
    ("pidfd", 5, 3),
    ("openat2", 5, 6),
    ("time", 5, 6),
    ("time-offsets", 5, 6),
    ("join", 5, 8),
    ("cgroup", 4, 6),
    ("mount-api", 5, 2),
    ("overlay", 5, 11),
    ("mount-attributes", 5, 12),
    ("idmap", 5, 12),
    ("landlock", 5, 13),
    ("overlay-descriptors", 6, 13),
];

pub(super) fn old_kernel(seen: &Seen, failing: &Failing<'_>) -> Held {
    matches!(failing.errno, Errno::NOSYS | Errno::INVAL | Errno::NOENT).then_some(())?;
    let (_, major, minor) = SINCE.iter().find(|(act, ..)| *act == failing.act)?;
    seen.before(*major, *minor).then_some(())?;
    let release = seen.text(super::observations::RELEASE)?;
    about(failing, format!("the kernel is {release}"), format!("{major}.{minor}"))
}

/// The program that maps ids, when it was that that was refused.
fn helper<'a>(seen: &'a Seen, failing: &Failing<'_>) -> Option<&'a super::Helper> {
    (failing.call.starts_with("newuidmap") || failing.call.starts_with("newgidmap"))
        .then_some(())?;
    seen.programs.get(failing.call)
}

pub(super) fn helper_no_new_privs(seen: &Seen, failing: &Failing<'_>) -> Held {
    helper(seen, failing)?;
    (seen.status("NoNewPrivs") == Some("1")).then_some(())?;
    proof(failing, "NoNewPrivs of /proc/self/status is 1")
}

pub(super) fn helper_nosuid(seen: &Seen, failing: &Failing<'_>) -> Held {
    let helper = helper(seen, failing)?;
    helper.nosuid.then_some(())?;
    about(failing, "its mount has the option nosuid", helper.path.clone())
}

pub(super) fn helper_plain(seen: &Seen, failing: &Failing<'_>) -> Held {
    let helper = helper(seen, failing)?;
    (!helper.setuid && !helper.capable).then_some(())?;
    about(failing, "no set-user-ID bit, no security.capability", helper.path.clone())
}

/// KERNEL: by itself it refuses neither clone3 with ENOSYS nor `unshare(0)` with EPERM.
pub(super) fn seccomp(seen: &Seen, failing: &Failing<'_>) -> Held {
    let call = failing.is_clone() || failing.is_mount() || !failing.call.contains('/');
    let refusal = matches!(failing.errno, Errno::PERM | Errno::NOSYS);
    (call && refusal && seen.filtered()).then_some(())?;
    let harmless = seen.refused("unshare-nothing").is_some();
    let more = if harmless { ", and unshare(0) is refused too" } else { "" };
    proof(failing, format!("Seccomp of /proc/self/status is 2{more}"))
}

/// KERNEL: there are four reasons for this refusal: a chroot, ids that are not mapped, the setting, a
/// security module. A chroot to a mount point cannot be seen otherwise.
pub(super) fn chroot_by_elimination(seen: &Seen, failing: &Failing<'_>) -> Held {
    userns_denied(failing)?;
    // AppArmor is there, and no profile holds; where that alone is a reason, it was named before.
    let free = ["", "unconfined"].contains(&seen.label());
    (free && seen.status("Seccomp") == Some("0")).then_some(())?;
    proof(failing, "no setting, filter or security module explains it")
}

/// KERNEL: a domain cannot be asked for. It forbids mounting with EPERM, however capable the process.
pub(super) fn landlock(seen: &Seen, failing: &Failing<'_>) -> Held {
    let maps = failing.call == "write /proc/self/uid_map" && failing.errno == Errno::ACCESS;
    let mounts = failing.is_mount() && failing.errno == Errno::PERM;
    let first = matches!(failing.act, "private" | "mount-legacy" | "mount-api" | "pivot_root" | "");
    ((maps || mounts && first) && !seen.filtered() && seen.done("landlock")).then_some(())?;
    proof(failing, "no filter and no profile explains it, and Landlock is there")
}
