//! How long a command waits, as its argument says.

use stdx::long_double::LongDouble;
use stdx::number::parse_i64;
use stdx::time::UnixMs;

use crate::error::Error;

const NEGATIVE: Error = Error::Static("ERR timeout is negative");
const OUT_OF_RANGE: Error = Error::Static("ERR timeout is out of range");

/// A time in seconds, with fractions, as milliseconds; 0 = for ever. A fraction of a millisecond counts as one. Redis reads it as a
/// `long double`, so it knows the sign of what no double can hold.
pub fn timeout_seconds(text: &[u8], now: UnixMs) -> Result<u64, Error> {
    let exact = LongDouble::parse(text).ok_or(Error::Static("ERR timeout is not a float or out of range"))?;
    let seconds = match exact.to_f64() {
        0.0 if exact.is_positive() => f64::MIN_POSITIVE,
        seconds => seconds,
    };
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds > i64::MAX as f64 {
        return Err(OUT_OF_RANGE);
    }
    within_range(milliseconds as i64, now)
}

/// A time in milliseconds; 0 = for ever.
pub fn timeout_milliseconds(text: &[u8], now: UnixMs) -> Result<u64, Error> {
    let milliseconds =
        parse_i64(text).ok_or(Error::Static("ERR timeout is not an integer or out of range"))?;
    within_range(milliseconds, now)
}

fn within_range(milliseconds: i64, now: UnixMs) -> Result<u64, Error> {
    let milliseconds_unsigned = u64::try_from(milliseconds).map_err(|_| NEGATIVE)?;
    if now.checked_add_millis(milliseconds).is_none() {
        return Err(OUT_OF_RANGE);
    }
    Ok(milliseconds_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_to_milliseconds() {
        let now = UnixMs(1_700_000_000_000);
        for (text, milliseconds) in [("0", 0), ("0.0001", 1), ("0.01", 10), ("1.5", 1500), ("1e2", 100_000)] {
            assert_eq!(timeout_seconds(text.as_bytes(), now), Ok(milliseconds), "{text}");
        }
        let text = |text: &[u8]| timeout_seconds(text, now).unwrap_err().to_string();
        assert_eq!(text(b"-1"), "ERR timeout is negative");
        assert_eq!(text(b"x"), "ERR timeout is not a float or out of range");
        assert_eq!(text(b"nan"), "ERR timeout is not a float or out of range");
        assert_eq!(text(b"inf"), "ERR timeout is out of range");
        assert_eq!(text(b"9223372036854775807"), "ERR timeout is out of range");
        assert_eq!(text(b"1e309"), "ERR timeout is out of range");
        assert_eq!(text(b"-1e309"), "ERR timeout is negative");
        assert_eq!(text(b"1e5000"), "ERR timeout is not a float or out of range");
        assert_eq!(timeout_seconds(b"1e-4940", now), Ok(1));
        // In the range of numbers, but the moment would not be.
        assert_eq!(text(b"9223372036854775"), "ERR timeout is out of range");
    }

    #[test]
    fn milliseconds_are_integers() {
        let now = UnixMs(1_700_000_000_000);
        let text = |text: &[u8]| timeout_milliseconds(text, now).unwrap_err().to_string();
        assert_eq!(timeout_milliseconds(b"100", now), Ok(100));
        assert_eq!(text(b"1.5"), "ERR timeout is not an integer or out of range");
        assert_eq!(text(b"-1"), "ERR timeout is negative");
        assert_eq!(text(b"9223372036854775807"), "ERR timeout is out of range");
    }
}
