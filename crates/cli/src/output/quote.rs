//! Bytes as a quoted string of printable ASCII, as redis-cli shows them and as its command line reads them back.

use std::io::{self, Write};

/// Writes `bytes` between double quotes, with escapes for everything that is not printable ASCII.
pub(crate) fn write_quoted(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    write_escaped(out, bytes, true)?;
    out.write_all(b"\"")
}

/// Writes a line that the server chose, such as a status, so that it cannot steer the terminal.
///
/// Valid text beyond ASCII stays as it is; control characters and broken text are escaped.
pub(crate) fn write_harmless(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(is_harmful) {
            out.write_all(&rest.as_bytes()[..at])?;
            let width = rest[at..].chars().next().map_or(1, char::len_utf8);
            write_escaped(out, &rest.as_bytes()[at..at + width], false)?;
            rest = &rest[at + width..];
        }
        out.write_all(rest.as_bytes())?;
        write_escaped(out, chunk.invalid(), false)?;
    }
    Ok(())
}

/// Control characters, those of C1 included, but not what lays out text.
pub(crate) fn is_harmful(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
}

fn write_escaped(out: &mut dyn Write, bytes: &[u8], quotes: bool) -> io::Result<()> {
    for &byte in bytes {
        match byte {
            b'\\' | b'"' if quotes => out.write_all(&[b'\\', byte])?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            b'\t' => out.write_all(b"\\t")?,
            0x07 => out.write_all(b"\\a")?,
            0x08 => out.write_all(b"\\b")?,
            b' '..=b'~' => out.write_all(&[byte])?,
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    Ok(())
}
