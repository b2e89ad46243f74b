//! From the name of a call to its numbers.

use super::abi::{Abi, X32_BIT};
use super::table::{ARM_PRIVATE, NONE, ROWS};

/// How many places a call's number can have in an array: ordinary ones, then ARM's private ones.
pub(super) const PLACES: usize = 1024;
/// The first place of ARM's private calls.
pub(super) const PRIVATE_PLACE: usize = PLACES - 16;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    row: usize,
}

impl Call {
    /// The call of this name, on whatever ABI.
    #[must_use]
    pub fn named(name: &str) -> Option<Call> {
        let mut at = hash(name.as_bytes());
        loop {
            let row = usize::from(INDEX[at]);
            match ROWS.get(row) {
                None => return None,
                Some((found, _)) if *found == name => return Some(Call { row }),
                Some(_) => at = (at + 1) % INDEX_SIZE,
            }
        }
    }

    /// Every call of the table, sorted by name.
    pub fn all() -> impl Iterator<Item = Call> {
        (0..ROWS.len()).map(|row| Call { row })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        ROWS[self.row].0
    }

    /// Its number, as the filter sees it.
    #[must_use]
    pub fn number(self, abi: Abi) -> Option<u32> {
        self.place(abi).map(|place| number(place, abi))
    }

    /// On x86 the place of the call that makes this one too, and what tells it to.
    pub(super) fn multiplexed(self) -> Option<(usize, u64)> {
        let (name, number) = match MULTIPLEXED[self.row] {
            0 => return None,
            n if n >= IPC_BASE => ("ipc", n - IPC_BASE),
            n => ("socketcall", n),
        };
        Some((Call::named(name)?.place(Abi::X86)?, number.into()))
    }

    /// Its place in an array of [`PLACES`].
    pub(super) fn place(self, abi: Abi) -> Option<usize> {
        match ROWS[self.row].1[abi as usize] {
            NONE => None,
            n if n >= ARM_PRIVATE => Some(PRIVATE_PLACE + usize::from(n - ARM_PRIVATE)),
            n => Some(usize::from(n)),
        }
    }
}

/// The number that belongs to a place.
pub(super) fn number(place: usize, abi: Abi) -> u32 {
    let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    match place.checked_sub(PRIVATE_PLACE) {
        Some(private) => 0xf_0000 + at(private),
        None if abi == Abi::X32 => X32_BIT | at(place),
        None => at(place),
    }
}

/// The calls that `socketcall(2)` of x86 also makes: the first has the number 1 there.
const SOCKETCALL: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// The calls that `ipc(2)` of x86 also makes, with their numbers there.
const IPC: [(&str, u8); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// For each row the number in `socketcall(2)`, or 100 and more: that in `ipc(2)`; else 0.
static MULTIPLEXED: [u8; ROWS.len()] = multiplexed();

const fn multiplexed() -> [u8; ROWS.len()] {
    let mut numbers = [0; ROWS.len()];
    let mut n = 0u8;
    while (n as usize) < SOCKETCALL.len() {
        numbers[find(SOCKETCALL[n as usize])] = n + 1;
        n += 1;
    }
    let mut at = 0;
    while at < IPC.len() {
        numbers[find(IPC[at].0)] = IPC_BASE + IPC[at].1;
        at += 1;
    }
    numbers
}

const IPC_BASE: u8 = 100;

/// The row of a call that is there.
const fn find(name: &str) -> usize {
    let mut at = hash(name.as_bytes());
    while !equal(ROWS[INDEX[at] as usize].0.as_bytes(), name.as_bytes()) {
        at = (at + 1) % INDEX_SIZE;
    }
    INDEX[at] as usize
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const INDEX_SIZE: usize = 2048;
const EMPTY: u16 = u16::MAX;

/// An open hash table over [`ROWS`], made by the compiler.
static INDEX: [u16; INDEX_SIZE] = index();

const fn index() -> [u16; INDEX_SIZE] {
    let mut index = [EMPTY; INDEX_SIZE];
    let mut row = 0;
    while row < ROWS.len() {
        let mut at = hash(ROWS[row].0.as_bytes());
        while index[at] != EMPTY {
            at = (at + 1) % INDEX_SIZE;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are some hundred rows")]
        let entry = row as u16;
        index[at] = entry;
        row += 1;
    }
    index
}

/// FNV-1a, folded.
const fn hash(bytes: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at] as u32;
        hash = (hash ^ byte).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ hash >> 15) as usize % INDEX_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        for (row, (name, numbers)) in ROWS.iter().enumerate() {
            assert_eq!(Call::named(name).map(|c| c.row), Some(row), "{name}");
            for number in numbers.iter().filter(|n| **n != NONE && **n < ARM_PRIVATE) {
                assert!(usize::from(*number) < PRIVATE_PLACE, "{name}");
            }
        }
        assert!(ROWS.is_sorted_by_key(|row| row.0));
        for name in ["", "opena", "openat3", "Open", "no_such_call"] {
            assert!(Call::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn numbers() {
        let number = |name, abi| Call::named(name).and_then(|call| call.number(abi));
        assert_eq!(number("openat", Abi::X86_64), Some(257));
        assert_eq!(number("openat", Abi::X32), Some(0x4000_0101));
        assert_eq!(number("ioctl", Abi::X32), Some(0x4000_0202));
        assert_eq!(number("openat", Abi::X86), Some(295));
        assert_eq!(number("openat", Abi::Aarch64), Some(56));
        assert_eq!(number("openat", Abi::Riscv64), Some(56));
        assert_eq!(number("open", Abi::Aarch64), None);
        assert_eq!(number("cacheflush", Abi::Arm), Some(0xf_0002));
    }
}
