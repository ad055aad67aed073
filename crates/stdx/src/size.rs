//! Memory sizes as people write and read them: `100mb` in a configuration, `1.21G` in INFO.

/// Parses a size: digits, then optionally a unit in either case; nothing at all is 0, as in Redis. `k`, `m`, `g` are powers of 1000; `kb`, `mb`, `gb` powers
/// of 1024; `b` or nothing means bytes. `None` when it is malformed or exceeds 64 bits.
pub fn parse(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    // `from_utf8` cannot fail on digits; `parse` refuses a unit without them and numbers that are too large.
    let value: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    value.checked_mul(factor)
}

/// Prints a size the way INFO does: bytes below 1024, else two decimals and a unit that is a power of 1024.
pub fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    // The largest power of 1024 that fits; beyond peta Redis goes back to plain bytes.
    let power = bytes.max(1).ilog2() as usize / 10;
    match power {
        1..=5 => format!("{:.2}{}", bytes as f64 / (1_u64 << (10 * power)) as f64, UNITS[power - 1]),
        _ => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1000_or_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("", 0),
            ("512", 512),
            ("1b", 1),
            ("1k", 1000),
            ("1kb", 1024),
            ("3M", 3_000_000),
            ("100mb", 104_857_600),
            ("1g", 1_000_000_000),
            ("1GB", 1 << 30),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(bytes), "{text}");
        }
    }

    #[test]
    fn malformed_and_overflowing_sizes_are_refused() {
        for text in ["gb", "-1", "+1", "1 gb", "1.5gb", "1tb", "1x", "18446744073709551616", "999999999999gb"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_printed_with_two_decimals() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1_048_575, "1024.00K"),
            (1_048_576, "1.00M"),
            (1_300_000_000, "1.21G"),
            (1 << 40, "1.00T"),
            (1 << 50, "1.00P"),
            (1 << 60, "1152921504606846976B"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
