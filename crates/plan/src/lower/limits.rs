//! How limits are enforced: by which group in which hierarchy, made by whom, or by what else.

use super::Context;
use super::builder::Builder;
use crate::cgroups::{Cgroups, Hierarchy, Layout, Place, Version};
use crate::group::{Group, Maker, Member, Told};
use crate::limits::{Amount, Controller, Limits, Now, Value, Write};
use crate::namespace::NamespaceKind;
use crate::plan::{GroupManager, Rlimit};
use crate::program::Topic;
use crate::refusal::Refusal;
use crate::text::Text;

/// What a world's limits have become.
#[derive(Debug, Default)]
pub(super) struct Enforced {
    pub(super) group: Option<Group>,
    /// Limits of single processes in the place of a group's.
    pub(super) rlimits: Vec<Rlimit>,
    /// What the user has to be told, whether or not they ask for explanations.
    pub(super) notes: Vec<String>,
}

pub(super) fn decide(cx: &Context<'_>, b: &mut Builder) -> Result<Enforced, Refusal> {
    let asked = &cx.plan.cgroup;
    let limits = with_own_process(cx);
    if limits.is_none() && !asked.counts() && !asked.writable {
        return Ok(Enforced::default());
    }
    if asked.writable && !cx.owns(NamespaceKind::Cgroup) {
        return Err(Refusal::new(
            "`--cgroup-writable` needs the cgroup namespace: without it the world would see the machine's groups",
        ));
    }
    let none = Cgroups::default();
    let groups = cx.facts.cgroups.as_ref().unwrap_or(&none);
    match choose(cx, groups, &limits) {
        Ok(group) => {
            explain(&group, groups, b);
            Ok(Enforced { group: Some(group), ..Enforced::default() })
        }
        Err(refusal) if limits.is_none() && !asked.writable => {
            b.decide(
                Topic::Limits,
                "no control group: what is told at the end is what the kernel counts for processes",
                refusal.sentence,
            );
            Ok(Enforced::default())
        }
        Err(refusal) if asked.rlimit_fallback => by_rlimits(cx, &limits, &refusal, b),
        Err(refusal) => Err(refusal),
    }
}

/// The first process is the world's, and counts; it is not the program's, and does not.
fn with_own_process(cx: &Context<'_>) -> Limits {
    if cx.plan.process.as_pid_1 {
        return cx.plan.limits.clone();
    }
    with_one_more(&cx.plan.limits)
}

fn with_one_more(limits: &Limits) -> Limits {
    let more = |n: u64| Amount::Of(n.saturating_add(1));
    let pids = limits.pids.map(|limit| limit.number().map_or(limit, more));
    Limits { pids, ..limits.clone() }
}

fn choose(cx: &Context<'_>, groups: &Cgroups, limits: &Limits) -> Result<Group, Refusal> {
    match (cx.plan.cgroup.manager, &groups.systemd) {
        (GroupManager::Fs, _) | (GroupManager::Auto, None) => by_caller(cx, groups, limits),
        (GroupManager::Systemd, _) => by_systemd(cx, groups, limits),
        (GroupManager::Auto, Some(_)) if groups.layout() != Layout::V2 => {
            by_caller(cx, groups, limits)
        }
        (GroupManager::Auto, Some(_)) => {
            // Where systemd has left a part of the tree to the caller, that is the caller's to use.
            let own = delegated(groups).and_then(|own| by_caller(cx, &own, limits).ok());
            own.map_or_else(|| by_systemd(cx, groups, limits), Ok)
        }
    }
}

/// The groups without what lies above the part that was delegated; none where none was.
fn delegated(groups: &Cgroups) -> Option<Cgroups> {
    let mut own = groups.clone();
    let unified = own.hierarchies.iter_mut().find(|h| h.version == Version::V2)?;
    let last = unified.places.iter().rposition(|place| place.delegated)?;
    unified.places.truncate(last + 1);
    Some(own)
}

fn by_caller(cx: &Context<'_>, groups: &Cgroups, limits: &Limits) -> Result<Group, Refusal> {
    let needed = limits.controllers();
    let unified_needed = !limits.unified.is_empty();
    for controller in &needed {
        if home_of(groups, *controller).is_none() {
            return Err(missing(groups, *controller));
        }
    }
    if unified_needed && groups.unified().is_none() {
        return Err(Refusal::new(
            "files of version 2 cannot be written here: no hierarchy of version 2 is mounted",
        ));
    }
    let mut members = Vec::new();
    for hierarchy in &groups.hierarchies {
        let own: Vec<Controller> = needed
            .iter()
            .copied()
            .filter(|c| home_of(groups, *c).is_some_and(|home| std::ptr::eq(home, hierarchy)))
            .collect();
        let told = cx.plan.cgroup.counts() && has_counters(hierarchy);
        let v2 = hierarchy.version == Version::V2;
        let view = cx.plan.cgroup.writable || (v2 && unified_needed);
        if own.is_empty() && !told && !view {
            continue;
        }
        members.push(member(cx, hierarchy, &own, limits)?);
    }
    if members.is_empty() {
        return Err(Refusal::new("no control groups can be made here: none are mounted"));
    }
    Ok(group(cx, groups, members, Maker::Caller, false))
}

fn group(
    cx: &Context<'_>,
    groups: &Cgroups,
    members: Vec<Member>,
    maker: Maker,
    is_kept: bool,
) -> Group {
    let unified = members.iter().any(|m| m.version == Version::V2);
    let devices = if unified && !has_v1(groups, Controller::Devices) {
        cx.plan.limits.devices.clone()
    } else {
        Vec::new()
    };
    let limits = &cx.plan.limits;
    let told = Told {
        memory: limits.memory.max.and_then(Amount::number),
        pids: limits.pids.and_then(Amount::number),
        own_processes: u64::from(is_kept || !cx.plan.process.as_pid_1),
    };
    let owner = cx.plan.cgroup.writable.then(|| cx.ids.outer_owner(cx.facts)).flatten();
    let name = groups.name.clone();
    let is_beside_v1 = groups.layout() != Layout::V2;
    let stats = cx.plan.cgroup.counts();
    Group { name, members, maker, is_beside_v1, devices, told, stats, is_kept, owner }
}

fn has_v1(groups: &Cgroups, controller: Controller) -> bool {
    home_of(groups, controller).is_some_and(|h| h.version == Version::V1)
}

/// The hierarchy that has a controller. Device rules belong to every hierarchy of version 2.
fn home_of(groups: &Cgroups, controller: Controller) -> Option<&Hierarchy> {
    let name = |h: &Hierarchy| match h.version {
        Version::V1 => controller.v1_name(),
        Version::V2 => controller.name(),
    };
    let has = |h: &&Hierarchy| h.controllers.iter().any(|c| c == name(h));
    groups.hierarchies.iter().find(has).or_else(|| match controller {
        Controller::Devices => groups.unified(),
        _ => None,
    })
}

/// Whether a hierarchy tells what its groups have used.
fn has_counters(hierarchy: &Hierarchy) -> bool {
    let counts =
        |c: &String| ["memory", "cpu", "cpuacct", "io", "blkio", "pids"].contains(&c.as_str());
    let usable = |place: &Place| place.writable;
    // Version 2 counts processor time and waiting without any controller.
    (hierarchy.version == Version::V2 || hierarchy.controllers.iter().any(counts))
        && !hierarchy.read_only
        && hierarchy.places.first().is_some_and(usable)
}

fn member(
    cx: &Context<'_>,
    hierarchy: &Hierarchy,
    own: &[Controller],
    limits: &Limits,
) -> Result<Member, Refusal> {
    let writes = limits.writes(hierarchy.version, own, &Now::default())?;
    if hierarchy.version == Version::V1 {
        let place = v1_place(cx, hierarchy, own)?;
        // KERNEL: what is said about all devices is refused in a group with groups in it (EINVAL). The
        // inner one is good enough: changing it takes root of the machine.
        let (mut inner_writes, mut writes): (Vec<_>, Vec<_>) =
            writes.into_iter().partition(Write::is_about_devices);
        if hierarchy.controllers.iter().any(|c| c == "cpuset") {
            if !own.contains(&Controller::Cpuset) {
                // KERNEL: it takes no process without them (ENOSPC), whoever else asked for the group.
                writes.extend(Write::whole_set());
            }
            inner_writes.extend(Write::whole_set());
        }
        return Ok(Member {
            version: Version::V1,
            hierarchy: hierarchy.controllers.clone(),
            parent: place.dir.clone(),
            enable: Vec::new(),
            step_aside: false,
            writes,
            inner_writes,
            inner_controllers: Vec::new(),
        });
    }
    let names = v2_names(own);
    let chosen = v2_place(cx, hierarchy, own, &names)?;
    let Chosen { place, step_aside, .. } = chosen;
    let mut enable: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    if cx.plan.cgroup.writable {
        chosen.add(place.controllers.iter().map(String::as_str), &mut enable);
    } else if cx.plan.cgroup.counts() {
        chosen.add(COUNTERS, &mut enable);
    }
    let given = enable.clone();
    enable.retain(|name| !place.enabled.contains(name));
    Ok(v2_member(cx, place.dir.clone(), writes, given, Enable { enable, step_aside }))
}

/// What must be done to the parent first.
struct Enable {
    enable: Vec<String>,
    step_aside: bool,
}

/// The inner group shows the limits as its own where the world sees it.
fn v2_member(
    cx: &Context<'_>,
    parent: Text,
    writes: Vec<Write>,
    given: Vec<String>,
    Enable { enable, step_aside }: Enable,
) -> Member {
    let seen = cx.owns(NamespaceKind::Cgroup) && cx.owns(NamespaceKind::Mount);
    Member {
        version: Version::V2,
        hierarchy: Vec::new(),
        parent,
        enable,
        step_aside,
        inner_writes: if seen {
            writes.iter().filter(|w| is_shown(w)).cloned().collect()
        } else {
            Vec::new()
        },
        inner_controllers: if seen { given } else { Vec::new() },
        writes,
    }
}

/// Whether the inner group has it too.
fn is_shown(write: &Write) -> bool {
    !write.file.starts_with("cgroup.")
}

fn v2_names(controllers: &[Controller]) -> Vec<&'static str> {
    let real = controllers.iter().filter(|c| **c != Controller::Devices);
    real.map(|c| c.name()).collect()
}

/// Controllers that count.
const COUNTERS: [&str; 4] = ["memory", "io", "pids", "cpu"];

/// Where a group of version 2 is made.
#[derive(Clone, Copy)]
struct Chosen<'a> {
    place: &'a Place,
    /// The caller leaves it first.
    step_aside: bool,
    /// More controllers can be given there.
    may_enable: bool,
}

impl Chosen<'_> {
    /// Adds those of `names` that the place can give.
    fn add<'n>(&self, names: impl IntoIterator<Item = &'n str>, enable: &mut Vec<String>) {
        for name in names {
            let there = self.place.controllers.iter().any(|c| c == name);
            let given = self.place.enabled.iter().any(|c| c == name);
            if there && (given || self.may_enable) && !enable.iter().any(|c| c == name) {
                enable.push(name.to_owned());
            }
        }
    }
}

/// In version 1 a group is made in the caller's own: what limits the caller limits the world too.
fn v1_place<'a>(
    cx: &Context<'_>,
    hierarchy: &'a Hierarchy,
    own: &[Controller],
) -> Result<&'a Place, Refusal> {
    let place = hierarchy.places.first().ok_or_else(|| unseen(hierarchy, own))?;
    match place.writable && !hierarchy.read_only {
        true => Ok(place),
        false => Err(closed(cx, hierarchy, place, own)),
    }
}

/// In version 2 the nearest group that may give the controllers: one that does already, or in which
/// there are no processes; the caller itself can leave.
fn v2_place<'a>(
    cx: &Context<'_>,
    hierarchy: &'a Hierarchy,
    own: &[Controller],
    names: &[&str],
) -> Result<Chosen<'a>, Refusal> {
    let nearest = hierarchy.places.first().ok_or_else(|| unseen(hierarchy, own))?;
    if hierarchy.read_only || !nearest.writable {
        return Err(closed(cx, hierarchy, nearest, own));
    }
    let mut refusal = None;
    for (at, place) in hierarchy.places.iter().take_while(|place| place.writable).enumerate() {
        let has = |list: &[String]| names.iter().all(|name| list.iter().any(|c| c == name));
        if !place.domain && !place.root {
            continue;
        }
        if has(&place.enabled) || (place.root && has(&place.controllers)) {
            let may_enable = place.root || (at > 0 && !place.crowded);
            return Ok(Chosen { place, step_aside: false, may_enable });
        }
        match (has(&place.controllers), place.crowded) {
            (true, false) => return Ok(Chosen { place, step_aside: at == 0, may_enable: true }),
            (true, true) => refusal.get_or_insert_with(|| crowded(place, own)),
            (false, _) => refusal.get_or_insert_with(|| poor(place, own)),
        };
    }
    Err(refusal.unwrap_or_else(|| closed(cx, hierarchy, nearest, own)))
}

fn by_systemd(cx: &Context<'_>, groups: &Cgroups, limits: &Limits) -> Result<Group, Refusal> {
    let cannot = format!("cannot {}", about(&limits.controllers()));
    let Some(systemd) = &groups.systemd else {
        return Err(Refusal::with_hint(
            format!("{cannot} by systemd: it does not run here"),
            "--cgroup-manager fs makes the group itself",
        ));
    };
    let unified = groups.unified().filter(|_| groups.layout() == Layout::V2);
    let Some(hierarchy) = unified else {
        return Err(Refusal::with_hint(
            format!(
                "{cannot} by systemd: the controllers here are not all in version 2, and in version 1 it gives none away"
            ),
            "--cgroup-manager fs makes the group itself",
        ));
    };
    let Some(bus) = &systemd.bus else {
        return Err(Refusal::with_hint(
            format!("{cannot} by systemd: its bus is not there for this user"),
            "`loginctl enable-linger` starts the user's manager, and XDG_RUNTIME_DIR has to name its directory; or --rlimit-fallback",
        ));
    };
    let needed = limits.controllers();
    let names = v2_names(&needed);
    let gives = |name: &&str| systemd.controllers.iter().any(|c| c == name);
    if let Some(name) = names.iter().find(|name| !systemd.controllers.is_empty() && !gives(name)) {
        return Err(Refusal::with_hint(
            format!("{cannot}: the manager of this user has no {name} controller"),
            format!(
                "as root: `systemctl edit user@.service`, and there `Delegate={name} {}` below [Service]",
                systemd.controllers.join(" ")
            ),
        ));
    }
    // Where the program is the first process, another one of ours keeps the scope until the end.
    let is_kept = cx.plan.process.as_pid_1;
    let outer_limits = if is_kept { with_one_more(limits) } else { limits.clone() };
    let writes = outer_limits.writes(Version::V2, &needed, &Now::default())?;
    let mut given: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    if cx.plan.cgroup.counts() {
        let counters = COUNTERS.into_iter().filter(|n| gives(n));
        given.extend(counters.filter(|n| !names.contains(n)).map(str::to_owned));
    }
    let nothing = Enable { enable: Vec::new(), step_aside: false };
    let mut member = v2_member(cx, hierarchy.mount.clone(), writes, given, nothing);
    if is_kept && !member.inner_writes.is_empty() {
        member.inner_writes = limits.writes(Version::V2, &needed, &Now::default())?;
        member.inner_writes.retain(is_shown);
    }
    let maker = Maker::Systemd {
        bus: bus.clone(),
        unit: format!("{}.scope", groups.name),
        slice: None,
        limits: Box::new(outer_limits),
    };
    Ok(group(cx, groups, vec![member], maker, is_kept))
}

/// Limits of single processes instead of the world's, for those that there are.
fn by_rlimits(
    cx: &Context<'_>,
    limits: &Limits,
    refusal: &Refusal,
    b: &mut Builder,
) -> Result<Enforced, Refusal> {
    let mut rest = limits.clone();
    let (memory, pids) = (rest.memory.max.take(), rest.pids.take());
    if !rest.is_none() || cx.plan.cgroup.writable {
        let what = if rest.is_none() {
            "give the world groups".to_owned()
        } else {
            about(&rest.controllers())
        };
        return Err(Refusal::with_hint(
            format!(
                "cannot {what}: {}, and no limit of single processes does it",
                refusal.sentence
            ),
            refusal.hint.clone().unwrap_or_else(|| "leave that limit out".to_owned()),
        ));
    }
    if pids.is_some() && !cx.owns(NamespaceKind::User) {
        return Err(Refusal::new(
            "cannot limit processes by a resource limit: without a user namespace of the world's own it counts all processes of the user",
        ));
    }
    let mut enforced = Enforced::default();
    let mut take = |name: &str, n: Option<Amount>, what: String| {
        let Some(Amount::Of(n)) = n else { return };
        enforced.rlimits.push(Rlimit { name: name.to_owned(), soft: Some(n), hard: Some(n) });
        b.decide(Topic::Limits, what.clone(), refusal.sentence.clone());
        enforced.notes.push(what);
    };
    take(
        "as",
        memory,
        "memory is limited for each process alone (RLIMIT_AS: the address space), not for all together, and files in memory do not count".to_owned(),
    );
    take(
        "nproc",
        pids,
        "processes are limited by their user id (RLIMIT_NPROC), which root of the machine does not feel".to_owned(),
    );
    Ok(enforced)
}

fn about(controllers: &[Controller]) -> String {
    match controllers.first() {
        Some(Controller::Memory) => "limit memory",
        Some(Controller::Cpu) => "limit processor time",
        Some(Controller::Cpuset) => "choose processors",
        Some(Controller::Io) => "limit block devices",
        Some(Controller::Pids) => "limit processes",
        Some(Controller::Hugetlb) => "limit huge pages",
        Some(Controller::Rdma) => "limit RDMA devices",
        Some(Controller::Misc) => "limit what misc counts",
        Some(Controller::Devices) => "set device rules",
        None => "make a control group",
    }
    .to_owned()
}

fn missing(groups: &Cgroups, controller: Controller) -> Refusal {
    let cannot = format!("cannot {}", about(&[controller]));
    let name = controller.name();
    if groups.disabled.iter().any(|c| c == controller.v1_name()) {
        return Refusal::with_hint(
            format!("{cannot}: the {name} controller was switched off when the kernel started"),
            "take it out of cgroup_disable= on the kernel's command line",
        );
    }
    if groups.layout() == Layout::None {
        return Refusal::with_hint(
            format!("{cannot}: no control groups are mounted here"),
            "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        );
    }
    let layout = groups.layout();
    Refusal::new(format!(
        "{cannot}: no hierarchy here has the {name} controller (layout: {layout})"
    ))
}

fn unseen(hierarchy: &Hierarchy, own: &[Controller]) -> Refusal {
    Refusal::with_hint(
        format!(
            "cannot {}: the own group {} is not below what is mounted at {}, as in a container that sees a part of the tree only",
            about(own),
            hierarchy.own,
            hierarchy.mount
        ),
        "start the container with a cgroup namespace of its own",
    )
}

fn closed(cx: &Context<'_>, hierarchy: &Hierarchy, place: &Place, own: &[Controller]) -> Refusal {
    let cannot = format!("cannot {}", about(own));
    if hierarchy.read_only {
        return Refusal::with_hint(
            format!("{cannot}: {} is mounted read-only, as in a container", hierarchy.mount),
            "limit the container itself, or start it with control groups that can be written",
        );
    }
    let whose = format!("{cannot}: the control group {} is not yours to divide", place.dir);
    let hint = if cx.facts.caller.uid == 0 {
        "the caller's user namespace does not own it: limit the container itself"
    } else if hierarchy.version == Version::V1 {
        "root can give it to you (chown of its directory and tasks file); or --rlimit-fallback for limits of single processes"
    } else {
        "start from a delegated one (`systemd-run --user --scope -p Delegate=yes dwell run ...`), or as root; or --rlimit-fallback for limits of single processes"
    };
    Refusal::with_hint(whose, hint)
}

fn crowded(place: &Place, own: &[Controller]) -> Refusal {
    Refusal::with_hint(
        format!(
            "cannot {}: there are other processes in {}, and a group that gives controllers has none of its own",
            about(own),
            place.dir
        ),
        "start dwell in a group of its own (`systemd-run --scope -p Delegate=yes dwell run ...`)",
    )
}

fn poor(place: &Place, own: &[Controller]) -> Refusal {
    let names = v2_names(own);
    let lacks: Vec<&str> =
        names.into_iter().filter(|n| !place.controllers.iter().any(|c| c == n)).collect();
    Refusal::with_hint(
        format!("cannot {}: {} has no {} controller", about(own), place.dir, lacks.join(", ")),
        "the group above gives it by `+NAME` in its cgroup.subtree_control",
    )
}

fn explain(group: &Group, groups: &Cgroups, b: &mut Builder) {
    if !b.explains() {
        return;
    }
    let layout = groups.layout();
    let (how, why) = match &group.maker {
        Maker::Caller => (
            format!("the control group {} is made for the world", group.name),
            format!("limits hold for all its processes together (layout: {layout})"),
        ),
        Maker::Systemd { unit, .. } => (
            format!("systemd makes the unit {unit} for the world"),
            "the tree of control groups is systemd's".to_owned(),
        ),
    };
    b.decide(Topic::Limits, how, why);
    for member in &group.members {
        let place = match group.maker {
            Maker::Caller => group.outer(member).to_string(),
            Maker::Systemd { .. } => "its group".to_owned(),
        };
        for write in &member.writes {
            let value = match &write.value {
                Value::Text(text) => text.clone(),
                Value::OfParent => "that of the group above".to_owned(),
            };
            b.decide(
                Topic::Limits,
                format!("{} is {value}", write.file),
                format!("{} in {place}", write.what),
            );
        }
    }
    if !group.devices.is_empty() {
        b.decide(
            Topic::Limits,
            "device rules (eBPF program of the group)",
            "version 2 has no files for them",
        );
    }
    if group.told.own_processes > 0 && group.told.pids.is_some() {
        b.decide(
            Topic::Limits,
            "one process more than was asked for",
            if group.is_kept {
                "a process of dwell's keeps the group until its counters have been read"
            } else {
                "the world's first process is not the program's"
            },
        );
    }
}
