//! Numbers as C writes and reads them.

/// `%.{precision}g`: the fewest digits up to a precision, with an exponent where that is shorter.
pub(crate) fn write_general(out: &mut Vec<u8>, number: f64, precision: usize) {
    let precision = precision.max(1);
    let scientific = format!("{number:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is an integer");
    if exponent < -4 || exponent >= precision as i32 {
        out.extend_from_slice(trim(digits).as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    } else {
        let decimals = (precision as i32 - 1 - exponent) as usize;
        out.extend_from_slice(trim(&format!("{number:.decimals$}")).as_bytes());
    }
}

/// Without the zeros at the end of the fraction.
fn trim(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// The longest beginning of a text that `strtod` reads as a number, and its length.
pub(crate) fn parse_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let sign_length = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let sign = if text.first() == Some(&b'-') { -1.0 } else { 1.0 };
    let rest = &text[sign_length..];
    let begins = |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
    for (word, value) in [(&b"infinity"[..], f64::INFINITY), (b"inf", f64::INFINITY), (b"nan", f64::NAN)] {
        if begins(word) {
            return Some((sign * value, sign_length + word.len()));
        }
    }
    if begins(b"0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
        let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit());
        let (mut value, mut length) = (0.0, 2);
        for digit in digits {
            value = value * 16.0 + f64::from(char::from(*digit).to_digit(16).unwrap_or(0));
            length += 1;
        }
        return Some((sign * value, sign_length + length));
    }
    let length = decimal_length(rest)?;
    let digits = std::str::from_utf8(&rest[..length]).ok()?;
    Some((sign * digits.parse::<f64>().ok()?, sign_length + length))
}

/// The length of a decimal number: digits, a fraction, an exponent.
fn decimal_length(text: &[u8]) -> Option<usize> {
    let digits =
        |from: usize| text[from.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut length = whole;
    let mut fraction = 0;
    if text.get(length) == Some(&b'.') {
        fraction = digits(length + 1);
        length += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_does() {
        let check = |number: f64, precision: usize, expected: &str| {
            let mut out = Vec::new();
            write_general(&mut out, number, precision);
            assert_eq!(String::from_utf8(out).expect("ASCII"), expected);
        };
        check(0.0, 14, "0");
        check(-0.0, 14, "-0");
        check(1.0, 14, "1");
        check(0.1, 14, "0.1");
        check(1e14, 14, "1e+14");
        check(123_456_789_012_345.0, 14, "1.2345678901234e+14");
        check(1.5e-5, 14, "1.5e-05");
        check(0.0001, 14, "0.0001");
        check(100.0, 1, "1e+02");
        check(2.0 / 3.0, 3, "0.667");
        check(9.9999, 2, "10");
        check(1e300, 14, "1e+300");
    }

    #[test]
    fn prefixes_are_read_as_c_does() {
        for (text, expected) in [
            ("12abc", Some((12.0, 2))),
            ("-1.5e3,", Some((-1500.0, 6))),
            ("1e", Some((1.0, 1))),
            ("0x1Fz", Some((31.0, 4))),
            ("0x", Some((0.0, 1))),
            ("-inf", Some((f64::NEG_INFINITY, 4))),
            (".5", Some((0.5, 2))),
            (".", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(parse_prefix(text.as_bytes()), expected, "{text}");
        }
    }
}
