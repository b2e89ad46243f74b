//! The filter of dwell's own profile for the worlds that are started most, compiled beforehand.
//!
//! Building and compiling the profile takes a tenth of a millisecond of a cold start, and comes out the
//! same every time. `cargo xtask filter` writes the table, and a test compares it with the compiler.

mod table;

use dwell_plan::seccomp::builtin::{Strictness, World};

use super::{Instruction, Machine};

/// The world that the table is for. It is the same with less: no family of calls depends on what is held here.
pub const WORLD: World = World::OWN;

/// The filter that [`compile`](super::compile) would make of dwell's own profile, without flags.
#[must_use]
pub fn ready(strictness: Strictness, world: World) -> Option<Vec<Instruction>> {
    let known = Machine::OWN == Machine::X86_64
        && strictness == Strictness::Default
        && world.own_users
        && world.holds_the_usual();
    known.then(|| table::FILTER.iter().copied().map(unpack).collect())
}

/// An instruction as one number, for the table.
#[must_use]
pub fn pack(i: Instruction) -> u64 {
    u64::from(i.code) << 48 | u64::from(i.jt) << 40 | u64::from(i.jf) << 32 | u64::from(i.k)
}

fn unpack(word: u64) -> Instruction {
    let [a, b, jt, jf, k @ ..] = word.to_be_bytes();
    Instruction { code: u16::from_be_bytes([a, b]), jt, jf, k: u32::from_be_bytes(k) }
}
