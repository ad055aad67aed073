//! The heaviest names of a sequence, in little memory.
//!
//! This is the summary of Metwally, Agrawal and El Abbadi ("Efficient computation of frequent and top-k elements in data streams",
//! 2005), with weights. There are counters for so many names. A name that has none takes over the least counter, with its weight:
//! so a name's weight is never told too small, too large by no more than the sum of all weights divided by the number of
//! counters, and whatever weighs more than that has a counter.
//!
//! Hashes and weights lie in arrays of their own, which are searched from end to end: a thousand of them are a few cache lines
//! for the processor's widest instructions, and nothing has to be kept in order.

use std::collections::BTreeMap;

/// Longer names are not counted, so that memory is bounded.
const MAX_NAME_BYTES: usize = 4096;

/// See the module's text.
#[derive(Debug)]
pub struct Summary {
    room: usize,
    hashes: Vec<u64>,
    weights: Vec<u64>,
    names: Vec<Box<[u8]>>,
}

impl Summary {
    /// A summary with so many counters.
    pub fn new(room: usize) -> Self {
        Self {
            room,
            hashes: Vec::with_capacity(room),
            weights: Vec::with_capacity(room),
            names: Vec::with_capacity(room),
        }
    }

    /// Adds to the weight of a name with a hash.
    pub fn add(&mut self, hash: u64, name: &[u8], weight: u64) {
        if name.len() > MAX_NAME_BYTES || weight == 0 {
            return;
        }
        let is_it = |(at, other): (usize, &u64)| *other == hash && *self.names[at] == *name;
        if let Some(at) = self.hashes.iter().enumerate().position(is_it) {
            self.weights[at] = self.weights[at].saturating_add(weight);
        } else if self.names.len() < self.room {
            self.hashes.push(hash);
            self.weights.push(weight);
            self.names.push(name.into());
        } else if let Some(at) = self.least() {
            self.hashes[at] = hash;
            self.weights[at] = self.weights[at].saturating_add(weight);
            self.names[at] = name.into();
        }
    }

    fn least(&self) -> Option<usize> {
        let least = *self.weights.iter().min()?;
        self.weights.iter().position(|weight| *weight == least)
    }

    /// The heaviest names of some summaries together, at most so many, the heaviest first. A summary without a counter for a
    /// name counts as if it had not seen it.
    pub fn heaviest<'s>(summaries: impl Iterator<Item = &'s Self>, count: usize) -> Vec<(Vec<u8>, u64)> {
        let mut weights: BTreeMap<&[u8], u64> = BTreeMap::new();
        for summary in summaries {
            for (name, weight) in summary.names.iter().zip(&summary.weights) {
                let sum = weights.entry(name).or_default();
                *sum = sum.saturating_add(*weight);
            }
        }
        let mut heaviest: Vec<(&[u8], u64)> = weights.into_iter().collect();
        heaviest.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        heaviest.truncate(count);
        heaviest.into_iter().map(|(name, weight)| (name.to_vec(), weight)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::rng::Rng;

    /// Adds weights to random names of forty, and compares with exact sums.
    fn check(seed: u64) {
        let mut rng = Rng::from_seed(seed);
        let room = 1 + rng.below(19) as usize;
        let mut summary = Summary::new(room);
        let mut exact: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for _ in 0..rng.below(400) {
            let (name, weight) = (rng.below(40).min(rng.below(40)) as u8, 1 + rng.below(50));
            // Some names share a hash.
            summary.add(u64::from(name / 2), &[name], weight);
            *exact.entry(vec![name]).or_default() += weight;
        }
        let error = exact.values().sum::<u64>() / room as u64;
        let found = Summary::heaviest([&summary].into_iter(), room);
        assert!(found.is_sorted_by(|one, other| one.1 >= other.1));
        for (name, weight) in &found {
            assert!((exact[name]..=exact[name] + error).contains(weight), "seed {seed}: {name:?} {weight}");
        }
        for (name, weight) in &exact {
            let is_found = found.iter().any(|(other, _)| other == name);
            assert!(*weight <= error || is_found, "seed {seed}: {name:?} {weight}");
        }
    }

    #[test]
    fn no_weight_is_told_too_small_and_no_heavy_name_is_missed() {
        (0..500).for_each(check);
    }

    #[test]
    fn names_that_are_too_long_are_not_kept() {
        let mut summary = Summary::new(2);
        summary.add(1, &[b'x'; MAX_NAME_BYTES + 1], 5);
        summary.add(1, &[b'x'; MAX_NAME_BYTES], 5);
        assert_eq!(Summary::heaviest([&summary].into_iter(), 9).len(), 1);
    }
}
