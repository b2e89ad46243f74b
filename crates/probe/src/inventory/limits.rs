//! Resource limits of a process.

use dwell_plan::plan::Rlimit;
use dwell_plan::rlimit::NAMES;

use super::process::read_of;
use crate::bytes::{lines, words};

/// The resource limits of process `pid`; none when there is no such process.
#[must_use]
pub fn rlimits(pid: i32) -> Option<Vec<Rlimit>> {
    read_of(pid, "limits", usize::MAX).map(|text| parse(&text))
}

/// `Max open files            1024                 4096                 files     `: a heading, and a line for
/// each limit in the order of their numbers.
///
/// KERNEL: the name has 25 columns, whatever it says (`proc_pid_limits` in fs/proc/base.c).
pub(super) fn parse(text: &[u8]) -> Vec<Rlimit> {
    let limit = |(name, line): (&&str, &[u8])| {
        let mut numbers = words(line.get(26..)?);
        let (soft, hard) = (value(numbers.next()?)?, value(numbers.next()?)?);
        Some(Rlimit { name: (*name).to_owned(), soft, hard })
    };
    NAMES.iter().zip(lines(text).skip(1)).filter_map(limit).collect()
}

/// None is infinity.
fn value(word: &[u8]) -> Option<Option<u64>> {
    match word {
        b"unlimited" => Some(None),
        digits => Some(Some(std::str::from_utf8(digits).ok()?.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"Limit                     Soft Limit           Hard Limit           Units     \n\
        Max cpu time              unlimited            7                    seconds   \n\
        Max file size             x                    unlimited            bytes     \n\
        Max data size             unlimited            unlimited            bytes     \n";

    #[test]
    fn by_line() {
        let limits = parse(TEXT);
        let shown: Vec<_> = limits.iter().map(|l| (l.name.as_str(), l.soft, l.hard)).collect();
        assert_eq!(shown, [("cpu", None, Some(7)), ("data", None, None)]);
        for seed in 0..1000 {
            let _ = parse(&crate::bytes::noise(seed, b"Max unlimited 09\n"));
        }
    }

    #[test]
    fn this_process() {
        let limits = rlimits(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(limits.len(), NAMES.len());
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let found = limits.iter().find(|l| l.name == "nofile").unwrap();
        assert_eq!((found.soft, found.hard), (files.current, files.maximum));
        assert_eq!(rlimits(i32::MAX), None);
    }
}
