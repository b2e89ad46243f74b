//! Words of an expression.

use super::{Operator, Value};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Not,
    Operator(Operator),
    Value(Value),
    Column(String),
    /// Nothing that the language knows.
    Unknown(char),
    End,
}

impl Token {
    /// What messages call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Token::Open => "'('",
            Token::Close => "')'",
            Token::Not => "NEG",
            Token::Operator(operator) => operator_name(*operator),
            Token::Value(Value::Text(_)) => "STRING",
            Token::Value(Value::Number(_)) => "NUMBER",
            Token::Value(Value::Float(_)) => "FLOAT",
            Token::Value(Value::Truth(true)) => "TRUE",
            Token::Value(Value::Truth(false)) => "FALSE",
            Token::Column(_) => "HOLDER",
            Token::Unknown(_) => "character",
            Token::End => "end of file",
        }
    }
}

fn operator_name(operator: Operator) -> &'static str {
    match operator {
        Operator::And => "AND",
        Operator::Or => "OR",
        Operator::Equal => "EQ",
        Operator::NotEqual => "NE",
        Operator::Less => "LT",
        Operator::LessOrEqual => "LE",
        Operator::Greater => "GT",
        Operator::GreaterOrEqual => "GE",
        Operator::Matches => "REG",
        Operator::MatchesNot => "NREG",
    }
}

/// Signs, longer ones first.
const SIGNS: [(&str, Token); 13] = [
    ("&&", Token::Operator(Operator::And)),
    ("||", Token::Operator(Operator::Or)),
    ("==", Token::Operator(Operator::Equal)),
    ("!=", Token::Operator(Operator::NotEqual)),
    ("<=", Token::Operator(Operator::LessOrEqual)),
    (">=", Token::Operator(Operator::GreaterOrEqual)),
    ("=~", Token::Operator(Operator::Matches)),
    ("!~", Token::Operator(Operator::MatchesNot)),
    ("<", Token::Operator(Operator::Less)),
    (">", Token::Operator(Operator::Greater)),
    ("!", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
];

/// The next word of `text`, and what follows it.
pub(super) fn next(text: &str) -> Result<(Token, &str), String> {
    let text = text.trim_start_matches([' ', '\t', '\n']);
    for (sign, token) in &SIGNS {
        if let Some(rest) = text.strip_prefix(sign) {
            return Ok((token.clone(), rest));
        }
    }
    match text.chars().next() {
        None => Ok((Token::End, text)),
        Some('0'..='9') => number(text),
        Some(quote @ ('"' | '\'')) => Ok(quoted(text, quote)),
        Some(c) if c.is_ascii_alphabetic() => Ok(word(text)),
        Some(c) => Ok((Token::Unknown(c), text.get(c.len_utf8()..).unwrap_or_default())),
    }
}

/// The longest beginning of `text` of characters that `belongs` takes, and the rest.
fn run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let (digits, rest) = run(text, |c| c.is_ascii_digit());
    if let Some(fraction) = rest.strip_prefix('.') {
        let (fraction, rest) = run(fraction, |c| c.is_ascii_digit());
        if !fraction.is_empty() {
            let value = format!("{digits}.{fraction}").parse().unwrap_or(f64::INFINITY);
            return Ok((Token::Value(Value::Float(value)), rest));
        }
    }
    let power = rest.chars().next().and_then(|c| "KMGTPE".find(c));
    let (power, rest) = match power {
        Some(power) => {
            let rest = rest.get(1..).unwrap_or_default();
            (u32::try_from(power + 1).unwrap_or(0), rest.strip_prefix("iB").unwrap_or(rest))
        }
        None => (0, rest),
    };
    let value = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1024u64.checked_pow(power)?));
    let value = value.ok_or_else(|| format!("\"{digits}\" number too large"))?;
    Ok((Token::Value(Value::Number(value)), rest))
}

/// A string ends with the same quote, on the same line.
fn quoted(text: &str, quote: char) -> (Token, &str) {
    let inner = text.get(1..).unwrap_or_default();
    match inner.find([quote, '\n']) {
        Some(end) if inner.get(end..).is_some_and(|rest| rest.starts_with(quote)) => {
            let (value, rest) = inner.split_at_checked(end).unwrap_or((inner, ""));
            let value = Value::Text(value.trim().to_owned());
            (Token::Value(value), rest.get(1..).unwrap_or_default())
        }
        _ => (Token::Unknown(quote), inner),
    }
}

fn word(text: &str) -> (Token, &str) {
    let (word, rest) = run(text, |c| c.is_ascii_alphanumeric() || "_.%:/-".contains(c));
    let token = match word {
        "and" | "AND" => Token::Operator(Operator::And),
        "or" | "OR" => Token::Operator(Operator::Or),
        "not" | "NOT" => Token::Not,
        "eq" | "EQ" => Token::Operator(Operator::Equal),
        "ne" | "NE" => Token::Operator(Operator::NotEqual),
        "lt" | "LT" => Token::Operator(Operator::Less),
        "le" | "LE" => Token::Operator(Operator::LessOrEqual),
        "gt" | "GT" => Token::Operator(Operator::Greater),
        "ge" | "GE" => Token::Operator(Operator::GreaterOrEqual),
        "true" | "TRUE" => Token::Value(Value::Truth(true)),
        "false" | "FALSE" => Token::Value(Value::Truth(false)),
        name => Token::Column(name.to_owned()),
    };
    (token, rest)
}
