//! Measuring in turns, and what is made of it.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::job::Job;

/// Runs before the first that counts.
const WARM_UP: usize = 5;

/// Times of one program in microseconds, in rising order.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) name: String,
    times: Vec<f64>,
}

impl Sample {
    pub(super) fn median(&self) -> f64 {
        let middle = self.times.len() / 2;
        let at = |i: usize| self.times.get(i).copied().unwrap_or(f64::NAN);
        if self.times.len().is_multiple_of(2) {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        } else {
            at(middle)
        }
    }

    pub(super) fn min(&self) -> f64 {
        self.times.first().copied().unwrap_or(f64::NAN)
    }

    pub(super) fn p90(&self) -> f64 {
        let last = self.times.len().saturating_sub(1);
        self.times.get(last * 9 / 10).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "median_us": tenth(self.median()),
            "min_us": tenth(self.min()),
            "p90_us": tenth(self.p90()),
            "runs": self.times.len(),
        })
    }
}

fn tenth(us: f64) -> f64 {
    (us * 10.0).round() / 10.0
}

/// Runs all of them, one after the other, as many times as asked for, and each time in another order.
///
/// KERNEL: what a program leaves to be taken apart, as a network namespace, still takes a processor's time when the next
/// one runs. In another order each time it is no program's alone.
pub(super) fn alternate(jobs: &[Job], rounds: usize) -> Result<Vec<Sample>> {
    let mut ready = jobs.iter().map(Job::ready).collect::<Result<Vec<_>>>()?;
    let mut times = vec![Vec::with_capacity(rounds); jobs.len()];
    let warm_up = WARM_UP.min(rounds);
    let mut orders = Orders(1);
    for round in 0..rounds + warm_up {
        for at in orders.next(jobs.len()) {
            let (Some(job), Some(ready), Some(times)) =
                (jobs.get(at), ready.get_mut(at), times.get_mut(at))
            else {
                continue;
            };
            let time = ready.time().with_context(|| job.name.clone())?;
            if round >= warm_up {
                times.push(time.as_secs_f64() * 1e6);
            }
        }
    }
    let sorted = jobs.iter().zip(times).map(|(job, mut times)| {
        times.sort_by(f64::total_cmp);
        Sample { name: job.name.clone(), times }
    });
    Ok(sorted.collect())
}

/// Orders without a pattern, the same ones each time the bench runs.
struct Orders(u64);

impl Orders {
    /// All numbers below `count`.
    fn next(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_cached_key(|_| self.number());
        order
    }

    /// Marsaglia's xorshift.
    fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The straight line through the points by least squares: (at zero, slope).
pub(super) fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.iter().fold(0.0, |n, _| n + 1.0);
    let (mx, my) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let up = points.iter().map(|(x, y)| (x - mx) * (y - my)).sum::<f64>();
    let slope = up / points.iter().map(|(x, _)| (x - mx).powi(2)).sum::<f64>();
    (my - slope * mx, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_comes() {
        let mut orders = Orders(1);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| orders.next(4)).collect();
        assert_eq!(seen.len(), 24);
        assert!(orders.next(0).is_empty());
    }

    #[test]
    fn medians_and_lines() {
        let sample = |times: &[f64]| Sample { name: String::new(), times: times.to_vec() };
        assert_eq!(sample(&[1.0, 2.0, 9.0]).median(), 2.0);
        assert_eq!(sample(&[1.0, 2.0, 4.0, 9.0]).median(), 3.0);
        assert!(sample(&[]).median().is_nan());
        let (zero, slope) = line(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]);
        assert!((zero - 3.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9);
    }
}
