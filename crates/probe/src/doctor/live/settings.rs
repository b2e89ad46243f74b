//! The files that tell how the machine is set up.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use dwell_plan::NamespaceKind;
use rustix::io::Errno;

use crate::doctor::observations::{CONFIG, LABEL, MOUNTINFO, RELEASE, Reading, STATUS, limit_path};
use crate::file;

/// Read as they are; a missing one says something too.
const FILES: &[&str] = &[
    STATUS,
    LABEL,
    MOUNTINFO,
    RELEASE,
    "/proc/version",
    "/proc/filesystems",
    "/proc/self/cgroup",
    "/proc/self/uid_map",
    "/proc/self/gid_map",
    "/proc/self/setgroups",
    "/proc/sys/fs/mount-max",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/sys/kernel/seccomp/actions_avail",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/dev/tty/legacy_tiocsti",
    "/sys/fs/selinux/enforce",
    "/sys/kernel/security/lockdown",
    "/sys/kernel/security/lsm",
    "/sys/module/user_namespace/parameters/enable",
    "/proc/1/environ",
    "/run/systemd/container",
    "/etc/resolv.conf",
];

/// Only whether they are there counts.
const MARKS: &[&str] =
    &["/proc/vz", "/proc/bc", "/.dockerenv", "/run/.containerenv", "/dev/lxd/sock", "/proc/sys"];

/// The options of the kernel's configuration that matter here.
const OPTIONS: &[&str] = &[
    "CONFIG_NAMESPACES",
    "CONFIG_UTS_NS",
    "CONFIG_TIME_NS",
    "CONFIG_IPC_NS",
    "CONFIG_USER_NS",
    "CONFIG_PID_NS",
    "CONFIG_NET_NS",
    "CONFIG_CGROUPS",
    "CONFIG_OVERLAY_FS",
    "CONFIG_SECCOMP_FILTER",
    "CONFIG_SECURITY_LANDLOCK",
    "CONFIG_TUN",
    "CONFIG_FUSE_FS",
    "CONFIG_NF_TABLES",
    "CONFIG_POSIX_MQUEUE",
];

/// Reads them all.
pub(crate) fn read() -> BTreeMap<String, Reading> {
    let limits = NamespaceKind::ALL.map(limit_path);
    let links = NamespaceKind::ALL.map(|kind| format!("/proc/self/ns/{}", kind.proc_name()));
    let children = String::from("/proc/self/ns/pid_for_children");
    let texts = FILES.iter().map(|p| (*p).to_owned()).chain(limits).map(|path| {
        let reading = text(&path);
        (path, reading)
    });
    let marks = MARKS.iter().map(|path| ((*path).to_owned(), mark(path)));
    let links = links.into_iter().chain([children]).map(|path| {
        let reading = link(&path);
        (path, reading)
    });
    let mut files: BTreeMap<_, _> = texts.chain(marks).chain(links).collect();
    files.insert(CONFIG.to_owned(), config(files.get(RELEASE)));
    keep_container(&mut files);
    files
}

fn text(path: &str) -> Reading {
    match file::read(path.as_bytes()) {
        Ok(bytes) => Reading::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Err(no) => Reading::Failed(no.raw_os_error()),
    }
}

fn mark(path: &str) -> Reading {
    match rustix::fs::lstat(path) {
        Ok(_) => Reading::Text(String::new()),
        Err(no) => Reading::Failed(no.raw_os_error()),
    }
}

fn link(path: &str) -> Reading {
    match rustix::fs::readlink(path, Vec::new()) {
        Ok(text) => Reading::Text(text.to_string_lossy().into_owned()),
        Err(no) => Reading::Failed(no.raw_os_error()),
    }
}

/// Of the environment of process 1 only the variable `container` is kept: the rest is nobody's
/// business.
fn keep_container(files: &mut BTreeMap<String, Reading>) {
    if let Some(Reading::Text(text)) = files.get_mut("/proc/1/environ") {
        let kept = text.split('\0').find(|v| v.starts_with("container=")).unwrap_or_default();
        *text = kept.to_owned();
    }
}

/// The lines of the kernel's configuration that matter, from `/boot` or from the kernel itself.
fn config(release: Option<&Reading>) -> Reading {
    let Some(Reading::Text(release)) = release else {
        return Reading::Failed(Errno::NOENT.raw_os_error());
    };
    let boot = format!("/boot/config-{}", release.trim());
    let whole = match file::read(boot.as_bytes()) {
        Ok(bytes) => bytes,
        Err(_) => match packed_config() {
            Some(bytes) => bytes,
            None => return Reading::Failed(Errno::NOENT.raw_os_error()),
        },
    };
    let text = String::from_utf8_lossy(&whole);
    let wanted = |line: &&str| OPTIONS.iter().any(|o| line.trim_start_matches("# ").starts_with(o));
    Reading::Text(text.lines().filter(wanted).collect::<Vec<_>>().join("\n"))
}

/// `/proc/config.gz`, unpacked by the system's own `zcat`: not worth a library.
fn packed_config() -> Option<Vec<u8>> {
    let mut command = Command::new("zcat");
    command.arg("/proc/config.gz").stdin(Stdio::null()).stderr(Stdio::null());
    std::path::Path::new("/proc/config.gz").exists().then_some(())?;
    super::programs::output(&mut command).ok().map(|(_, out)| out)
}
