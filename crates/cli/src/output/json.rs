//! A reply as JSON.
//!
//! Errors are written as `error:"..."`, which is no JSON: a program that parses the output must not take an error for
//! data. Plain strings carry the reply's bytes as they are, so the output is valid JSON when they are UTF-8; quoted
//! strings are always valid.

use super::{write_double, write_quoted};
use resp::Frame;
use std::io::{self, Write};

/// How strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strings {
    /// Their bytes, with the escapes that JSON asks for.
    Plain,
    /// Their quoted form, escaped once more.
    Quoted,
}

/// Writes a reply without the line end.
pub(super) fn write(out: &mut dyn Write, frame: &Frame, strings: Strings) -> io::Result<()> {
    match frame {
        Frame::Simple(bytes) | Frame::Bulk(bytes) => write_string(out, bytes, strings),
        Frame::Verbatim { text, .. } => write_string(out, text, strings),
        Frame::Error(text) => {
            out.write_all(b"error:")?;
            write_string(out, text, strings)
        }
        Frame::Integer(value) => write!(out, "{value}"),
        Frame::Double(value) => write_double(out, *value),
        Frame::BigNumber(decimal) => out.write_all(decimal),
        Frame::Boolean(value) => write!(out, "{value}"),
        Frame::Null | Frame::NullArray => out.write_all(b"null"),
        Frame::Array(elements) | Frame::Set(elements) | Frame::Push(elements) => {
            out.write_all(b"[")?;
            for (index, element) in elements.iter().enumerate() {
                write_comma(out, index)?;
                write(out, element, strings)?;
            }
            out.write_all(b"]")
        }
        Frame::Map(pairs) => {
            out.write_all(b"{")?;
            for (index, (key, value)) in pairs.iter().enumerate() {
                write_comma(out, index)?;
                write_key(out, key, strings)?;
                out.write_all(b":")?;
                write(out, value, strings)?;
            }
            out.write_all(b"}")
        }
        Frame::Attributed { frame, .. } => write(out, frame, strings),
    }
}

/// A key must be a string, so the JSON of any other value becomes one.
fn write_key(out: &mut dyn Write, key: &Frame, strings: Strings) -> io::Result<()> {
    if let Some(bytes) = key.bytes() {
        return write_string(out, bytes, strings);
    }
    let mut text = Vec::new();
    write(&mut text, key, strings)?;
    write_string(out, &text, Strings::Plain)
}

fn write_comma(out: &mut dyn Write, index: usize) -> io::Result<()> {
    if index > 0 { out.write_all(b",") } else { Ok(()) }
}

fn write_string(out: &mut dyn Write, bytes: &[u8], strings: Strings) -> io::Result<()> {
    match strings {
        Strings::Plain => {
            out.write_all(b"\"")?;
            write_escaped(out, bytes)?;
            out.write_all(b"\"")
        }
        Strings::Quoted => {
            let mut quoted = Vec::with_capacity(bytes.len() + 2);
            write_quoted(&mut quoted, bytes)?;
            out.write_all(b"\"")?;
            write_escaped(out, &quoted[1..quoted.len() - 1])?;
            out.write_all(b"\"")
        }
    }
}

fn write_escaped(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.write_all(&[b'\\', byte])?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            b'\t' => out.write_all(b"\\t")?,
            0x08 => out.write_all(b"\\b")?,
            0x0c => out.write_all(b"\\f")?,
            0..=0x1f => write!(out, "\\u{byte:04x}")?,
            _ => out.write_all(&[byte])?,
        }
    }
    Ok(())
}
