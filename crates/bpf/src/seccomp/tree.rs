//! A binary search for the range that the accumulator lies in.

use super::asm::{AT_LEAST, Assembler, EQUAL, Target};

/// From this number on (to where the next range begins) this is done.
pub(super) type Range = (u32, Target);

/// Writes a search through values of which none is more likely than another.
pub(super) fn write(asm: &mut Assembler, ranges: &[Range]) -> Target {
    search(asm, ranges, u32::MAX, &|_| 1)
}

/// Writes a search through numbers of calls. KERNEL: the kernel runs the filter for each of its own when
/// it is installed, so a range with many of them should be found in few steps.
pub(super) fn write_numbers(asm: &mut Assembler, ranges: &[Range]) -> Target {
    search(asm, ranges, u32::MAX, &|[from, to]| (to.min(END) - from.min(END)).max(1))
}

/// Above all numbers of calls for some years.
const END: u32 = 512;

/// What a range weighs, by its first number and by that of the next one.
type Weight<'a> = &'a dyn Fn([u32; 2]) -> u32;

/// `ranges` are sorted. The first begins at 0, or at what the accumulator is known to be at least; the
/// last one goes to `end`.
fn search(asm: &mut Assembler, ranges: &[Range], end: u32, weight: Weight<'_>) -> Target {
    match ranges {
        [] => Target::Return(0),
        [(_, target)] => *target,
        [(_, below), (from, above)] => asm.compare(AT_LEAST, *from, *above, *below),
        [(_, around), (one, target), (next, same)] if same == around && *next == one + 1 => {
            asm.compare(EQUAL, *one, *target, *around)
        }
        _ => {
            let (below, above) = ranges.split_at(middle(ranges, end, weight));
            let from = above.first().map_or(0, |range| range.0);
            // Written last first: what is above lies further back.
            let above = search(asm, above, end, weight);
            let below = search(asm, below, from, weight);
            asm.compare(AT_LEAST, from, above, below)
        }
    }
}

/// Where to cut so that both parts weigh about the same; neither is empty.
fn middle(ranges: &[Range], end: u32, weight: Weight<'_>) -> usize {
    let next = |at: usize| ranges.get(at + 1).map_or(end, |next| next.0);
    let weights = || ranges.iter().enumerate().map(|(at, range)| weight([range.0, next(at)]));
    let total: u32 = weights().sum();
    let mut below = 0;
    for (at, weight) in weights().enumerate() {
        // The range that the middle lies in belongs to the lighter part.
        if below + weight > total - below - weight || at + 1 == ranges.len() {
            let lighter = total - below - weight >= below;
            return (if lighter { at + 1 } else { at }).clamp(1, ranges.len() - 1);
        }
        below += weight;
    }
    1
}

/// Adds a range, unless it does what the one before does.
pub(super) fn push(ranges: &mut Vec<Range>, from: u32, target: Target) {
    match ranges.last_mut() {
        Some((_, last)) if *last == target => {}
        Some((begin, last)) if *begin == from => *last = target,
        _ => ranges.push((from, target)),
    }
}
