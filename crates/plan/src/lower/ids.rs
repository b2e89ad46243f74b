//! Which ids exist inside, who writes the maps, and who the program is.

use super::builder::Builder;
use super::decide_wall;
use crate::facts::{Caller, Facts};
use crate::idmap::{IdMap, IdRange};
use crate::namespace::NamespaceKind;
use crate::plan::{Mapping, Plan, RootSource, User};
use crate::program::{HostMaps, MapWriter, Topic};
use crate::refusal::Refusal;

const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;

/// A pair of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Maps {
    pub(super) users: IdMap,
    pub(super) groups: IdMap,
}

/// How the ids of the world come about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    /// Maps that the new process writes itself: its own ids alone.
    pub(super) own_maps: Option<Maps>,
    /// Maps that the host side writes.
    pub(super) host_maps: Option<HostMaps>,
    /// Maps of a second user namespace inside the first, made when the mounts are done.
    pub(super) second: Option<Maps>,
    /// The program's user id, in its user namespace.
    pub(super) uid: u32,
    /// Its group id.
    pub(super) gid: u32,
    /// Owner of the user's own directories as the process that mounts must name them.
    pub(super) owner: (u32, u32),
    /// Ids that the first process takes before it makes files: its own do not exist inside.
    pub(super) become_first: Option<(u32, u32)>,
    /// Whether the program must change its ids (it does not have them already).
    pub(super) change: bool,
    /// Whether id 0 exists while mounts are made: devpts wants it.
    pub(super) has_root: bool,
}

impl Ids {
    /// The program's ids as the machine counts them, where they are not the caller's and root can give
    /// files away to them.
    pub(super) fn outer_owner(&self, facts: &Facts) -> Option<(u32, u32)> {
        let outer = |map: &IdMap, id: u32| {
            map.0.iter().find_map(|r| {
                let offset = id.checked_sub(r.inner).filter(|n| *n < r.count)?;
                r.outer.checked_add(offset)
            })
        };
        let owner = match &self.host_maps {
            None => (self.own_maps.is_none()).then_some((self.uid, self.gid)),
            Some(maps) => Some((outer(&maps.users, self.uid)?, outer(&maps.groups, self.gid)?)),
        };
        owner.filter(|ids| facts.caller.uid == 0 && *ids != (facts.caller.uid, facts.caller.gid))
    }
}

pub(super) fn choose(plan: &Plan, facts: &Facts, b: &mut Builder) -> Result<Ids, Refusal> {
    if plan.namespaces.owns(NamespaceKind::User) {
        let ids = own_namespace(plan, facts, b)?;
        check_mapped(&ids, wanted(plan.identity.user, &facts.caller))?;
        return Ok(ids);
    }
    refuse_without_rights(plan, facts)?;
    Ok(shared_namespace(plan, facts))
}

/// Without a user namespace the other namespaces need `CAP_SYS_ADMIN`.
fn refuse_without_rights(plan: &Plan, facts: &Facts) -> Result<(), Refusal> {
    if facts.caller.is_admin() || plan.namespaces.joins(NamespaceKind::User) {
        return Ok(());
    }
    if let Some(kind) = plan.namespaces.own.iter().next() {
        return Err(Refusal::with_hint(
            format!(
                "cannot make a {kind} namespace without a user namespace: only root may (CAP_SYS_ADMIN)"
            ),
            if facts.caller.uid == 0 {
                "add `user` to the set: root has no CAP_SYS_ADMIN here, as in a container"
            } else {
                "add `user` to the set, or run as root"
            },
        ));
    }
    if let Some(join) = plan.namespaces.join.first() {
        return Err(Refusal::with_hint(
            format!(
                "cannot join a {} namespace without its user namespace: only root may (CAP_SYS_ADMIN)",
                join.kind
            ),
            format!("add --join user={}", join.path),
        ));
    }
    Ok(())
}

fn shared_namespace(plan: &Plan, facts: &Facts) -> Ids {
    let caller = (facts.caller.uid, facts.caller.gid);
    let (uid, gid) = wanted(plan.identity.user, &facts.caller);
    let joined = plan.namespaces.joins(NamespaceKind::User);
    let change = plan.identity.user != User::Caller && (joined || (uid, gid) != caller);
    Ids { uid, gid, owner: (uid, gid), change, has_root: true, ..Ids::default() }
}

fn own_namespace(plan: &Plan, facts: &Facts, b: &mut Builder) -> Result<Ids, Refusal> {
    let caller = &facts.caller;
    let (uid, gid) = wanted(plan.identity.user, caller);
    let privileged = is_privileged(caller);
    let writer = if privileged { Some(MapWriter::Direct) } else { helpers(facts) };
    match (&plan.identity.users, &plan.identity.groups) {
        (Mapping::Default, Mapping::Default) if privileged => {
            b.decide(
                Topic::Ids,
                "every id exists inside under its own number",
                "root may map all of them",
            );
            let maps = Maps {
                users: IdMap::identity_of(&caller.uid_map),
                groups: IdMap::identity_of(&caller.gid_map),
            };
            Ok(by_host(maps, MapWriter::Direct, (uid, gid), caller))
        }
        (Mapping::Default, Mapping::Default) => {
            let directory = matches!(plan.root, RootSource::Directory { .. });
            match writer {
                Some(writer)
                    if directory && !caller.subuids.is_empty() && !caller.subgids.is_empty() =>
                {
                    Ok(by_host(subordinate((uid, gid), caller, b), writer, (uid, gid), caller))
                }
                _ => Ok(own_id_alone((uid, gid), caller, directory, b)),
            }
        }
        (users, groups) => {
            let maps = asked(users, groups, (uid, gid), caller, b)?;
            if let (false, Some(own)) = (privileged, only_own(&maps, caller)) {
                return Ok(own_id_alone(own, caller, false, b));
            }
            let writer = writer.ok_or_else(no_helpers)?;
            Ok(by_host(maps, writer, (uid, gid), caller))
        }
    }
}

fn wanted(user: User, caller: &Caller) -> (u32, u32) {
    match user {
        User::Caller => (caller.uid, caller.gid),
        User::Root => (0, 0),
        User::Ids { uid, gid } => (uid, gid),
    }
}

/// Whether the caller may write maps of any of its ids.
pub(super) fn is_privileged(caller: &Caller) -> bool {
    let both = 1 << CAP_SETUID | 1 << CAP_SETGID;
    caller.capabilities & both == both
}

fn helpers(facts: &Facts) -> Option<MapWriter> {
    Some(MapWriter::Helpers(facts.newuidmap.clone()?, facts.newgidmap.clone()?))
}

fn no_helpers() -> Refusal {
    Refusal::with_hint(
        "cannot map more ids than your own: newuidmap and newgidmap are not installed",
        "install them (Debian: uidmap, Fedora: shadow-utils), or leave --map-users and --map-groups out",
    )
}

/// A user may map one id without anybody's help: their own, written by the new process itself.
///
/// KERNEL: a mount of devpts makes nodes that belong to id 0, so while mounts are made that id must
/// exist. Where the program is not id 0, a second user namespace turns it back. That also takes the
/// rights over the world's mounts from everything the program ever becomes.
fn own_id_alone(want: (u32, u32), caller: &Caller, directory: bool, b: &mut Builder) -> Ids {
    let why = if directory && caller.subuids.is_empty() {
        "a user may map one id alone, and has no lines in /etc/subuid: files of other owners show as nobody"
    } else {
        "a user may map their own id alone, without anybody's help"
    };
    b.decide(Topic::Ids, format!("uid {} inside is your uid {}", want.0, caller.uid), why);
    if want == (0, 0) {
        return Ids { own_maps: Some(own_as_root(caller)), has_root: true, ..Ids::default() };
    }
    decide_wall(
        b,
        "a second user namespace, made last".to_owned(),
        "mounting devpts needs an id 0, and the program is not to have rights over the mounts",
    );
    Ids {
        own_maps: Some(own_as_root(caller)),
        second: Some(Maps {
            users: IdMap(vec![IdRange::one(want.0, 0)]),
            groups: IdMap(vec![IdRange::one(want.1, 0)]),
        }),
        uid: want.0,
        gid: want.1,
        has_root: true,
        ..Ids::default()
    }
}

/// The caller's ids, as root's.
pub(super) fn own_as_root(caller: &Caller) -> Maps {
    Maps {
        users: IdMap(vec![IdRange::one(0, caller.uid)]),
        groups: IdMap(vec![IdRange::one(0, caller.gid)]),
    }
}

/// The inner ids, where a map has the caller's own ids and no others: no help is needed for that.
fn only_own(maps: &Maps, caller: &Caller) -> Option<(u32, u32)> {
    let one = |map: &IdMap, own: u32| match map.0.as_slice() {
        [IdRange { inner, outer, count: 1 }] if *outer == own => Some(*inner),
        _ => None,
    };
    Some((one(&maps.users, caller.uid)?, one(&maps.groups, caller.gid)?))
}

fn by_host(maps: Maps, writer: MapWriter, want: (u32, u32), caller: &Caller) -> Ids {
    let inner = |map: &IdMap, outer: u32| {
        map.0.iter().find(|r| r.has_outer(outer)).map(|r| r.inner + (outer - r.outer))
    };
    let now = (inner(&maps.users, caller.uid), inner(&maps.groups, caller.gid));
    let first = |map: &IdMap| {
        if map.has_inner(0) { 0 } else { map.0.first().map_or(0, |range| range.inner) }
    };
    let stranger = now.0.is_none() || now.1.is_none();
    Ids {
        become_first: stranger.then(|| (first(&maps.users), first(&maps.groups))),
        uid: want.0,
        gid: want.1,
        owner: want,
        change: now != (Some(want.0), Some(want.1)),
        has_root: maps.users.has_inner(0) && maps.groups.has_inner(0),
        host_maps: Some(HostMaps { users: maps.users, groups: maps.groups, writer }),
        ..Ids::default()
    }
}

fn subordinate(want: (u32, u32), caller: &Caller, b: &mut Builder) -> Maps {
    b.decide(
        Topic::Ids,
        format!("your ids and {} subordinate ones exist inside", total(&caller.subuids)),
        "/etc/subuid and /etc/subgid give them to you; newuidmap and newgidmap write the maps",
    );
    Maps {
        users: IdMap::around(want.0, caller.uid, &caller.subuids),
        groups: IdMap::around(want.1, caller.gid, &caller.subgids),
    }
}

fn asked(
    users: &Mapping,
    groups: &Mapping,
    want: (u32, u32),
    caller: &Caller,
    b: &mut Builder,
) -> Result<Maps, Refusal> {
    let auto = |pool: &[(u32, u32)], inner, own, file: &str| {
        if pool.is_empty() {
            return Err(Refusal::with_hint(
                format!("cannot map subordinate ids: {file} has no line for {}", caller.name),
                format!(
                    "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}",
                    caller.name
                ),
            ));
        }
        Ok(IdMap::around(inner, own, pool))
    };
    let one = |mapping: &Mapping, pool: &[(u32, u32)], inner, own, file| match mapping {
        Mapping::Ranges(map) => Ok(map.clone()),
        Mapping::Subids => auto(pool, inner, own, file),
        Mapping::Default => Ok(IdMap(vec![IdRange::one(inner, own)])),
    };
    b.decide(Topic::Ids, "the maps that were asked for", "--map-users, --map-groups");
    Ok(Maps {
        users: one(users, &caller.subuids, want.0, caller.uid, "/etc/subuid")?,
        groups: one(groups, &caller.subgids, want.1, caller.gid, "/etc/subgid")?,
    })
}

fn total(pool: &[(u32, u32)]) -> u64 {
    pool.iter().map(|(_, n)| u64::from(*n)).sum()
}

fn check_mapped(ids: &Ids, want: (u32, u32)) -> Result<(), Refusal> {
    let Some(maps) = &ids.host_maps else {
        return if (ids.uid, ids.gid) == want {
            Ok(())
        } else {
            Err(if ids.uid == want.0 {
                not_mapped("gid", want.1)
            } else {
                not_mapped("uid", want.0)
            })
        };
    };
    for (word, map, id) in [("uid", &maps.users, ids.uid), ("gid", &maps.groups, ids.gid)] {
        if !map.has_inner(id) {
            return Err(not_mapped(word, id));
        }
    }
    Ok(())
}

fn not_mapped(word: &str, id: u32) -> Refusal {
    Refusal::with_hint(
        format!("the program's {word} {id} is not in the map of its user namespace"),
        "map it with --map-users and --map-groups, or choose another with --user",
    )
}
