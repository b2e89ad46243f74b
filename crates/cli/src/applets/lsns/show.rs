//! From the inventory to lines.

use std::collections::HashMap;

use dwell_probe::inventory::{Inventory, Namespace, Process};

use super::columns::{Id, Line, Names, cell};
use super::options::{Settings, Tree};
use crate::table::{RowId, Table};

/// Adds all lines.
pub(super) fn fill(all: &Inventory, settings: &Settings, table: &mut Table) -> Result<(), String> {
    let mut show = Show {
        all,
        settings,
        table,
        names: Names::read(),
        namespaces: HashMap::new(),
        processes: HashMap::new(),
    };
    match settings.namespace {
        Some(id) => show.processes_of(id),
        None => show.namespaces(),
    }
}

struct Show<'s> {
    all: &'s Inventory,
    settings: &'s Settings,
    table: &'s mut Table,
    names: Names,
    /// The lines of namespaces and of processes that have one.
    namespaces: HashMap<u64, RowId>,
    processes: HashMap<i32, RowId>,
}

impl<'s> Show<'s> {
    fn namespaces(&mut self) -> Result<(), String> {
        for namespace in self.all.namespaces.values() {
            if self.is_wanted(namespace) && !self.namespaces.contains_key(&namespace.id) {
                self.namespace(namespace)?;
            }
        }
        Ok(())
    }

    fn is_wanted(&self, namespace: &Namespace) -> bool {
        let has = |pid: i32| self.all.members(namespace).any(|p| p.pid == pid);
        self.settings.task.is_none_or(has)
            && (!self.settings.persistent || namespace.members.is_empty())
    }

    /// The line of a namespace, after those that it hangs below.
    fn namespace(&mut self, namespace: &'s Namespace) -> Result<(), String> {
        let mut open = vec![namespace];
        while let Some(outer) = open.last().and_then(|n| self.above(n)) {
            if self.namespaces.contains_key(&outer.id) || open.iter().any(|n| n.id == outer.id) {
                break;
            }
            open.push(outer);
        }
        while let Some(namespace) = open.pop() {
            self.add(Line { namespace, process: self.all.first_member(namespace) })?;
        }
        Ok(())
    }

    /// The namespace whose line has to come first.
    fn above(&self, namespace: &Namespace) -> Option<&'s Namespace> {
        let known = |id: Option<u64>| self.all.namespace(id?);
        match self.settings.tree {
            Tree::Owner => known(namespace.owner),
            // What has no parent is listed after its owner, though not below it.
            Tree::Parent => known(namespace.parent).or_else(|| known(namespace.owner)),
            Tree::None | Tree::Process => None,
        }
    }

    fn processes_of(&mut self, id: u64) -> Result<(), String> {
        let Some(namespace) = self.all.namespace(id) else {
            return Err(format!("not found namespace: {id}"));
        };
        for process in self.all.members(namespace) {
            let mut open = vec![process];
            while let Some(parent) = open.last().and_then(|p| self.unlisted_parent(p, namespace)) {
                if open.iter().any(|p| p.pid == parent.pid) {
                    break;
                }
                open.push(parent);
            }
            while let Some(process) = open.pop() {
                if !self.processes.contains_key(&process.pid) {
                    self.add(Line { namespace, process: Some(process) })?;
                }
            }
        }
        Ok(())
    }

    fn unlisted_parent(&self, process: &Process, namespace: &Namespace) -> Option<&'s Process> {
        if self.settings.tree != Tree::Process || self.processes.contains_key(&process.parent) {
            return None;
        }
        let parent = self.all.process(process.parent)?;
        (parent.namespace(namespace.kind) == Some(namespace.id)).then_some(parent)
    }

    /// Adds a line, unless the filter keeps it out.
    fn add(&mut self, line: Line<'_>) -> Result<(), String> {
        if !self.passes(line)? {
            return Ok(());
        }
        let cells = self.settings.columns.iter().map(|id| self.cell(*id, line)).collect();
        let parent = self.parent(line);
        let row = self.table.add(cells, parent);
        match (self.settings.tree, line.process) {
            (Tree::Owner | Tree::Parent, _) => {
                self.namespaces.insert(line.namespace.id, row);
            }
            (_, Some(process)) => {
                self.processes.insert(process.pid, row);
            }
            _ => {}
        }
        Ok(())
    }

    fn passes(&self, line: Line<'_>) -> Result<bool, String> {
        let value = |place: usize| {
            let id = self.settings.filtered.get(place).copied().unwrap_or(Id::Ns);
            (id.shape().holds, self.cell(id, line))
        };
        let passes = self.settings.filter.accepts(value);
        passes.map_err(|_| "failed to apply filter: Invalid argument".to_owned())
    }

    fn cell(&self, id: Id, line: Line<'_>) -> Option<Vec<u8>> {
        cell(id, line, &self.names, if self.settings.wrap { b'\n' } else { b',' })
    }

    fn parent(&self, line: Line<'_>) -> Option<RowId> {
        let of = |id: Option<u64>| self.namespaces.get(&id?).copied();
        match self.settings.tree {
            Tree::None => None,
            Tree::Process => self.processes.get(&line.process?.parent).copied(),
            Tree::Owner => of(line.namespace.owner),
            Tree::Parent => of(line.namespace.parent),
        }
    }
}
