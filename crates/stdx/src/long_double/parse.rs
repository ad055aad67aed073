//! Reading decimal and hexadecimal text, correctly rounded.
//!
//! Nearly every number that clients send has at most 19 digits and a small exponent; those take one 128-bit division. The
//! others go through arbitrary precision. The length limit, which is that of Redis, bounds the work.

use super::big::Big;
use super::{LongDouble, MAX_EXPONENT, MIN_EXPONENT, Magnitude};

/// Longest text that is accepted, one less than the buffer that Redis copies it into.
const MAX_TEXT_BYTES: usize = 5 * 1024 - 1;
/// Exponents beyond this are out of range whatever the digits are; clamping to it keeps sums from overflowing.
const EXPONENT_CLAMP: i32 = 1_000_000;
/// Largest power of five that fits into 64 bits.
const MAX_POWER_OF_FIVE: i32 = 27;

impl LongDouble {
    /// Parses a number the way `INCRBYFLOAT` does; `None` stands for "value is not a valid float". The whole text must be
    /// one number: decimal, hexadecimal or `inf`. NaN, and what overflows or vanishes, is refused.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Self { negative, magnitude: Magnitude::Infinite });
        }
        let value = match unsigned {
            [b'0', b'x' | b'X', digits @ ..] => {
                from_hexadecimal(negative, &Literal::split(digits, Radix::Hexadecimal)?)
            }
            digits => from_decimal(negative, &Literal::split(digits, Radix::Decimal)?),
        };
        value.filter(|value| value.is_finite())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Radix {
    Decimal,
    Hexadecimal,
}

/// The parts of a literal: significant digits without leading zeros, and the exponent of the last digit (a power of ten,
/// or of two for hexadecimal digits).
struct Literal {
    digits: Vec<u8>,
    exponent: i32,
}

impl Literal {
    fn split(text: &[u8], radix: Radix) -> Option<Self> {
        let (base, marker, exponent_step) = match radix {
            Radix::Decimal => (10, b'e', 1),
            Radix::Hexadecimal => (16, b'p', 4),
        };
        let mut literal = Self { digits: Vec::new(), exponent: 0 };
        let (mut any_digit, mut in_fraction, mut at) = (false, false, 0);
        while let Some(&byte) = text.get(at) {
            if let Some(digit) = char::from(byte).to_digit(base) {
                any_digit = true;
                if digit > 0 || !literal.digits.is_empty() {
                    literal.digits.push(digit as u8);
                }
                literal.exponent -= if in_fraction { exponent_step } else { 0 };
            } else if byte == b'.' && !in_fraction {
                in_fraction = true;
            } else {
                break;
            }
            at += 1;
        }
        if !any_digit {
            return None;
        }
        match text.get(at..)? {
            [] => {}
            [byte, exponent @ ..] if byte.to_ascii_lowercase() == marker => {
                literal.exponent = literal.exponent.saturating_add(parse_exponent(exponent)?);
            }
            _ => return None,
        }
        Some(literal)
    }
}

/// Parses the signed integer behind `e` or `p`, clamped.
fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i32;
    for byte in digits {
        let digit = char::from(*byte).to_digit(10)?;
        value = (value * 10 + digit.cast_signed()).min(EXPONENT_CLAMP);
    }
    Some(if negative { -value } else { value })
}

fn from_hexadecimal(negative: bool, literal: &Literal) -> Option<LongDouble> {
    // Thirty digits fill 120 bits; all further ones matter only by being zero or not.
    let (leading, rest) = literal.digits.split_at(literal.digits.len().min(30));
    let mantissa = leading.iter().fold(0_u128, |value, digit| value << 4 | u128::from(*digit));
    let exponent = literal.exponent.saturating_add(4 * rest.len() as i32);
    if mantissa == 0 {
        return Some(LongDouble { negative, ..LongDouble::ZERO });
    }
    let sticky = rest.iter().any(|digit| *digit != 0);
    refuse_vanished(in_range(negative, mantissa, exponent, sticky))
}

fn from_decimal(negative: bool, literal: &Literal) -> Option<LongDouble> {
    let count = literal.digits.len() as i32;
    if count == 0 {
        return Some(LongDouble { negative, ..LongDouble::ZERO });
    }
    // The number lies between 10^(leading - 1) and 10^leading; far outside the range nothing needs computing.
    let leading = literal.exponent.saturating_add(count);
    if !(-5000..=5000).contains(&leading) {
        return None;
    }
    let (mantissa, exponent, sticky) = if count <= 19 && (-MAX_POWER_OF_FIVE..=0).contains(&literal.exponent)
    {
        small_ratio(&literal.digits, literal.exponent.unsigned_abs())
    } else {
        big_ratio(&literal.digits, literal.exponent)
    };
    refuse_vanished(in_range(negative, mantissa, exponent, sticky))
}

/// `digits / 10^power` as a mantissa, an exponent and whether something was cut off.
fn small_ratio(digits: &[u8], power: u32) -> (u128, i32, bool) {
    let integer = digits.iter().fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
    if power == 0 {
        return (u128::from(integer), 0, false);
    }
    // With the dividend's top bit at 127 and a divisor below 2^63 the quotient has more than 64 bits.
    let divisor = u128::from(5_u64.pow(power));
    let shift = u128::from(integer).leading_zeros();
    let dividend = u128::from(integer) << shift;
    let exponent = -(shift.cast_signed()) - power.cast_signed();
    (dividend / divisor, exponent, dividend % divisor != 0)
}

/// The same for any number of digits and any power.
fn big_ratio(digits: &[u8], exponent: i32) -> (u128, i32, bool) {
    let mut integer = Big::from_u64(0);
    for chunk in digits.chunks(9) {
        let value = chunk.iter().fold(0, |value, digit| value * 10 + u32::from(*digit));
        integer.multiply_add(10_u32.pow(chunk.len() as u32), value);
    }
    if exponent >= 0 {
        integer.multiply_power_of_ten(exponent.unsigned_abs());
        let (top, below, sticky) = integer.leading();
        (top, below.cast_signed(), sticky)
    } else {
        let mut divisor = Big::from_u64(1);
        divisor.multiply_power_of_ten(exponent.unsigned_abs());
        integer.ratio(divisor)
    }
}

/// Rounds, making room for the sticky bit below a short mantissa.
fn in_range(negative: bool, mantissa: u128, exponent: i32, sticky: bool) -> LongDouble {
    let limit = MAX_EXPONENT - MIN_EXPONENT + 256;
    let exponent = exponent.clamp(-limit, limit);
    LongDouble::rounded(negative, mantissa, exponent, sticky)
}

/// A number other than zero that became zero is out of range.
fn refuse_vanished(value: LongDouble) -> Option<LongDouble> {
    (!matches!(value.magnitude, Magnitude::Finite { mantissa: 0, .. })).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_spellings_of_strtold_are_accepted() {
        for (text, value) in [
            ("1", 1.0),
            ("+1.", 1.0),
            (".5", 0.5),
            ("1E-2", 0.01),
            ("0x1.8p1", 3.0),
            ("0X.8", 0.5),
            ("-0xA", -10.0),
            ("0e99999999", 0.0),
            ("iNFinity", f64::INFINITY),
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()).map(LongDouble::to_f64), Some(value), "{text}");
        }
    }

    #[test]
    fn malformed_numbers_and_those_out_of_range_are_refused() {
        for text in [
            "",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "0x",
            "0x.",
            "0xp1",
            "0x1p",
            "1x",
            "nan",
            " 1",
            "1 ",
            "1.2.3",
            "--1",
            "1e4933",
            "1.2e4932",
            "1e-5000",
            "1e99999999999",
            "1e-99999999999",
            "0x1p16384",
            "0x1p-16447",
            "1\0",
            "infi",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(LongDouble::parse(&[b'1'; 5120]), None);
        assert_eq!(LongDouble::parse(&[b'9'; 5119]), None);
        let long_zero = [b'0'; 5119];
        assert_eq!(LongDouble::parse(&long_zero), Some(LongDouble::ZERO));
    }

    #[test]
    fn the_smallest_and_the_largest_number_are_read() {
        let smallest = LongDouble::parse(b"3.6451995318824746025e-4951").expect("subnormal");
        assert_eq!(smallest.magnitude, Magnitude::Finite { mantissa: 1, exponent: MIN_EXPONENT });
        let largest = LongDouble::parse(b"1.18973149535723176502e+4932").expect("finite");
        assert_eq!(largest.magnitude, Magnitude::Finite { mantissa: u64::MAX, exponent: MAX_EXPONENT });
    }

    #[test]
    fn ties_go_to_the_even_mantissa() {
        // 2^64 + 1 and 2^64 + 3 lie halfway between neighbours.
        assert_eq!(
            LongDouble::parse(b"18446744073709551617").expect("finite").to_string(),
            "18446744073709551616"
        );
        assert_eq!(
            LongDouble::parse(b"18446744073709551619").expect("finite").to_string(),
            "18446744073709551620"
        );
        assert_eq!(
            LongDouble::parse(b"18446744073709551617.0000001").expect("finite").to_string(),
            "18446744073709551618"
        );
    }

    proptest! {
        #[test]
        fn both_ways_of_reading_agree(number in 1_u64..10_000_000_000_000_000_000, power in 0_u32..=27) {
            let digits: Vec<u8> = number.to_string().bytes().map(|byte| byte - b'0').collect();
            let (mantissa, exponent, sticky) = small_ratio(&digits, power);
            let small = LongDouble::rounded(false, mantissa, exponent, sticky);
            let (mantissa, exponent, sticky) = big_ratio(&digits, -power.cast_signed());
            prop_assert_eq!(small, LongDouble::rounded(false, mantissa, exponent, sticky));
        }

        #[test]
        fn what_a_double_prints_reads_as_that_double(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite() && value != 0.0);
            // With fewer digits the text may lie near the middle between two doubles, where rounding twice, to a long
            // double and then to a double, leads to the other.
            let exact = LongDouble::parse(format!("{value:.20e}").as_bytes()).map(LongDouble::to_f64);
            prop_assert_eq!(exact, Some(value));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9a-fA-FxXpPeE.+-]{0,40}") {
            if let Some(value) = LongDouble::parse(text.as_bytes()) {
                prop_assert!(!value.to_string().is_empty());
            }
        }
    }
}
