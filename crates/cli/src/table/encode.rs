//! Which characters may be written, and how wide they are.

use std::ffi::{OsStr, OsString};

use unicode_width::UnicodeWidthChar;

/// The characters of the caller's language settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode, as UTF-8.
    Utf8,
    /// Those of ASCII.
    Ascii,
}

/// Variables that name it, the first that is set and not empty.
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// What branches of a tree are drawn with.
pub(super) struct Symbols {
    pub(super) branch: &'static [u8],
    pub(super) line: &'static [u8],
    pub(super) last: &'static [u8],
}

impl Charset {
    /// The one that the environment of this process asks for.
    #[must_use]
    pub fn of_environment() -> Charset {
        let values = VARIABLES.map(|name| (name, std::env::var_os(name).unwrap_or_default()));
        let find = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, v)| v);
        Charset::of(|name| find(name).map(OsString::as_os_str))
    }

    /// The one that the environment asks for: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set
    /// and not empty names it after a dot (`locale(7)`).
    pub fn of<'e>(var: impl Fn(&str) -> Option<&'e OsStr>) -> Charset {
        let set = |name: &&str| var(name).is_some_and(|value| !value.is_empty());
        let name = VARIABLES.into_iter().find(set).and_then(var);
        let name = name.map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let charset = name.split('.').nth(1).unwrap_or_default();
        let charset = charset.split('@').next().unwrap_or_default();
        if charset == "utf-8" || charset == "utf8" { Charset::Utf8 } else { Charset::Ascii }
    }

    pub(super) fn symbols(self) -> Symbols {
        match self {
            Charset::Utf8 => {
                Symbols {
                    branch: "├─".as_bytes(), line: "│ ".as_bytes(), last: "└─".as_bytes()
                }
            }
            Charset::Ascii => Symbols { branch: b"|-", line: b"| ", last: b"`-" },
        }
    }

    /// Appends `text` with everything spelt out that is no printable character, and the beginning
    /// of such a spelling where the text itself has it: what was written can be told apart. Gives its
    /// width in columns.
    pub(super) fn encode(self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let mut width = 0;
        let mut rest = text;
        while let Some((first, tail)) = rest.split_first() {
            let is_spelling = *first == b'\\' && tail.first() == Some(&b'x');
            if first.is_ascii() && !first.is_ascii_control() && !is_spelling {
                out.push(*first);
                width += 1;
                rest = tail;
                continue;
            }
            let (character, length) = self.character(rest);
            let columns = character.filter(|c| !c.is_control()).and_then(UnicodeWidthChar::width);
            let (head, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = tail;
            match columns.filter(|_| !is_spelling) {
                Some(columns) => {
                    out.extend_from_slice(head);
                    width += columns;
                }
                None => {
                    for byte in head {
                        out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
                        width += 4;
                    }
                }
            }
        }
        width
    }

    /// The first character and its length in bytes; none and 1 where there is no valid one.
    fn character(self, text: &[u8]) -> (Option<char>, usize) {
        let end = text.len().min(4);
        let head = text.get(..end).unwrap_or_default();
        let valid = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(head.get(..e.valid_up_to()).unwrap_or_default())
                .unwrap_or_default(),
        };
        match valid.chars().next() {
            Some(c) if c.is_ascii() || self == Charset::Utf8 => (Some(c), c.len_utf8()),
            _ => (None, 1),
        }
    }

    /// The width of what [`encode`](Self::encode) has written.
    pub(super) fn width(text: &[u8]) -> usize {
        String::from_utf8_lossy(text).chars().map(|c| c.width().unwrap_or(0)).sum()
    }
}

/// As much of encoded `text` as has at most `width` columns, and its width.
pub(super) fn cut(text: &[u8], width: usize) -> (&[u8], usize) {
    let Ok(all) = std::str::from_utf8(text) else { return (text, Charset::width(text)) };
    let mut used = 0;
    for (at, c) in all.char_indices() {
        let columns = c.width().unwrap_or(0);
        if used + columns > width {
            return (text.get(..at).unwrap_or(text), used);
        }
        used += columns;
    }
    (text, used)
}
