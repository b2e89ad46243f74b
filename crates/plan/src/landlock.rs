//! Landlock as data: which rights there are, which version of the interface brought each, and which walls
//! are built from them. `landlock(7)`, kernel doc userspace-api/landlock.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Origin;

/// A right on files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// `LANDLOCK_ACCESS_FS_…`.
    pub bit: u64,
    /// The version of the interface that brought it.
    pub since: u32,
    /// Whether a file that is no directory can have it.
    pub of_files: bool,
    /// Whether who only looks at files needs it.
    pub reading: bool,
    /// Whether who changes files needs it.
    pub writing: bool,
}

const fn right(number: u32, since: u32, of_files: bool, reading: bool, writing: bool) -> Right {
    Right { bit: 1 << number, since, of_files, reading, writing }
}

/// Opening a file for reading.
pub const READ_FILE: u64 = 1 << 2;
/// Opening a file for writing.
pub const WRITE_FILE: u64 = 1 << 1;
/// Listing a directory.
pub const READ_DIR: u64 = 1 << 3;
/// `ioctl(2)` on a device that is opened from now on (version 5).
pub const IOCTL_DEV: u64 = 1 << 15;
/// Connecting to a Unix socket by its path (version 9).
pub const RESOLVE_UNIX: u64 = 1 << 16;

/// Every right on files that is known here, in the order of its bit. Device nodes are made by nobody in a
/// world, and sockets are connected to where that was granted.
pub const RIGHTS: &[Right] = &[
    right(0, 1, true, true, true),     // EXECUTE
    right(1, 1, true, false, true),    // WRITE_FILE
    right(2, 1, true, true, true),     // READ_FILE
    right(3, 1, false, true, true),    // READ_DIR
    right(4, 1, false, false, true),   // REMOVE_DIR
    right(5, 1, false, false, true),   // REMOVE_FILE
    right(6, 1, false, false, false),  // MAKE_CHAR
    right(7, 1, false, false, true),   // MAKE_DIR
    right(8, 1, false, false, true),   // MAKE_REG
    right(9, 1, false, false, true),   // MAKE_SOCK
    right(10, 1, false, false, true),  // MAKE_FIFO
    right(11, 1, false, false, false), // MAKE_BLOCK
    right(12, 1, false, false, true),  // MAKE_SYM
    right(13, 2, false, false, true),  // REFER
    right(14, 3, true, false, true),   // TRUNCATE
    right(15, 5, true, false, false),  // IOCTL_DEV
    right(16, 9, true, false, false),  // RESOLVE_UNIX
];

fn of(abi: u32, wanted: impl Fn(&Right) -> bool) -> u64 {
    RIGHTS.iter().filter(|r| r.since <= abi && wanted(r)).fold(0, |set, r| set | r.bit)
}

/// All rights on files that a version knows.
#[must_use]
pub fn all(abi: u32) -> u64 {
    of(abi, |_| true)
}

/// What reading and executing takes.
#[must_use]
pub fn reading(abi: u32) -> u64 {
    of(abi, |right| right.reading)
}

/// What reading, executing and changing takes.
#[must_use]
pub fn writing(abi: u32) -> u64 {
    of(abi, |right| right.writing)
}

/// What can be allowed on a file that is no directory.
#[must_use]
pub fn of_files(abi: u32) -> u64 {
    of(abi, |right| right.of_files)
}

/// Binding and connecting TCP sockets (version 4).
pub const TCP: u64 = 0b11;
/// Connecting to abstract Unix sockets of processes outside (version 6).
pub const SCOPE_ABSTRACT: u64 = 1;
/// Signals to processes outside (version 6).
pub const SCOPE_SIGNAL: u64 = 2;
/// `LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF`: what the program itself is refused is not logged (version 7).
pub const QUIET: u32 = 1;

/// The rights on TCP ports that a version knows.
#[must_use]
pub fn network(abi: u32) -> u64 {
    if abi >= 4 { TCP } else { 0 }
}

/// The scopes that a version knows.
#[must_use]
pub fn scopes(abi: u32) -> u64 {
    if abi >= 6 { SCOPE_ABSTRACT | SCOPE_SIGNAL } else { 0 }
}

/// The flags for living by a ruleset, as far as a version knows them.
#[must_use]
pub fn restrict_flags(abi: u32) -> u32 {
    if abi >= 7 { QUIET } else { 0 }
}

/// A wall that Landlock builds, or that stands in its place where there are no namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wall {
    /// Files that were not granted cannot be opened, nor changed.
    #[serde(rename = "landlock-files")]
    Files,
    /// No TCP socket can be bound or connected.
    #[serde(rename = "landlock-tcp")]
    Tcp,
    /// Processes outside cannot be signalled.
    #[serde(rename = "landlock-signals")]
    Signals,
    /// Abstract Unix sockets outside cannot be connected to.
    #[serde(rename = "landlock-abstract")]
    Abstract,
    /// Sockets that Landlock does not know cannot be made: the filter of system calls refuses them.
    #[serde(rename = "sockets")]
    Sockets,
}

impl Wall {
    /// All that Landlock builds.
    pub const OF_LANDLOCK: [Wall; 4] = [Wall::Files, Wall::Tcp, Wall::Signals, Wall::Abstract];

    /// The word used in options.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Wall::Files => "landlock-files",
            Wall::Tcp => "landlock-tcp",
            Wall::Signals => "landlock-signals",
            Wall::Abstract => "landlock-abstract",
            Wall::Sockets => "sockets",
        }
    }

    /// The wall of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Wall> {
        Wall::OF_LANDLOCK.into_iter().chain([Wall::Sockets]).find(|wall| wall.word() == word)
    }

    /// The version of Landlock that it takes, the release of Linux that has it, and what came with it.
    #[must_use]
    pub fn needs(self) -> (u32, &'static str, &'static str) {
        match self {
            // Before, a file that may only be read can be emptied.
            Wall::Files => (3, "6.2", "truncating files"),
            Wall::Tcp => (4, "6.7", "TCP ports"),
            Wall::Signals => (6, "6.12", "signals"),
            Wall::Abstract => (6, "6.12", "abstract sockets"),
            Wall::Sockets => (0, "3.5", "the filter of system calls"),
        }
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a Plan asks of Landlock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landlock {
    /// The walls. One that cannot be put up is an error.
    pub walls: Vec<Wall>,
    /// Those among them whose absence is accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept_missing: Vec<Wall>,
    /// Who asked.
    pub origin: Origin,
}

impl Landlock {
    /// Whether this wall is asked for.
    #[must_use]
    pub fn wants(&self, wall: Wall) -> bool {
        self.walls.contains(&wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_in_the_order_of_their_bits() {
        for (at, right) in RIGHTS.iter().enumerate() {
            assert_eq!(right.bit, 1 << at);
        }
        assert!(RIGHTS.windows(2).all(|pair| pair[0].since <= pair[1].since));
    }

    #[test]
    fn each_version_knows_its_own() {
        // As `landlock(7)` tells for each version.
        for (abi, bits) in [(0, 0), (1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (7, 16), (9, 17)] {
            assert_eq!(all(abi), (1 << bits) - 1, "version {abi}");
        }
        for abi in 1..=10 {
            assert_eq!(reading(abi) & !writing(abi), 0);
            assert_eq!((writing(abi) | of_files(abi)) & !all(abi), 0);
            assert_eq!(reading(abi) & (WRITE_FILE | 1 << 14), 0);
            // No device node is made, and no device is steered, by the right to write.
            assert_eq!(writing(abi) & (1 << 6 | 1 << 11 | IOCTL_DEV | RESOLVE_UNIX), 0);
        }
    }

    #[test]
    fn words_and_back() {
        for wall in Wall::OF_LANDLOCK.into_iter().chain([Wall::Sockets]) {
            assert_eq!(Wall::named(wall.word()), Some(wall));
            let json = serde_json::to_string(&wall).unwrap();
            assert_eq!(json, format!("\"{wall}\""));
        }
        assert_eq!(Wall::named("landlock"), None);
    }
}
