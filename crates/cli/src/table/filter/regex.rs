//! Extended regular expressions of POSIX (`regex(7)`).

use regex_lite::Regex;

/// A regular expression.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Pattern, String> {
        Regex::new(&translated(text))
            .map(Pattern)
            .map_err(|_| "Invalid regular expression".to_owned())
    }

    /// Whether it is found anywhere in `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The same in the library's notation: in brackets POSIX knows no escapes and no nesting but classes,
/// and a `]` that comes first is one like others.
fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(rest.next());
            }
            '[' => bracket(&mut rest, &mut out),
            c => out.push(c),
        }
    }
    out
}

/// What follows an opening bracket, to the end of the set.
fn bracket(rest: &mut std::str::Chars<'_>, out: &mut String) {
    out.push('[');
    let mut is_first = true;
    while let Some(c) = rest.next() {
        match c {
            '^' if is_first => {
                out.push('^');
                continue;
            }
            ']' if !is_first => {
                out.push(']');
                return;
            }
            '[' => match class(rest.as_str()) {
                Some(name) => {
                    out.push('[');
                    out.push_str(name);
                    *rest = rest.as_str().get(name.len()..).unwrap_or_default().chars();
                }
                None => out.push_str("\\["),
            },
            '\\' | ']' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        is_first = false;
    }
}

/// `:alpha:]` at the beginning of `text`.
fn class(text: &str) -> Option<&str> {
    let end = text.strip_prefix(':')?.find(":]")?;
    text.get(..end + 3)
}
