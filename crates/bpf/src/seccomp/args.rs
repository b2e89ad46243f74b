//! Conditions on arguments, as code.
//!
//! An argument has 64 bits and the accumulator 32, so each comparison looks at both halves. On an ABI
//! with arguments of 32 bits the upper half means nothing and is not looked at.

use dwell_plan::seccomp::{Arg, Compare};

use super::asm::{ABOVE, AT_LEAST, Assembler, EQUAL, Target};
use super::tree::{self, Range};

/// One way for a rule to match: all conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) verdict: u32,
    pub(super) conditions: Vec<Arg>,
}

/// Writes alternatives that are tried in order, with what is done when none matches.
pub(super) fn write(
    asm: &mut Assembler,
    alternatives: &[&Alternative],
    otherwise: u32,
    narrow: bool,
) -> Target {
    let mut next = Target::Return(otherwise);
    let mut rest = alternatives;
    while let Some((last, before)) = rest.split_last() {
        let same = before.iter().rev().take_while(|a| joins(a, last)).count();
        let (left, group) = rest.split_at(before.len() - same);
        let verdict = Target::Return(last.verdict);
        next = match Union::of(group, narrow) {
            Some(union) => union.write(asm, verdict, next),
            _ => group.iter().rev().fold(next, |next, alternative| {
                all(asm, &alternative.conditions, verdict, next, narrow)
            }),
        };
        rest = left;
    }
    next
}

/// Whether two alternatives give the same verdict by one condition on the same argument.
fn joins(a: &Alternative, b: &Alternative) -> bool {
    let index = |x: &Alternative| match x.conditions.as_slice() {
        [one] => Some(one.index),
        _ => None,
    };
    a.verdict == b.verdict && index(a).is_some() && index(a) == index(b)
}

/// Every condition holds.
fn all(asm: &mut Assembler, conditions: &[Arg], yes: Target, no: Target, narrow: bool) -> Target {
    conditions.iter().rev().fold(yes, |yes, condition| one(asm, *condition, yes, no, narrow))
}

fn one(asm: &mut Assembler, arg: Arg, yes: Target, no: Target, narrow: bool) -> Target {
    match arg.op {
        Compare::MaskedEqual => masked(asm, arg.index, arg.value, arg.value_two, narrow, (yes, no)),
        Compare::Equal => masked(asm, arg.index, u64::MAX, arg.value, narrow, (yes, no)),
        Compare::NotEqual => masked(asm, arg.index, u64::MAX, arg.value, narrow, (no, yes)),
        Compare::GreaterOrEqual => ordered(asm, arg, AT_LEAST, narrow, (yes, no)),
        Compare::Greater => ordered(asm, arg, ABOVE, narrow, (yes, no)),
        Compare::Less => ordered(asm, arg, AT_LEAST, narrow, (no, yes)),
        Compare::LessOrEqual => ordered(asm, arg, ABOVE, narrow, (no, yes)),
    }
}

fn masked(
    asm: &mut Assembler,
    index: u32,
    mask: u64,
    value: u64,
    narrow: bool,
    (yes, no): (Target, Target),
) -> Target {
    let (mask, value) = if narrow { (low(mask).into(), shortened(value)) } else { (mask, value) };
    if value & !mask != 0 {
        return no;
    }
    let mut half = |offset, mask: u32, value, yes| {
        if mask == 0 {
            return yes;
        }
        let compared = asm.compare(EQUAL, value, yes, no);
        let cut = asm.and(mask, compared);
        asm.load(offset, cut)
    };
    let yes = half(low_half(index), low(mask), low(value), yes);
    half(low_half(index) + 4, high(mask), high(value), yes)
}

/// `code` is the comparison of the lower half once the upper ones are equal.
fn ordered(
    asm: &mut Assembler,
    arg: Arg,
    code: u16,
    narrow: bool,
    (yes, no): (Target, Target),
) -> Target {
    let value = if narrow { shortened(arg.value) } else { arg.value };
    if narrow && high(value) != 0 {
        // Nothing of 32 bits is as large.
        return no;
    }
    if value == 0 && code == AT_LEAST {
        // Everything is.
        return yes;
    }
    let compared = asm.compare(code, low(value), yes, no);
    let equal = asm.load(low_half(arg.index), compared);
    if narrow {
        return equal;
    }
    let not_above = asm.compare(EQUAL, high(value), equal, no);
    let compared = asm.compare(ABOVE, high(value), yes, not_above);
    asm.load(low_half(arg.index) + 4, compared)
}

/// Offset of an argument's lower half in `seccomp_data`; all machines are little-endian.
fn low_half(index: u32) -> u32 {
    16 + 8 * index
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0)
}

fn high(value: u64) -> u32 {
    low(value >> 32)
}

/// A negative number that was written with 64 bits, as one of 32.
fn shortened(value: u64) -> u64 {
    if value >= 0xffff_ffff_8000_0000 { low(value).into() } else { value }
}

/// Values of one argument that all have their upper half 0, and what holds for all larger ones.
struct Union {
    index: u32,
    /// First and last.
    intervals: Vec<(u64, u64)>,
    beyond: bool,
    /// Whether the upper half is not looked at.
    narrow: bool,
}

/// The largest value whose upper half is 0.
const LOW_MAX: u64 = 0xffff_ffff;

impl Union {
    /// The union of the conditions, where it is of this kind and worth it.
    fn of(group: &[&Alternative], narrow: bool) -> Option<Union> {
        let conditions: Vec<Arg> =
            group.iter().flat_map(|a| a.conditions.iter().copied()).collect();
        let index = conditions.first()?.index;
        if conditions.len() < 2 || conditions.len() != group.len() {
            return None;
        }
        let lower = |arg: &Arg| arg.op == Compare::MaskedEqual && arg.value == LOW_MAX;
        let narrow = narrow || conditions.iter().all(lower);
        let mut union = Union { index, intervals: Vec::new(), beyond: false, narrow };
        for condition in conditions {
            union.add(condition)?;
        }
        union.intervals.sort_unstable();
        Some(union)
    }

    fn add(&mut self, condition: Arg) -> Option<()> {
        let value = match condition.op {
            // Equal, as far as anybody looks.
            Compare::MaskedEqual if self.narrow && condition.value == LOW_MAX => {
                condition.value_two
            }
            Compare::MaskedEqual => return None,
            _ if self.narrow => shortened(condition.value),
            _ => condition.value,
        };
        if value > LOW_MAX {
            return None;
        }
        let mut below = |end: Option<u64>| self.intervals.extend(end.map(|end| (0, end)));
        match condition.op {
            Compare::Equal | Compare::MaskedEqual => self.intervals.push((value, value)),
            Compare::Less => below(value.checked_sub(1)),
            Compare::LessOrEqual => below(Some(value)),
            Compare::GreaterOrEqual => self.above(value),
            Compare::Greater => self.above(value + 1),
            Compare::NotEqual => {
                below(value.checked_sub(1));
                self.above(value + 1);
            }
        }
        Some(())
    }

    fn above(&mut self, from: u64) {
        self.beyond = true;
        if from <= LOW_MAX {
            self.intervals.push((from, LOW_MAX));
        }
    }

    fn write(self, asm: &mut Assembler, yes: Target, no: Target) -> Target {
        let mut ranges: Vec<Range> = vec![(0, no)];
        let mut done = 0;
        for (first, last) in self.intervals {
            if first > done {
                tree::push(&mut ranges, low(done), no);
            }
            let from = first.max(done);
            if last >= from {
                tree::push(&mut ranges, low(from), yes);
                done = last + 1;
            }
        }
        if done <= LOW_MAX {
            tree::push(&mut ranges, low(done), no);
        }
        let search = tree::write(asm, &ranges);
        let lower = match search {
            Target::At(_) if ranges.len() > 1 => asm.load(low_half(self.index), search),
            _ => search,
        };
        if self.narrow {
            return lower;
        }
        let compared = asm.compare(EQUAL, 0, lower, if self.beyond { yes } else { no });
        match compared == lower {
            true => lower,
            false => asm.load(low_half(self.index) + 4, compared),
        }
    }
}
