//! Control groups: the hierarchies of the machine and the caller's place in them; `cgroups(7)`.
//!
//! [`parse`] is a function of three texts. What it finds is looked at on the machine afterwards.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dwell_plan::cgroups::{Cgroups, Hierarchy, Place, Systemd, Version};
use dwell_plan::plan::Plan;
use dwell_plan::{Text, WorldPath};
use rustix::fs::{Access, AtFlags, CWD};

use crate::bytes::{lines, number, words};
use crate::error::ProbeError;
use crate::file::{self, Proc};
use crate::mountinfo;

/// The control groups of the machine, for a Plan that asks for limits.
pub(crate) fn cgroups(plan: &Plan, proc: &Proc, uid: u32) -> Result<Option<Cgroups>, ProbeError> {
    if plan.limits.is_none() && !plan.cgroup.asks_for_a_group() {
        return Ok(None);
    }
    detect_with(proc, uid).map(Some)
}

/// The control groups of the machine and the caller's place in them.
///
/// # Errors
/// procfs cannot be read.
pub fn detect() -> Result<Cgroups, ProbeError> {
    detect_with(&Proc::open()?, rustix::process::geteuid().as_raw())
}

fn detect_with(proc: &Proc, uid: u32) -> Result<Cgroups, ProbeError> {
    let read = |path| Ok::<_, ProbeError>(proc.read(path)?.unwrap_or_default());
    let mut groups = parse(&read("self/mountinfo")?, &read("self/cgroup")?, &read("cgroups")?);
    for hierarchy in &mut groups.hierarchies {
        for (at, place) in hierarchy.places.iter_mut().enumerate() {
            look(hierarchy.version, place, at == 0);
        }
        if hierarchy.version == Version::V2 {
            // The top may have more than the own group, but nothing of it comes down.
            let top = hierarchy.places.last().map(|top| top.controllers.clone());
            hierarchy.controllers = top.unwrap_or_default();
        }
    }
    groups.name = Text::from(new_name());
    groups.systemd = systemd(&groups, uid);
    Ok(groups)
}

/// Hierarchies, mounts and the caller's groups from the texts of `/proc/self/mountinfo`,
/// `/proc/self/cgroup` and `/proc/cgroups`. Places have nothing but their directories.
#[must_use]
pub fn parse(mounts: &[u8], own: &[u8], controllers: &[u8]) -> Cgroups {
    let points = mountinfo::cgroup_mounts(mounts);
    let mut groups = Cgroups { disabled: disabled(controllers), ..Cgroups::default() };
    for line in lines(own) {
        // `4:memory:/a/b`, `0::/a/b`: id, controllers, path.
        let mut fields = line.splitn(3, |b| *b == b':');
        let (Some(id), Some(names), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let version = if id == b"0" && names.is_empty() { Version::V2 } else { Version::V1 };
        let names: Vec<String> = names
            .split(|b| *b == b',')
            .filter(|name| !name.is_empty() && !name.starts_with(b"name="))
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        if version == Version::V1 && names.is_empty() {
            // A hierarchy with a name and no controllers is somebody's book-keeping.
            continue;
        }
        let fits = |m: &&mountinfo::CgroupMount| m.version == version && m.has(&names);
        // The last one lies on top where two have the same place.
        let Some(mount) = points.iter().rev().find(fits) else { continue };
        let path = Text::from(path.to_vec());
        groups.hierarchies.push(Hierarchy {
            version,
            controllers: names,
            mount: Text::from(mount.point.clone()),
            read_only: mount.read_only,
            places: places(mount, &path),
            own: path,
        });
    }
    groups
}

/// A control group that a process is in and the caller is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its path in the hierarchy, as the caller sees it.
    pub path: Text,
    /// The file by which one gets into it, `tasks` or `cgroup.procs`; none where it lies outside of what
    /// is mounted here.
    pub tasks: Option<Text>,
    /// A file that the caller may not write, and would have to.
    pub closed: Option<Text>,
}

/// The control groups of process `pid` in which the caller is not, in hierarchies that are mounted.
///
/// # Errors
/// procfs cannot be read.
pub fn elsewhere(pid: i32) -> Result<Vec<Elsewhere>, ProbeError> {
    let proc = Proc::open()?;
    let read = |path: &str| Ok::<_, ProbeError>(proc.read(path)?.unwrap_or_default());
    let theirs = read(&format!("{pid}/cgroup"))?;
    let mut found = others(&read("self/mountinfo")?, &read("self/cgroup")?, &theirs);
    for (group, common) in &mut found {
        let may_not = |file: &&Text| {
            rustix::fs::accessat(CWD, file.as_os_str(), Access::WRITE_OK, AtFlags::EACCESS).is_err()
        };
        group.closed = group.tasks.iter().chain(common.as_ref()).find(may_not).cloned();
    }
    Ok(found.into_iter().map(|(group, _)| group).collect())
}

/// Where two `/proc/PID/cgroup` texts differ, and for version 2 the file of the nearest group above both.
///
/// KERNEL: in version 2 whoever moves a process must be allowed to do so in that one too; in version 1
/// moving oneself takes nothing but the file.
fn others(mounts: &[u8], own: &[u8], theirs: &[u8]) -> Vec<(Elsewhere, Option<Text>)> {
    let (own, theirs) = (parse(mounts, own, b""), parse(mounts, theirs, b""));
    let mut all = Vec::new();
    for theirs in theirs.hierarchies {
        let own = own.hierarchies.iter().find(|h| h.mount == theirs.mount);
        let Some(own) = own.filter(|own| own.own != theirs.own) else { continue };
        let name = if theirs.version == Version::V2 { "cgroup.procs" } else { "tasks" };
        let file =
            |place: &Place| Text::from([place.dir.as_bytes(), b"/", name.as_bytes()].concat());
        let above = |place: &&Place| theirs.places.iter().any(|p| p.dir == place.dir);
        let common = own.places.iter().find(above).filter(|_| theirs.version == Version::V2);
        let tasks = theirs.places.first().map(file).filter(|_| !own.places.is_empty());
        let group = Elsewhere { path: theirs.own.clone(), tasks, closed: None };
        all.push((group, common.map(file)));
    }
    all
}

/// The own group's directory below the mount, and those above it, nearest first.
///
/// KERNEL: the path in `/proc/self/cgroup` begins at the root of the cgroup namespace; so does the root
/// of the mount in `mountinfo`. A group outside of that shows as `/../x`.
fn places(mount: &mountinfo::CgroupMount, own: &Text) -> Vec<Place> {
    let is_outside = |path: &[u8]| path.starts_with(b"/..");
    if is_outside(own.as_bytes()) || is_outside(mount.root.as_bytes()) {
        return Vec::new();
    }
    let root = WorldPath::new(mount.root.as_bytes(), b"/");
    let own = WorldPath::new(own.as_bytes(), b"/");
    let below = if root.is_root() {
        own.as_bytes().get(1..).unwrap_or_default()
    } else if own == root {
        &[][..]
    } else {
        match root.remainder(&own) {
            Some(rest) => rest,
            None => return Vec::new(),
        }
    };
    let mut places = Vec::new();
    let mut at = Path::new(std::ffi::OsStr::from_bytes(below));
    loop {
        let dir = mount.point.join(at.as_os_str().as_bytes());
        places.push(Place { dir: Text::from(dir), ..Place::default() });
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    places
}

/// `#subsys_name hierarchy num_cgroups enabled`.
fn disabled(controllers: &[u8]) -> Vec<String> {
    let off = |line: &[u8]| {
        let mut words = words(line);
        let name = words.next().filter(|name| !name.starts_with(b"#"))?;
        (number::<u32>(words.nth(2)?)? == 0).then(|| String::from_utf8_lossy(name).into_owned())
    };
    lines(controllers).filter_map(off).collect()
}

/// What a group allows.
fn look(version: Version, place: &mut Place, own: bool) {
    let dir = place.dir.as_path().to_owned();
    let may = |name: &str, access| {
        rustix::fs::accessat(CWD, dir.join(name), access, AtFlags::EACCESS).is_ok()
    };
    let into_dir = may("", Access::WRITE_OK | Access::EXEC_OK);
    match version {
        Version::V1 => place.writable = into_dir && may("tasks", Access::WRITE_OK),
        Version::V2 => {
            let list = |name: &str| {
                let text = file::read(dir.join(name).as_os_str().as_bytes()).unwrap_or_default();
                let name = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
                words(&text).map(name).collect::<Vec<_>>()
            };
            place.writable = into_dir
                && may("cgroup.procs", Access::WRITE_OK)
                && may("cgroup.subtree_control", Access::WRITE_OK);
            place.controllers = list("cgroup.controllers");
            place.enabled = list("cgroup.subtree_control");
            let kind = list("cgroup.type");
            // KERNEL: the root of the hierarchy has no type.
            place.root = kind.is_empty() && !may("cgroup.type", Access::EXISTS);
            place.domain = kind.first().is_some_and(|k| k == "domain") && kind.len() == 1;
            place.crowded = crowded(&list("cgroup.procs"), own);
            place.delegated = ["user.delegate", "trusted.delegate"].iter().any(|name| {
                let mut room = [0u8; 8];
                let length = rustix::fs::getxattr(&dir, *name, &mut room[..]);
                length.is_ok_and(|n| room.get(..n) == Some(b"1"))
            });
        }
    }
}

fn crowded(pids: &[String], own: bool) -> bool {
    let caller = rustix::process::getpid().as_raw_nonzero().to_string();
    pids.iter().any(|pid| !own || *pid != caller)
}

/// The names of groups are `dwell-PIDNS-START.N-PID`: the process that made it, by its number, the
/// pid namespace of that number and when it started.
fn new_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let pid = rustix::process::getpid().as_raw_nonzero();
    let (space, start) = (own_pid_namespace(), started(pid.get()).unwrap_or(0));
    format!("{GROUP_PREFIX}{space}-{start}.{n}-{pid}")
}

/// How the names of control groups begin.
pub const GROUP_PREFIX: &str = "dwell-";

/// Whether a group with this name was made by a process that has ended. `None` when the name is none of
/// dwell's, or its maker cannot be seen from here.
#[must_use]
pub fn is_abandoned(name: &str) -> Option<bool> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let mut parts = name.strip_prefix(GROUP_PREFIX)?.split('-');
    let space: u64 = parts.next()?.parse().ok()?;
    let (start, _) = parts.next()?.split_once('.')?;
    let start: u64 = start.parse().ok()?;
    let pid: i32 = parts.next()?.parse().ok()?;
    if parts.next().is_some() || space != own_pid_namespace() {
        return None;
    }
    Some(started(pid) != Some(start))
}

fn own_pid_namespace() -> u64 {
    rustix::fs::stat("/proc/self/ns/pid").map_or(0, |stat| stat.st_ino)
}

/// When a process started, in clock ticks since the machine did: field 22 of `proc_pid_stat(5)`.
fn started(pid: i32) -> Option<u64> {
    let text = file::read(format!("/proc/{pid}/stat").as_bytes()).ok()?;
    // The name stands in parentheses and may have any in it.
    let end = text.iter().rposition(|b| *b == b')')?;
    number(words(text.get(end + 1..)?).nth(19)?)
}

/// `sd_booted(3)`: systemd is the machine's service manager where this directory is.
fn systemd(groups: &Cgroups, uid: u32) -> Option<Systemd> {
    rustix::fs::stat("/run/systemd/system").ok()?;
    let exists = |path: &Text| rustix::fs::stat(path.as_os_str()).is_ok();
    if uid == 0 {
        let bus = Text::from("/run/dbus/system_bus_socket");
        let controllers = groups.unified().map(|h| h.controllers.clone()).unwrap_or_default();
        return Some(Systemd { bus: Some(bus).filter(exists), controllers });
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    let runtime = runtime.unwrap_or_else(|| format!("/run/user/{uid}").into());
    let bus = Text::from([runtime.as_bytes(), b"/bus"].concat());
    let manager = groups.unified().map(|h| {
        format!("{}/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers", h.mount)
    });
    let text = manager.and_then(|path| file::read(path.as_bytes()).ok()).unwrap_or_default();
    let controllers = words(&text).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    Some(Systemd { bus: Some(bus).filter(exists), controllers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwell_plan::cgroups::Layout;

    const V2: &[u8] =
        b"30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

    fn dirs(hierarchy: &Hierarchy) -> Vec<String> {
        hierarchy.places.iter().map(|p| p.dir.to_string()).collect()
    }

    #[test]
    fn version_2() {
        let groups =
            parse(V2, b"0::/user.slice/a.scope\n", b"#subsys_name\nmemory 0 9 0\npids 0 9 1\n");
        let [h] = &groups.hierarchies[..] else { panic!("{groups:?}") };
        assert_eq!((h.version, h.own.to_string()), (Version::V2, "/user.slice/a.scope".into()));
        assert_eq!(
            dirs(h),
            ["/sys/fs/cgroup/user.slice/a.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"]
        );
        assert_eq!(groups.disabled, ["memory"]);
        let root = parse(V2, b"0::/\n", b"");
        assert_eq!(dirs(&root.hierarchies[0]), ["/sys/fs/cgroup"]);
    }

    #[test]
    fn version_1_and_hybrid() {
        let mounts = b"31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = b"9:name=systemd:/\n4:memory:/a b\n2:cpu,cpuacct:/\n3:pids:/x\n0::/\n";
        let groups = parse(mounts, own, b"");
        let points: Vec<String> = groups.hierarchies.iter().map(|h| h.mount.to_string()).collect();
        // pids is mounted nowhere, the one with a name alone has no controllers.
        assert_eq!(
            points,
            ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified"]
        );
        assert!(groups.hierarchies[0].read_only && !groups.hierarchies[1].read_only);
        assert_eq!(groups.hierarchies[1].controllers, ["cpu", "cpuacct"]);
        assert_eq!(dirs(&groups.hierarchies[0])[0], "/sys/fs/cgroup/memory/a b");
        assert_eq!(groups.layout(), Layout::V1);
        let mut hybrid = groups;
        hybrid.hierarchies[2].controllers.push("hugetlb".into());
        assert_eq!(hybrid.layout(), Layout::Hybrid);
        assert_eq!(parse(b"", b"0::/\n", b"").layout(), Layout::None);
    }

    /// What containers see: a mount that begins at their own group, with and without a namespace.
    #[test]
    fn nested() {
        let part = b"30 25 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let groups = parse(part, b"0::/docker/abc/x\n", b"");
        assert!(groups.hierarchies[0].read_only);
        assert_eq!(dirs(&groups.hierarchies[0]), ["/sys/fs/cgroup/x", "/sys/fs/cgroup"]);
        assert_eq!(dirs(&parse(part, b"0::/docker/abc\n", b"").hierarchies[0]), ["/sys/fs/cgroup"]);
        for outside in [&b"0::/docker/abcd\n"[..], b"0::/../x\n", b"0::/\n"] {
            assert!(parse(part, outside, b"").hierarchies[0].places.is_empty());
        }
        let above = b"30 25 0:26 /.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        assert!(parse(above, b"0::/\n", b"").hierarchies[0].places.is_empty());
    }

    #[test]
    fn groups_of_another_process() {
        let found = others(V2, b"0::/a/own\n", b"0::/a/b/box\n");
        let [(group, common)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(group.path, *"/a/b/box");
        assert_eq!(group.tasks, Some(Text::from("/sys/fs/cgroup/a/b/box/cgroup.procs")));
        assert_eq!(*common, Some(Text::from("/sys/fs/cgroup/a/cgroup.procs")));
        assert_eq!(others(V2, b"0::/a\n", b"0::/a\n"), []);
        // From a cgroup namespace a group outside of it cannot be reached.
        let outside = others(V2, b"0::/\n", b"0::/../x\n");
        assert_eq!(outside[0].0.tasks, None);
        let v1 = b"35 31 0:32 / /m rw - cgroup cgroup rw,memory\n36 31 0:33 / /p rw - cgroup c rw,pids\n";
        let found = others(v1, b"4:memory:/\n3:pids:/y\n", b"4:memory:/x\n3:pids:/y\n");
        let [(group, None)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(group.tasks, Some(Text::from("/m/x/tasks")));
    }

    #[test]
    fn any_bytes_are_taken() {
        for seed in 0..1000 {
            let noise = crate::bytes::noise(seed, b"0:1,/. \ncpu=-x");
            let _ = parse(V2, &noise, &noise);
            let _ = others(V2, &noise, b"0::/a\n");
            let _ = is_abandoned(&format!("dwell-{}", String::from_utf8_lossy(&noise)));
        }
    }

    #[test]
    fn names_tell_their_maker() {
        let name = new_name();
        assert_eq!(is_abandoned(&name), Some(false), "{name}");
        assert_ne!(new_name(), name);
        assert_eq!(is_abandoned(&format!("{name}.scope")), Some(false));
        let mut parts: Vec<&str> = name.split('-').collect();
        parts[2] = "1.0";
        assert_eq!(is_abandoned(&parts.join("-")), Some(true));
        parts[1] = "77";
        assert_eq!(is_abandoned(&parts.join("-")), None);
        for other in ["dwell-", "dwell-suite-12", "user.slice", "dwell-1-2-3", "dwell-x-1.0-3"] {
            assert_eq!(is_abandoned(other), None, "{other}");
        }
    }

    #[test]
    fn this_machine() {
        let groups = detect().unwrap();
        for hierarchy in &groups.hierarchies {
            assert!(hierarchy.mount.as_path().is_absolute(), "{hierarchy:?}");
        }
    }
}
