//! Printing with seventeen decimals, trailing zeros removed, as Redis shows the results of float increments.

use super::big::Big;
use super::{LongDouble, Magnitude, round_shift};
use crate::number;
use std::fmt;

const DECIMALS: usize = 17;
const DECIMAL_SCALE: u64 = 10_u64.pow(DECIMALS as u32);

impl LongDouble {
    /// Appends the number with at most seventeen decimals and no exponent; `inf`, `-inf` and `nan` for the others.
    pub fn write(self, out: &mut Vec<u8>) {
        match self.magnitude {
            Magnitude::NotANumber => out.extend_from_slice(b"nan"),
            Magnitude::Infinite => out.extend_from_slice(if self.negative { b"-inf" } else { b"inf" }),
            Magnitude::Finite { mantissa, exponent } => {
                let start = out.len();
                if self.negative {
                    out.push(b'-');
                }
                if exponent >= 0 {
                    write_large(out, mantissa, exponent.unsigned_abs());
                } else {
                    write_with_fraction(out, mantissa, exponent.unsigned_abs());
                }
                if &out[start..] == b"-0" {
                    out.remove(start);
                }
            }
        }
    }
}

impl fmt::Display for LongDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes `mantissa * 2^exponent`, an integer of up to 4,933 digits.
fn write_large(out: &mut Vec<u8>, mantissa: u64, exponent: u32) {
    if exponent == 0 {
        return number::write_u64(out, mantissa);
    }
    let mut rest = Big::from_u64(mantissa);
    rest.shift_left(exponent);
    // Groups of nine digits, the last group first.
    let mut groups = Vec::new();
    while !rest.is_zero() {
        groups.push(rest.divide(1_000_000_000));
    }
    number::write_u64(out, u64::from(groups.pop().unwrap_or(0)));
    for group in groups.into_iter().rev() {
        out.extend_from_slice(format!("{group:09}").as_bytes());
    }
}

/// Writes `mantissa / 2^shift`, rounded to seventeen decimals.
fn write_with_fraction(out: &mut Vec<u8>, mantissa: u64, shift: u32) {
    let mut whole = mantissa.checked_shr(shift).unwrap_or(0);
    let fraction = if shift < 64 { mantissa & ((1 << shift) - 1) } else { mantissa };
    // Less than 2^64 * 10^17, so 121 bits hold the exact product.
    let mut decimals = round_shift(u128::from(fraction) * u128::from(DECIMAL_SCALE), shift, false) as u64;
    if decimals == DECIMAL_SCALE {
        whole += 1;
        decimals = 0;
    }
    number::write_u64(out, whole);
    if decimals > 0 {
        let text = format!(".{decimals:0DECIMALS$}");
        out.extend_from_slice(text.trim_end_matches('0').as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::LongDouble;

    #[test]
    fn at_most_seventeen_decimals_are_printed() {
        for (input, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("3.140", "3.14"),
            ("1e-17", "0.00000000000000001"),
            ("4e-18", "0"),
            ("-4e-18", "0"),
            ("-1.5", "-1.5"),
            ("0.99999999999999999999", "1"),
            ("1e20", "100000000000000000000"),
            ("3.3621031431120935063e-4932", "0"),
            ("123456789.123456789", "123456789.12345678899873747"),
        ] {
            assert_eq!(LongDouble::parse(input.as_bytes()).expect(input).to_string(), printed);
        }
    }

    #[test]
    fn powers_of_two_are_printed_in_full() {
        let text = LongDouble::parse(b"0x1p100").expect("hexadecimal").to_string();
        assert_eq!(text, "1267650600228229401496703205376");
        let largest = LongDouble::parse(b"0x1p16383").expect("in range").to_string();
        assert_eq!(largest.len(), 4932);
        assert!(largest.starts_with("59486574767861588254287966331400"));
    }
}
