//! The distribution of a command's run times: eight buckets for each power of two, so a time is known to an eighth.
//!
//! The buckets are made with the first time that is counted, for most commands never run: those of all commands for each
//! worker would be most of what a server takes that holds no data.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::add;

/// The first bucket holds everything below this power of two of nanoseconds, about a microsecond.
const FIRST: u32 = 10;
/// Powers of two that are told apart; longer times than about 8 seconds count as that.
const POWERS: usize = 23;
/// Buckets of a power, as a power of two.
const STEP_BITS: u32 = 3;
const STEPS: usize = 1 << STEP_BITS;
const BUCKETS: usize = 1 + POWERS * STEPS;

/// The counts of one worker, which alone writes.
#[derive(Debug, Default)]
pub(super) struct Histogram(OnceLock<Box<[AtomicU64; BUCKETS]>>);

impl Histogram {
    /// Counts a time so often.
    #[inline]
    pub(super) fn add(&self, nanoseconds: u64, times: u64) {
        let counts = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; BUCKETS]));
        add(&counts[bucket(nanoseconds)], times);
    }

    /// The counts, if there are any.
    fn counts(&self) -> impl Iterator<Item = &AtomicU64> {
        self.0.get().into_iter().flat_map(|counts| counts.iter())
    }

    /// Forgets everything.
    pub(super) fn reset(&self) {
        self.counts().for_each(|count| count.store(0, Ordering::Relaxed));
    }

    /// Adds these counts to a sum.
    pub(super) fn add_to(&self, times: &mut Times) {
        for (total, count) in times.0.iter_mut().zip(self.counts()) {
            *total += count.load(Ordering::Relaxed);
        }
    }
}

/// The counts of all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times(Box<[u64]>);

impl Default for Times {
    fn default() -> Self {
        Self(vec![0; BUCKETS].into())
    }
}

impl Times {
    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The time in nanoseconds that this percentage of all does not exceed; 0 if nothing was counted.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((self.count() as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0, upper_end)
    }

    /// Powers of two that hold times, about in microseconds, with how many do not exceed them (LATENCY HISTOGRAM).
    pub fn cumulative(&self) -> Vec<(u64, u64)> {
        let powers = std::iter::once(&self.0[..1]).chain(self.0[1..].chunks(STEPS));
        let mut seen = 0;
        let mut found = Vec::new();
        for (power, counts) in powers.enumerate() {
            let here: u64 = counts.iter().sum();
            seen += here;
            if here > 0 {
                found.push((microseconds(power as u32), seen));
            }
        }
        found
    }
}

/// How Redis calls a power of two of nanoseconds: its histogram knows times to two digits, and a time by the largest that
/// it cannot tell from it.
fn microseconds(power: u32) -> u64 {
    let end = 1_u64 << (FIRST + power);
    (end + (end >> 7) - 1) / 1000
}

#[inline]
fn bucket(nanoseconds: u64) -> usize {
    if nanoseconds < 1 << FIRST {
        return 0;
    }
    let power = nanoseconds.ilog2();
    let step = (nanoseconds >> (power - STEP_BITS)) as usize % STEPS;
    (1 + (power - FIRST) as usize * STEPS + step).min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn upper_end(bucket: usize) -> u64 {
    let Some(above) = bucket.checked_sub(1) else { return 1 << FIRST };
    let power = FIRST + (above / STEPS) as u32;
    ((STEPS + above % STEPS + 1) as u64) << (power - STEP_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_bucket_and_the_bucket_is_an_eighth_wide() {
        for nanoseconds in (0..200_000).step_by(37).chain([1 << 20, (1 << 33) - 1, 5_000_000_000]) {
            let upper = upper_end(bucket(nanoseconds));
            assert!(nanoseconds < upper.max(1025), "{nanoseconds} below {upper}");
            assert!(
                nanoseconds < 1024 || upper - nanoseconds <= nanoseconds / 8 + 1,
                "{nanoseconds}: {upper}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_and_powers_are_those_of_what_was_counted() {
        let histogram = Histogram::default();
        (1..=100).for_each(|hundredth| histogram.add(hundredth * 10_000, 1));
        let mut times = Times::default();
        histogram.add_to(&mut times);
        assert_eq!(times.count(), 100);
        for (percent, expected) in
            [(0.0, 10_000_f64), (50.0, 500_000.0), (99.0, 990_000.0), (100.0, 1_000_000.0)]
        {
            let found = times.percentile(percent) as f64;
            assert!(found >= expected && found <= expected * 1.13, "{percent}: {found}");
        }
        assert_eq!(times.cumulative().first(), Some(&(16, 1)));
        assert_eq!(times.cumulative().last(), Some(&(1056, 100)));
        let names: Vec<u64> = (0..10).map(microseconds).collect();
        assert_eq!(names, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528], "as Redis calls them");
        assert_eq!(Times::default().percentile(50.0), 0);
    }
}
