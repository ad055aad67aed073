//! Integers: one text for every number, no other text for any.
//!
//! Redis stores a string as an integer when it reads back unchanged, so the parser accepts the canonical form only: no
//! plus sign, no leading zero, no blank, no `-0`.

/// Bytes of the longest numbers, `u64::MAX` and `i64::MIN`.
const MAX_DIGITS: usize = 20;

/// Parses the canonical decimal text of a signed number.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => match parse_u64(digits)? {
            0 => None,
            magnitude => 0_i64.checked_sub_unsigned(magnitude),
        },
        digits => parse_u64(digits)?.try_into().ok(),
    }
}

/// Parses the canonical decimal text of an unsigned number.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let (&first, rest) = text.split_first()?;
    let first = first.wrapping_sub(b'0');
    if first > 9 || text.len() > MAX_DIGITS || (first == 0 && !rest.is_empty()) {
        return None;
    }
    let mut value = u64::from(first);
    if text.len() < MAX_DIGITS {
        // Nineteen digits cannot overflow.
        for byte in rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u64::from(digit);
        }
        return Some(value);
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// Appends the decimal text of a signed number.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the decimal text of an unsigned number.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The decimal text of a signed number, kept without a buffer of its own.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    text: [u8; MAX_DIGITS],
    length: u8,
}

impl Decimal {
    /// The text of a number.
    #[inline]
    pub fn of(value: i64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let formatted = buffer.format(value).as_bytes();
        let mut text = [0; MAX_DIGITS];
        text[..formatted.len()].copy_from_slice(formatted);
        Self { text, length: formatted.len() as u8 }
    }
}

impl std::ops::Deref for Decimal {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }
}

/// How many bytes `write_i64` appends.
pub fn decimal_len(value: i64) -> usize {
    usize::from(value < 0) + value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_range_are_read_and_one_beyond_is_not() {
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775808"), None);
        assert_eq!(parse_i64(b"-9223372036854775809"), None);
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"99999999999999999999"), None);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in
            ["", "-", "+1", "01", "-01", "-0", "00", " 1", "1 ", "1.0", "1e3", "0x1", "--1", "1\0", "a"]
        {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_i64(b"0"), Some(0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value: i64) {
            let mut text = Vec::new();
            write_i64(&mut text, value);
            prop_assert_eq!(parse_i64(&text), Some(value));
            prop_assert_eq!(text.len(), decimal_len(value));
            prop_assert_eq!(&*Decimal::of(value), &*text);
        }

        #[test]
        fn only_text_that_would_be_written_is_read(text in "[-+ 0-9]{0,21}") {
            let canonical = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
        }
    }
}
