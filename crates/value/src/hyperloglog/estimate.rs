//! From registers to a cardinality: the improved estimator of Otmar Ertl, "New cardinality estimation algorithms for
//! HyperLogLog sketches" (2017), which needs no correction tables. Redis computes it in the same order, so that both say
//! the same. Its series end when a term no longer changes the sum.

#![expect(clippy::float_cmp, reason = "the series end at a fixed point, and their ends are exact")]

use super::{MAX_VALUE, REGISTERS, RUN_BITS};

/// `1 / (2 ln 2)`: the limit of the bias correction for many registers.
const ALPHA_INFINITY: f64 = 0.721_347_520_444_481_7;

/// How many registers have each value.
pub(super) struct Histogram([usize; MAX_VALUE as usize + 1]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; MAX_VALUE as usize + 1])
    }
}

impl Histogram {
    /// Counts registers of one value. Values that no hash gives count as the largest that one does.
    pub(super) fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value.min(MAX_VALUE))] += registers;
    }

    /// The cardinality.
    pub(super) fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        let of = |value: u32| self.0[value as usize] as f64;
        let mut z = m * tau((m - of(RUN_BITS + 1)) / m);
        for value in (1..=RUN_BITS).rev() {
            z += of(value);
            z *= 0.5;
        }
        z += m * sigma(of(0) / m);
        (ALPHA_INFINITY * m * m / z).round() as u64
    }
}

/// Corrects for registers that nothing has touched.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        let before = z;
        x *= x;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Corrects for registers that are full.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        let before = z;
        x = x.sqrt();
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_registers_mean_nothing_and_full_ones_the_most() {
        let mut histogram = Histogram::default();
        histogram.add(0, REGISTERS);
        assert_eq!(histogram.estimate(), 0);
        let mut histogram = Histogram::default();
        histogram.add(63, REGISTERS);
        assert!(histogram.estimate() > 1 << 60);
    }
}
