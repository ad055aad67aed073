//! Replies as text, in the forms of redis-cli.
//!
//! Writers go straight to the output, never through a string of their own, so that a reply costs no more memory to show
//! than it took to receive. The text of `write_reply` ends as its format wants: a line end, or the delimiter of `raw`.
//!
//! Recursion is as deep as the reply, which the decoder has bounded.

mod csv;
mod json;
mod plain;
mod quote;
mod raw;
mod standard;

pub(crate) use plain::is_laid_out_text;
pub(crate) use quote::{is_harmful, write_harmless, write_quoted};

use resp::Frame;
use std::io::{self, Write};

/// How replies are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// With types and numbering, for people.
    Standard,
    /// The bare bytes, for scripts.
    Raw,
    /// Values separated by commas.
    Csv,
    /// JSON whose strings are the replies' bytes.
    Json,
    /// JSON whose strings are quoted first, hence plain ASCII.
    QuotedJson,
}

/// The format and what stands between the parts of raw output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// How replies are shown.
    pub(crate) format: Format,
    /// Between the elements of a raw reply.
    pub(crate) element_delimiter: Vec<u8>,
    /// Behind every raw reply.
    pub(crate) reply_delimiter: Vec<u8>,
}

/// Writes a whole reply.
pub(crate) fn write_reply(out: &mut dyn Write, frame: &Frame, style: &Style) -> io::Result<()> {
    match style.format {
        Format::Standard => standard::write(out, frame, 0)?,
        Format::Raw => {
            raw::write(out, frame, &style.element_delimiter)?;
            return out.write_all(&style.reply_delimiter);
        }
        Format::Csv => csv::write(out, frame)?,
        Format::Json => json::write(out, frame, json::Strings::Plain)?,
        Format::QuotedJson => json::write(out, frame, json::Strings::Quoted)?,
    }
    out.write_all(b"\n")
}

/// A double as the server wrote it: shortest digits, no fraction for whole numbers.
fn write_double(out: &mut dyn Write, value: f64) -> io::Result<()> {
    let magnitude = value.abs();
    if value.is_nan() {
        out.write_all(b"nan")
    } else if magnitude != 0.0 && !(1e-5..1e17).contains(&magnitude) && magnitude.is_finite() {
        let sign = if magnitude >= 1.0 { "e+" } else { "e" };
        out.write_all(format!("{value:e}").replacen('e', sign, 1).as_bytes())
    } else {
        write!(out, "{value}")
    }
}

#[cfg(test)]
mod tests;
