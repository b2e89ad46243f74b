//! The option grammar of `getopt_long(3)`, as the GNU C library has it, over a table of options.
//!
//! The applets stand in for programs that are written in C, so that their command lines are read by
//! the same rules: long names may be cut short while they stay unambiguous, a value that is not
//! required has to be attached, and what is wrong is said in the same words. One option is read at a
//! time, because whatever stands before a mistake has been acted on by then: `--help --typo` helps.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::message::visible;

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It has none.
    Nothing,
    /// It must have one: attached, or else the next word.
    Value,
    /// It may have one, which must be attached: `-xVALUE`, `--long=VALUE`.
    Perhaps,
}

/// A line of an applet's table: one spelling of an option, `id` being what it means. An option whose
/// short form takes a value in another way than its long one has two lines.
#[derive(Clone, Copy, Debug)]
pub struct Spelling<I> {
    /// What it means.
    pub id: I,
    /// The letter after one dash.
    pub short: Option<u8>,
    /// The name after two dashes.
    pub long: Option<&'static str>,
    /// Its value.
    pub takes: Takes,
}

impl<I> Spelling<I> {
    /// `-s` and `--long`.
    pub const fn both(id: I, short: u8, long: &'static str, takes: Takes) -> Self {
        Spelling { id, short: Some(short), long: Some(long), takes }
    }

    /// `-s` alone.
    pub const fn short(id: I, short: u8, takes: Takes) -> Self {
        Spelling { id, short: Some(short), long: None, takes }
    }

    /// `--long` alone.
    pub const fn long(id: I, long: &'static str, takes: Takes) -> Self {
        Spelling { id, short: None, long: Some(long), takes }
    }
}

/// What is done with a word that is no option, while options may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// It and all that follows are operands (`+` in C): the command line of another program.
    EndOptions,
    /// Options may follow it.
    StandAnywhere,
}

/// Options of a command line, read one at a time.
#[derive(Debug)]
pub struct Getopt<'t, I> {
    table: &'t [Spelling<I>],
    mode: Operands,
    words: VecDeque<OsString>,
    /// What follows the letters already read in a word like `-abc`.
    cluster: Vec<u8>,
    operands: Vec<OsString>,
}

/// A word that no rule allows; its text is what the C library says, without the program's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse(String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An option and its value.
pub type Given<I> = (I, Option<OsString>);

impl<'t, I: Copy + PartialEq> Getopt<'t, I> {
    /// Reads `words`, which do not begin with the program's name.
    pub fn new(
        table: &'t [Spelling<I>],
        mode: Operands,
        words: impl IntoIterator<Item = OsString>,
    ) -> Self {
        let words = words.into_iter().collect();
        Getopt { table, mode, words, cluster: Vec::new(), operands: Vec::new() }
    }

    /// The next option; none when only operands are left.
    ///
    /// # Errors
    /// An unknown or ambiguous option, a value that is missing or too many.
    pub fn next_option(&mut self) -> Result<Option<Given<I>>, Misuse> {
        if !self.cluster.is_empty() {
            return self.letter().map(Some);
        }
        while let Some(word) = self.words.pop_front() {
            let bytes = word.as_bytes();
            match bytes {
                b"--" => break,
                [b'-', b'-', name @ ..] => return self.named(name).map(Some),
                [b'-', letters @ ..] if !letters.is_empty() => {
                    self.cluster = letters.to_vec();
                    return self.letter().map(Some);
                }
                _ if self.mode == Operands::EndOptions => {
                    self.words.push_front(word);
                    break;
                }
                _ => self.operands.push(word),
            }
        }
        self.operands.extend(self.words.drain(..));
        Ok(None)
    }

    /// What is not an option, once there are no more options.
    #[must_use]
    pub fn operands(self) -> Vec<OsString> {
        self.operands
    }

    fn letter(&mut self) -> Result<Given<I>, Misuse> {
        let letter = self.cluster.remove(0);
        let known = self.table.iter().find(|s| s.short == Some(letter));
        let Some(Spelling { id, takes, .. }) = known.copied() else {
            return Err(Misuse(format!("invalid option -- '{}'", shown(&[letter]))));
        };
        let value = match takes {
            Takes::Nothing => None,
            Takes::Perhaps | Takes::Value if !self.cluster.is_empty() => {
                Some(OsString::from_vec(std::mem::take(&mut self.cluster)))
            }
            Takes::Perhaps => None,
            Takes::Value => Some(self.words.pop_front().ok_or_else(|| {
                Misuse(format!("option requires an argument -- '{}'", shown(&[letter])))
            })?),
        };
        Ok((id, value))
    }

    fn named(&mut self, text: &[u8]) -> Result<Given<I>, Misuse> {
        let end = text.iter().position(|b| *b == b'=');
        let name = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        let attached = end.and_then(|at| text.get(at + 1..)).map(|v| OsStr::from_bytes(v).into());
        let found = self.find(name, text)?;
        let long = found.long.unwrap_or_default();
        let value = match (found.takes, attached) {
            (Takes::Nothing, Some(_)) => {
                return Err(Misuse(format!("option '--{long}' doesn't allow an argument")));
            }
            (Takes::Value, None) => Some(
                self.words
                    .pop_front()
                    .ok_or_else(|| Misuse(format!("option '--{long}' requires an argument")))?,
            ),
            (_, attached) => attached,
        };
        Ok((found.id, value))
    }

    /// The option of that name, or the one that the name is the beginning of. Several that mean the
    /// same are one.
    fn find(&self, name: &[u8], text: &[u8]) -> Result<Spelling<I>, Misuse> {
        let long = |s: &&Spelling<I>| s.long.map(str::as_bytes);
        if let Some(exact) = self.table.iter().find(|s| long(s) == Some(name)) {
            return Ok(*exact);
        }
        let begun: Vec<_> = self
            .table
            .iter()
            .filter(|s| long(s).is_some_and(|long| long.starts_with(name)))
            .collect();
        let Some(first) = begun.first() else {
            return Err(Misuse(format!("unrecognized option '--{}'", shown(text))));
        };
        if begun.iter().all(|s| s.id == first.id && s.takes == first.takes) {
            return Ok(**first);
        }
        let names: String =
            begun.iter().filter_map(|s| s.long).map(|long| format!(" '--{long}'")).collect();
        Err(Misuse(format!("option '--{}' is ambiguous; possibilities:{names}", shown(text))))
    }
}

/// Bytes in a message.
fn shown(bytes: &[u8]) -> String {
    visible(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Spelling<u8>] = &[
        Spelling::short(b'm', b'm', Takes::Nothing),
        Spelling::long(b'm', "mount", Takes::Perhaps),
        Spelling::both(b'o', b'o', "output", Takes::Value),
        Spelling::long(b'O', "output-all", Takes::Nothing),
        Spelling::both(b'T', b'T', "tree", Takes::Perhaps),
        Spelling::long(b'p', "mount-proc", Takes::Perhaps),
        Spelling::long(b'c', "colour", Takes::Nothing),
        Spelling::long(b'c', "color", Takes::Nothing),
    ];

    /// What is read, one word each, then `|` and the operands.
    fn read(mode: Operands, line: &str) -> Result<String, String> {
        let words = line.split(' ').filter(|w| !w.is_empty()).map(OsString::from);
        let mut options = Getopt::new(TABLE, mode, words);
        let mut out = Vec::new();
        while let Some((id, value)) = options.next_option().map_err(|e| e.to_string())? {
            let value = value.map(|v| format!("={}", v.display())).unwrap_or_default();
            out.push(format!("{}{value}", char::from(id)));
        }
        out.push("|".to_owned());
        out.extend(options.operands().iter().map(|w| w.display().to_string()));
        Ok(out.join(" "))
    }

    #[test]
    fn what_is_allowed() {
        for (line, want) in [
            ("", "|"),
            ("-m", "m |"),
            ("-mmo x y", "m m o=x | y"),
            ("-mox y", "m o=x | y"),
            ("-o -m", "o=-m |"),
            ("-o -- x", "o=-- | x"),
            ("-T x", "T | x"),
            ("-Tx", "T=x |"),
            ("-T=x", "T==x |"),
            ("--mount", "m |"),
            ("--mount=", "m= |"),
            ("--mount=a=b", "m=a=b |"),
            ("--mount x", "m | x"),
            ("--mount-p", "p |"),
            ("--tr=x", "T=x |"),
            ("--output x", "o=x |"),
            ("--output=x", "o=x |"),
            ("--output --output", "o=--output |"),
            ("--output-", "O |"),
            ("--col", "c |"),
            ("-", "| -"),
            ("-m -- -m", "m | -m"),
            ("x -m", "| x -m"),
            ("-m x -- y", "m | x -- y"),
        ] {
            assert_eq!(read(Operands::EndOptions, line), Ok(want.to_owned()), "{line}");
        }
    }

    #[test]
    fn operands_among_options() {
        for (line, want) in [
            ("x -m y -o z", "m o=z | x y"),
            ("x -- -m", "| x -m"),
            ("- -m", "m | -"),
            ("x -o -- -- y", "o=-- | x y"),
        ] {
            assert_eq!(read(Operands::StandAnywhere, line), Ok(want.to_owned()), "{line}");
        }
    }

    /// As the C library says it.
    #[test]
    fn what_is_not_allowed() {
        for (line, want) in [
            ("-x", "invalid option -- 'x'"),
            ("-m-", "invalid option -- '-'"),
            ("-m=x", "invalid option -- '='"),
            ("-o", "option requires an argument -- 'o'"),
            ("-mo", "option requires an argument -- 'o'"),
            ("--output", "option '--output' requires an argument"),
            ("--out", "option '--out' is ambiguous; possibilities: '--output' '--output-all'"),
            ("--mo=x", "option '--mo=x' is ambiguous; possibilities: '--mount' '--mount-proc'"),
            ("--output-all=x", "option '--output-all' doesn't allow an argument"),
            ("--nope=x", "unrecognized option '--nope=x'"),
            ("---", "unrecognized option '---'"),
            ("-\u{1b}", "invalid option -- '\\u{1b}'"),
        ] {
            assert_eq!(read(Operands::EndOptions, line), Err(want.to_owned()), "{line}");
        }
        let all = read(Operands::EndOptions, "--=x").unwrap_err();
        assert!(all.starts_with("option '--=x' is ambiguous; possibilities: '--mount'"), "{all}");
    }

    /// Every beginning of every name is read as that name, or is ambiguous, or is another's whole name.
    #[test]
    fn beginnings() {
        for long in TABLE.iter().filter_map(|s| s.long) {
            for end in 1..=long.len() {
                let name = &long[..end];
                let matching: Vec<_> = TABLE
                    .iter()
                    .filter(|s| s.long.is_some_and(|l| l.starts_with(name)))
                    .map(|s| s.id)
                    .collect();
                let exact = TABLE.iter().find(|s| s.long == Some(name)).map(|s| s.id);
                let one = matching.iter().all(|id| *id == matching[0]).then_some(matching[0]);
                let mut options = Getopt::new(
                    TABLE,
                    Operands::EndOptions,
                    [format!("--{name}").into(), "v".into()],
                );
                let read = options.next_option().ok().flatten().map(|(id, _)| id);
                assert_eq!(read, exact.or(one), "--{name}");
            }
        }
    }
}
