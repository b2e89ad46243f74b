//! The program's environment variables.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use dwell_plan::Text;
use dwell_plan::plan::{EnvVar, RootSource};

use super::identity::{Name, Who};
use super::paths::{Paths, tilde};
use crate::invocation::Invocation;
use crate::message::{Failure, reason};
use crate::options::{EnvSource, LowArgs};

/// Where programs are looked for when nobody says.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// Variables that say who and where the program is; the world decides them.
const DECIDED: [&[u8]; 5] = [b"PATH", b"HOME", b"USER", b"LOGNAME", b"SHELL"];

/// Variables that are let through as they are, and every `LC_…`.
const PASSED: [&[u8]; 4] = [b"TERM", b"COLORTERM", b"LANG", b"TZ"];

/// What a world's program needs, and what `--env`, `--env-file` and `--env-all` bring.
pub(super) fn decide(
    low: &LowArgs,
    root: &RootSource,
    who: &Who,
    paths: &Paths<'_>,
    invocation: &Invocation<'_>,
) -> Result<Vec<EnvVar>, Failure> {
    let mut env: BTreeMap<Text, Text> = BTreeMap::new();
    let on_host = matches!(root, RootSource::Host { .. });
    for (name, value) in &invocation.env {
        let bytes = name.as_bytes();
        let passed = match bytes {
            b"PATH" | b"SHELL" => on_host,
            b"USER" | b"LOGNAME" => matches!(who.name, Name::Callers),
            _ => PASSED.contains(&bytes) || bytes.starts_with(b"LC_"),
        };
        if passed {
            env.insert(Text::from(bytes), Text::from(value.as_os_str()));
        }
    }
    env.entry(Text::from("PATH")).or_insert_with(|| Text::from(DEFAULT_PATH));
    env.insert(Text::from("HOME"), who.home.clone());
    if let Name::Known(name) = &who.name {
        env.insert(Text::from("USER"), name.clone());
        env.insert(Text::from("LOGNAME"), name.clone());
    }

    let copy = |env: &mut BTreeMap<Text, Text>, wanted: &[u8]| {
        if let Some((_, value)) = invocation.env.iter().find(|(n, _)| n.as_bytes() == wanted) {
            env.insert(Text::from(wanted), Text::from(value.as_os_str()));
        }
    };
    for typed in &low.env {
        match &typed.value {
            EnvSource::Set(name, value) => {
                env.insert(Text::from(name.as_slice()), Text::from(value.as_slice()));
            }
            EnvSource::Copy(name) => copy(&mut env, name),
            EnvSource::All => {
                for (name, value) in &invocation.env {
                    if !DECIDED.contains(&name.as_bytes()) {
                        env.insert(Text::from(name.as_os_str()), Text::from(value.as_os_str()));
                    }
                }
            }
            EnvSource::File(path) => {
                let path = tilde(path, || paths.home.clone());
                let bytes = invocation.machine.read(path.as_path()).map_err(|e| {
                    Failure::new(format!("cannot read {path}: {} (`{}`)", reason(&e), typed.words))
                })?;
                for line in lines(&bytes) {
                    match line.map_err(|why| Failure::cannot_use(&typed.words, &why))? {
                        (name, Some(value)) => {
                            env.insert(Text::from(name), Text::from(value));
                        }
                        (name, None) => copy(&mut env, name),
                    }
                }
            }
        }
    }
    Ok(env.into_iter().map(|(name, value)| EnvVar { name, value }).collect())
}

/// A variable's name and, where there is one, its value.
type Line<'a> = (&'a [u8], Option<&'a [u8]>);

/// The variables of a file as Docker reads it: a `NAME=VALUE` or `NAME` a line, `#` comments.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<Line<'_>, String>> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes.split(|b| *b == b'\n').enumerate().filter_map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        let cut = line.iter().position(|b| *b == b'=');
        let (name, rest) = line.split_at(cut.unwrap_or(line.len()));
        let bad = |why: &str| Some(Err(format!("line {}: {why}", number + 1)));
        if name.is_empty() {
            return bad("the variable has no name");
        }
        if line.contains(&0) {
            return bad("a NUL byte");
        }
        // A name alone may have blanks behind it; before a `=` they are a slip.
        let (name, value) = match rest.split_first() {
            Some((_, value)) => (name, Some(value)),
            None => (name.trim_ascii_end(), None),
        };
        if name.iter().any(u8::is_ascii_whitespace) {
            return bad("the variable's name has blanks in it");
        }
        Some(Ok((name, value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_reads() {
        let file = b"\xef\xbb\xbf# c\n\nA=1\r\n  B= x \"y\" # z\nC\nD=\nE=a=b";
        let got: Result<Vec<_>, _> = lines(file).collect();
        let want: Vec<Line<'_>> = vec![
            (b"A", Some(b"1")),
            (b"B", Some(b" x \"y\" # z")),
            (b"C", None),
            (b"D", Some(b"")),
            (b"E", Some(b"a=b")),
        ];
        assert_eq!(got, Ok(want));
        for (bad, line) in [(&b"A=1\n=x"[..], "line 2"), (b"A B=1", "line 1"), (b"A=\0", "line 1")]
        {
            let error = lines(bad).find_map(Result::err).unwrap_or_default();
            assert!(error.starts_with(line), "{error}");
        }
    }
}
