//! A binary search for the range that the accumulator lies in.

use super::asm::{AT_LEAST, Assembler, EQUAL, Target};

/// From this number on (to where the next range begins) this is done.
pub(super) type Range = (u32, Target);

/// Writes the search through ranges that are sorted, the first of which begins at 0 or at what the
/// accumulator is known to be at least.
pub(super) fn write(asm: &mut Assembler, ranges: &[Range]) -> Target {
    match ranges {
        [] => Target::Return(0),
        [(_, target)] => *target,
        [(_, below), (from, above)] => asm.compare(AT_LEAST, *from, *above, *below),
        [(_, around), (one, target), (next, same)] if same == around && *next == one + 1 => {
            asm.compare(EQUAL, *one, *target, *around)
        }
        _ => {
            let (below, above) = ranges.split_at(ranges.len() / 2);
            let from = above.first().map_or(0, |range| range.0);
            // Written last first: what is above lies further back.
            let above = write(asm, above);
            let below = write(asm, below);
            asm.compare(AT_LEAST, from, above, below)
        }
    }
}

/// Adds a range, unless it does what the one before does.
pub(super) fn push(ranges: &mut Vec<Range>, from: u32, target: Target) {
    match ranges.last_mut() {
        Some((_, last)) if *last == target => {}
        Some((begin, last)) if *begin == from => *last = target,
        _ => ranges.push((from, target)),
    }
}
