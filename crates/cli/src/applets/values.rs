//! The values of options, read as the C programs read them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dwell_plan::action::IdBlock;
use dwell_plan::idmap::IdRange;

/// A number in base 10 as `strtoul(3)` takes it: blanks before it, a sign. What does not fit in the
/// type is refused and not cut off.
pub(super) fn number<N: TryFrom<i128>>(text: &OsStr) -> Result<N, BadNumber> {
    let text = text.to_str().ok_or(BadNumber::NotOne)?;
    let digits = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let bare = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadNumber::NotOne);
    }
    let value: i128 = digits.parse().map_err(|_| BadNumber::OutOfRange)?;
    N::try_from(value).map_err(|_| BadNumber::OutOfRange)
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadNumber {
    NotOne,
    OutOfRange,
}

impl BadNumber {
    /// The sentence about it, as util-linux has it.
    pub(super) fn sentence(self, what: &str, text: &OsStr) -> String {
        let text = text.to_string_lossy();
        match self {
            BadNumber::NotOne => format!("{what}: '{text}'"),
            BadNumber::OutOfRange => format!("{what}: '{text}': Numerical result out of range"),
        }
    }
}

/// A number, or the sentence that says that it is none.
pub(super) fn number_or<N: TryFrom<i128>>(text: &OsStr, what: &str) -> Result<N, String> {
    number(text).map_err(|bad| bad.sentence(what, text))
}

/// A user by name or number.
pub(super) fn user(text: &OsStr) -> Result<u32, String> {
    let named = || {
        let name = text.to_str().filter(|name| !name.is_empty())?;
        dwell_probe::user_by_name(Path::new("/etc/passwd"), name).map(|user| user.uid)
    };
    id(text, named, "failed to parse uid")
}

/// A group by name or number.
pub(super) fn group(text: &OsStr) -> Result<u32, String> {
    let named = || {
        let name = text.to_str().filter(|name| !name.is_empty())?;
        dwell_probe::group_by_name(Path::new("/etc/group"), name).map(|group| group.gid)
    };
    id(text, named, "failed to parse gid")
}

fn id(text: &OsStr, named: impl FnOnce() -> Option<u32>, what: &str) -> Result<u32, String> {
    match named() {
        Some(id) => Ok(id),
        None => number_or(text, what),
    }
}

/// `auto`, `subids`, `all`, `INNER:OUTER:COUNT` or, the older way, `OUTER,INNER,COUNT`.
pub(super) fn id_block(text: &OsStr) -> Result<IdBlock, String> {
    match text.as_bytes() {
        b"auto" => return Ok(IdBlock::Subordinate),
        b"subids" => return Ok(IdBlock::SubordinateAsTheyAre),
        b"all" => return Ok(IdBlock::All),
        _ => {}
    }
    let bad = || format!("invalid mapping '{}'", text.to_string_lossy());
    let words = |by: char| -> Option<[u32; 3]> {
        let mut words = text.to_str()?.split(by).map(|word| number(OsStr::new(word)).ok());
        let three = [words.next()??, words.next()??, words.next()??];
        words.next().is_none().then_some(three)
    };
    let range = match (words(':'), words(',')) {
        (Some([inner, outer, count]), _) | (None, Some([outer, inner, count])) => {
            IdRange { inner, outer, count }
        }
        (None, None) => return Err(bad()),
    };
    let fits = |start: u32| start.checked_add(range.count).is_some();
    if range.count == 0 || !fits(range.inner) || !fits(range.outer) {
        return Err(bad());
    }
    Ok(IdBlock::Range(range))
}

/// `UID:GID`.
pub(super) fn owner(text: &OsStr) -> Result<(u32, u32), String> {
    let parts = text.to_str().and_then(|text| text.split_once(':'));
    let ids = parts.and_then(|(uid, gid)| {
        Some((number(OsStr::new(uid)).ok()?, number(OsStr::new(gid)).ok()?))
    });
    ids.ok_or_else(|| "failed to parse owner".to_owned())
}

/// A signal by its name, with or without `SIG`; `RTMIN+n`, `RTMAX-n`. Numbers are no names.
pub(super) fn signal(text: &OsStr) -> Result<i32, String> {
    let unknown = || format!("unknown signal: {}", text.to_string_lossy());
    let name = text.to_str().ok_or_else(unknown)?.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let offset = |digits: &str| number::<i32>(OsStr::new(digits)).ok();
    let real_time = if let Some(above) = name.strip_prefix("RTMIN+") {
        offset(above).map(|n| RTMIN.saturating_add(n))
    } else if let Some(below) = name.strip_prefix("RTMAX-") {
        offset(below).map(|n| RTMAX.saturating_sub(n))
    } else {
        None
    };
    let known = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known.or(real_time.filter(|n| (RTMIN..=RTMAX).contains(n))).ok_or_else(unknown)
}

/// Below them are two that the C library keeps for itself.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// `signal(7)`; the same on every architecture that dwell runs on.
const SIGNALS: [(&str, i32); 34] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let read = |text: &str| number::<u32>(OsStr::new(text));
        for (text, value) in [("0", 0), (" 5", 5), ("+7", 7), ("007", 7), ("4294967295", u32::MAX)]
        {
            assert_eq!(read(text), Ok(value), "{text}");
        }
        for text in ["", " ", "x", "5x", "5 ", "0x10", "--5", "+", "1e3"] {
            assert_eq!(read(text), Err(BadNumber::NotOne), "{text}");
        }
        for text in ["-1", "4294967296", "99999999999999999999999999999999999999999999"] {
            assert_eq!(read(text), Err(BadNumber::OutOfRange), "{text}");
        }
        assert_eq!(number::<i64>(OsStr::new("-5")), Ok(-5));
        assert_eq!(
            number_or::<i64>(OsStr::new("99999999999999999999"), "failed"),
            Err("failed: '99999999999999999999': Numerical result out of range".to_owned())
        );
    }

    #[test]
    fn signals() {
        let read = |text: &str| signal(OsStr::new(text));
        for (text, number) in [
            ("KILL", 9),
            ("sigterm", 15),
            ("Sigint", 2),
            ("cld", 17),
            ("RTMIN+1", 35),
            ("SIGRTMAX-1", 63),
            ("RTMIN+30", 64),
        ] {
            assert_eq!(read(text), Ok(number), "{text}");
        }
        for text in ["9", "0", "", "SIG", "FOO", "RTMIN", "RTMIN+31", "RTMAX-31", "RTMIN+x"] {
            assert_eq!(read(text), Err(format!("unknown signal: {text}")));
        }
    }

    #[test]
    fn blocks_and_owners() {
        let range = |inner, outer, count| IdBlock::Range(IdRange { inner, outer, count });
        for (text, want) in [
            ("auto", IdBlock::Subordinate),
            ("subids", IdBlock::SubordinateAsTheyAre),
            ("all", IdBlock::All),
            ("0:100000:5", range(0, 100_000, 5)),
            ("100000,0,5", range(0, 100_000, 5)),
            ("1: 2:+3", range(1, 2, 3)),
        ] {
            assert_eq!(id_block(OsStr::new(text)), Ok(want), "{text}");
        }
        for text in
            ["", "1,2", "1:2", "a,b,c", "1,2,3x", "1:2,3", "1:2:3:4", "0:0:0", "0:4294967295:2"]
        {
            assert_eq!(id_block(OsStr::new(text)), Err(format!("invalid mapping '{text}'")));
        }
        assert_eq!(owner(OsStr::new("1:2")), Ok((1, 2)));
        for text in ["", "1", "1:", "1:2:3", "a:b"] {
            assert!(owner(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn people() {
        assert_eq!(user(OsStr::new("root")), Ok(0));
        assert_eq!(user(OsStr::new("17")), Ok(17));
        assert_eq!(group(OsStr::new("root")), Ok(0));
        assert_eq!(user(OsStr::new("no-such")), Err("failed to parse uid: 'no-such'".to_owned()));
        assert_eq!(group(OsStr::new("")), Err("failed to parse gid: ''".to_owned()));
    }
}
