//! Why the kernel refuses to make namespaces: the settings that are known to stop it.

use dwell_plan::NamespaceSet;
use rustix::io::Errno;

use crate::file::read_small;

/// Explains a refused `clone3(2)`, if a cause can be found, with its remedy.
#[must_use]
pub fn why_no_namespaces(own: NamespaceSet, user: bool, errno: i32) -> Option<String> {
    match Errno::from_raw_os_error(errno) {
        Errno::NOSPC => limit_reached(own),
        Errno::INVAL if user && read_small("/proc/self/ns/user").is_none() => {
            Some("this kernel is built without user namespaces".to_owned())
        }
        Errno::PERM if user => user_namespaces_refused(),
        Errno::PERM => Some("only root may make these without a user namespace: add `user`".to_owned()),
        Errno::NOSYS => Some("the call is missing or a seccomp filter hides it: an outer container must allow clone3".to_owned()),
        _ => None,
    }
}

/// Explains a step that was refused although the user namespace could be made.
#[must_use]
pub fn why_no_rights(uid: u32) -> Option<String> {
    if uid == 0 || !is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return None;
    }
    Some(
        "AppArmor takes all rights from user namespaces here: install a profile with `userns,` for dwell, \
         or as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            .to_owned(),
    )
}

fn limit_reached(own: NamespaceSet) -> Option<String> {
    let zero = own
        .iter()
        .find(|kind| is(&format!("/proc/sys/user/max_{}_namespaces", kind.proc_name()), "0"));
    Some(match zero {
        Some(kind) => format!(
            "the limit of {kind} namespaces is 0; as root: sysctl user.max_{}_namespaces=10000",
            kind.proc_name()
        ),
        None => "the limit of namespaces is reached, or they are nested more than 32 deep: see /proc/sys/user".to_owned(),
    })
}

fn user_namespaces_refused() -> Option<String> {
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return Some("user namespaces are for root alone here; as root: sysctl kernel.unprivileged_userns_clone=1".to_owned());
    }
    if is_chrooted() {
        return Some(
            "the kernel makes no user namespace inside a chroot: leave it, or use pivot_root there"
                .to_owned(),
        );
    }
    let status = read_small("/proc/self/status")?;
    let filtered = status.lines().any(|l| l.split_whitespace().eq(["Seccomp:", "2"]));
    filtered.then(|| {
        "a seccomp filter refuses it, as in an outer container: allow user namespaces there \
         (docker, podman: --security-opt seccomp=unconfined)"
            .to_owned()
    })
}

/// Whether the root directory is not the root of the mount namespace.
fn is_chrooted() -> bool {
    let inode = |path: &str| rustix::fs::stat(path).ok().map(|s| (s.st_dev, s.st_ino));
    matches!((inode("/proc/1/root/."), inode("/")), (Some(init), Some(own)) if init != own)
        || read_small("/proc/self/mountinfo")
            .is_some_and(|text| !text.lines().any(|l| l.split(' ').nth(4) == Some("/")))
}

fn is(path: &str, value: &str) -> bool {
    read_small(path).is_some_and(|text| text.trim() == value)
}
