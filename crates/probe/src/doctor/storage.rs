//! Checks of file systems and mounts.

use super::check::{Judged, Verdict};
use super::holds::covers;
use super::names::{errno_name, file_system};
use super::observations::{Observations, Place};

type Seen = Observations;

/// Flags of `statfs(2)`.
const FLAGS: [(u64, &str); 3] = [(1, "read-only"), (2, "nosuid"), (8, "noexec")];
const READ_ONLY: u64 = 1;
const NOEXEC: u64 = 8;

/// File systems on which the upper directory of an overlay cannot lie.
const NO_UPPER: [u64; 4] = [0x794c_7630, 0x6969, 0x6573_5546, 0xff53_4d42];
/// File systems whose server decides who may read, and that do not know mapped users.
const FOREIGN: [u64; 5] = [0x6969, 0x6573_5546, 0x0187, 0xff53_4d42, 0xfe53_4d42];

fn place(seen: &Seen, name: &str, judge: impl FnOnce(&Place, String) -> Judged) -> Judged {
    let Some(place) = seen.places.get(name) else { return Judged::unknown("it was not looked at") };
    if place.silent {
        return Judged::new(Verdict::Refused, format!("statfs {}: no answer in time", place.path))
            .cause("the server of that file system does not answer")
            .remedy(format!("findmnt -T {}", place.path));
    }
    if let Some(errno) = place.errno {
        let errno = errno_name(rustix::io::Errno::from_raw_os_error(errno));
        return Judged::limited(format!("statfs {}: {errno}", place.path))
            .cause("the directory cannot be reached")
            .remedy(format!("ls -ld {}", place.path));
    }
    let flags = FLAGS.iter().filter(|(bit, _)| place.flags & bit != 0).map(|(_, word)| *word);
    let words = std::iter::once(file_system(place.kind)).chain(flags.map(str::to_owned));
    let shown = format!("{} is {}", place.path, words.collect::<Vec<_>>().join(", "));
    judge(place, shown)
}

pub(super) fn home(seen: &Seen) -> Judged {
    place(seen, "home", |home, shown| {
        if FOREIGN.contains(&home.kind) {
            return Judged::limited(shown)
                .cause("its server may refuse users of a world: it knows no mapped ids")
                .remedy("for FUSE: mount it with -o allow_other; else keep one user, without -u");
        }
        exec(home, shown)
    })
}

pub(super) fn temporary(seen: &Seen) -> Judged {
    place(seen, "temporary", exec)
}

fn exec(place: &Place, shown: String) -> Judged {
    if place.flags & NOEXEC != 0 {
        return Judged::limited(shown)
            .cause("programs there cannot be executed, in a world neither")
            .remedy(format!(
                "use another directory, or as root: mount -o remount,exec $(findmnt -no TARGET -T {})",
                place.path
            ));
    }
    Judged::works(shown)
}

/// Where the layers are kept that tmpfs cannot hold.
pub(super) fn var_tmp(seen: &Seen) -> Judged {
    place(seen, "var-tmp", |place, shown| {
        if place.flags & READ_ONLY != 0 {
            return Judged::limited(shown)
                .cause("nothing can be kept there")
                .remedy("as root: mount -o remount,rw /var/tmp");
        }
        if NO_UPPER.contains(&place.kind) {
            return Judged::limited(shown)
                .cause("what a world changes cannot be kept on such a file system")
                .remedy("as root: mount -t tmpfs tmpfs /var/tmp, or ext4, xfs, btrfs");
        }
        Judged::works(shown)
    })
}

pub(super) fn mount_max(seen: &Seen) -> Judged {
    let count = seen.mounts().count();
    let Some(limit) = seen.number("/proc/sys/fs/mount-max") else {
        return Judged::works(format!("{count} mounts, no limit before Linux 4.9"));
    };
    let shown = format!("{count} mounts, /proc/sys/fs/mount-max is {limit}");
    // A world has a copy of all mounts, and some hundred of its own.
    let room = limit.saturating_sub(i64::try_from(count).unwrap_or(i64::MAX));
    if room < 1000 {
        return Judged::limited(shown)
            .cause("a world copies all mounts and adds its own")
            .remedy("as root: sysctl fs.mount-max=200000");
    }
    Judged::works(shown)
}

/// KERNEL: `pivot_root` refuses shared mounts, and what is mounted in a world would show outside.
pub(super) fn propagation(seen: &Seen) -> Judged {
    let Some(root) = seen.mounts().find(|mount| mount.point == "/") else {
        return Judged::unknown("/proc/self/mountinfo has no mount on /");
    };
    if !root.shared {
        return Judged::works("/ is not shared");
    }
    if seen.done("private") {
        return Judged::works("/ is shared; a world's copy is made private");
    }
    Judged::limited("/ is shared, and a copy could not be made private")
        .cause("what is mounted in a shared mount shows in all its peers")
        .remedy("as root: mount --make-rprivate /")
}

pub(super) fn proc_mount(seen: &Seen) -> Judged {
    let covers = covers(seen, "/proc");
    let Some(proc) = seen.mounts().filter(|m| m.point == "/proc" && m.fstype == "proc").last()
    else {
        return Judged::new(Verdict::Absent, "/proc/self/mountinfo has no procfs on /proc")
            .cause("procfs is not mounted, or this is a chroot")
            .remedy("as root: mount -t proc proc /proc");
    };
    if proc.has("ro") {
        return Judged::limited("/proc is mounted read-only")
            .cause("ids cannot be mapped through it")
            .remedy("as root: mount -o remount,rw /proc");
    }
    match covers.split_first() {
        // A mount of its own file system below it hides nothing.
        None => Judged::works("nothing is mounted over parts of it"),
        Some((first, [])) if first == "/proc/sys/fs/binfmt_misc" => {
            Judged::works("only binfmt_misc is mounted below it")
        }
        Some((first, rest)) => {
            Judged::limited(format!("{first} and {} more have mounts", rest.len()))
                .cause(
                    "parts are covered or read-only, as in a container; a new /proc may be refused",
                )
                .remedy("podman run --security-opt unmask=ALL; docker: systempaths=unconfined")
        }
    }
}
