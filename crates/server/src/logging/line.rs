//! A line of the log: as Redis writes it, as key and value, or as JSON.
//!
//! ```text
//! legacy  5217:M 24 Nov 2026 00:41:03.598 * Ready to accept connections
//! logfmt  pid=5217 role=primary timestamp="24 Nov 2026 00:41:03.598" level=notice message="Ready ..."
//! json    {"pid":5217,"role":"primary","timestamp":"24 Nov 2026 00:41:03.598","level":"notice","message":"Ready ..."}
//! ```
//! Times are those of the local time zone, as Redis writes them: of `TZ`, or else of /etc/localtime.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Local};
use parking_lot::RwLock;
use stdx::time::UnixMs;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

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
    fn line(self, process_id: u32, now: DateTime<FixedOffset>, level: Level, message: &str) -> String {
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

    fn print(self, now: DateTime<FixedOffset>) -> String {
        match self {
            Self::Legacy => now.format("%d %b %Y %H:%M:%S%.3f").to_string(),
            Self::Iso8601 => now.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            Self::Milliseconds => now.timestamp_millis().to_string(),
        }
    }
}

/// A moment on the clocks of the local time zone.
fn local(moment: UnixMs) -> DateTime<FixedOffset> {
    let utc = DateTime::from_timestamp_millis(moment.0).unwrap_or_default();
    utc.with_timezone(&Local).fixed_offset()
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
        writer.write_str(&form.line(self.process_id, local(crate::clock::now().unix), level, &message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half an hour before a new day, one and a half hours east of Greenwich.
    const NOW: &str = "2026-11-24T23:31:03.598+01:30";

    fn line(format: &str, time: &str, message: &str) -> String {
        Form::parse(format, TimeForm::parse(time)).line(7, NOW.parse().expect("a time"), Level::WARN, message)
    }

    #[test]
    fn a_line_has_the_form_that_is_configured() {
        assert_eq!(line("legacy", "legacy", "a \"b\"\nc"), "7:M 24 Nov 2026 23:31:03.598 # a \"b\" c\n");
        assert_eq!(
            line("logfmt", "milliseconds", "a \"b\"\nc"),
            "pid=7 role=primary timestamp=\"1795557663598\" level=warning message=\"a 'b' c\"\n"
        );
        assert_eq!(
            line("json", "iso8601", "a \"b\"\nc\u{1}\\"),
            "{\"pid\":7,\"role\":\"primary\",\"timestamp\":\"2026-11-24T23:31:03.598+01:30\",\"level\":\"warning\",\
             \"message\":\"a \\\"b\\\"\\nc\\u0001\\\\\"}\n"
        );
    }
}
