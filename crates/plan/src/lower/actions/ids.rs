//! Who the process is, and which ids exist in its user namespace.

use super::super::builder::Builder;
use super::put;
use crate::action::{Action, Demand, IdBlock, Setgroups};
use crate::facts::{Caller, Facts};
use crate::idmap::{IdMap, IdRange};
use crate::plan::Plan;
use crate::program::{HostMaps, MapWriter, Op, Topic};
use crate::refusal::Refusal;
use crate::text::Text;

const WORDS: [&str; 2] = ["cannot open", "write failed"];

pub(super) fn map_user(inner: u32, facts: &Facts, b: &mut Builder) {
    put("/proc/self/uid_map", format!("{inner} {} 1", facts.caller.uid), WORDS, b);
}

/// KERNEL: who has no rights outside may only map a group once `setgroups(2)` is forbidden for good:
/// else dropping a group could open files that are closed to it.
pub(super) fn map_group(inner: u32, facts: &Facts, b: &mut Builder) {
    setgroups(Setgroups::Deny, b);
    put("/proc/self/gid_map", format!("{inner} {} 1", facts.caller.gid), WORDS, b);
}

pub(super) fn setgroups(policy: Setgroups, b: &mut Builder) {
    super::setgroups(policy, b);
}

pub(super) fn drop_groups(demand: Demand, b: &mut Builder) {
    b.says("setgroups failed");
    b.op(Op::DropGroups(demand));
}

pub(super) fn set_gid(gid: Option<u32>, b: &mut Builder) {
    b.says("setgid() failed");
    b.op(Op::SetGid(gid));
}

pub(super) fn set_uid(uid: Option<u32>, b: &mut Builder) {
    b.says("setuid() failed");
    b.op(Op::SetUid(uid));
}

/// The maps that are written from outside: by root directly, else by the set-user-ID helpers.
pub(super) fn host_maps(
    plan: &Plan,
    facts: &Facts,
    b: &mut Builder,
) -> Result<Option<HostMaps>, Refusal> {
    let blocks = plan.actions.iter().find_map(|action| match action {
        Action::MapFromOutside { users, groups } => Some((users, groups)),
        _ => None,
    });
    let Some((users, groups)) = blocks else { return Ok(None) };
    let caller = &facts.caller;
    let of_users = Side {
        own: caller.uid,
        pool: caller.subuids.first().copied(),
        file: "/etc/subuid",
        all: &caller.uid_map,
        caller,
    };
    let of_groups = Side {
        own: caller.gid,
        pool: caller.subgids.first().copied(),
        file: "/etc/subgid",
        all: &caller.gid_map,
        caller,
    };
    let writer = match caller.uid {
        0 => MapWriter::Direct,
        _ => MapWriter::Helpers(Text::from("newuidmap"), Text::from("newgidmap")),
    };
    b.decide(
        Topic::Ids,
        "ids are mapped by a process that stays outside",
        match writer {
            MapWriter::Direct => "root may write the maps itself",
            MapWriter::Helpers(..) => "newuidmap and newgidmap may write more than your own id",
        },
    );
    Ok(Some(HostMaps { users: map(users, &of_users)?, groups: map(groups, &of_groups)?, writer }))
}

/// What a map of users, or of groups, is made from.
struct Side<'a> {
    own: u32,
    /// The first line of the file that is the caller's.
    pool: Option<(u32, u32)>,
    file: &'a str,
    all: &'a IdMap,
    caller: &'a Caller,
}

fn map(blocks: &[IdBlock], side: &Side<'_>) -> Result<IdMap, Refusal> {
    let own = blocks.iter().find_map(|block| match block {
        IdBlock::Own(inner) => Some(IdRange::one(*inner, side.own)),
        _ => None,
    });
    let mut ranges: Vec<IdRange> = own.into_iter().collect();
    for block in blocks {
        match block {
            IdBlock::Own(_) => {}
            IdBlock::Range(range) => ranges.extend(range.beside(own)),
            IdBlock::Subordinate => {
                let (outer, count) = subordinate(side)?;
                ranges.extend(IdRange { inner: 0, outer, count }.above(own));
            }
            IdBlock::SubordinateAsTheyAre => {
                let (outer, count) = subordinate(side)?;
                ranges.extend(IdRange { inner: outer, outer, count }.beside(own));
            }
            IdBlock::All => {
                for range in IdMap::identity_of(side.all).0 {
                    ranges.extend(range.beside(own));
                }
            }
        }
    }
    Ok(IdMap(ranges))
}

fn subordinate(side: &Side<'_>) -> Result<(u32, u32), Refusal> {
    side.pool.ok_or_else(|| {
        let (name, file) = (&side.caller.name, side.file);
        Refusal::with_hint(
            format!("no line matching user \"{name}\" in {file}"),
            format!(
                "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
            ),
        )
    })
}
