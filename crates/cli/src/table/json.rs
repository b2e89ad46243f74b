//! The form for programs. The rows of a tree have lists of the rows below them.

use super::{RowId, Table, Type};

pub(super) fn print(table: &Table, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\n   ");
    string(name.as_bytes(), &mut out);
    out.extend_from_slice(b": [\n");
    let roots: Vec<RowId> = match table.is_tree() {
        true => (0..table.rows.len()).filter(|id| table.row(*id).parent.is_none()).collect(),
        false => (0..table.rows.len()).collect(),
    };
    objects(table, &roots, 2, &mut out);
    out.extend_from_slice(b"   ]\n}\n");
    out
}

/// The members of a list, the list being indented by `depth` less one.
fn objects(table: &Table, rows: &[RowId], depth: usize, out: &mut Vec<u8>) {
    if rows.is_empty() {
        out.push(b'\n');
        return;
    }
    indent(depth, out);
    for (at, row) in rows.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\n" } else { b",{\n" });
        members(table, *row, depth + 1, out);
        indent(depth, out);
        out.push(b'}');
    }
    out.push(b'\n');
}

fn members(table: &Table, row: RowId, depth: usize, out: &mut Vec<u8>) {
    let children = &table.row(row).children;
    let has_children = table.is_tree() && !children.is_empty();
    for (at, column) in table.columns.iter().enumerate() {
        indent(depth, out);
        string(column.name.to_ascii_lowercase().as_bytes(), out);
        out.extend_from_slice(b": ");
        match table.cell(row, at) {
            [] => out.extend_from_slice(b"null"),
            value if column.holds == Type::Number => out.extend_from_slice(value),
            value => string(value, out),
        }
        let is_last = at + 1 == table.columns.len() && !has_children;
        out.extend_from_slice(if is_last { b"\n" } else { b",\n" });
    }
    if has_children {
        indent(depth, out);
        out.extend_from_slice(b"\"children\": [\n");
        objects(table, children, depth + 1, out);
        indent(depth, out);
        out.extend_from_slice(b"]\n");
    }
}

fn indent(depth: usize, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b' ', 3 * depth));
}

/// A string with its quotes. Bytes that are no UTF-8 stay as they are.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}
