//! Known causes of a refusal: one table, for the doctor and for the hint of a command that failed.

use dwell_plan::NamespaceKind;
use rustix::io::Errno;

use super::check::Verdict;
use super::holds as on;
use super::observations::Observations;

/// A call that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Failing<'a> {
    /// The act it belongs to; empty for a step of a world that is being built.
    pub(crate) act: &'a str,
    pub(crate) call: &'a str,
    pub(crate) errno: Errno,
    /// The namespaces that were to be made.
    pub(crate) kinds: Vec<NamespaceKind>,
}

impl<'a> Failing<'a> {
    /// What is known of the act `act`, if it was refused.
    pub(crate) fn of_act(seen: &'a Observations, act: &'a str) -> Option<Self> {
        let (call, errno) = seen.refused(act)?;
        let word = act.strip_suffix("-alone").unwrap_or(act);
        let kinds = match NamespaceKind::ALL.into_iter().find(|kind| kind.word() == word) {
            Some(kind) => vec![kind],
            None => NamespaceKind::ALL.to_vec(),
        };
        Some(Failing { act, call, errno, kinds })
    }

    /// Whether it was the making of a process or a namespace.
    pub(crate) fn is_clone(&self) -> bool {
        self.call.starts_with("clone") || self.call == "unshare"
    }

    pub(crate) fn is_mount(&self) -> bool {
        ["mount", "fsmount", "fsconfig", "move_mount", "fsopen", "open_tree", "pivot_root"]
            .iter()
            .any(|name| self.call.starts_with(name))
    }

    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.errno, Errno::PERM | Errno::ACCESS)
    }
}

/// What shows that a cause holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// As it is printed.
    pub(crate) shown: String,
    /// What stands for `{}` in the cause and the remedy.
    pub(crate) subject: String,
}

/// A cause that is known.
pub(crate) struct Known {
    pub(crate) id: &'static str,
    /// Whether the thing is refused or not there at all.
    pub(crate) verdict: Verdict,
    /// Whether it explains the refusal, and what shows it.
    pub(crate) holds: fn(&Observations, &Failing<'_>) -> Option<Proof>,
    pub(crate) cause: &'static str,
    pub(crate) remedy: &'static str,
}

/// A cause that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    pub(crate) id: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) evidence: String,
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

impl Diagnosis {
    /// The line that a command prints as its hint.
    pub(crate) fn hint(&self) -> String {
        format!("{}: {}", self.cause, self.remedy)
    }
}

/// The first cause of the table that explains `failing`.
pub(crate) fn diagnose(seen: &Observations, failing: &Failing<'_>) -> Option<Diagnosis> {
    CAUSES.iter().find_map(|known| {
        let proof = (known.holds)(seen, failing)?;
        let fill = |text: &str| text.replace("{}", &proof.subject);
        let (cause, remedy) = (fill(known.cause), fill(known.remedy));
        let (id, verdict) = (known.id, known.verdict);
        Some(Diagnosis { id, verdict, evidence: proof.shown, cause, remedy })
    })
}

const fn refused(
    id: &'static str,
    holds: fn(&Observations, &Failing<'_>) -> Option<Proof>,
    cause: &'static str,
    remedy: &'static str,
) -> Known {
    Known { id, verdict: Verdict::Refused, holds, cause, remedy }
}

const fn absent(
    id: &'static str,
    holds: fn(&Observations, &Failing<'_>) -> Option<Proof>,
    cause: &'static str,
    remedy: &'static str,
) -> Known {
    Known { id, verdict: Verdict::Absent, holds, cause, remedy }
}

/// From the most certain to the most general: the first that holds is told.
pub(crate) const CAUSES: &[Known] = &[
    refused(
        "process-limit",
        on::process_limit,
        "no more processes may be started: the user's limit, or pids.max of a cgroup, is reached",
        "ulimit -u; ps -u $(id -u) shows what runs",
    ),
    refused(
        "dead-pid-namespace",
        on::dead_pid_namespace,
        "the shell was started by `unshare --pid` without --fork: the first child was process 1 of \
         the new namespace, and since it ended nothing can be started there",
        "leave that shell, and use unshare --pid --fork --mount-proc",
    ),
    absent(
        "wsl1",
        on::wsl1,
        "this is WSL 1, which is no Linux kernel and has few namespaces",
        "wsl --set-version DISTRIBUTION 2",
    ),
    absent(
        "gvisor",
        on::gvisor,
        "this is gVisor, which has a part of Linux only",
        "run the container with another runtime: --runtime=runc",
    ),
    refused(
        "userns-module-off",
        on::module_off,
        "user namespaces are switched off at boot",
        "as root: grubby --args=user_namespace.enable=1 --update-kernel=ALL, then reboot",
    ),
    absent(
        "namespace-not-built",
        on::not_built,
        "this kernel is built without {} namespaces",
        "boot a kernel that has them: grep _NS= /boot/config-$(uname -r)",
    ),
    refused(
        "limit-zero",
        on::limit_zero,
        "the limit of {} namespaces is 0",
        "as root: sysctl user.max_{}_namespaces=10000",
    ),
    refused(
        "limit-used",
        on::limit_used,
        "the limit of namespaces is used up",
        "lsns shows who has them; as root: sysctl user.max_user_namespaces=100000, see /proc/sys/user",
    ),
    refused(
        "limit-or-depth",
        on::limit_or_depth,
        "user namespaces are nested more than 32 deep here, or a limit further out is used up; \
         from inside the two look alike",
        "run dwell further out",
    ),
    refused(
        "unprivileged-userns-clone",
        on::unprivileged_off,
        "user namespaces are for root alone here",
        "as root: sysctl kernel.unprivileged_userns_clone=1",
    ),
    refused(
        "chroot",
        on::chroot,
        "the kernel makes no user namespace inside a chroot",
        "leave the chroot, or enter its directory with pivot_root; as root: dwell run --from DIR",
    ),
    refused(
        "unmapped",
        on::unmapped,
        "your {} is not mapped in the user namespace that you are in",
        "map it where that namespace is made: unshare --user --map-current-user",
    ),
    refused(
        "no-bounding-capability",
        on::no_bounding_capability,
        "CAP_SYS_ADMIN was taken from root here, as container engines do",
        "keep the user namespace of dwell run, or: podman run --cap-add SYS_ADMIN",
    ),
    refused(
        "no-capability",
        on::no_capability,
        "without a user namespace only CAP_SYS_ADMIN makes one of the other kinds",
        "keep `user` in the set, as dwell run does",
    ),
    refused(
        "apparmor-stacked",
        on::apparmor_stacked,
        "the AppArmor profile `unpriv_bwrap` takes all rights from further user namespaces",
        "run dwell outside of that sandbox",
    ),
    refused(
        "apparmor-userns",
        on::apparmor_userns,
        "AppArmor takes all rights from user namespaces here",
        "as root: echo 'abi <abi/4.0>, profile dwell {} flags=(unconfined) { userns, }' \
         >/etc/apparmor.d/dwell; apparmor_parser -r /etc/apparmor.d/dwell; or for all programs: \
         sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    refused(
        "apparmor-container",
        on::apparmor_container,
        "the AppArmor profile of the container forbids mounting",
        "docker run --security-opt apparmor=unconfined --security-opt systempaths=unconfined",
    ),
    refused(
        "selinux",
        on::selinux,
        "SELinux may forbid it to the domain {}",
        "podman run --security-opt label=disable; ausearch -m avc -ts recent shows the denial",
    ),
    refused(
        "apparmor-profile",
        on::apparmor_profile,
        "the AppArmor profile {} may forbid it",
        "as root: journalctl -k -g apparmor shows the denial; aa-complain PROFILE lifts it",
    ),
    refused(
        "setgroups",
        on::setgroups,
        "group ids may be mapped once setgroups is denied, and it is not",
        "echo deny >/proc/PID/setgroups before the map is written, or use newgidmap",
    ),
    refused(
        "no-setfcap",
        on::no_setfcap,
        "root without CAP_SETFCAP may not map its id 0 (Linux 5.12)",
        "podman run --cap-add SETFCAP, or run dwell as an ordinary user",
    ),
    refused(
        "proc-not-there",
        on::proc_not_there,
        "there is no procfs on /proc, without which ids cannot be mapped",
        "as root: mount -t proc proc /proc",
    ),
    refused(
        "proc-read-only",
        on::proc_read_only,
        "/proc is mounted read-only",
        "as root: mount -o remount,rw /proc; podman run --security-opt unmask=ALL",
    ),
    refused(
        "proc-masked",
        on::proc_masked,
        "parts of /proc are covered here, as in an outer world or container, and then the kernel \
         mounts no other",
        "--share pid goes without; or: podman run --security-opt unmask=ALL, docker run \
         --security-opt systempaths=unconfined",
    ),
    refused(
        "sysfs-foreign-net",
        on::sysfs_foreign_net,
        "a sysfs shows the network, and that of the machine belongs to another user namespace",
        "nothing to do: with the machine's network dwell shows the machine's /sys, read-only",
    ),
    refused(
        "sysfs-masked",
        on::sysfs_masked,
        "parts of /sys are covered or read-only, as in a container, and a new sysfs would show them",
        "--net host goes without; or: podman run --security-opt unmask=ALL, docker run \
         --security-opt systempaths=unconfined",
    ),
    refused(
        "rootfs",
        on::rootfs,
        "the root file system is the initramfs, which cannot be exchanged by pivot_root",
        "make a root of its own first: mount --rbind / /mnt, then switch_root /mnt",
    ),
    refused(
        "lxc",
        on::lxc,
        "the container manager around this machine ({}) forbids it",
        "allow nesting there: lxc config set NAME security.nesting true",
    ),
    absent(
        "no-overlay",
        on::no_overlay,
        "the kernel has no overlay file system, or its module is not loaded",
        "as root: modprobe overlay",
    ),
    absent(
        "old-overlay",
        on::old_overlay,
        "before Linux 5.11 only root may mount an overlay",
        "boot a newer kernel, or run dwell as root",
    ),
    refused(
        "overlay-locked-mounts",
        on::overlay_locked_mounts,
        "mounts below / are locked together in a user namespace, and an overlay would uncover what \
         they hide",
        "nothing to do: dwell builds directories above mount points anew and layers the rest",
    ),
    refused(
        "mount-limit",
        on::mount_limit,
        "the mount namespace may hold no more mounts",
        "as root: sysctl fs.mount-max=200000",
    ),
    refused(
        "anonymous-devices",
        on::anonymous_devices,
        "all numbers for file systems without a device are in use, or no descriptor is left",
        "unmount what is not needed: findmnt -t tmpfs,overlay,proc; ulimit -n",
    ),
    absent(
        "tmpfs-xattr",
        on::tmpfs_xattr,
        "tmpfs has no user.* attributes before Linux 6.6",
        "nothing to do: dwell keeps its layers in /tmp or /var/tmp; their file system must have them",
    ),
    absent(
        "tmpfs-idmap",
        on::tmpfs_idmap,
        "tmpfs can be mounted with shifted ids since Linux 6.3",
        "boot a newer kernel, or use a file system that can: ext4, xfs, btrfs",
    ),
    absent(
        "device-missing",
        on::device_missing,
        "there is no {}: the module is not loaded, or the container has no such device",
        "as root: modprobe $(basename {}); in a world of dwell: --dev {}; in a container: --device {}",
    ),
    refused(
        "device-forbidden",
        on::device_forbidden,
        "you may not open {}",
        "as root: chmod 0666 {}, or a udev rule with MODE=\"0666\"",
    ),
    absent(
        "no-netfilter",
        on::no_netfilter,
        "nf_tables is not in the kernel, or its module is not loaded",
        "as root: modprobe nf_tables",
    ),
    absent(
        "landlock-off",
        on::landlock_off,
        "Landlock is in the kernel and was not switched on at boot",
        "add landlock to the boot parameter lsm=: cat /sys/kernel/security/lsm",
    ),
    absent(
        "landlock-not-built",
        on::landlock_not_built,
        "the kernel is built without Landlock",
        "boot a kernel with CONFIG_SECURITY_LANDLOCK=y, Linux 5.13 or later",
    ),
    absent(
        "seccomp-not-built",
        on::seccomp_not_built,
        "the kernel is built without seccomp filters",
        "boot a kernel with CONFIG_SECCOMP_FILTER=y",
    ),
    absent(
        "old-kernel",
        on::old_kernel,
        "this kernel is too old: it came with Linux {}",
        "boot a newer kernel: uname -r",
    ),
    refused(
        "helper-no-new-privs",
        on::helper_no_new_privs,
        "programs that run as root have no effect here: NO_NEW_PRIVS is set",
        "start dwell from a shell without it: grep NoNewPrivs /proc/self/status",
    ),
    refused(
        "helper-nosuid",
        on::helper_nosuid,
        "{} lies on a file system that is mounted nosuid, so it has no rights",
        "as root: mount -o remount,suid $(findmnt -no TARGET -T {})",
    ),
    refused(
        "helper-plain",
        on::helper_plain,
        "{} has neither the set-user-ID bit nor capabilities, so it has no rights",
        "reinstall it, or as root: chmod u+s {}",
    ),
    refused(
        "seccomp",
        on::seccomp,
        "a seccomp filter refuses it, as in a container: allow user namespaces and mounts there",
        "docker run, podman run: --security-opt seccomp=unconfined; Kubernetes: seccompProfile: {type: \
         Unconfined}",
    ),
    refused(
        "chroot-by-elimination",
        on::chroot_by_elimination,
        "the root directory was changed by chroot, it seems: the kernel makes no user namespace there",
        "leave the chroot, or enter its directory with pivot_root; as root: dwell run --from DIR",
    ),
    refused(
        "landlock",
        on::landlock,
        "the process seems to be confined by Landlock, which forbids all mounting",
        "start dwell outside of that sandbox",
    ),
];
