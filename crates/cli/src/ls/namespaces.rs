//! A row a namespace, for `--all`.

use dwell_probe::inventory::{Inventory, Namespace, Via};

use super::rows;
use crate::table::{Charset, Column, Table};

pub(super) fn table(all: &Inventory) -> Table {
    let columns = vec![
        Column::number("NS"),
        Column::text("TYPE"),
        Column::number("PROCS"),
        Column::number("PID"),
        Column::text("USER"),
        Column::number("OWNER"),
        Column { lines: true, cut: true, ..Column::text("KEPT BY") },
    ];
    let mut table = Table::new(columns, Charset::of_environment());
    for namespace in all.namespaces.values() {
        let first = all.first_member(namespace);
        let number = |id: Option<u64>| id.map(|id| id.to_string().into_bytes());
        let user = first.map_or(namespace.made_by, |process| Some(process.uid));
        let cells = vec![
            number(Some(namespace.id)),
            Some(namespace.kind.word().as_bytes().to_vec()),
            Some(namespace.members.len().to_string().into_bytes()),
            first.map(|process| process.pid.to_string().into_bytes()),
            user.map(|uid| rows::user(uid).into_bytes()),
            number(namespace.owner),
            Some(keepers(all, namespace).join("\n").into_bytes()),
        ];
        table.add(cells, None);
    }
    table
}

/// How many holders are listed one by one.
const LISTED: usize = 3;

/// What keeps a namespace, apart from the processes in it.
pub(super) fn keepers(all: &Inventory, namespace: &Namespace) -> Vec<String> {
    let mut out: Vec<String> =
        namespace.bound.iter().map(|path| format!("mounted on {path}")).collect();
    for holder in namespace.holders.iter().take(LISTED) {
        let name = all.process(holder.pid).map(|p| p.name.to_string()).unwrap_or_default();
        let what = match holder.via {
            Via::Descriptor => "descriptor",
            Via::Socket => "socket",
        };
        out.push(format!("{what} {} of {name} ({})", holder.fd, holder.pid));
    }
    if let Some(more) = namespace.holders.len().checked_sub(LISTED).filter(|n| *n > 0) {
        out.push(format!("{more} more descriptors"));
    }
    if let Some(process) = all.first_member(namespace) {
        out.insert(0, process.name.to_string());
    }
    if out.is_empty() {
        let inner =
            |n: &&Namespace| n.owner == Some(namespace.id) || n.parent == Some(namespace.id);
        let count = all.namespaces.values().filter(inner).count();
        out.push(match count {
            0 => "not visible from here".to_owned(),
            1 => "a namespace inside it".to_owned(),
            n => format!("{n} namespaces inside it"),
        });
    }
    out
}
