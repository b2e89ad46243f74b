//! The truth of an expression for a row.

use std::cmp::Ordering;

use super::{Node, Operator, Type, Value};

/// A value cannot be read as the type that it is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomparable;

type Cell<'c> = dyn Fn(usize) -> (Type, Option<Vec<u8>>) + 'c;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Float,
    Truth,
}

pub(super) fn truth(node: &Node, cell: &Cell<'_>) -> Result<bool, Incomparable> {
    match node {
        Node::Not(inner) => Ok(!truth(inner, cell)?),
        Node::Binary(Operator::And, left, right) => Ok(truth(left, cell)? && truth(right, cell)?),
        Node::Binary(Operator::Or, left, right) => Ok(truth(left, cell)? || truth(right, cell)?),
        Node::Binary(operator, left, right) => compare(*operator, left, right, cell),
        Node::Pattern(operator, left, pattern) => {
            let text = match value(left, Kind::Text, cell)? {
                Some(Value::Text(text)) => text,
                _ => String::new(),
            };
            Ok(pattern.is_in(&text) == (*operator == Operator::Matches))
        }
        Node::Value(value) => Ok(is_true(value)),
        Node::Column(_) => Ok(value(node, kind(node, cell), cell)?.is_some_and(|v| is_true(&v))),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Truth(truth) => *truth,
    }
}

fn compare(
    operator: Operator,
    left: &Node,
    right: &Node,
    cell: &Cell<'_>,
) -> Result<bool, Incomparable> {
    let kind = common_kind(left, right, cell);
    let (left, right) = (value(left, kind, cell)?, value(right, kind, cell)?);
    // Text that is not there comes before all that is; of other types it compares with nothing.
    let order = match (&left, &right) {
        (Some(left), Some(right)) => order(left, right),
        _ if kind == Kind::Text => Some(left.is_some().cmp(&right.is_some())),
        _ => None,
    };
    Ok(order.is_some_and(|order| match operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::NotEqual => order != Ordering::Equal,
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        Operator::GreaterOrEqual => order != Ordering::Less,
        _ => false,
    }))
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(l), Value::Text(r)) => Some(l.as_bytes().cmp(r.as_bytes())),
        (Value::Number(l), Value::Number(r)) => Some(l.cmp(r)),
        (Value::Float(l), Value::Float(r)) => l.partial_cmp(r),
        (Value::Truth(l), Value::Truth(r)) => Some(l.cmp(r)),
        _ => None,
    }
}

/// The type as which two operands are compared.
fn common_kind(left: &Node, right: &Node, cell: &Cell<'_>) -> Kind {
    let (l, r) = (kind(left, cell), kind(right, cell));
    let chosen = match (left, right) {
        (Node::Column(_), Node::Column(_)) => l,
        (Node::Column(_), _) => r,
        _ => l,
    };
    let has_float = l == Kind::Float || r == Kind::Float;
    if chosen == Kind::Number && has_float { Kind::Float } else { chosen }
}

fn kind(node: &Node, cell: &Cell<'_>) -> Kind {
    match node {
        Node::Value(Value::Text(_)) => Kind::Text,
        Node::Value(Value::Number(_)) => Kind::Number,
        Node::Value(Value::Float(_)) => Kind::Float,
        Node::Column(place) => match cell(*place).0 {
            Type::Text => Kind::Text,
            Type::Number => Kind::Number,
        },
        _ => Kind::Truth,
    }
}

/// The value of an operand as one of `kind`; none for an empty cell.
fn value(node: &Node, kind: Kind, cell: &Cell<'_>) -> Result<Option<Value>, Incomparable> {
    let own = match node {
        Node::Value(value) => value.clone(),
        Node::Column(place) => match cell(*place) {
            // Where it is compared as something else, an empty number is 0.
            (Type::Number, None) if kind != Kind::Number => Value::Number(0),
            (_, None) => return Ok(None),
            (Type::Text, Some(bytes)) => {
                Value::Text(String::from_utf8_lossy(&bytes).trim().to_owned())
            }
            (Type::Number, Some(bytes)) => {
                read(String::from_utf8_lossy(&bytes).trim(), Kind::Number)?
            }
        },
        inner => Value::Truth(truth(inner, cell)?),
    };
    cast(own, kind).map(Some)
}

fn cast(value: Value, kind: Kind) -> Result<Value, Incomparable> {
    Ok(match (kind, value) {
        (Kind::Text, Value::Number(n)) => Value::Text(n.to_string()),
        (Kind::Text, Value::Float(n)) => Value::Text(n.to_string()),
        (Kind::Text, Value::Truth(b)) => Value::Text(b.to_string()),
        (kind, Value::Text(text)) => read(&text, kind)?,
        (Kind::Number, Value::Float(n)) => Value::Number(whole(n)),
        (Kind::Number, Value::Truth(b)) => Value::Number(u64::from(b)),
        (Kind::Float, Value::Number(n)) => Value::Float(inexact(n)),
        (Kind::Float, Value::Truth(b)) => Value::Float(f64::from(u8::from(b))),
        (Kind::Truth, Value::Number(n)) => Value::Truth(n > 0),
        (Kind::Truth, Value::Float(n)) => Value::Truth(n > 0.0),
        (_, same) => same,
    })
}

fn read(text: &str, kind: Kind) -> Result<Value, Incomparable> {
    match kind {
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Number => text.parse().map(Value::Number).map_err(|_| Incomparable),
        Kind::Float => text.parse().map(Value::Float).map_err(|_| Incomparable),
        Kind::Truth => {
            let word = text.to_ascii_lowercase();
            Ok(Value::Truth(word == "1" || word == "true" || word.starts_with('y')))
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[expect(clippy::cast_precision_loss, reason = "that is what comparing with a fraction means")]
fn inexact(number: u64) -> f64 {
    number as f64
}
