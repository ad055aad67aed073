//! Replies for people: types in parentheses, strings quoted, elements numbered and indented.
//!
//! ```text
//! 1) "a"            an array            1# "key" => "value"      a map
//! 2) 1) (nil)       an array inside     1~ (integer) 5           a set
//!    2) (double) 3
//! ```

use super::quote::{write_harmless, write_quoted};
use super::write_double;
use resp::Frame;
use std::io::{self, Write};

/// Writes a reply without the line end; further lines of it are indented.
pub(super) fn write(out: &mut dyn Write, frame: &Frame, indent: usize) -> io::Result<()> {
    match frame {
        Frame::Simple(text) => write_harmless(out, text),
        Frame::Error(text) => {
            out.write_all(b"(error) ")?;
            write_harmless(out, text)
        }
        Frame::Integer(value) => write!(out, "(integer) {value}"),
        Frame::Bulk(bytes) => write_quoted(out, bytes),
        Frame::Null | Frame::NullArray => out.write_all(b"(nil)"),
        Frame::Double(value) => {
            out.write_all(b"(double) ")?;
            write_double(out, *value)
        }
        Frame::Boolean(value) => write!(out, "({value})"),
        Frame::BigNumber(decimal) => {
            out.write_all(b"(big number) ")?;
            write_harmless(out, decimal)
        }
        Frame::Verbatim { text, .. } => write_harmless(out, text),
        Frame::Array(elements) => write_elements(out, elements, List { name: "array", mark: ')' }, indent),
        Frame::Push(elements) => write_elements(out, elements, List { name: "push", mark: ')' }, indent),
        Frame::Set(elements) => write_elements(out, elements, List { name: "set", mark: '~' }, indent),
        Frame::Map(pairs) => write_pairs(out, pairs, indent),
        Frame::Attributed { frame, .. } => write(out, frame, indent),
    }
}

/// What tells one list from another.
#[derive(Clone, Copy)]
struct List {
    /// Its name when it is empty.
    name: &'static str,
    /// What follows an element's number.
    mark: char,
}

fn write_elements(out: &mut dyn Write, elements: &[Frame], list: List, indent: usize) -> io::Result<()> {
    if elements.is_empty() {
        return write!(out, "(empty {})", list.name);
    }
    let width = decimal_width(elements.len());
    for (index, element) in elements.iter().enumerate() {
        begin_element(out, index, indent)?;
        write!(out, "{:width$}{} ", index + 1, list.mark)?;
        write(out, element, indent + width + 2)?;
    }
    Ok(())
}

fn write_pairs(out: &mut dyn Write, pairs: &[(Frame, Frame)], indent: usize) -> io::Result<()> {
    if pairs.is_empty() {
        return out.write_all(b"(empty hash)");
    }
    let width = decimal_width(pairs.len());
    let inner = indent + width + 2;
    for (index, (key, value)) in pairs.iter().enumerate() {
        begin_element(out, index, indent)?;
        write!(out, "{:width$}# ", index + 1)?;
        write(out, key, inner)?;
        out.write_all(b" => ")?;
        if takes_several_lines(value) {
            // Below its key, so that its numbers stand below each other.
            write!(out, "\n{:inner$}", "")?;
        }
        write(out, value, inner)?;
    }
    Ok(())
}

/// The first element stands behind what its list stands behind, each further one on a line of its own.
fn begin_element(out: &mut dyn Write, index: usize, indent: usize) -> io::Result<()> {
    if index > 0 { write!(out, "\n{:indent$}", "") } else { Ok(()) }
}

fn takes_several_lines(frame: &Frame) -> bool {
    match frame {
        Frame::Array(elements) | Frame::Set(elements) | Frame::Push(elements) => match &elements[..] {
            [] => false,
            [element] => takes_several_lines(element),
            _ => true,
        },
        Frame::Map(pairs) => match &pairs[..] {
            [] => false,
            [(_, value)] => takes_several_lines(value),
            _ => true,
        },
        Frame::Attributed { frame, .. } => takes_several_lines(frame),
        _ => false,
    }
}

fn decimal_width(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}
