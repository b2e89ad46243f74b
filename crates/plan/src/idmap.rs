//! Maps between the ids inside a user namespace and those outside; `user_namespaces(7)`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One line of `/proc/PID/uid_map`: `count` ids from `inner` inside are `outer`… outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// First id inside.
    pub inner: u32,
    /// First id outside, as seen from the parent user namespace.
    pub outer: u32,
    /// How many ids.
    pub count: u32,
}

impl IdRange {
    /// A range of one.
    #[must_use]
    pub const fn one(inner: u32, outer: u32) -> Self {
        IdRange { inner, outer, count: 1 }
    }

    /// Whether `id` is an inner id of this range.
    #[must_use]
    pub const fn has_inner(&self, id: u32) -> bool {
        id >= self.inner && id - self.inner < self.count
    }

    /// Whether `id` is an outer id of this range.
    #[must_use]
    pub const fn has_outer(&self, id: u32) -> bool {
        id >= self.outer && id - self.outer < self.count
    }

    /// The same ids in pieces that leave out those of `own`, inside and outside. What comes after such
    /// a hole moves up by one inside, so one id at the end finds no place.
    #[must_use]
    pub fn beside(self, own: Option<IdRange>) -> Vec<IdRange> {
        let hole = own.filter(|own| self.has_inner(own.inner) || self.has_outer(own.outer));
        self.pieces(self.count - u32::from(hole.is_some()), hole)
    }

    /// The same from an inner start where there is room enough: every id outside gets one inside.
    #[must_use]
    pub fn above(self, own: Option<IdRange>) -> Vec<IdRange> {
        let taken = own.is_some_and(|own| self.has_outer(own.outer));
        self.pieces(self.count - u32::from(taken), own)
    }

    /// The first `count` ids on both sides, without those of `hole`, in pairs.
    fn pieces(self, count: u32, hole: Option<IdRange>) -> Vec<IdRange> {
        let (mut inner, mut outer, mut left) = (self.inner, self.outer, count);
        let mut pieces = Vec::with_capacity(3);
        let until = |at: u32, hole: Option<u32>| match hole {
            Some(hole) if hole > at => hole - at,
            _ => u32::MAX,
        };
        let (in_hole, out_hole) = (hole.map(|h| h.inner), hole.map(|h| h.outer));
        while left > 0 {
            inner = inner.saturating_add(u32::from(Some(inner) == in_hole));
            outer = outer.saturating_add(u32::from(Some(outer) == out_hole));
            let count = left.min(until(inner, in_hole)).min(until(outer, out_hole));
            pieces.push(IdRange { inner, outer, count });
            inner = inner.saturating_add(count);
            outer = outer.saturating_add(count);
            left -= count;
        }
        pieces
    }
}

impl FromStr for IdRange {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || format!("'{s}' is not INNER:OUTER:COUNT");
        let mut numbers = s.split(':').map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(bad);
        let range = IdRange { inner: next()?, outer: next()?, count: next()? };
        if numbers.next().is_some() {
            return Err(bad());
        }
        if range.count == 0 {
            return Err(format!("'{s}' maps no id: the count is 0"));
        }
        let fits = |start: u32| start.checked_add(range.count).is_some();
        if !fits(range.inner) || !fits(range.outer) {
            return Err(format!("'{s}' reaches beyond the last id"));
        }
        Ok(range)
    }
}

impl fmt::Display for IdRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.inner, self.outer, self.count)
    }
}

/// A whole map. Linux takes up to 340 lines (five before 4.15).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdMap(pub Vec<IdRange>);

impl IdMap {
    /// The id outside that `id` is.
    #[must_use]
    pub fn outer_of(&self, id: u32) -> Option<u32> {
        let range = self.0.iter().find(|range| range.has_inner(id))?;
        Some(range.outer + (id - range.inner))
    }

    /// Whether `id` exists inside.
    #[must_use]
    pub fn has_inner(&self, id: u32) -> bool {
        self.0.iter().any(|r| r.has_inner(id))
    }

    /// The text the kernel wants in `uid_map`.
    #[must_use]
    pub fn kernel_text(&self) -> String {
        self.0.iter().map(|r| format!("{r}\n")).collect()
    }

    /// How many ids exist inside.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|r| u64::from(r.count)).sum()
    }

    /// Whether no id exists inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every id of `this` namespace mapped to itself, given the map that made it.
    ///
    /// A child namespace can only name ids that exist in its parent: in a container whose map ends
    /// at 65536, writing `0 0 4294967295` is refused with EPERM.
    #[must_use]
    pub fn identity_of(this: &IdMap) -> IdMap {
        IdMap(this.0.iter().map(|r| IdRange { outer: r.inner, ..*r }).collect())
    }

    /// The caller's own id at `inner`, and around it the ids of `pool` in order, as many as exist.
    ///
    /// This is what `auto` means: the world has the ids 0, 1, 2 … and the caller keeps their own.
    #[must_use]
    pub fn around(inner: u32, caller: u32, pool: &[(u32, u32)]) -> IdMap {
        let mut ranges = Vec::new();
        let mut next = 0u32;
        for &(start, count) in pool {
            let (mut start, mut count) = (start, count);
            if next <= inner && inner - next < count {
                push(&mut ranges, next, start, inner - next);
                start += inner - next;
                count -= inner - next;
                next = inner + 1;
            }
            push(&mut ranges, next, start, count);
            next = next.saturating_add(count);
        }
        ranges.push(IdRange::one(inner, caller));
        ranges.sort_by_key(|r| r.inner);
        IdMap(ranges)
    }

    /// The first pair of ranges that name the same inner or outer id.
    #[must_use]
    pub fn overlap(&self) -> Option<(IdRange, IdRange)> {
        let overlaps =
            |a: u32, n: u32, b: u32, m: u32| a < b.saturating_add(m) && b < a.saturating_add(n);
        self.0.iter().enumerate().find_map(|(i, a)| {
            let clash = |b: &&IdRange| {
                overlaps(a.inner, a.count, b.inner, b.count)
                    || overlaps(a.outer, a.count, b.outer, b.count)
            };
            self.0.iter().skip(i + 1).find(clash).map(|b| (*a, *b))
        })
    }
}

fn push(ranges: &mut Vec<IdRange>, inner: u32, outer: u32, count: u32) {
    if count > 0 {
        ranges.push(IdRange { inner, outer, count });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        assert_eq!("0:1000:1".parse(), Ok(IdRange::one(0, 1000)));
        for bad in ["", "0:1", "0:1:2:3", "a:1:1", "0:0:0", "4294967295:0:2"] {
            assert!(bad.parse::<IdRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn auto_keeps_the_callers_id() {
        let map = IdMap::around(1000, 1000, &[(100_000, 65536)]);
        assert_eq!(
            map.0,
            vec![
                IdRange { inner: 0, outer: 100_000, count: 1000 },
                IdRange { inner: 1000, outer: 1000, count: 1 },
                IdRange { inner: 1001, outer: 101_000, count: 64536 },
            ]
        );
        assert_eq!(map.len(), 65537);
        assert_eq!(map.overlap(), None);
        let root = IdMap::around(0, 1000, &[(100_000, 65536)]);
        assert_eq!(root.0[0], IdRange::one(0, 1000));
        assert_eq!(root.0[1], IdRange { inner: 1, outer: 100_000, count: 65536 });
    }

    #[test]
    fn a_caller_beyond_the_pool_stands_alone() {
        let map = IdMap::around(70000, 70000, &[(100_000, 10)]);
        assert_eq!(
            map.0,
            vec![IdRange { inner: 0, outer: 100_000, count: 10 }, IdRange::one(70000, 70000),]
        );
    }

    /// As `unshare -c --map-users` of util-linux splits them.
    #[test]
    fn blocks_make_room() {
        let range = |inner, outer, count| IdRange { inner, outer, count };
        let own = Some(IdRange::one(1001, 1001));
        assert_eq!(
            range(990, 100_000, 100).beside(own),
            [range(990, 100_000, 11), range(1002, 100_011, 88)]
        );
        let root = Some(IdRange::one(0, 1001));
        assert_eq!(range(0, 100_000, 65536).beside(root), [range(1, 100_000, 65535)]);
        assert_eq!(range(0, 100_000, 65536).above(root), [range(1, 100_000, 65536)]);
        assert_eq!(range(0, 0, 1000).beside(root), [range(1, 0, 999)]);
        assert_eq!(
            range(0, 1000, 4).beside(Some(IdRange::one(2, 1001))),
            [range(0, 1000, 1), range(1, 1002, 1), range(3, 1003, 1)]
        );
        assert_eq!(range(5, 5, 2).beside(None), [range(5, 5, 2)]);
        assert_eq!(range(5, 5, 1).beside(Some(IdRange::one(5, 5))), []);
        // Beside, not within: nothing is lost.
        assert_eq!(range(0, 100, 10).beside(Some(IdRange::one(10, 5))), [range(0, 100, 10)]);
        let last = range(u32::MAX - 1, 7, 1);
        assert_eq!(last.beside(Some(IdRange::one(0, 0))), [last]);
    }

    #[test]
    fn overlaps_are_found() {
        let map = IdMap(vec![IdRange { inner: 0, outer: 0, count: 10 }, IdRange::one(9, 100)]);
        assert!(map.overlap().is_some());
    }
}
