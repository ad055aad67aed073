//! Which keys the load asks for: all alike, or a few of them most of the time.

use clap::ValueEnum;
use stdx::rng::Rng;

/// The exponent of the zipfian distribution, which is that of YCSB.
const EXPONENT: f64 = 0.99;
/// Scatters the keys that are drawn often. A prime, so that no two ranks meet in one key.
const STEP: u128 = 2_654_435_761;

/// How often each key is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Distribution {
    /// Each as often as any other.
    #[default]
    Uniform,
    /// The most frequent one about twice as often as the second, three times as often as the third, and so on.
    Zipfian,
}

/// A source of numbers below the size of a keyspace.
#[derive(Debug, Clone)]
pub struct Keys {
    count: u64,
    zipf: Option<Zipf>,
}

impl Keys {
    /// Draws from so many keys.
    pub fn new(distribution: Distribution, count: u64) -> Self {
        let zipf = (distribution == Distribution::Zipfian && count > 1).then(|| Zipf::new(count));
        Self { count, zipf }
    }

    /// A number below the count.
    #[inline]
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        match &self.zipf {
            None => rng.below(self.count),
            Some(zipf) => (u128::from(zipf.rank(rng)) * STEP % u128::from(self.count)) as u64,
        }
    }
}

/// Ranks by rejection-inversion (W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from
/// monotone discrete distributions", 1996): the histogram lies below a curve whose integral can be inverted,
/// and nearly every draw is taken.
#[derive(Debug, Clone)]
struct Zipf {
    count: f64,
    /// The integral at the ends of what is drawn.
    first: f64,
    last: f64,
    /// So far below the rounded value a draw is taken without another look.
    certain: f64,
}

impl Zipf {
    fn new(count: u64) -> Self {
        let count = count as f64;
        Self {
            count,
            first: integral(1.5) - 1.0,
            last: integral(count + 0.5),
            certain: 2.0 - inverse(integral(2.5) - 2_f64.powf(-EXPONENT)),
        }
    }

    /// A rank from 0.
    fn rank(&self, rng: &mut Rng) -> u64 {
        loop {
            let area = self.last + rng.f64() * (self.first - self.last);
            let place = inverse(area);
            let rank = place.round().clamp(1.0, self.count);
            if rank - place <= self.certain || area >= integral(rank + 0.5) - rank.powf(-EXPONENT) {
                return rank as u64 - 1;
            }
        }
    }
}

/// The integral of the curve from 1.
fn integral(place: f64) -> f64 {
    (place.powf(1.0 - EXPONENT) - 1.0) / (1.0 - EXPONENT)
}

fn inverse(area: f64) -> f64 {
    (1.0 + area * (1.0 - EXPONENT)).powf(1.0 / (1.0 - EXPONENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;

    /// How often each key was drawn, the most frequent one first.
    fn counts(distribution: Distribution, keys: u64) -> Vec<usize> {
        let (keys, mut rng) = (Keys::new(distribution, keys), Rng::from_seed(5));
        let mut counts = vec![0; keys.count as usize];
        (0..DRAWS).for_each(|_| counts[keys.draw(&mut rng) as usize] += 1);
        counts.sort_unstable_by(|left, right| right.cmp(left));
        counts
    }

    #[test]
    fn zipfian_keys_are_as_frequent_as_their_rank_says() {
        let counts = counts(Distribution::Zipfian, 1000);
        let weights: Vec<f64> = (1..=1000).map(|rank| f64::from(rank).powf(-EXPONENT)).collect();
        let sum: f64 = weights.iter().sum();
        for rank in [0, 1, 2, 9, 99] {
            let expected = weights[rank] / sum * DRAWS as f64;
            let difference = (counts[rank] as f64 - expected).abs();
            assert!(difference < expected * 0.1, "rank {rank}: {} for {expected}", counts[rank]);
        }
        assert!(counts[999] > 0, "every key is drawn");
    }

    #[test]
    fn uniform_keys_are_all_alike_and_one_key_is_one() {
        let counts = counts(Distribution::Uniform, 10);
        assert!(counts[0] < DRAWS / 9 && counts[9] > DRAWS / 11, "{counts:?}");
        assert_eq!(Keys::new(Distribution::Zipfian, 1).draw(&mut Rng::from_seed(1)), 0);
    }
}
