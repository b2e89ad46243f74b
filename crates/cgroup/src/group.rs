//! One group, from its making to its removal.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use dwell_plan::cgroups::Version;
use dwell_plan::group::{Group as Spec, INNER, KEPT, Maker, Member};
use dwell_plan::limits::{Amount, Controller, DeviceRule, Limits, MemoryNow, Now};

use crate::error::Error;
use crate::files::{carry_out, number, put};
use crate::stats::{Reached, Stats};
use crate::sweep::sweep_beside;
use crate::{devices, freeze, kill, stats, systemd, tree};

/// A group that was made; removed when it is dropped.
#[derive(Debug)]
pub struct Group {
    pub(crate) parts: Vec<Part>,
}

/// A group's directories in one hierarchy.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) version: Version,
    pub(crate) outer: PathBuf,
    pub(crate) inner: PathBuf,
    /// The inner one has the limits too, to be seen.
    shown: bool,
    aside: Option<Aside>,
    /// systemd has made it and removes it.
    is_scope: bool,
}

/// The caller has left its own group so that this may give controllers, and goes back at the end.
#[derive(Debug)]
struct Aside {
    home: PathBuf,
    leaf: PathBuf,
    enabled: Vec<String>,
}

impl Group {
    /// Makes the group, with its limits in place and nobody in it. What earlier groups of dwell have
    /// left beside it is removed.
    ///
    /// # Errors
    /// The first thing that the kernel refuses; then nothing of the group is left.
    pub fn create(spec: &Spec) -> Result<Group, Error> {
        // What is there already goes with it when something fails.
        let mut group = Group { parts: Vec::with_capacity(spec.members.len()) };
        for member in &spec.members {
            group.add(spec, member)?;
        }
        if !spec.devices.is_empty() {
            group.set_devices(&spec.devices)?;
        }
        Ok(group)
    }

    /// Has systemd make the group around a process that waits, and puts its limits into place. The
    /// `keeper`, a process too, stays beside the inner group and keeps systemd from removing them when the
    /// others have ended.
    ///
    /// # Errors
    /// systemd refuses or does not answer, or the kernel refuses a limit.
    pub fn adopt(spec: &Spec, pid: i32, keeper: Option<i32>) -> Result<Group, Error> {
        let (Maker::Systemd { bus, unit, slice, limits }, Some(member)) =
            (&spec.maker, spec.members.first())
        else {
            return Err(Error::new("cannot adopt a group that systemd does not make"));
        };
        let pids: Vec<i32> = std::iter::once(pid).chain(keeper).collect();
        systemd::start_scope(bus.as_path(), unit, slice.as_deref(), limits, &pids)?;
        let outer = scope_of(member.parent.as_path(), pid, unit)
            .inspect_err(|_| systemd::stop(bus.as_path(), &[unit]))?;
        let part = Part {
            version: Version::V2,
            inner: outer.join(INNER),
            outer: outer.clone(),
            shown: !member.inner_controllers.is_empty(),
            aside: None,
            is_scope: true,
        };
        // From here on it is removed when something fails.
        let group = Group { parts: vec![part] };
        if let Some(beside) = outer.parent() {
            sweep_beside(Version::V2, beside, Some(bus.as_path()));
        }
        make(&outer.join(INNER))?;
        // KERNEL: the scope can give controllers once nobody is in it itself.
        group.enter(pid)?;
        if let Some(keeper) = keeper {
            let kept = outer.join(KEPT);
            make(&kept)?;
            enter(&kept, keeper)?;
        }
        set(&outer, spec, member)?;
        if !spec.devices.is_empty() {
            group.set_devices(&spec.devices)?;
        }
        Ok(group)
    }

    fn add(&mut self, spec: &Spec, member: &Member) -> Result<(), Error> {
        let parent = member.parent.as_path();
        sweep_beside(member.version, parent, None);
        let aside = if member.step_aside { Some(Aside::step(parent, spec, member)?) } else { None };
        let outer = spec.outer(member).as_path().to_owned();
        self.parts.push(Part {
            version: member.version,
            inner: outer.join(INNER),
            outer: outer.clone(),
            shown: !member.inner_controllers.is_empty(),
            aside,
            is_scope: false,
        });
        enable(parent, &member.enable)?;
        make(&outer)?;
        make(&outer.join(INNER))?;
        set(&outer, spec, member)
    }

    /// The directory of version 2 that a process can be cloned into (`CLONE_INTO_CGROUP`, Linux 5.7).
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn directory(&self) -> Result<Option<OwnedFd>, Error> {
        let Some(part) = self.parts.iter().find(|p| p.version == Version::V2) else {
            return Ok(None);
        };
        match File::open(&part.inner) {
            Ok(dir) => Ok(Some(dir.into())),
            Err(e) => Err(Error::of_call("open the control group", "open", &part.inner, &e)),
        }
    }

    /// Puts a process into the group, in every hierarchy.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn enter(&self, pid: i32) -> Result<(), Error> {
        self.parts.iter().try_for_each(|part| enter(&part.inner, pid))
    }

    /// Changes the limits while processes are in it.
    ///
    /// # Errors
    /// A limit that cannot be expressed here, or that the kernel refuses.
    pub fn update(&self, limits: &Limits) -> Result<(), Error> {
        let needed = limits.controllers();
        for controller in &needed {
            if *controller != Controller::Devices && self.home_of(*controller).is_none() {
                return Err(Error::new(format!(
                    "cannot change the limits: the group has no part with the {} controller",
                    controller.name()
                )));
            }
        }
        if !limits.devices.is_empty() {
            self.set_devices(&limits.devices)?;
        }
        for part in &self.parts {
            let here = |c: &Controller| *c != Controller::Devices && part.has(*c);
            let own: Vec<Controller> = needed.iter().copied().filter(here).collect();
            let writes = limits
                .writes(part.version, &own, &part.now())
                .map_err(|r| Error { sentence: r.sentence, hint: r.hint })?;
            for write in &writes {
                carry_out(write, &part.outer)?;
                if part.shown && !write.file.starts_with("cgroup.") {
                    carry_out(write, &part.inner)?;
                }
            }
        }
        Ok(())
    }

    /// Has these device rules hold instead of those before: in version 2 a program, in version 1 the
    /// files of the devices controller.
    ///
    /// # Errors
    /// The group has no part that can do it, or the kernel refuses.
    pub fn set_devices(&self, rules: &[DeviceRule]) -> Result<(), Error> {
        let v1 = |p: &&Part| p.version == Version::V1 && p.has(Controller::Devices);
        if let Some(part) = self.parts.iter().find(v1) {
            let limits = Limits { devices: rules.to_vec(), ..Limits::default() };
            let writes = limits.writes(Version::V1, &[Controller::Devices], &part.now());
            let writes = writes.map_err(|r| Error { sentence: r.sentence, hint: r.hint })?;
            // KERNEL: what is said about all devices is refused in a group with groups in it (EINVAL).
            return writes.iter().try_for_each(|write| carry_out(write, &part.inner));
        }
        match self.parts.iter().find(|part| part.version == Version::V2) {
            Some(part) => devices::set(&part.outer, rules),
            None => Err(Error::new(
                "cannot set the device rules: the group has no part in version 2 or with the devices controller",
            )),
        }
    }

    fn home_of(&self, controller: Controller) -> Option<&Part> {
        self.parts.iter().find(|part| part.has(controller))
    }

    /// Stops every process at once.
    ///
    /// # Errors
    /// No part of the group can do it, or a process does not stop.
    pub fn freeze(&self) -> Result<(), Error> {
        let part = self.freezer()?;
        freeze::set(part.version, &part.outer, true)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// As for [`freeze`](Self::freeze).
    pub fn thaw(&self) -> Result<(), Error> {
        let part = self.freezer()?;
        freeze::set(part.version, &part.outer, false)
    }

    fn freezer(&self) -> Result<&Part, Error> {
        let can = |part: &&Part| {
            let file = if part.version == Version::V2 { "cgroup.freeze" } else { "freezer.state" };
            part.outer.join(file).exists()
        };
        self.parts.iter().find(can).ok_or_else(|| {
            Error::new("cannot freeze the control group: no part of it has a freezer")
        })
    }

    /// Ends every process in it, and waits until there is none.
    ///
    /// # Errors
    /// A process does not end.
    pub fn kill(&self) -> Result<(), Error> {
        // One hierarchy has them all. The one in version 2 does it in one write, one with a freezer
        // without a race.
        let best =
            |part: &&Part| (part.version == Version::V2, part.outer.join("freezer.state").exists());
        match self.parts.iter().max_by_key(best) {
            Some(part) => kill::all(part.version, &part.outer),
            None => Ok(()),
        }
    }

    /// The processes in it.
    #[must_use]
    pub fn processes(&self) -> Vec<i32> {
        self.parts.first().map(|part| tree::processes(&part.outer)).unwrap_or_default()
    }

    /// What has been used.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::read(&self.parts)
    }

    /// Which limits have been reached.
    #[must_use]
    pub fn reached(&self) -> Reached {
        stats::reached(&self.parts)
    }

    /// Removes it, with the groups in it and what still runs there.
    ///
    /// # Errors
    /// What is left, and why: all of it is tried.
    pub fn remove(mut self) -> Result<(), Error> {
        self.clear()
    }

    fn clear(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for part in std::mem::take(&mut self.parts).into_iter().rev() {
            let removed = part.remove();
            result = result.and(removed);
        }
        result
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What cannot be removed now is found by the next start.
        let _ = self.clear();
    }
}

impl Part {
    fn has(&self, controller: Controller) -> bool {
        let file = match (self.version, controller) {
            (_, Controller::Memory) => "memory.stat",
            (Version::V1, Controller::Cpu) => "cpu.shares",
            // KERNEL: cpu.stat is there without the controller.
            (Version::V2, Controller::Cpu) => "cpu.weight",
            (_, Controller::Cpuset) => "cpuset.cpus",
            (Version::V1, Controller::Io) => "blkio.throttle.read_bps_device",
            (Version::V2, Controller::Io) => "io.max",
            (_, Controller::Pids) => "pids.max",
            (_, Controller::Rdma) => "rdma.max",
            (_, Controller::Misc) => "misc.max",
            (Version::V1, Controller::Devices) => "devices.allow",
            (Version::V2, Controller::Devices) => "cgroup.procs",
            (_, Controller::Hugetlb) => {
                let names = fs::read_dir(&self.outer).into_iter().flatten().flatten();
                return names
                    .map(|e| e.file_name())
                    .any(|n| n.to_string_lossy().starts_with("hugetlb."));
            }
        };
        self.outer.join(file).exists()
    }

    /// What the limits are that others are taken together with.
    fn now(&self) -> Now {
        let limit = number(&self.outer.join("memory.limit_in_bytes"));
        let with_swap = number(&self.outer.join("memory.memsw.limit_in_bytes"));
        let memory = limit.zip(with_swap).map(|(limit, with_swap)| MemoryNow { limit, with_swap });
        let max = match self.version {
            // KERNEL: no limit is the greatest number of whole pages.
            Version::V1 => limit.filter(|n| *n < i64::MAX.cast_unsigned() - 0xffff),
            Version::V2 => number(&self.outer.join("memory.max")),
        };
        Now { memory, memory_max: max.map(Amount::Of), exists: true }
    }

    fn remove(self) -> Result<(), Error> {
        let removed = if self.is_scope {
            kill::all(self.version, &self.outer)
                .map(|()| systemd::wait_for_removal(std::slice::from_ref(&self.outer)))
        } else {
            kill::and_remove(self.version, &self.outer)
        };
        let back = self.aside.map_or(Ok(()), Aside::back);
        removed.and(back)
    }
}

fn make(dir: &Path) -> Result<(), Error> {
    fs::create_dir(dir).map_err(|error| {
        let failed = Error::of_call("make the control group", "mkdir", dir, &error);
        match error.kind() {
            // KERNEL: EAGAIN where cgroup.max.descendants or cgroup.max.depth is reached.
            ErrorKind::WouldBlock => failed.hint("a group above allows no more of them"),
            ErrorKind::StorageFull => failed.hint("the kernel has no more room for control groups"),
            _ => failed,
        }
    })
}

fn enter(dir: &Path, pid: i32) -> Result<(), Error> {
    let path = dir.join("cgroup.procs");
    put(&path, &pid.to_string())
        .map_err(|e| Error::of_call("enter the control group", "write", &path, &e))
}

/// Has `dir` give controllers to the groups in it.
fn enable(dir: &Path, controllers: &[String]) -> Result<(), Error> {
    let path = dir.join("cgroup.subtree_control");
    for name in controllers {
        put(&path, &format!("+{name}")).map_err(|error| {
            let what = format!("enable the {name} controller");
            let failed = Error::of_call(&what, &format!("write \"+{name}\" to"), &path, &error);
            match error.kind() {
                ErrorKind::ResourceBusy => failed.hint("there are processes in that group"),
                _ => failed,
            }
        })?;
    }
    Ok(())
}

/// The group of a process in the hierarchy of version 2 that is mounted at `mount`.
fn own_group(mount: &Path, pid: i32) -> Result<PathBuf, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/cgroup"));
    let text = fs::read_to_string(&path)
        .map_err(|e| Error::of_call("find the control group", "read", &path, &e))?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"));
    own.map(|own| mount.join(own))
        .ok_or_else(|| Error::new("cannot find the control group that systemd has made"))
}

/// The group of the scope `unit`, which a process has been put into.
fn scope_of(mount: &Path, pid: i32, unit: &str) -> Result<PathBuf, Error> {
    let dir = own_group(mount, pid)?;
    if dir.file_name() == Some(OsStr::new(unit)) {
        return Ok(dir);
    }
    // KERNEL: a process that has ended stays where it was. What is there is not to be touched.
    Err(Error::new(format!("cannot put the first process into the unit {unit}: it has ended")))
}

/// The limits of both levels.
fn set(outer: &Path, spec: &Spec, member: &Member) -> Result<(), Error> {
    for write in &member.writes {
        carry_out(write, outer)?;
    }
    enable(outer, &member.inner_controllers)?;
    let inner = outer.join(INNER);
    for write in &member.inner_writes {
        carry_out(write, &inner)?;
    }
    match spec.owner {
        Some(owner) => give(&inner, member.version, owner),
        None => Ok(()),
    }
}

/// The files of a group by which it is divided, and its directory: but not its limits.
fn give(dir: &Path, version: Version, (uid, gid): (u32, u32)) -> Result<(), Error> {
    let files = match version {
        Version::V1 => ["", "tasks", "cgroup.procs"].as_slice(),
        Version::V2 => ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"].as_slice(),
    };
    for name in files {
        let path = dir.join(name);
        chown(&path, Some(uid), Some(gid))
            .map_err(|e| Error::of_call("give away the control group", "chown", &path, &e))?;
    }
    Ok(())
}

impl Aside {
    fn step(home: &Path, spec: &Spec, member: &Member) -> Result<Aside, Error> {
        let leaf = home.join(aside_name(&spec.name.to_string()));
        make(&leaf)?;
        let aside = Aside { home: home.to_owned(), leaf, enabled: member.enable.clone() };
        let own = std::process::id().to_string();
        let path = aside.leaf.join("cgroup.procs");
        match put(&path, &own) {
            Ok(()) => Ok(aside),
            Err(e) => {
                let _ = fs::remove_dir(&aside.leaf);
                Err(Error::of_call("leave the own control group", "write", &path, &e))
            }
        }
    }

    /// KERNEL: a group takes processes again once it gives no controllers any more.
    fn back(self) -> Result<(), Error> {
        if tree::below(&self.home).len() > 2 {
            // Others have made groups there meanwhile, and would lose the controllers that their limits
            // stand on. The caller stays where it is, and its leaf is removed by a later start.
            return Ok(());
        }
        let control = self.home.join("cgroup.subtree_control");
        for name in &self.enabled {
            // What is still given keeps the caller out, which the next write tells.
            let _ = put(&control, &format!("-{name}"));
        }
        let path = self.home.join("cgroup.procs");
        put(&path, &std::process::id().to_string())
            .map_err(|e| Error::of_call("return to the own control group", "write", &path, &e))?;
        fs::remove_dir(&self.leaf)
            .map_err(|e| Error::of_call("remove the control group", "rmdir", &self.leaf, &e))
    }
}

/// `dwell-SPACE-START.aside-PID`, by which it is found when its maker was killed.
fn aside_name(name: &str) -> String {
    match (name.rsplit_once('-'), name.rfind('.')) {
        (Some((_, pid)), Some(point)) => {
            format!("{}.aside-{pid}", name.get(..point).unwrap_or_default())
        }
        _ => format!("{name}.aside"),
    }
}
