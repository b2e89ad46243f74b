//! What is read of the machine and is more than a text.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD};

use crate::doctor::observations::{Cgroup, Link, Observations, SubIds};
use crate::{bytes, file, subid};

/// The ranges of `/etc/subuid` or `/etc/subgid`, the caller's and the others'. Names are not kept.
pub(crate) fn subids(path: &str, uid: u32) -> SubIds {
    let text = file::read(path.as_bytes()).unwrap_or_default();
    let name = crate::user_by_uid(Path::new("/etc/passwd"), uid).unwrap_or_default().name;
    let own = subid::parse_subids(&text, name.as_bytes(), uid);
    let mut others: Vec<_> = bytes::lines(&text).filter_map(range).collect();
    others.retain(|range| !own.contains(range));
    SubIds { own, others, elsewhere: has_source_elsewhere() }
}

fn range(line: &[u8]) -> Option<(u32, u32)> {
    let mut fields = line.split(|b| *b == b':').skip(1);
    Some((bytes::number(fields.next()?)?, bytes::number(fields.next()?)?))
}

/// `subid: sss` in `nsswitch.conf(5)`.
fn has_source_elsewhere() -> bool {
    let text = file::read_small("/etc/nsswitch.conf").unwrap_or_default();
    let line = text.lines().find_map(|l| l.trim().strip_prefix("subid:"));
    line.is_some_and(|sources| sources.split_whitespace().any(|s| s != "files"))
}

pub(crate) fn resolv_conf() -> Option<Link> {
    let path = "/etc/resolv.conf";
    rustix::fs::lstat(path).ok()?;
    let target = rustix::fs::readlink(path, Vec::new()).unwrap_or_default();
    Some(Link {
        target: target.to_string_lossy().into_owned(),
        resolves: rustix::fs::stat(path).is_ok(),
    })
}

/// Root alone may look at that of process 1.
pub(crate) fn other_root_than_init() -> Option<bool> {
    let id = |path: &str| rustix::fs::stat(path).ok().map(|s| (s.st_dev, s.st_ino));
    Some(id("/proc/1/root/.")? != id("/")?)
}

pub(crate) fn proc_self() -> Option<String> {
    let link = rustix::fs::readlink("/proc/self", Vec::new()).ok()?;
    Some(link.to_string_lossy().into_owned())
}

pub(crate) fn user_bus(uid: u32) -> Option<bool> {
    let directory = std::env::var_os("XDG_RUNTIME_DIR");
    let usual = format!("/run/user/{uid}");
    let directory = directory.as_deref().map_or(usual.as_bytes(), OsStrExt::as_bytes);
    let bus = [directory, b"/bus"].concat();
    Some(rustix::fs::stat(bus.as_slice()).is_ok())
}

/// The caller's cgroup of version 2, below wherever that hierarchy is mounted.
pub(crate) fn cgroup(seen: &Observations) -> Cgroup {
    let own = seen.text("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = own.lines().find_map(|l| l.strip_prefix("0::")) else {
        return Cgroup::default();
    };
    let Some(mount) = seen.mounts().find(|m| m.fstype == "cgroup2") else {
        return Cgroup::default();
    };
    let below = path.strip_prefix(mount.root.trim_end_matches('/')).unwrap_or(path);
    let directory = format!("{}/{}", mount.point, below.trim_matches('/'));
    let directory = directory.trim_end_matches('/').to_owned();
    let read = |name: &str| file::read_small(&format!("{directory}/{name}"));
    let has = |name: &str| rustix::fs::stat(format!("{directory}/{name}")).is_ok();
    let writable = |name: &str| {
        let file = format!("{directory}/{name}");
        rustix::fs::accessat(CWD, file.as_str(), Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    };
    Cgroup {
        writable: writable("cgroup.procs"),
        controllers: read("cgroup.controllers").unwrap_or_default().trim().to_owned(),
        processes: read("cgroup.procs").map_or(0, |text| text.lines().count()),
        // KERNEL: the root has no such file.
        is_root: !has("cgroup.type"),
        kill: has("cgroup.kill"),
        path: directory,
    }
}
