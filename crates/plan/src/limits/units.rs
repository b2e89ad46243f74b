//! Amounts, and the two scales of weights.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number, or no limit: `max`, as version 2 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Raw", into = "Raw")]
pub enum Amount {
    /// At most so many.
    Of(u64),
    /// No limit.
    Max,
}

impl Amount {
    /// As version 1 writes it, where no limit is -1.
    #[must_use]
    pub fn v1(self) -> String {
        match self {
            Amount::Of(n) => n.to_string(),
            Amount::Max => "-1".to_owned(),
        }
    }

    /// The number, if there is one.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        match self {
            Amount::Of(n) => Some(n),
            Amount::Max => None,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Of(n) => n.fmt(f),
            Amount::Max => f.write_str("max"),
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Raw {
    Number(u64),
    Word(Word),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Max,
}

impl From<Raw> for Amount {
    fn from(raw: Raw) -> Self {
        match raw {
            Raw::Number(n) => Amount::Of(n),
            Raw::Word(Word::Max) => Amount::Max,
        }
    }
}

impl From<Amount> for Raw {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Of(n) => Raw::Number(n),
            Amount::Max => Raw::Word(Word::Max),
        }
    }
}

/// The range of `cpu.shares`, and its usual value.
const SHARES: (u64, u64) = (2, 262_144);
/// The range of `cpu.weight`.
const WEIGHTS: (u64, u64) = (1, 10_000);

/// `cpu.weight` for `cpu.shares`: the smallest, the usual and the greatest of one scale are those of
/// the other (2, 1024, 262144 and 1, 100, 10000), with a parabola between their logarithms. This is
/// what OCI runtimes do since 2025.
#[must_use]
pub fn weight_of_shares(shares: u64) -> u64 {
    if shares <= SHARES.0 {
        return WEIGHTS.0;
    }
    let Some(shares) = u32::try_from(shares).ok().filter(|s| u64::from(*s) < SHARES.1) else {
        return WEIGHTS.1;
    };
    let l = f64::from(shares).log2();
    whole((10f64).powf((l * l + 125.0 * l) / 612.0 - 7.0 / 34.0).ceil())
}

/// `cpu.shares` for `cpu.weight`: the inverse, to the nearest.
#[must_use]
pub fn shares_of_weight(weight: u64) -> u64 {
    if weight <= WEIGHTS.0 {
        return SHARES.0;
    }
    let Some(weight) = u32::try_from(weight).ok().filter(|w| u64::from(*w) < WEIGHTS.1) else {
        return SHARES.1;
    };
    let exponent = f64::from(weight).log10() + 7.0 / 34.0;
    let l = ((125.0f64 * 125.0 + 4.0 * 612.0 * exponent).sqrt() - 125.0) / 2.0;
    whole(l.exp2().round())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both scales end far below, and the cast saturates"
)]
fn whole(x: f64) -> u64 {
    x as u64
}

/// `io.weight` (1 to 10000) for `blkio.weight` (10 to 1000), on a straight line.
pub(super) fn io_weight_of_blkio(weight: u64) -> u64 {
    1 + weight.saturating_sub(10) * 9999 / 990
}

/// The inverse.
pub(super) fn blkio_of_io_weight(weight: u64) -> u64 {
    10 + weight.saturating_sub(1) * 990 / 9999
}
