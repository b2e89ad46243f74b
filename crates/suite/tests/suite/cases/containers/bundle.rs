//! A container as an engine would have it made: the bundle, and `runc` that runs it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::harness::{Ctx, Got, Outcome, Run, skip};

/// How a container is made, and who is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) uid: u32,
    /// Kubernetes' `restricted` pod security standard: no capabilities, no new privileges, not root, the
    /// runtime's filter; and a read-only root file system with a volume on `/tmp`.
    restricted: bool,
}

/// Docker's defaults, for root and for another user of the image; and Kubernetes' strictest.
pub(super) const KINDS: [Kind; 3] = [
    Kind { name: "docker", uid: 0, restricted: false },
    Kind { name: "docker --user 1000", uid: 1000, restricted: false },
    Kind { name: "kubernetes", uid: 1000, restricted: true },
];

/// What Docker leaves to root.
const CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// The filter that Docker (and containerd, for Kubernetes) installs where there is no `CAP_SYS_ADMIN`: all calls
/// that it knows are allowed by name, new namespaces, mounts and the like are `EPERM`, `clone3` is `ENOSYS`.
const FILTER: &str = include_str!("docker.json");

const MOUNTS: &str = r#"
 {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
 {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
  "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
 {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
  "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
 {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
 {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
  "options": ["nosuid", "noexec", "nodev", "ro"]},
 {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
 {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
  "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]}"#;

const VOLUME: &str = r#",
 {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]}"#;

const PATHS: &str = r#"
 "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
  "/sys/firmware", "/sys/devices/virtual/powercap"],
 "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],"#;

/// A kind of container, and its root file system.
pub(super) struct Bundle<'c> {
    ctx: &'c Ctx,
    pub(super) kind: Kind,
}

impl Bundle<'_> {
    /// Makes one of busybox and `dwell`; skips where there is no `runc` or it cannot make a container.
    pub(super) fn new(ctx: &Ctx, kind: Kind) -> Outcome<Bundle<'_>> {
        ctx.needs("runc")?;
        let busybox = ctx.needs("busybox")?;
        let bundle = Bundle { ctx, kind };
        let root = bundle.root();
        if !root.exists() {
            for directory in ["bin", "proc", "dev", "sys", "etc", "tmp", "root", "work", "home"] {
                ctx.dir(root.join(directory))?;
            }
            fs::copy(busybox, root.join("bin/busybox"))?;
            let names =
                ["sh", "cat", "id", "touch", "sleep", "grep", "nc", "true", "kill", "rm", "ls"];
            for name in names {
                symlink("busybox", root.join("bin").join(name))?;
            }
            fs::copy(&ctx.dwell, root.join("bin/dwell"))?;
            ctx.file(
                root.join("etc/passwd"),
                "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n",
            )?;
            ctx.file(root.join("work/own"), "own\n")?;
            ctx.file(root.join("home/secret"), "secret\n")?;
            for (place, mode) in
                [("tmp", 0o1777), ("work", 0o777), ("home", 0o777), ("home/secret", 0o666)]
            {
                fs::set_permissions(root.join(place), fs::Permissions::from_mode(mode))?;
            }
        }
        let got = bundle.run(&["true"])?;
        if got.status().success() {
            return Ok(bundle);
        }
        skip(format!("runc cannot make a container here: {}", got.err().trim()))
    }

    /// The path of its root file system.
    pub(super) fn root(&self) -> std::path::PathBuf {
        self.ctx.path(self.kind.name.replace(' ', "-"))
    }

    /// A shell script in it.
    pub(super) fn shell(&self, script: &str) -> Outcome<Got> {
        self.run(&["sh", "-c", script])
    }

    /// A program in it.
    pub(super) fn run(&self, argv: &[&str]) -> Outcome<Got> {
        self.ctx.file("config.json", self.config(argv))?;
        // runc makes a control group for each container, but goes without where it may not: the machine's are
        // read-only to it here.
        let script = "sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - cgroup2\\{0,1\\} .*/\\1/p' \
                      /proc/self/mountinfo | while read -r m; do mount -o remount,bind,ro \"$m\"; done; \
                      exec runc --rootless true --root state run box";
        self.through_unshare(script).go()
    }

    fn through_unshare(&self, script: &str) -> Run {
        self.ctx.host("unshare").args(["--mount", "--propagation", "private", "sh", "-c", script])
    }

    fn config(&self, argv: &[&str]) -> String {
        let Kind { uid, restricted, .. } = self.kind;
        let root = self.root();
        let quoted = |words: &[String]| words.join(", ");
        let args = quoted(&argv.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>());
        let all = CAPABILITIES.map(|name| format!("\"CAP_{name}\""));
        let bounding = if restricted { String::new() } else { quoted(&all) };
        // KERNEL: a user who is not root has none of them after execve(2).
        let own = if uid == 0 { bounding.as_str() } else { "" };
        let kinds = ["pid", "mount", "network", "uts", "ipc", "cgroup"];
        let namespaces = quoted(&kinds.map(|kind| format!("{{\"type\": \"{kind}\"}}")));
        let volume = if restricted { VOLUME } else { "" };
        // What a profile allows to those with CAP_SYS_CHROOT.
        let filter =
            if restricted { FILTER.replace("\"chroot\", ", "") } else { FILTER.to_owned() };
        format!(
            r#"{{"ociVersion": "1.0.2", "hostname": "box", "root": {{"path": {root:?}, "readonly": {restricted}}},
"process": {{"terminal": false, "user": {{"uid": {uid}, "gid": {uid}}}, "cwd": "/work", "args": [{args}],
 "env": ["PATH=/bin", "HOME=/home"], "noNewPrivileges": {restricted},
 "capabilities": {{"bounding": [{bounding}], "effective": [{own}], "permitted": [{own}], "inheritable": []}}}},
"mounts": [{MOUNTS}{volume}],
"linux": {{"namespaces": [{namespaces}],{PATHS}
 "seccomp": {filter}}}}}"#
        )
    }
}

/// Copies an installed program with its libraries into a root file system, as `/theirs/NAME`.
pub(super) fn install(ctx: &Ctx, root: &Path, name: &str) -> Outcome {
    let program = ctx.needs(name)?;
    let script = "mkdir -p \"$1/theirs\" && cp \"$0\" \"$1/theirs/\" && ldd \"$0\" | grep -o '/[^ ]*' | \
                  while read -r l; do cp -L --parents \"$l\" \"$1\" || exit 1; done";
    let run = ctx.host("sh").args(["-c", script]).arg(program).arg(root);
    run.by_suite().go()?.exits(0)?;
    Ok(())
}
