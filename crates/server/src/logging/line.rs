//! A line of the log: as Redis writes it, as key and value, or as JSON.
//!
//! ```text
//! legacy  5217:M 24 Nov 2026 00:41:03.598 * Ready to accept connections
//! logfmt  pid=5217 role=primary timestamp="24 Nov 2026 00:41:03.598" level=notice message="Ready ..."
//! json    {"pid":5217,"role":"primary","timestamp":"24 Nov 2026 00:41:03.598","level":"notice","message":"Ready ..."}
//! ```
//! Times are UTC.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use stdx::time::UnixMs;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

const MILLISECONDS_A_DAY: i64 = 86_400_000;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    kind: Kind,
    time: TimeForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Legacy,
    Logfmt,
    Json,
}

/// The form of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeForm {
    /// As Redis writes it.
    #[default]
    Legacy,
    /// As ISO 8601 does.
    Iso8601,
    /// Milliseconds since 1970.
    Milliseconds,
}

impl Form {
    /// The form with a name, as `log-format` has it.
    pub fn parse(name: &str, time: TimeForm) -> Self {
        let kind = match name {
            "logfmt" => Kind::Logfmt,
            "json" => Kind::Json,
            _ => Kind::Legacy,
        };
        Self { kind, time }
    }

    /// The line of a message, with its end.
    fn line(self, process_id: u32, now: UnixMs, level: Level, message: &str) -> String {
        let time = self.time.print(now);
        match self.kind {
            Kind::Legacy => {
                let message = one_line(message);
                format!("{process_id}:M {time} {} {message}\n", mark(level))
            }
            Kind::Logfmt => {
                // As in Valkey: what would end the value early is replaced.
                let message = one_line(message).replace(['"', '\\'], "'");
                let level = name(level);
                format!(
                    "pid={process_id} role=primary timestamp=\"{time}\" level={level} message=\"{message}\"\n"
                )
            }
            Kind::Json => format!(
                "{{\"pid\":{process_id},\"role\":\"primary\",\"timestamp\":\"{time}\",\"level\":\"{}\",\"message\":\"{}\"}}\n",
                name(level),
                escape(message)
            ),
        }
    }
}

impl TimeForm {
    /// The form with a name, as `log-timestamp-format` has it.
    pub fn parse(name: &str) -> Self {
        match name {
            "iso8601" => Self::Iso8601,
            "milliseconds" => Self::Milliseconds,
            _ => Self::Legacy,
        }
    }

    fn print(self, now: UnixMs) -> String {
        let (year, month, day) = date(now.0.div_euclid(MILLISECONDS_A_DAY));
        let milliseconds = now.0.rem_euclid(MILLISECONDS_A_DAY);
        let seconds = milliseconds / 1000;
        let clock = format!(
            "{:02}:{:02}:{:02}.{:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            milliseconds % 1000
        );
        match self {
            Self::Legacy => format!("{day:02} {} {year} {clock}", MONTHS[month - 1]),
            Self::Iso8601 => format!("{year:04}-{month:02}-{day:02}T{clock}+00:00"),
            Self::Milliseconds => now.0.to_string(),
        }
    }
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar. Years begin in March here, so that the
/// day that comes and goes is a year's last, and 400 of them are an era of equal length.
fn date(days: i64) -> (i64, usize, i64) {
    const DAYS_OF_ERA: i64 = 146_097;
    let days = days + 719_468; // since 1 March of the year 0
    let (era, of_era) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month as usize, day)
}

/// The name of a level in Redis's configuration.
fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR | Level::WARN => "warning",
        Level::INFO => "notice",
        Level::DEBUG => "verbose",
        Level::TRACE => "debug",
    }
}

/// The mark of a level in Redis's lines.
fn mark(level: Level) -> char {
    match level {
        Level::ERROR | Level::WARN => '#',
        Level::INFO => '*',
        Level::DEBUG => '-',
        Level::TRACE => '.',
    }
}

/// A message without line ends, so that it cannot forge a second line.
fn one_line(message: &str) -> String {
    message.replace(['\n', '\r'], " ")
}

/// A message as the inside of a JSON string.
fn escape(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for character in message.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            control if control < ' ' => escaped += &format!("\\u{:04x}", u32::from(control)),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Writes events as lines of a form that may change.
pub struct Lines {
    process_id: u32,
    form: Arc<RwLock<Form>>,
}

impl Lines {
    /// Lines of a process.
    pub fn new(process_id: u32, form: Arc<RwLock<Form>>) -> Self {
        Self { process_id, form }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = String::new();
        context.format_fields(Writer::new(&mut message), event)?;
        let form = *self.form.read();
        let level = *event.metadata().level();
        writer.write_str(&form.line(self.process_id, crate::clock::now().unix, level, &message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_795_480_863_598);

    fn line(format: &str, time: &str, message: &str) -> String {
        Form::parse(format, TimeForm::parse(time)).line(7, NOW, Level::WARN, message)
    }

    #[test]
    fn a_line_has_the_form_that_is_configured() {
        assert_eq!(line("legacy", "legacy", "a \"b\"\nc"), "7:M 24 Nov 2026 00:41:03.598 # a \"b\" c\n");
        assert_eq!(
            line("logfmt", "milliseconds", "a \"b\"\nc"),
            "pid=7 role=primary timestamp=\"1795480863598\" level=warning message=\"a 'b' c\"\n"
        );
        assert_eq!(
            line("json", "iso8601", "a \"b\"\nc\u{1}\\"),
            "{\"pid\":7,\"role\":\"primary\",\"timestamp\":\"2026-11-24T00:41:03.598+00:00\",\"level\":\"warning\",\
             \"message\":\"a \\\"b\\\"\\nc\\u0001\\\\\"}\n"
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (789, (1972, 2, 29)),
            (790, (1972, 3, 1)),
            (11_016, (2000, 2, 29)),
            (10_957, (2000, 1, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
            (-1, (1969, 12, 31)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }
}
