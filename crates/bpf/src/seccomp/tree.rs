//! A search for the range that the accumulator lies in, with few instructions.
//!
//! KERNEL: what a filter costs a program when it is installed goes by its length, since it is translated twice;
//! that of a call hardly does, since the kernel remembers which calls are let through whatever their arguments.

use super::asm::{AT_LEAST, Assembler, EQUAL, Target};

/// From this number on (to where the next range begins) this is done.
pub(super) type Range = (u32, Target);

/// Writes a search through values of which none is more likely than another.
pub(super) fn write(asm: &mut Assembler, ranges: &[Range]) -> Target {
    search(asm, &spans(ranges), u32::MAX, &|_| 1)
}

/// Writes a search through numbers of calls. KERNEL: the kernel runs the filter for each of its own when
/// it is installed, so a range with many of them should be found in few steps.
pub(super) fn write_numbers(asm: &mut Assembler, ranges: &[Range]) -> Target {
    search(asm, &spans(ranges), u32::MAX, &|[from, to]| (to.min(END) - from.min(END)).max(1))
}

/// Above all numbers of calls for some years.
const END: u32 = 512;

/// Single numbers that are looked for one after the other.
const CHAIN: usize = 6;

/// What a range weighs, by its first number and by that of the next one.
type Weight<'a> = &'a dyn Fn([u32; 2]) -> u32;

/// A range, but for single numbers in it. One of those takes one comparison, and as a range of its own
/// two.
#[derive(Debug, PartialEq, Eq)]
struct Span<'a> {
    from: u32,
    target: Target,
    but: Vec<&'a Range>,
}

/// `ranges` are sorted. The first begins at 0, or at what the accumulator is known to be at least.
fn spans(ranges: &[Range]) -> Vec<Span<'_>> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    let mut rest = ranges;
    while let Some(((from, target), after)) = rest.split_first() {
        let last = spans.last_mut();
        let within = last.and_then(|last| Some((singles(rest, last.target)?, last)));
        if let Some((singles, last)) = within {
            let (singles, after) = rest.split_at(singles);
            last.but.extend(singles);
            rest = after.get(1..).unwrap_or_default();
        } else {
            spans.push(Span { from: *from, target: *target, but: Vec::new() });
            rest = after;
        }
    }
    spans
}

/// How many ranges of one number each stand before the next one that leads to `around`, if no others do.
fn singles(ranges: &[Range], around: Target) -> Option<usize> {
    let end = ranges.iter().position(|(_, target)| *target == around)?;
    let single = |pair: &[Range]| matches!(pair, [one, next] if next.0 == one.0 + 1);
    ranges.get(..=end)?.windows(2).all(single).then_some(end)
}

/// The last of `spans` goes to `end`.
fn search(asm: &mut Assembler, spans: &[Span<'_>], end: u32, weight: Weight<'_>) -> Target {
    match spans {
        [] => Target::Return(0),
        [span] => chain(asm, span.target, &span.but),
        _ => {
            let (below, above) = spans.split_at(middle(spans, end, weight));
            let from = above.first().map_or(0, |span| span.from);
            // Written last first: what is above lies further back.
            let above = search(asm, above, end, weight);
            let below = search(asm, below, from, weight);
            asm.compare(AT_LEAST, from, above, below)
        }
    }
}

/// `target`, but for these numbers.
fn chain(asm: &mut Assembler, target: Target, but: &[&Range]) -> Target {
    if but.len() <= CHAIN {
        return but
            .iter()
            .rev()
            .fold(target, |next, (one, other)| asm.compare(EQUAL, *one, *other, next));
    }
    let (below, above) = but.split_at(but.len() / 2);
    let from = above.first().map_or(0, |one| one.0);
    let above = chain(asm, target, above);
    let below = chain(asm, target, below);
    asm.compare(AT_LEAST, from, above, below)
}

/// Where to cut so that both parts weigh about the same; neither is empty.
fn middle(spans: &[Span<'_>], end: u32, weight: Weight<'_>) -> usize {
    let next = |at: usize| spans.get(at + 1).map_or(end, |next| next.from);
    let weights = || spans.iter().enumerate().map(|(at, span)| weight([span.from, next(at)]));
    let total: u32 = weights().sum();
    let mut below = 0;
    for (at, weight) in weights().enumerate() {
        // The range that the middle lies in belongs to the lighter part.
        if below + weight > total - below - weight || at + 1 == spans.len() {
            let lighter = total - below - weight >= below;
            return (if lighter { at + 1 } else { at }).clamp(1, spans.len() - 1);
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
