//! Tables on standard output, laid out as the library of util-linux lays them out: aligned columns,
//! trees, cells of several lines, and the same as JSON or as bare words.
//!
//! A [`Table`] is filled row by row and printed once. Where the output is a terminal, columns that
//! may be cut are cut to its width; into a pipe or file everything is written in full.

mod encode;
pub mod filter;
mod human;
mod json;
mod raw;
#[cfg(test)]
mod tests;

pub use encode::Charset;

/// What a column holds, to JSON and to filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Number,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading; in JSON the name, in lower case.
    pub name: &'static str,
    /// Its smallest width where headings are left out; else that of the heading.
    pub bare: usize,
    /// Aligned at its right end.
    pub right: bool,
    /// Cut where the terminal is too narrow.
    pub cut: bool,
    /// Shows the tree that the rows make.
    pub tree: bool,
    /// A new line in a cell is one in the table; else it is a character like others.
    pub lines: bool,
    /// What it holds.
    pub holds: Type,
}

impl Column {
    /// A column of text, aligned at its left end.
    #[must_use]
    pub const fn text(name: &'static str) -> Column {
        Column {
            name,
            bare: 1,
            right: false,
            cut: false,
            tree: false,
            lines: false,
            holds: Type::Text,
        }
    }

    /// A column of numbers, aligned at its right end.
    #[must_use]
    pub const fn number(name: &'static str) -> Column {
        Column { right: true, holds: Type::Number, ..Column::text(name) }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Aligned, for people.
    Human,
    /// Cells with one blank between them; blanks in cells are escaped.
    Raw,
    /// JSON, the list being called so.
    Json(&'static str),
}

/// The place of a row in its table.
pub type RowId = usize;

#[derive(Debug)]
struct Row {
    cells: Vec<Option<Vec<u8>>>,
    parent: Option<RowId>,
    children: Vec<RowId>,
}

/// Rows and columns.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// How it is written.
    pub form: Form,
    /// Whether the names of the columns are written first.
    pub headings: bool,
    /// Which characters may be written.
    pub charset: Charset,
    /// The width of the terminal, where the output is one.
    pub terminal: Option<usize>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: Vec<Column>, charset: Charset) -> Table {
        let (form, headings) = (Form::Human, true);
        Table { columns, rows: Vec::new(), form, headings, charset, terminal: None }
    }

    /// Adds a row, below another one in the tree.
    pub fn add(&mut self, cells: Vec<Option<Vec<u8>>>, parent: Option<RowId>) -> RowId {
        let id = self.rows.len();
        if let Some(parent) = parent.and_then(|p| self.rows.get_mut(p)) {
            parent.children.push(id);
        }
        self.rows.push(Row { cells, parent, children: Vec::new() });
        id
    }

    /// The text of the whole table.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        match self.form {
            Form::Human => human::print(self),
            Form::Raw => raw::print(self),
            Form::Json(name) => json::print(self, name),
        }
    }

    fn is_tree(&self) -> bool {
        self.columns.iter().any(|c| c.tree)
    }

    /// The rows in the order in which they are written: in a tree, children follow their parent.
    fn order(&self) -> Vec<RowId> {
        if !self.is_tree() {
            return (0..self.rows.len()).collect();
        }
        let roots = (0..self.rows.len()).filter(|id| self.row(*id).parent.is_none());
        let mut open: Vec<RowId> = roots.collect();
        open.reverse();
        let mut order = Vec::with_capacity(self.rows.len());
        while let Some(id) = open.pop() {
            order.push(id);
            open.extend(self.row(id).children.iter().rev());
        }
        order
    }

    fn row(&self, id: RowId) -> &Row {
        const NONE: &Row = &Row { cells: Vec::new(), parent: None, children: Vec::new() };
        self.rows.get(id).unwrap_or(NONE)
    }

    /// What a cell holds; nothing where it is empty.
    fn cell(&self, row: RowId, column: usize) -> &[u8] {
        self.row(row).cells.get(column).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The branches before a row in its own line, and in the further lines of the row.
    fn branches(&self, row: RowId) -> Branches {
        let symbols = self.charset.symbols();
        let mut own = Vec::new();
        let mut below = Vec::new();
        if let Some(parent) = self.row(row).parent {
            let above = self.branches(parent);
            let is_last = self.row(parent).children.last() == Some(&row);
            own.extend_from_slice(&above.inner);
            own.extend_from_slice(if is_last { symbols.last } else { symbols.branch });
            below.extend_from_slice(&above.inner);
            below.extend_from_slice(if is_last { b"  " } else { symbols.line });
        }
        Branches { own, inner: below }
    }
}

/// What a tree draws before a row.
struct Branches {
    /// Before its first line.
    own: Vec<u8>,
    /// Before what follows in it.
    inner: Vec<u8>,
}
