//! The same for programs. Fields are explained in `docs/worlds.md`; none is ever taken away or given
//! another meaning.

use std::time::UNIX_EPOCH;

use dwell_plan::{NamespaceKind, NamespaceSet};
use dwell_probe::inventory::worlds::Worlds;
use dwell_probe::inventory::{About, Inventory, NetnsId, Via};
use serde_json::{Map, Value, json};

use super::rows;

pub(super) fn worlds(all: &Inventory, worlds: &Worlds, about: &[About]) -> String {
    let pid = |at: usize| all.processes.get(at).map(|p| p.pid);
    let list: Vec<Value> = worlds
        .list
        .iter()
        .zip(about)
        .map(|(world, about)| {
            let main = all.processes.get(about.main);
            let outer = world.inside.and_then(|at| worlds.list.get(at)).map(|w| pid(w.first));
            let since = about.since.and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            json!({
                "name": about.name(),
                "pid": main.map(|p| p.pid),
                "firstPid": pid(world.first),
                "uid": main.map(|p| p.uid),
                "user": main.map(|p| rows::user(p.uid)),
                "since": since.map(|t| t.as_secs()),
                "pids": world.processes.iter().filter_map(|at| pid(*at)).collect::<Vec<_>>(),
                "madeBy": about.maker.as_ref().map(|m| m.engine),
                "engineName": about.maker.as_ref().map(|m| &m.name).filter(|n| !n.is_empty()),
                "hostname": about.hostname,
                "walls": kinds(world.walls),
                "namespaces": numbers(&main.map_or(world.namespaces, |p| p.namespaces)),
                "inside": outer.flatten(),
                "command": about.command.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    text(&json!({
        "worlds": list,
        "machine": numbers(&worlds.machine),
        "complete": all.unread == dwell_probe::inventory::Unread::default(),
    }))
}

pub(super) fn namespaces(all: &Inventory) -> String {
    let list: Vec<Value> = all
        .namespaces
        .values()
        .map(|n| {
            let holders: Vec<Value> = n
                .holders
                .iter()
                .map(|h| {
                    let via = if h.via == Via::Socket { "socket" } else { "descriptor" };
                    json!({ "pid": h.pid, "fd": h.fd, "via": via })
                })
                .collect();
            let netnsid = match n.netnsid {
                NetnsId::Id(id) => Some(id),
                _ => None,
            };
            json!({
                "id": n.id,
                "kind": n.kind.word(),
                "parent": n.parent,
                "owner": n.owner,
                "madeBy": n.made_by,
                "pids": all.members(n).map(|p| p.pid).collect::<Vec<_>>(),
                "holders": holders,
                "mountedOn": n.bound.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "netnsid": netnsid,
            })
        })
        .collect();
    let complete = all.unread == dwell_probe::inventory::Unread::default();
    text(&json!({ "namespaces": list, "complete": complete }))
}

fn kinds(set: NamespaceSet) -> Vec<&'static str> {
    set.iter().map(NamespaceKind::word).collect()
}

fn numbers(ids: &[u64; 8]) -> Value {
    let known = NamespaceKind::ALL.into_iter().zip(ids).filter(|(_, id)| **id != 0);
    Value::Object(
        known.map(|(kind, id)| (kind.word().to_owned(), json!(id))).collect::<Map<_, _>>(),
    )
}

fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
