//! `--seccomp`: which system calls the program can make.

use std::fmt::Write;

use dwell_plan::plan::{Origin, Seccomp, SeccompProfile};
use dwell_plan::seccomp::Profile;
use serde_path_to_error::Segment;

use super::paths::{Paths, tilde};
use crate::invocation::Invocation;
use crate::message::{Failure, reason};
use crate::options::{LowArgs, LowSeccomp};

/// Larger than any profile in use by two orders.
const LARGEST: usize = 1 << 20;

pub(super) fn decide(
    low: &LowArgs,
    paths: &Paths<'_>,
    invocation: &Invocation<'_>,
) -> Result<Seccomp, Failure> {
    let profile = match &low.seccomp {
        None => SeccompProfile::Default,
        Some(typed) => match &typed.value {
            LowSeccomp::Default => SeccompProfile::Default,
            LowSeccomp::Strict => SeccompProfile::Strict,
            LowSeccomp::None => SeccompProfile::None,
            LowSeccomp::File(path) => given(path, &typed.words, paths, invocation)?,
        },
    };
    if let (Some(log), SeccompProfile::None) = (&low.seccomp_log, &profile) {
        let why = "with `--seccomp none` there is nothing to log";
        return Err(Failure::cannot_use(&log.words, why));
    }
    Ok(Seccomp { profile, log: low.seccomp_log.is_some() })
}

fn given(
    path: &[u8],
    words: &str,
    paths: &Paths<'_>,
    invocation: &Invocation<'_>,
) -> Result<SeccompProfile, Failure> {
    let path = tilde(path, || paths.home.clone());
    let bytes = invocation.machine.read(path.as_path()).map_err(|e| {
        Failure::new(format!("cannot read the seccomp profile {path}: {} (`{words}`)", reason(&e)))
    })?;
    let profile = parse(&bytes)
        .map_err(|why| Failure::new(format!("cannot use the seccomp profile {path}: {why}")))?;
    Ok(SeccompProfile::Given {
        profile: Box::new(profile),
        origin: Origin::Option(words.to_owned()),
    })
}

/// A profile in the form of the OCI specification, of Docker or of Podman. What is wrong with it is told
/// with its place, as a JSON pointer (RFC 6901).
fn parse(bytes: &[u8]) -> Result<Profile<'static>, String> {
    if bytes.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let profile: Profile<'_> = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut place = pointer(error.path());
        if !place.is_empty() {
            place.push_str(": ");
        }
        place + &error.into_inner().to_string()
    })?;
    json.end().map_err(|error| error.to_string())?;
    Ok(profile.into_owned())
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path.iter() {
        // Writing to a String cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(text, "/{index}"),
            Segment::Map { key } => write!(text, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_place() {
        let rules = |rule: &str| {
            format!("{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{rule}]}}")
        };
        for (text, want) in [
            (
                rules("{\"names\": [\"a\"], \"action\": \"SCMP_ACT_OOPS\"}"),
                "/syscalls/0/action: unknown variant `SCMP_ACT_OOPS`",
            ),
            (
                rules("{\"names\": [\"a\", 7], \"action\": \"SCMP_ACT_LOG\"}"),
                "/syscalls/0/names/1: invalid type",
            ),
            (
                rules("{\"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": -1}]}"),
                "/syscalls/0/args/0/index: invalid value",
            ),
            ("{\"defaultAction\": 7}".to_owned(), "/defaultAction: "),
            ("{}".to_owned(), "missing field `defaultAction`"),
            ("{\"defaultAction\": \"SCMP_ACT_ALLOW\"} x".to_owned(), "trailing characters"),
            ("7".to_owned(), "invalid type: integer"),
            (String::new(), "EOF while parsing"),
            (" ".repeat(LARGEST + 1), "it is larger than"),
        ] {
            let error = parse(text.as_bytes()).expect_err(&text);
            assert!(error.starts_with(want), "{want}\n{error}");
        }
        let good = rules("{\"names\": [\"re\\u0061d\"], \"action\": \"SCMP_ACT_KILL\"}");
        let profile = parse(good.as_bytes()).unwrap();
        assert_eq!(&*profile.syscalls[0].names[0], "read");
    }
}
