//! Moments as people write and read them.

use chrono::{DateTime, NaiveDateTime, SecondsFormat};
use stdx::time::UnixMs;

/// A number below it counts seconds (up to the year 5138), another one milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;
/// A moment that is told to the second means all of that second.
const REST_OF_SECOND_MS: i64 = 999;

/// The last millisecond that a text means: seconds or milliseconds since 1970, or a date and a
/// time, in UTC if it names no zone.
pub fn parse(text: &str) -> Result<UnixMs, String> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(if number.abs() < SECONDS_BELOW { end_of_second(number) } else { UnixMs(number) });
    }
    let ms = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_millis()).or_else(|_| {
        let text = text.replace(' ', "T");
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f")
            .map(|time| time.and_utc().timestamp_millis())
    });
    let ms = ms.map_err(|_| {
        format!(
            "'{text}' is no time: write seconds or milliseconds since 1970, or a date and a time such as \
             2031-05-07T14:30:00Z, 2031-05-07 14:30:00.250 or 2031-05-07T14:30:00+02:00"
        )
    })?;
    let is_exact = text.contains('.');
    Ok(UnixMs(if is_exact { ms } else { ms.saturating_add(REST_OF_SECOND_MS) }))
}

/// The last millisecond of a second.
pub fn end_of_second(second: i64) -> UnixMs {
    UnixMs(UnixMs::from_secs_saturating(second).0.saturating_add(REST_OF_SECOND_MS))
}

/// A moment in UTC.
pub fn show(time: UnixMs) -> String {
    DateTime::from_timestamp_millis(time.0)
        .map_or_else(|| format!("{} ms", time.0), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// A moment in UTC, to the second and for names of files.
pub(crate) fn compact(time: UnixMs) -> String {
    DateTime::from_timestamp_millis(time.0)
        .map_or_else(|| time.0.to_string(), |time| time.format("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form() {
        for (text, ms) in [
            ("1628217473", 1_628_217_473_999),
            ("1628217473250", 1_628_217_473_250),
            ("0", 999),
            ("-1", -1),
            ("2021-08-06T02:37:53Z", 1_628_217_473_999),
            ("2021-08-06T04:37:53+02:00", 1_628_217_473_999),
            ("2021-08-06 02:37:53", 1_628_217_473_999),
            ("2021-08-06T02:37:53.25", 1_628_217_473_250),
            ("2021-08-06T02:37:53.250Z", 1_628_217_473_250),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(parse(text), Ok(UnixMs(ms)), "{text}");
        }
        for text in
            ["", "now", "2021-08-06", "2021-13-06T02:37:53Z", "1e9", "99999999999999999999", "12:00:00"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_shown_in_utc() {
        assert_eq!(show(UnixMs(1_628_217_473_250)), "2021-08-06T02:37:53.250Z");
        assert_eq!(compact(UnixMs(1_628_217_473_250)), "20210806T023753Z");
        assert_eq!(show(UnixMs::MAX), "9223372036854775807 ms");
    }
}
