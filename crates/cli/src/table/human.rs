//! The aligned form.

use super::encode::cut;
use super::{Charset, Column, RowId, Table};

/// One more blank between columns than there is in them.
const SEPARATOR: usize = 1;

pub(super) fn print(table: &Table) -> Vec<u8> {
    if table.rows.is_empty() {
        return Vec::new();
    }
    let printer = Printer { table, widths: widths(table) };
    let mut out = Vec::with_capacity(table.rows.len() * 80);
    if table.headings {
        printer.headings(&mut out);
    }
    for row in table.order() {
        printer.row(row, &mut out);
    }
    out
}

struct Printer<'t> {
    table: &'t Table,
    widths: Vec<usize>,
}

impl Printer<'_> {
    fn headings(&self, out: &mut Vec<u8>) {
        for (at, column) in self.table.columns.iter().enumerate() {
            self.cell(at, column, column.name.as_bytes(), out);
        }
        out.push(b'\n');
    }

    fn row(&self, row: RowId, out: &mut Vec<u8>) {
        let table = self.table;
        let mut pending = false;
        for (at, column) in table.columns.iter().enumerate() {
            let text = encoded(table, row, column, at, 0);
            pending |= lines(table.cell(row, at), column).count() > 1;
            self.cell(at, column, &text, out);
        }
        out.push(b'\n');
        let mut line = 1;
        while pending {
            pending = self.further_line(row, line, out);
            line += 1;
        }
    }

    /// A line of the row's cells that have several; whether there is another one.
    fn further_line(&self, row: RowId, line: usize, out: &mut Vec<u8>) -> bool {
        let table = self.table;
        let mut more = false;
        for (at, column) in table.columns.iter().enumerate() {
            let count = lines(table.cell(row, at), column).count();
            more |= count > line + 1;
            let text = if count > line {
                encoded(table, row, column, at, line)
            } else if column.tree {
                continuation(table, row)
            } else {
                Vec::new()
            };
            out.extend_from_slice(&text);
            if !self.is_last(at) {
                self.fill(at, Charset::width(&text), out);
            }
        }
        out.push(b'\n');
        more
    }

    /// Writes a cell of the first line with the blanks that belong to it.
    fn cell(&self, at: usize, column: &Column, text: &[u8], out: &mut Vec<u8>) {
        let width = self.width(at);
        let full = Charset::width(text);
        let (text, used) = if full > width && column.cut { cut(text, width) } else { (text, full) };
        if column.right && !text.is_empty() {
            blanks(out, width.saturating_sub(used));
            out.extend_from_slice(text);
            if !self.is_last(at) {
                blanks(out, SEPARATOR);
            }
            return;
        }
        out.extend_from_slice(text);
        if !self.is_last(at) {
            self.fill(at, used, out);
        }
    }

    /// Blanks to the beginning of the next column.
    fn fill(&self, at: usize, used: usize, out: &mut Vec<u8>) {
        blanks(out, self.width(at).saturating_sub(used) + SEPARATOR);
    }

    fn width(&self, at: usize) -> usize {
        self.widths.get(at).copied().unwrap_or(0)
    }

    fn is_last(&self, at: usize) -> bool {
        at + 1 == self.table.columns.len()
    }
}

fn blanks(out: &mut Vec<u8>, count: usize) {
    out.extend(std::iter::repeat_n(b' ', count));
}

/// The lines of a cell.
fn lines<'c>(cell: &'c [u8], column: &Column) -> impl Iterator<Item = &'c [u8]> + use<'c> {
    let several = column.lines;
    cell.split(move |b| several && *b == b'\n')
}

/// A line of a cell, as it is written.
fn encoded(table: &Table, row: RowId, column: &Column, at: usize, line: usize) -> Vec<u8> {
    let mut out = if column.tree { table.branches(row).own } else { Vec::new() };
    let text = lines(table.cell(row, at), column).nth(line).unwrap_or_default();
    table.charset.encode(text, &mut out);
    out
}

/// What the tree draws beside the further lines of a row.
fn continuation(table: &Table, row: RowId) -> Vec<u8> {
    let mut out = table.branches(row).inner;
    if !table.row(row).children.is_empty() {
        out.extend_from_slice(table.charset.symbols().line);
    }
    out
}

/// The width of every column.
fn widths(table: &Table) -> Vec<usize> {
    let measures: Vec<Measure> =
        table.columns.iter().enumerate().map(|(at, column)| measure(table, at, column)).collect();
    let mut widths: Vec<usize> = measures.iter().map(|m| m.width).collect();
    if let Some(terminal) = table.terminal {
        narrow(table, &measures, terminal, &mut widths);
    }
    widths
}

struct Measure {
    width: usize,
    /// It is never made narrower than this.
    least: usize,
}

fn measure(table: &Table, at: usize, column: &Column) -> Measure {
    let heading = if table.headings { Charset::width(column.name.as_bytes()) } else { column.bare };
    let (mut widest, mut branches) = (0, 0);
    let mut text = Vec::new();
    for row in 0..table.rows.len() {
        let art = if column.tree { table.branches(row).own } else { Vec::new() };
        let art = Charset::width(&art);
        for line in lines(table.cell(row, at), column) {
            text.clear();
            widest = widest.max(table.charset.encode(line, &mut text) + art);
        }
        branches = branches.max(art);
    }
    let width = widest.max(heading);
    Measure { width, least: heading.max(branches) }
}

/// Takes from the columns that may be cut, the last one first, until all fit.
fn narrow(table: &Table, measures: &[Measure], terminal: usize, widths: &mut [usize]) {
    let separators = table.columns.len().saturating_sub(1) * SEPARATOR;
    let mut excess = (widths.iter().sum::<usize>() + separators).saturating_sub(terminal);
    let columns = table.columns.iter().zip(measures).zip(widths).rev();
    for ((_, measure), width) in columns.filter(|((column, _), _)| column.cut) {
        let taken = excess.min(width.saturating_sub(measure.least));
        *width -= taken;
        excess -= taken;
    }
}
