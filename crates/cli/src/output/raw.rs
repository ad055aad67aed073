//! The bare bytes of a reply: what a script wants to read.

use super::write_double;
use resp::Frame;
use std::io::{self, Write};

/// Writes a reply without what ends it.
pub(super) fn write(out: &mut dyn Write, frame: &Frame, delimiter: &[u8]) -> io::Result<()> {
    match frame {
        Frame::Simple(bytes) | Frame::Bulk(bytes) | Frame::BigNumber(bytes) => out.write_all(bytes),
        Frame::Verbatim { text, .. } => out.write_all(text),
        Frame::Error(text) => {
            out.write_all(text)?;
            out.write_all(b"\n")
        }
        Frame::Integer(value) => write!(out, "{value}"),
        Frame::Double(value) => write_double(out, *value),
        Frame::Boolean(value) => write!(out, "({value})"),
        Frame::Null | Frame::NullArray => Ok(()),
        Frame::Array(elements) | Frame::Set(elements) | Frame::Push(elements) => {
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.write_all(delimiter)?;
                }
                write(out, element, delimiter)?;
            }
            Ok(())
        }
        Frame::Map(pairs) => {
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.write_all(delimiter)?;
                }
                write(out, key, delimiter)?;
                out.write_all(b" ")?;
                write(out, value, delimiter)?;
            }
            Ok(())
        }
        Frame::Attributed { frame, .. } => write(out, frame, delimiter),
    }
}
