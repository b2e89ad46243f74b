//! Paths inside a world: absolute, lexically normal, compared by whole components.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// An absolute path without `.`, `..`, empty components or a trailing slash.
///
/// The order is by components, so a directory sorts before everything below it and `/a/b` before
/// `/a-b`: mounting in this order puts every mount on top of the ones it lies in.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Text", into = "Text")]
pub struct WorldPath(Text);

impl WorldPath {
    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        WorldPath(Text::from("/"))
    }

    /// Normalises `path`, taken relative to `base` when it does not start with `/`.
    ///
    /// `..` is removed lexically: a path inside a world names a place in a tree that does not
    /// exist yet, so there are no symbolic links to follow.
    #[must_use]
    pub fn new(path: &[u8], base: &[u8]) -> Self {
        let base = if path.first() == Some(&b'/') { &[][..] } else { base };
        let mut out = Vec::with_capacity(path.len() + base.len() + 2);
        for part in base.split(is_slash).chain(path.split(is_slash)) {
            match part {
                b"" | b"." => {}
                b".." => out.truncate(out.iter().rposition(is_slash).unwrap_or(0)),
                _ => {
                    out.push(b'/');
                    out.extend_from_slice(part);
                }
            }
        }
        if out.is_empty() {
            out.push(b'/');
        }
        WorldPath(Text::from(out))
    }

    /// An absolute path; convenience for constants.
    #[must_use]
    pub fn abs(path: &str) -> Self {
        WorldPath::new(path.as_bytes(), b"/")
    }

    /// The path as bytes, with the leading slash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The path as text.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.0
    }

    /// The path relative to the root: empty for the root itself.
    #[must_use]
    pub fn relative(&self) -> &[u8] {
        self.as_bytes().get(1..).unwrap_or_default()
    }

    /// The components, from the top.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.as_bytes().split(is_slash).filter(|c| !c.is_empty())
    }

    /// Whether this is the root directory.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.as_bytes() == b"/"
    }

    /// The directory that holds this path; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<WorldPath> {
        if self.is_root() {
            return None;
        }
        let bytes = self.as_bytes();
        let cut = bytes.iter().rposition(|b| *b == b'/').unwrap_or(0);
        let head = if cut == 0 { &b"/"[..] } else { bytes.get(..cut).unwrap_or(b"/") };
        Some(WorldPath(Text::from(head)))
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.as_bytes().rsplit(is_slash).next().unwrap_or_default()
    }

    /// Whether `other` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, other: &WorldPath) -> bool {
        if self.is_root() {
            return true;
        }
        other
            .as_bytes()
            .strip_prefix(self.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    }

    /// What remains of `other` below this path, without a leading slash.
    #[must_use]
    pub fn remainder<'a>(&self, other: &'a WorldPath) -> Option<&'a [u8]> {
        if !self.contains(other) {
            return None;
        }
        let cut = if self.is_root() { 1 } else { self.as_bytes().len() + 1 };
        Some(other.as_bytes().get(cut..).unwrap_or_default())
    }

    /// This path with `tail` (which may have several components) appended.
    #[must_use]
    pub fn join(&self, tail: &[u8]) -> WorldPath {
        WorldPath::new(tail.strip_prefix(b"/").unwrap_or(tail), self.as_bytes())
    }
}

fn is_slash(b: &u8) -> bool {
    *b == b'/'
}

impl Default for WorldPath {
    fn default() -> Self {
        WorldPath::root()
    }
}

impl PartialOrd for WorldPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WorldPath {
    /// That of the bytes, if a slash stands before all others.
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.as_bytes(), other.as_bytes());
        let rank = |byte: u8| (byte != b'/').then_some(byte);
        let mut different = one.iter().zip(two).filter(|(a, b)| a != b);
        different.next().map_or(one.len().cmp(&two.len()), |(a, b)| rank(*a).cmp(&rank(*b)))
    }
}

impl fmt::Display for WorldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WorldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Text> for WorldPath {
    fn from(text: Text) -> Self {
        WorldPath::new(text.as_bytes(), b"/")
    }
}

impl From<WorldPath> for Text {
    fn from(path: WorldPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(s: &str) -> WorldPath {
        WorldPath::abs(s)
    }

    #[test]
    fn normalises() {
        for (given, want) in
            [("/", "/"), ("//a//b/", "/a/b"), ("/a/./b/../c", "/a/c"), ("/../..", "/"), ("", "/")]
        {
            assert_eq!(p(given).as_bytes(), want.as_bytes(), "{given}");
        }
        assert_eq!(WorldPath::new(b"x/../y", b"/home/u"), p("/home/u/y"));
    }

    #[test]
    fn order_is_by_component() {
        let mut v = vec![p("/a-b"), p("/a/b"), p("/a"), p("/"), p("/a/b/c")];
        v.sort();
        assert_eq!(v, vec![p("/"), p("/a"), p("/a/b"), p("/a/b/c"), p("/a-b")]);
    }

    #[test]
    fn order_of_bytes_is_that_of_components() {
        let letters = *b"/-a\xff";
        let mut paths = vec![Vec::new()];
        for length in 0..6 {
            let longest: Vec<_> = paths.iter().filter(|p| p.len() == length).cloned().collect();
            for path in longest {
                paths.extend(letters.iter().map(|letter| [&path[..], &[*letter]].concat()));
            }
        }
        let mut paths: Vec<WorldPath> = paths.iter().map(|p| WorldPath::new(p, b"/")).collect();
        paths.sort();
        paths.dedup();
        assert!(paths.len() > 500);
        assert!(paths.is_sorted_by(|a, b| a.components().lt(b.components())));
    }

    #[test]
    fn containment_is_by_component() {
        assert!(p("/a").contains(&p("/a/b")));
        assert!(p("/a").contains(&p("/a")));
        assert!(!p("/a").contains(&p("/ab")));
        assert!(p("/").contains(&p("/x")));
        assert_eq!(p("/a").remainder(&p("/a/b/c")), Some(&b"b/c"[..]));
        assert_eq!(p("/").remainder(&p("/a")), Some(&b"a"[..]));
        assert_eq!(p("/a").parent(), Some(p("/")));
        assert_eq!(p("/a/b").parent(), Some(p("/a")));
        assert_eq!(p("/").parent(), None);
        assert_eq!(p("/a/b").name(), b"b");
    }
}
