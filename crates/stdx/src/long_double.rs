//! The 80-bit extended floating point of the x87, in integers.
//!
//! `INCRBYFLOAT` and `HINCRBYFLOAT` compute in C's `long double` and print seventeen decimals. Clients see the difference
//! to a double (0.1 + 0.2 is 0.3 here), and appended logs hold the printed sums, so the very same arithmetic is needed:
//! a mantissa of 64 bits, an exponent of 15, round to nearest and ties to even, gradual underflow.
//!
//! A finite number is `mantissa * 2^exponent`. It is normal when the mantissa's top bit is set; the smallest exponent
//! also allows smaller mantissas (subnormal numbers and zero).

mod big;
mod format;
mod parse;

use std::ops::Neg;

/// The exponent of the least significant mantissa bit of subnormal numbers.
const MIN_EXPONENT: i32 = -16_445;
/// The exponent of the least significant mantissa bit of the largest numbers.
const MAX_EXPONENT: i32 = 16_320;
/// Where `plus` puts the larger mantissa in its 128 bits: one bit of room above for the carry, 62 guard bits below.
const GUARD_BITS: u32 = 62;

/// A number in 80-bit extended precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    Finite { mantissa: u64, exponent: i32 },
    Infinite,
    NotANumber,
}

impl LongDouble {
    /// Zero.
    pub const ZERO: Self =
        Self { negative: false, magnitude: Magnitude::Finite { mantissa: 0, exponent: MIN_EXPONENT } };

    /// The largest number.
    pub const MAX: Self =
        Self { negative: false, magnitude: Magnitude::Finite { mantissa: u64::MAX, exponent: MAX_EXPONENT } };

    /// Whether this is neither infinite nor NaN.
    pub const fn is_finite(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { .. })
    }

    /// Whether this is the result of adding infinities of opposite sign.
    pub const fn is_nan(self) -> bool {
        matches!(self.magnitude, Magnitude::NotANumber)
    }

    /// Whether this is greater than zero.
    pub const fn is_positive(self) -> bool {
        !self.negative
            && !matches!(self.magnitude, Magnitude::Finite { mantissa: 0, .. } | Magnitude::NotANumber)
    }

    /// The sum, rounded once.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        use Magnitude::{Finite, Infinite, NotANumber};
        match (self.magnitude, other.magnitude) {
            (NotANumber, _) | (_, NotANumber) => Self { negative: false, magnitude: NotANumber },
            (Infinite, Infinite) if self.negative != other.negative => {
                Self { negative: false, magnitude: NotANumber }
            }
            (Infinite, _) => self,
            (_, Infinite) => other,
            (
                Finite { mantissa: left, exponent: left_exponent },
                Finite { mantissa: right, exponent: right_exponent },
            ) => {
                if (left_exponent, left) >= (right_exponent, right) {
                    add_finite(self.negative, left, left_exponent, other.negative, right, right_exponent)
                } else {
                    add_finite(other.negative, right, right_exponent, self.negative, left, left_exponent)
                }
            }
        }
    }

    /// The nearest double; infinite when it is too large.
    pub fn to_f64(self) -> f64 {
        let magnitude = match self.magnitude {
            Magnitude::Finite { mantissa: 0, .. } => 0.0,
            Magnitude::Finite { mantissa, exponent } => round_to_f64(mantissa, exponent),
            Magnitude::Infinite => f64::INFINITY,
            Magnitude::NotANumber => f64::NAN,
        };
        if self.negative { -magnitude } else { magnitude }
    }

    /// The nearest double unless a finite number would become infinite or a number other than zero become zero.
    pub(crate) fn to_f64_in_range(self) -> Option<f64> {
        let value = self.to_f64();
        let is_zero = matches!(self.magnitude, Magnitude::Finite { mantissa: 0, .. });
        (value.is_finite() == self.is_finite() && (value == 0.0) == is_zero).then_some(value)
    }

    /// Rounds `(mantissa + a fraction if sticky) * 2^exponent` to the nearest number, ties to even.
    fn rounded(negative: bool, mantissa: u128, exponent: i32, sticky: bool) -> Self {
        if mantissa == 0 {
            // A lone sticky bit lies far below the smallest subnormal number or is no value at all.
            return Self { negative, ..Self::ZERO };
        }
        let significant = (u128::BITS - mantissa.leading_zeros()).cast_signed();
        let shift = (significant - 64).max(MIN_EXPONENT.saturating_sub(exponent));
        let (mut kept, mut exponent) = if shift <= 0 {
            // Exact: a shift to the left loses nothing, and callers with a sticky fraction give more than 64 bits.
            debug_assert!(!sticky, "a sticky bit needs room below the mantissa");
            (mantissa << -shift, exponent + shift)
        } else {
            (round_shift(mantissa, shift.cast_unsigned(), sticky), exponent.saturating_add(shift))
        };
        if kept >> 64 != 0 {
            kept >>= 1;
            exponent += 1;
        }
        if exponent > MAX_EXPONENT {
            return Self { negative, magnitude: Magnitude::Infinite };
        }
        Self { negative, magnitude: Magnitude::Finite { mantissa: kept as u64, exponent } }
    }
}

impl From<i64> for LongDouble {
    /// Every 64-bit integer is exact.
    fn from(value: i64) -> Self {
        Self::rounded(value < 0, u128::from(value.unsigned_abs()), 0, false)
    }
}

impl From<f64> for LongDouble {
    /// Every double is exact.
    fn from(value: f64) -> Self {
        let negative = value.is_sign_negative();
        if value.is_nan() {
            return Self { negative: false, magnitude: Magnitude::NotANumber };
        }
        if value.is_infinite() {
            return Self { negative, magnitude: Magnitude::Infinite };
        }
        let biased = (value.to_bits() >> 52 & 0x7ff) as i32;
        let fraction = value.to_bits() & ((1 << 52) - 1);
        let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
        Self::rounded(negative, u128::from(mantissa), biased.max(1) - 1075, false)
    }
}

impl Neg for LongDouble {
    type Output = Self;

    fn neg(self) -> Self {
        Self { negative: !self.negative, ..self }
    }
}

/// Adds two finite numbers of which the first has the larger (or equal) exponent.
fn add_finite(
    negative: bool,
    large: u64,
    exponent: i32,
    small_negative: bool,
    small: u64,
    small_exponent: i32,
) -> LongDouble {
    let distance = exponent.abs_diff(small_exponent);
    let large = u128::from(large) << GUARD_BITS;
    let wide = u128::from(small) << GUARD_BITS;
    // What falls out below is remembered as one bit set at the bottom; with 62 guard bits that rounds correctly.
    let aligned = match wide.checked_shr(distance) {
        Some(shifted) => shifted | u128::from(shifted << distance != wide),
        None => u128::from(wide != 0),
    };
    let exponent = exponent - GUARD_BITS.cast_signed();
    if negative == small_negative {
        LongDouble::rounded(negative, large + aligned, exponent, false)
    } else if large == aligned {
        LongDouble::ZERO
    } else if large > aligned {
        LongDouble::rounded(negative, large - aligned, exponent, false)
    } else {
        LongDouble::rounded(small_negative, aligned - large, exponent, false)
    }
}

/// Shifts right and rounds to the nearest integer, ties to even; `sticky` stands for a non-zero fraction below.
fn round_shift(value: u128, shift: u32, sticky: bool) -> u128 {
    if shift > 128 {
        return 0;
    }
    let half = 1_u128 << (shift - 1);
    let kept = value.checked_shr(shift).unwrap_or(0);
    let dropped = if shift == 128 { value } else { value & ((1 << shift) - 1) };
    let up = dropped > half || (dropped == half && (sticky || kept & 1 == 1));
    kept + u128::from(up)
}

/// The double nearest to `mantissa * 2^exponent`, which is not zero.
fn round_to_f64(mantissa: u64, exponent: i32) -> f64 {
    let significant = (u64::BITS - mantissa.leading_zeros()).cast_signed();
    let shift = (significant - 53).max(-1074 - exponent);
    let (kept, exponent) = if shift <= 0 {
        (mantissa << -shift, exponent + shift)
    } else {
        (round_shift(u128::from(mantissa), shift.cast_unsigned(), false) as u64, exponent + shift)
    };
    // A carry to 2^53 is absorbed by the addition below, which then raises the exponent field by one.
    if exponent > 971 {
        return f64::INFINITY;
    }
    let biased = (exponent + 1074).cast_unsigned();
    f64::from_bits((u64::from(biased) << 52) + kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(left: &str, right: &str) -> String {
        let parse = |text: &str| LongDouble::parse(text.as_bytes()).expect("a number");
        parse(left).plus(parse(right)).to_string()
    }

    #[test]
    fn sums_are_those_of_redis() {
        for (left, right, expected) in [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("1", "-1", "0"),
            ("-0.0", "-0.0", "0"),
            ("3.0", "1.000000000000000005", "4.00000000000000001"),
            ("1e17", "0.1", "100000000000000000.1015625"),
            ("inf", "1", "inf"),
            ("1", "-inf", "-inf"),
            ("inf", "-inf", "nan"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "1", "18446744073709551616"),
            ("1", "1e-300", "1"),
            ("1", "-1e-300", "1"),
        ] {
            assert_eq!(sum(left, right), expected, "{left} + {right}");
        }
    }

    #[test]
    fn the_largest_number_overflows_to_infinity() {
        let largest = LongDouble::parse(b"1.18973149535723176502e4932").expect("finite");
        assert!(largest.is_finite());
        assert!(!largest.plus(largest).is_finite());
        assert!(!largest.plus(-largest).is_nan());
    }

    #[test]
    fn integers_are_exact() {
        for value in [0, 1, -1, 42, i64::MAX, i64::MIN] {
            assert_eq!(LongDouble::from(value).to_string(), value.to_string());
        }
    }

    proptest! {
        #[test]
        fn every_double_survives(bits: u64) {
            let value = f64::from_bits(bits);
            let back = LongDouble::from(value).to_f64();
            prop_assert!(back.to_bits() == bits || value.is_nan() && back.is_nan());
        }

        #[test]
        fn sums_of_integers_are_integers(left in -(1_i64 << 62)..1 << 62, right in -(1_i64 << 62)..1 << 62) {
            let sum = LongDouble::from(left).plus(LongDouble::from(right));
            prop_assert_eq!(sum, LongDouble::from(left + right));
        }

        #[test]
        fn exact_sums_round_to_the_sum_of_doubles(left: i32, right: i32, scale in 0_i32..40) {
            // Both operands fit into 64 bits together, so the extended sum is exact and rounds to the double sum.
            let (left, right) = (f64::from(left), f64::from(right) * f64::from(-scale.min(30)).exp2());
            let sum = LongDouble::from(left).plus(LongDouble::from(right));
            prop_assert_eq!(sum.to_f64().to_bits(), (left + right).to_bits());
        }
    }
}
