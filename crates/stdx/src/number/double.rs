//! Doubles: the texts that scores and float arguments accept, and the shortest text that reads back as the same number.
//!
//! Reading is `strtod` with the strictness of Redis: the whole text must be a number, NaN is none, and neither overflow to
//! infinity nor underflow to zero is accepted. Hexadecimal floats are read, as Redis does (Valkey 9 does not).
//!
//! Writing follows Redis 8 and Valkey 9, whose replies differ in shape from every crate: integers up to 2^62 without a
//! fraction or an exponent, then plain decimals near one, else an exponent with a sign and without padding.

use crate::long_double::LongDouble;

/// Largest magnitude that is written as an integer when it is one.
const INTEGER_LIMIT: f64 = (1_u64 << 62) as f64;

/// Parses a double the way `ZADD` and its like do; `None` stands for "value is not a valid float".
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if let Some(small) = parse_digits(text) {
        return Some(f64::from(small));
    }
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if let [b'0', b'x' | b'X', ..] = unsigned {
        return LongDouble::parse(text)?.to_f64_in_range();
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let spelled_as_infinity = matches!(unsigned.first(), Some(b'i' | b'I'));
    if value.is_nan() || (value.is_infinite() && !spelled_as_infinity) {
        return None;
    }
    if value == 0.0 {
        let mut mantissa = unsigned.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        if mantissa.any(|byte| matches!(byte, b'1'..=b'9')) {
            return None;
        }
    }
    Some(value)
}

/// A few digits, which are what most scores are.
#[inline]
fn parse_digits(text: &[u8]) -> Option<u32> {
    let is_short = (1..=9).contains(&text.len());
    (is_short && text.iter().all(u8::is_ascii_digit))
        .then(|| text.iter().fold(0, |number, digit| 10 * number + u32::from(digit - b'0')))
}

/// Appends the text of a double as replies show it: `3`, `0.1`, `1e+30`, `inf`, `-inf`, `nan`, `-0`.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value != 0.0 && value.abs() <= INTEGER_LIMIT && value.fract() == 0.0 {
        super::write_i64(out, value as i64);
    } else {
        write_shortest_f64(out, value);
    }
}

/// Appends the same, but for whole numbers as well in the form that takes fewest digits: `1.5e+10`.
pub fn write_shortest_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else {
        if value < 0.0 {
            out.push(b'-');
        }
        write_shortest(out, value.abs());
    }
}

/// Significant decimal digits and the power of ten of the last one.
struct Decimal {
    digits: [u8; 17],
    count: usize,
    exponent: i32,
}

fn write_shortest(out: &mut Vec<u8>, magnitude: f64) {
    let decimal = shortest(magnitude);
    let digits = &decimal.digits[..decimal.count];
    let count = decimal.count as i32;
    // The power of ten of the first digit.
    let leading = decimal.exponent + count - 1;
    if decimal.exponent >= 0 && leading < count + 7 {
        out.extend_from_slice(digits);
        out.resize(out.len() + decimal.exponent as usize, b'0');
    } else if decimal.exponent < 0 && (decimal.exponent > -7 || leading.abs() < 4) {
        if leading < 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-1 - leading) as usize, b'0');
            out.extend_from_slice(digits);
        } else {
            let (whole, fraction) = digits.split_at(leading as usize + 1);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if leading < 0 { b"e-" } else { b"e+" });
        super::write_i64(out, i64::from(leading.abs()));
    }
}

/// The fewest digits that read back as `magnitude`, which is positive and finite.
fn shortest(magnitude: f64) -> Decimal {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(magnitude);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut decimal = Decimal {
        digits: [0; 17],
        count: 0,
        exponent: exponent.parse().expect("the formatter writes an integer"),
    };
    // Zeros are appended only once a digit follows them: leading ones are dropped, trailing ones go to the exponent.
    let (mut zeros, mut in_fraction) = (0, false);
    for byte in mantissa.bytes() {
        match byte {
            b'.' => in_fraction = true,
            b'0' => {
                zeros += usize::from(decimal.count > 0);
                decimal.exponent -= i32::from(in_fraction);
            }
            digit => {
                decimal.digits[decimal.count..decimal.count + zeros].fill(b'0');
                decimal.count += zeros;
                zeros = 0;
                decimal.digits[decimal.count] = digit;
                decimal.count += 1;
                decimal.exponent -= i32::from(in_fraction);
            }
        }
    }
    decimal.exponent += zeros as i32;
    decimal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(&mut out, value);
        String::from_utf8(out).expect("number text is ASCII")
    }

    #[test]
    fn large_whole_numbers_have_a_shorter_form() {
        for (value, text) in [(1.5e10, "1.5e+10"), (1e17, "1e+17"), (300.0, "300"), (0.0, "0"), (0.1, "0.1")]
        {
            let mut out = Vec::new();
            write_shortest_f64(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn the_spellings_of_redis_are_accepted() {
        for (text, value) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+.5", 0.5),
            ("1e5", 1e5),
            ("1E+5", 1e5),
            ("-0", 0.0),
            ("0e999", 0.0),
            ("5e-324", 5e-324),
            ("inf", f64::INFINITY),
            ("+iNf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0x1.8p3", -12.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "nan",
            "-nan",
            "nan(1)",
            "1e400",
            "-1e400",
            "1e-400",
            "1e",
            ".",
            "-",
            "+-1",
            "--1",
            "1_0",
            ".e1",
            "1e99999999999",
            "1\0",
            "0x",
            "0x1p2000",
            "0x1p-2000",
            "infin",
            "1.0.0",
            "\u{ff}",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_redis_8_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (3.15, "3.15"),
            (1e17, "100000000000000000"),
            (4_611_686_018_427_387_904.0, "4611686018427387904"),
            (1e19, "1e+19"),
            (-1.5e300, "-1.5e+300"),
            (12_345_678_901_234_567_890.0, "12345678901234567000"),
            (1e-5, "0.00001"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (0.001_234_567_8, "0.0012345678"),
            (0.000_123_456_78, "1.2345678e-4"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = written(value);
            prop_assert!(text.len() <= 25);
            prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..30)) {
            let _ = parse_f64(&text);
        }
    }
}
