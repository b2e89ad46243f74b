//! A row a world.

use std::time::SystemTime;

use dwell_plan::{NamespaceKind, NamespaceSet};
use dwell_probe::inventory::worlds::Worlds;
use dwell_probe::inventory::{About, Inventory};

use crate::table::{Charset, Column, RowId, Table};

/// The worlds, those inside others below them.
pub(super) fn table(all: &Inventory, worlds: &Worlds, about: &[About], now: SystemTime) -> Table {
    let columns = vec![
        Column { tree: true, ..Column::text("NAME") },
        Column::number("PID"),
        Column::text("USER"),
        Column { right: true, ..Column::text("SINCE") },
        Column::number("PROCS"),
        Column::text("MADE BY"),
        Column::text("WALLS"),
        Column { cut: true, ..Column::text("COMMAND") },
    ];
    let mut table = Table::new(columns, Charset::of_environment());
    let mut rows: Vec<Option<RowId>> = vec![None; worlds.list.len()];
    for at in 0..worlds.list.len() {
        add(at, all, worlds, about, now, &mut table, &mut rows);
    }
    table
}

/// Adds a world after those that it lies in.
fn add(
    at: usize,
    all: &Inventory,
    worlds: &Worlds,
    about: &[About],
    now: SystemTime,
    table: &mut Table,
    rows: &mut [Option<RowId>],
) {
    let mut open = vec![at];
    let outer = |at: &usize| worlds.list.get(*at).and_then(|w| w.inside);
    while let Some(next) = open.last().and_then(outer) {
        open.push(next);
    }
    while let Some(at) = open.pop() {
        let (Some(world), Some(about)) = (worlds.list.get(at), about.get(at)) else { continue };
        if rows.get(at).is_none_or(Option::is_some) {
            continue;
        }
        let main = all.processes.get(about.main);
        let age = about.since.and_then(|since| now.duration_since(since).ok());
        let cells = [
            about.name(),
            main.map(|p| p.pid.to_string()).unwrap_or_default(),
            main.map(|p| user(p.uid)).unwrap_or_default(),
            age.map(|age| duration(age.as_secs())).unwrap_or_default(),
            world.processes.len().to_string(),
            about.maker.as_ref().map_or_else(|| "-".to_owned(), |m| m.engine.to_owned()),
            walls(world.walls),
            about.command.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        ];
        let cells = cells.into_iter().map(|text| Some(text.into_bytes())).collect();
        let parent = world.inside.and_then(|outer| rows.get(outer).copied().flatten());
        let row = table.add(cells, parent);
        if let Some(place) = rows.get_mut(at) {
            *place = Some(row);
        }
    }
}

/// The name of a user, or the number.
pub(super) fn user(uid: u32) -> String {
    let known = dwell_probe::user_by_uid(std::path::Path::new("/etc/passwd"), uid);
    known.map_or_else(|| uid.to_string(), |user| user.name.to_string())
}

/// How long, in the largest unit that it has two of, or the seconds.
pub(super) fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let fits = UNITS.into_iter().find(|(length, _)| seconds / length >= 2);
    let (length, name) = fits.unwrap_or((1, "s"));
    format!("{}{name}", seconds / length)
}

/// What nearly every engine makes new.
const USUAL: [NamespaceKind; 7] = [
    NamespaceKind::User,
    NamespaceKind::Mount,
    NamespaceKind::Pid,
    NamespaceKind::Net,
    NamespaceKind::Uts,
    NamespaceKind::Ipc,
    NamespaceKind::Cgroup,
];

/// The walls in few words: all of the usual, all but a few, or their names.
pub(super) fn walls(set: NamespaceSet) -> String {
    let list = |kinds: &mut dyn Iterator<Item = NamespaceKind>| {
        kinds.map(NamespaceKind::word).collect::<Vec<_>>().join(",")
    };
    let missing: Vec<_> = USUAL.into_iter().filter(|kind| !set.has(*kind)).collect();
    let time = if set.has(NamespaceKind::Time) { " and time" } else { "" };
    match missing.len() {
        0 => format!("all{time}"),
        1 | 2 => format!("all but {}{time}", list(&mut missing.into_iter())),
        _ if set.is_empty() => "none".to_owned(),
        _ => list(&mut set.iter()),
    }
}
