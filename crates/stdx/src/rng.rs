//! Seeded pseudo-random numbers: xoshiro256++ of Blackman and Vigna, its state filled by splitmix64.
//!
//! The same seed gives the same sequence on every machine and in every version, which replay, simulation and tests rely
//! on. It is fast and statistically sound but predictable: keys and secrets must come from the operating system.

/// A generator of pseudo-random numbers; 32 bytes of state.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator whose sequence is determined by `seed`.
    pub fn from_seed(mut seed: u64) -> Self {
        let mut split_mix = || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = seed;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Self { state: [split_mix(), split_mix(), split_mix(), split_mix()] }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.state;
        let result = s0.wrapping_add(*s3).rotate_left(23).wrapping_add(*s0);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }

    /// A number from 0 to `bound - 1`, each equally likely; 0 when `bound` is 0.
    ///
    /// Lemire's multiplication method: the high half of a product is the result, and the few low halves that would
    /// favour some results are drawn again.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// A number from 0 (included) to 1 (excluded) with 53 random bits.
    pub fn f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        // State 1, 2, 3, 4 is the usual test vector of xoshiro256++.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn below_reaches_every_number_equally_often_and_no_other() {
        let mut rng = Rng::from_seed(7);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[rng.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        assert!(rng.below(u64::MAX) < u64::MAX);
    }

    #[test]
    fn fractions_lie_in_the_unit_interval() {
        let mut rng = Rng::from_seed(1);
        let mean =
            (0..10_000).map(|_| rng.f64()).inspect(|x| assert!((0.0..1.0).contains(x))).sum::<f64>() / 1e4;
        assert!((0.48..0.52).contains(&mean));
    }

    #[test]
    fn fill_covers_lengths_that_are_no_multiple_of_eight() {
        for length in 0..20 {
            let mut bytes = vec![0; length];
            Rng::from_seed(3).fill(&mut bytes);
            let mut longer = vec![0; length + 8];
            Rng::from_seed(3).fill(&mut longer);
            assert_eq!(bytes, longer[..length]);
        }
    }
}
