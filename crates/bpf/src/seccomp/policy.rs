//! What is done about each number of an ABI.

use super::abi::Abi;
use super::args::{self, Alternative};
use super::asm::{Assembler, Target};
use super::calls::{self, Call, PLACES, PRIVATE_PLACE};
use super::error::Error;
use super::select::{Selection, What};
use super::tree::{self, Range};
use super::verdict;

/// What is done about a call; an index into [`Policy::outcomes`].
type Number = u16;
const DEFAULT: Number = 0;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome<'s> {
    /// Always this.
    Always(u32),
    /// By these alternatives, in order.
    Sometimes(Vec<&'s Alternative>),
}

#[derive(Debug)]
pub(super) struct Policy<'s> {
    abi: Abi,
    default: u32,
    refuses_newer: bool,
    outcomes: Vec<Outcome<'s>>,
    places: [Number; PLACES],
    /// The largest place below the private ones that any rule names.
    last: Option<usize>,
}

/// More than any filter can hold.
const MAX_CONDITIONS: usize = 1 << 16;

impl<'s> Policy<'s> {
    pub(super) fn of(abi: Abi, selection: &'s Selection) -> Result<Policy<'s>, Error> {
        let mut policy = Policy {
            abi,
            default: selection.default,
            refuses_newer: selection.refuses_newer,
            outcomes: vec![Outcome::Always(selection.default)],
            places: [DEFAULT; PLACES],
            last: None,
        };
        policy.always(selection);
        policy.sometimes(selection)?;
        Ok(policy)
    }

    /// The rules without conditions: the first one for a call counts.
    fn always(&mut self, selection: &'s Selection) {
        for rule in &selection.rules {
            let outcome = match rule.what {
                What::Always(verdict) => Some(self.outcome(Outcome::Always(verdict))),
                _ => None,
            };
            for place in rule.calls.iter().filter_map(|call| call.place(self.abi)) {
                if place < PRIVATE_PLACE {
                    self.last = self.last.max(Some(place));
                }
                if let Some(outcome) = outcome
                    && self.places[place] == DEFAULT
                {
                    self.places[place] = outcome;
                }
            }
        }
    }

    /// The rules with conditions, for calls that no other settles.
    fn sometimes(&mut self, selection: &'s Selection) -> Result<(), Error> {
        let mut found: Vec<(usize, &'s Alternative)> = Vec::new();
        let (abi, places) = (self.abi, &self.places);
        let open = |call: &Call| call.place(abi).filter(|place| places[*place] == DEFAULT);
        for rule in &selection.rules {
            let What::Sometimes(from, to) = rule.what else { continue };
            for place in rule.calls.iter().filter_map(open) {
                found.extend(selection.alternatives[from..to].iter().map(|a| (place, a)));
                if found.len() > MAX_CONDITIONS {
                    return Err(Error::new("/syscalls", "there are too many conditions"));
                }
            }
        }
        if self.abi == Abi::X86 {
            let multiplexed = selection.multiplexed.iter();
            found.extend(multiplexed.filter(|m| places[m.0] == DEFAULT).map(|m| (m.0, &m.1)));
        }
        // Stable: the rules of a call stay in order.
        found.sort_by_key(|(place, _)| *place);
        for group in found.chunk_by(|a, b| a.0 == b.0) {
            let alternatives = group.iter().map(|(_, alternative)| *alternative).collect();
            let outcome = self.outcome(Outcome::Sometimes(alternatives));
            self.places[group[0].0] = outcome;
        }
        Ok(())
    }

    fn outcome(&mut self, outcome: Outcome<'s>) -> Number {
        let known = self.outcomes.iter().position(|known| *known == outcome);
        let at = known.unwrap_or_else(|| {
            self.outcomes.push(outcome);
            self.outcomes.len() - 1
        });
        // There are no more outcomes than places.
        Number::try_from(at).unwrap_or(DEFAULT)
    }

    /// The ranges of equal numbers, from the first number of the ABI on. The code for conditions is
    /// written on the way.
    pub(super) fn ranges(&mut self, asm: &mut Assembler) -> Vec<Range> {
        let narrow = self.abi.is_narrow();
        let targets: Vec<Target> = self
            .outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Always(verdict) => Target::Return(*verdict),
                Outcome::Sometimes(all) => args::write(asm, all, self.default, narrow),
            })
            .collect();
        let target = |place: usize| targets[usize::from(self.places[place])];
        let mut ranges = Vec::with_capacity(256);
        let end = self.last.map_or(0, |last| last + 1);
        for place in 0..end {
            tree::push(&mut ranges, calls::number(place, self.abi), target(place));
        }
        let newer = if self.refuses_newer && end > 0 { verdict::ENOSYS } else { self.default };
        tree::push(&mut ranges, calls::number(end, self.abi), Target::Return(newer));
        if self.abi == Abi::Arm {
            for place in PRIVATE_PLACE..=PLACES {
                let target =
                    if place < PLACES { target(place) } else { Target::Return(self.default) };
                tree::push(&mut ranges, calls::number(place, self.abi), target);
            }
        }
        ranges
    }
}
