//! A reply as one line of values separated by commas; nesting is flattened.

use super::{write_double, write_quoted};
use resp::Frame;
use std::io::{self, Write};

/// Writes a reply without the line end.
pub(super) fn write(out: &mut dyn Write, frame: &Frame) -> io::Result<()> {
    match frame {
        Frame::Simple(bytes) | Frame::Bulk(bytes) => write_quoted(out, bytes),
        Frame::Verbatim { text, .. } => write_quoted(out, text),
        Frame::Error(text) => {
            out.write_all(b"ERROR,")?;
            write_quoted(out, text)
        }
        Frame::Integer(value) => write!(out, "{value}"),
        Frame::Double(value) => write_double(out, *value),
        Frame::BigNumber(decimal) => out.write_all(decimal),
        Frame::Boolean(value) => write!(out, "{value}"),
        Frame::Null | Frame::NullArray => out.write_all(b"NULL"),
        Frame::Array(elements) | Frame::Set(elements) | Frame::Push(elements) => {
            write_list(out, elements.iter())
        }
        Frame::Map(pairs) => write_list(out, pairs.iter().flat_map(|(key, value)| [key, value])),
        Frame::Attributed { frame, .. } => write(out, frame),
    }
}

fn write_list<'a>(out: &mut dyn Write, elements: impl Iterator<Item = &'a Frame>) -> io::Result<()> {
    for (index, element) in elements.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        write(out, element)?;
    }
    Ok(())
}
