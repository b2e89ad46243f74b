//! Maps of ids: `/proc/self/uid_map`, and `subuid(5)` with `subgid(5)`.

use dwell_plan::idmap::{IdMap, IdRange};

use crate::bytes::{lines, number, words};

/// A `uid_map` or `gid_map` of procfs; `user_namespaces(7)`.
#[must_use]
pub fn parse_map(text: &[u8]) -> IdMap {
    let range = |line| {
        let mut words = words(line).map(number::<u32>);
        let mut next = || words.next().flatten();
        Some(IdRange { inner: next()?, outer: next()?, count: next()? })
    };
    IdMap(lines(text).filter_map(range).collect())
}

/// The lines of a `subuid` or `subgid` text that belong to the user `name` with number `uid`, in
/// order, as (first, count). `subgid` goes by the user too, not by their group.
///
/// The owner has to be exactly the name or the number. A line that gives no id, or ids beyond the
/// last one, is skipped.
// Subordinate ids that a directory service gives (`subid: sss` in nsswitch.conf(5)) are not seen.
#[must_use]
pub fn parse_subids(text: &[u8], name: &[u8], uid: u32) -> Vec<(u32, u32)> {
    let digits = uid.to_string();
    let range = |line: &[u8]| {
        let mut fields = line.split(|b| *b == b':');
        let owner = fields.next()?;
        let (first, count): (u32, u32) = (number(fields.next()?)?, number(fields.next()?)?);
        let ours = !owner.is_empty() && (owner == name || owner == digits.as_bytes());
        let sound = count > 0 && first.checked_add(count).is_some() && fields.next().is_none();
        (ours && sound).then_some((first, count))
    };
    lines(text).filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::noise;

    #[test]
    fn maps() {
        let map = parse_map(b"         0          0 4294967295\n  7 8 9\nx 1 2\n1 2\n");
        assert_eq!(map.0.len(), 2);
        assert_eq!(map.0[0], IdRange { inner: 0, outer: 0, count: u32::MAX });
        assert_eq!(map.0[1], IdRange { inner: 7, outer: 8, count: 9 });
    }

    #[test]
    fn lines_of_the_user_alone() {
        let text = b"alice:100000:65536\nalic:1:1\nalice2:2:2\n1001:300000:10\nbob:3:3\n\
                     alice:200000:5\n # x\nalice:5\nalice:x:1\nalice:1:0\nalice:4294967295:1\n\
                     alice:1:2:3\n:9:9\n";
        assert_eq!(
            parse_subids(text, b"alice", 1001),
            [(100_000, 65536), (300_000, 10), (200_000, 5)]
        );
        assert_eq!(parse_subids(text, b"", 7), []);
        // util-linux takes the first line for a root that has none.
        assert_eq!(parse_subids(text, b"root", 0), []);
        assert_eq!(parse_subids(b"alice:4294967294:1", b"alice", 0), [(u32::MAX - 1, 1)]);
    }

    #[test]
    fn never_panics() {
        for seed in 0..3000 {
            let text = noise(seed, b"a:0129\n #");
            let _ = (parse_map(&text), parse_subids(&text, b"a", 1));
        }
    }
}
