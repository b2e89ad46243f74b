//! The form for scripts that split lines at blanks.

use super::{RowId, Table};

pub(super) fn print(table: &Table) -> Vec<u8> {
    let mut out = Vec::new();
    if table.rows.is_empty() {
        return out;
    }
    if table.headings {
        let names = table.columns.iter().map(|c| c.name.as_bytes().to_vec());
        line(names, &mut out);
    }
    for row in table.order() {
        line((0..table.columns.len()).map(|at| cell(table, row, at)), &mut out);
    }
    out
}

fn line(cells: impl Iterator<Item = Vec<u8>>, out: &mut Vec<u8>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        for byte in cell {
            if byte.is_ascii_graphic() && byte != b'\\' {
                out.push(byte);
            } else {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
        }
    }
    out.push(b'\n');
}

fn cell(table: &Table, row: RowId, at: usize) -> Vec<u8> {
    let is_tree = table.columns.get(at).is_some_and(|c| c.tree);
    let mut out = if is_tree { table.branches(row).own } else { Vec::new() };
    out.extend_from_slice(table.cell(row, at));
    out
}
