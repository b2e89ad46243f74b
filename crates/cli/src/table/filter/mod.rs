//! Filters: expressions over the columns of a row, in the language of `scols-filter(5)`.
//!
//! ```text
//! expression  = operand | '(' expression ')' | not expression | expression operator expression
//! operand     = number | float | 'string' | "string" | true | false | COLUMN
//! operator    = and or == != < <= > >= =~ !~        (also AND && OR || eq ne lt le gt ge …)
//! ```
//!
//! `and` and `or` bind alike and weakest, all other operators, `not` among them, alike and stronger;
//! equals group from the left. Numbers may end in K, M, G, T, P, E (powers of 1024). An empty number
//! is neither equal nor unequal to a number, and is 0 beside anything else. Operands of different types are compared as the type of the
//! one that is no column.

mod eval;
mod lexer;
mod parser;
mod regex;
#[cfg(test)]
mod tests;

use super::Type;

pub use eval::Incomparable;

/// A value.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(u64),
    Float(f64),
    Truth(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    MatchesNot,
}

#[derive(Debug)]
enum Node {
    Value(Value),
    Column(usize),
    Not(Box<Node>),
    /// The pattern of an operator that matches, beside what it is a pattern for.
    Pattern(Operator, Box<Node>, regex::Pattern),
    Binary(Operator, Box<Node>, Box<Node>),
}

/// A parsed filter; an empty one lets everything through.
#[derive(Debug, Default)]
pub struct Filter {
    root: Option<Node>,
    /// The columns by their places in expressions.
    columns: Vec<String>,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Filter, String> {
        if text.is_empty() {
            return Ok(Filter::default());
        }
        parser::parse(text)
    }

    /// The columns that it names, in the order of their first mention.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether it lets a row through. `cell` gives the type of a column and what the row has there,
    /// by the column's place in [`columns`](Self::columns).
    ///
    /// # Errors
    /// A value cannot be read as the type that it is compared as.
    pub fn accepts(
        &self,
        cell: impl Fn(usize) -> (Type, Option<Vec<u8>>),
    ) -> Result<bool, Incomparable> {
        match &self.root {
            None => Ok(true),
            Some(root) => eval::truth(root, &cell),
        }
    }
}
