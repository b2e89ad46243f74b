//! The columns, and what stands in them.

use dwell_plan::NamespaceKind;
use dwell_probe::inventory::{self, Namespace, NetnsId, Process};

use crate::table::{Charset, Column, Form, Table, Type};

/// A column, for what it is and in the order in which all are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Ns,
    Type,
    Path,
    Nprocs,
    Pid,
    Ppid,
    Command,
    Uid,
    User,
    Netnsid,
    Nsfs,
    Pns,
    Ons,
}

pub(super) struct Info {
    pub(super) id: Id,
    pub(super) shape: Column,
    pub(super) help: &'static str,
}

const fn row(id: Id, shape: Column, help: &'static str) -> Info {
    Info { id, shape, help }
}

/// Every column.
pub(super) static COLUMNS: [Info; 13] = [
    row(Id::Ns, Column::number("NS"), "number of the namespace, that of its inode"),
    row(Id::Type, Column { bare: 5, ..Column::text("TYPE") }, "kind of namespace"),
    row(Id::Path, Column::text("PATH"), "a path that leads to it"),
    row(Id::Nprocs, Column::number("NPROCS"), "how many processes are in it"),
    row(Id::Pid, Column::number("PID"), "lowest number of a process in it"),
    row(Id::Ppid, Column::number("PPID"), "number of that process's parent"),
    row(
        Id::Command,
        Column { cut: true, ..Column::text("COMMAND") },
        "command line of that process",
    ),
    row(Id::Uid, Column::number("UID"), "user id of that process"),
    row(Id::User, Column::text("USER"), "user name of that process"),
    row(
        Id::Netnsid,
        Column { right: true, ..Column::text("NETNSID") },
        "number that the network has for it",
    ),
    row(Id::Nsfs, Column { lines: true, ..Column::text("NSFS") }, "where it is mounted"),
    row(Id::Pns, Column::number("PNS"), "number of its parent"),
    row(Id::Ons, Column::number("ONS"), "number of the user namespace that owns it"),
];

impl Id {
    /// The column called `name`, whatever the case.
    pub(super) fn named(name: &str) -> Option<Id> {
        COLUMNS.iter().find(|c| c.shape.name.eq_ignore_ascii_case(name)).map(|c| c.id)
    }

    pub(super) fn shape(self) -> Column {
        COLUMNS.iter().find(|c| c.id == self).map_or(Column::text(""), |c| c.shape)
    }
}

/// What a line is about.
#[derive(Clone, Copy)]
pub(super) struct Line<'i> {
    pub(super) namespace: &'i Namespace,
    /// The process that stands for the namespace; none where no process is in it.
    pub(super) process: Option<&'i Process>,
}

/// The names of users, looked up once.
pub(super) struct Names(Vec<(u32, String)>);

impl Names {
    pub(super) fn read() -> Names {
        let text = std::fs::read("/etc/passwd").unwrap_or_default();
        let lines = text.split(|b| *b == b'\n').filter_map(dwell_probe::passwd::parse_user);
        Names(lines.map(|user| (user.uid, user.name.to_string())).collect())
    }

    /// The first name of this id; its number where there is none.
    fn of(&self, uid: u32) -> String {
        let known = self.0.iter().find(|(id, _)| *id == uid);
        known.map_or_else(|| uid.to_string(), |(_, name)| name.clone())
    }
}

/// What stands in a column.
pub(super) fn cell(id: Id, line: Line<'_>, names: &Names, paths: u8) -> Option<Vec<u8>> {
    let Line { namespace, process } = line;
    let text = match id {
        Id::Ns => namespace.id.to_string(),
        Id::Type => namespace.kind.proc_name().to_owned(),
        Id::Path => format!("/proc/{}/ns/{}", process?.pid, namespace.kind.proc_name()),
        Id::Nprocs => namespace.members.len().to_string(),
        Id::Pid => process?.pid.to_string(),
        Id::Ppid => process?.parent.to_string(),
        Id::Command => return Some(command(process?)),
        Id::Uid => uid(line).to_string(),
        Id::User => names.of(uid(line)),
        Id::Netnsid => netnsid(namespace)?,
        Id::Nsfs => return nsfs(namespace, paths),
        Id::Pns => namespace.parent.unwrap_or(0).to_string(),
        Id::Ons => namespace.owner.unwrap_or(0).to_string(),
    };
    Some(text.into_bytes())
}

/// A namespace without processes belongs to whoever made it, where the kernel tells.
fn uid(line: Line<'_>) -> u32 {
    line.process.map_or_else(|| line.namespace.made_by.unwrap_or(0), |process| process.uid)
}

/// More of a command line is not shown.
const COMMAND: usize = 8191;

/// The arguments with blanks between them; the name of a process that has none.
fn command(process: &Process) -> Vec<u8> {
    let Some(mut line) = inventory::command_line(process.pid, COMMAND) else {
        return process.name.as_bytes().to_vec();
    };
    if line.last() == Some(&0) {
        line.pop();
    }
    for byte in &mut line {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    line
}

fn netnsid(namespace: &Namespace) -> Option<String> {
    if namespace.kind != NamespaceKind::Net {
        return None;
    }
    match namespace.netnsid {
        NetnsId::Id(id) => Some(id.to_string()),
        NetnsId::Unassigned => Some("unassigned".to_owned()),
        NetnsId::Unknown => None,
    }
}

fn nsfs(namespace: &Namespace, between: u8) -> Option<Vec<u8>> {
    let paths: Vec<&[u8]> = namespace.bound.iter().map(|path| path.as_bytes()).collect();
    (!paths.is_empty()).then(|| paths.join(&between))
}

/// What `--list-columns` prints.
pub(super) fn list(form: Form, charset: Charset) -> Table {
    let form = match form {
        Form::Json(_) => Form::Json("lsns-columns"),
        other => other,
    };
    let holder = Column { right: form == Form::Human, ..Column::text("HOLDER") };
    let columns = vec![holder, Column::text("TYPE"), Column::text("DESCRIPTION")];
    let mut table = Table::new(columns, charset);
    (table.form, table.headings) = (form, false);
    for column in &COLUMNS {
        let holds = match column.shape.holds {
            Type::Number => "<integer>",
            Type::Text => "<string>",
        };
        let cells = [column.shape.name, holds, column.help];
        table.add(cells.map(|text| Some(text.as_bytes().to_vec())).to_vec(), None);
    }
    table
}
