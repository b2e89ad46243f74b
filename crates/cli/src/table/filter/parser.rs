//! From words to a tree, by recursive descent.

use super::lexer::{Token, next};
use super::regex::Pattern;
use super::{Filter, Node, Operator, Value};

/// How deep an expression may be nested.
const DEEPEST: usize = 200;

pub(super) fn parse(text: &str) -> Result<Filter, String> {
    let (token, rest) = next(text)?;
    let mut parser = Parser { token, rest, columns: Vec::new(), depth: 0 };
    let root = parser.expression()?;
    if parser.token != Token::End {
        let found = parser.token.name();
        return Err(format!("syntax error, unexpected {found}, expecting end of file"));
    }
    Ok(Filter { root: Some(root), columns: parser.columns })
}

struct Parser<'t> {
    token: Token,
    rest: &'t str,
    columns: Vec<String>,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, String> {
        let (token, rest) = next(self.rest)?;
        self.rest = rest;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// Comparisons, joined by `and` and `or`, which bind alike.
    fn expression(&mut self) -> Result<Node, String> {
        let mut left = self.comparison()?;
        while let Token::Operator(operator @ (Operator::And | Operator::Or)) = self.token {
            self.advance()?;
            let right = self.comparison()?;
            left = Node::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// Operands, joined by every other operator.
    fn comparison(&mut self) -> Result<Node, String> {
        let mut left = self.operand()?;
        loop {
            let operator = match self.token {
                Token::Operator(Operator::And | Operator::Or) => return Ok(left),
                Token::Operator(operator) => operator,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.operand()?;
            left = match operator {
                Operator::Matches | Operator::MatchesNot => {
                    Node::Pattern(operator, Box::new(left), pattern(&right)?)
                }
                _ => Node::Binary(operator, Box::new(left), Box::new(right)),
            };
        }
    }

    fn operand(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the expression is nested too deeply".to_owned());
        }
        let node = match self.advance()? {
            Token::Not => Node::Not(Box::new(self.operand()?)),
            Token::Open => {
                let inner = self.expression()?;
                match self.advance()? {
                    Token::Close => inner,
                    other => return Err(unexpected(&other)),
                }
            }
            Token::Value(value) => Node::Value(value),
            Token::Column(name) => Node::Column(self.column(name)),
            other => return Err(unexpected(&other)),
        };
        self.depth -= 1;
        Ok(node)
    }

    fn column(&mut self, name: String) -> usize {
        if let Some(place) = self.columns.iter().position(|known| *known == name) {
            return place;
        }
        self.columns.push(name);
        self.columns.len() - 1
    }
}

fn unexpected(token: &Token) -> String {
    match token {
        Token::Unknown(c) => format!("syntax error, unexpected '{c}'"),
        other => format!("syntax error, unexpected {}", other.name()),
    }
}

/// What stands to the right of `=~`: a string and nothing else.
fn pattern(node: &Node) -> Result<Pattern, String> {
    match node {
        Node::Value(Value::Text(text)) => Pattern::new(text),
        _ => Err("a regular expression is a quoted string".to_owned()),
    }
}
