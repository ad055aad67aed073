//! Inline requests: a line of words, as a person types it into telnet.
//!
//! Words are separated by blanks. Double quotes keep blanks and resolve `\n \r \t \b \a \xHH` and `\"`; single quotes
//! keep everything but `\'`. A closing quote must be followed by a blank or the end. The same syntax is that of
//! redis.conf and of the command line clients, hence the public function.

use super::{Decoded, MAX_LINE_BYTES, ProtocolError};
use memchr::memchr2;
use std::ops::Range;

/// Decodes the line at the beginning of `buffer`; no line end lies before `scanned`.
///
/// As in Redis, whose line is a C string, a NUL byte hides the line's end, so such a line is never executed.
pub(super) fn decode(
    buffer: &[u8],
    args: &mut Vec<Range<usize>>,
    scanned: &mut usize,
) -> Result<Decoded, ProtocolError> {
    let rest = buffer.get(*scanned..).unwrap_or_default();
    let stop = memchr2(b'\n', 0, rest).map_or(buffer.len(), |offset| *scanned + offset);
    if buffer.get(stop) != Some(&b'\n') {
        *scanned = stop;
        if buffer.len() > MAX_LINE_BYTES {
            return Err(ProtocolError::TooBigInline);
        }
        return Ok(Decoded::Incomplete { needed: buffer.len() + 1 });
    }
    let line = &buffer[..stop];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = Vec::new();
    let text = split_args(line, &mut words).ok_or(ProtocolError::UnbalancedQuotes)?;
    let consumed = stop + 1;
    if words.is_empty() {
        return Ok(Decoded::Empty { consumed });
    }
    args.append(&mut words);
    Ok(Decoded::Inline { consumed, text })
}

/// Splits a line into words, leaving their ranges in `args`: the words' text, or `None` when quotes are unbalanced.
pub fn split_args(line: &[u8], args: &mut Vec<Range<usize>>) -> Option<Vec<u8>> {
    args.clear();
    let mut text = Vec::with_capacity(line.len());
    let mut rest = skip_blanks(line);
    while !rest.is_empty() {
        let start = text.len();
        rest = skip_blanks(take_word(rest, &mut text)?);
        args.push(start..text.len());
    }
    Some(text)
}

/// Appends the first word of `rest` to `text` and gives what follows it.
fn take_word<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return Some(rest),
            [byte, ..] if is_blank(*byte) => return Some(rest),
            [b'"', quoted @ ..] => return end_of_word(take_double_quoted(quoted, text)?),
            [b'\'', quoted @ ..] => return end_of_word(take_single_quoted(quoted, text)?),
            [byte, tail @ ..] => {
                text.push(*byte);
                rest = tail;
            }
        }
    }
}

/// What follows a closing quote must be a blank or nothing.
fn end_of_word(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|byte| is_blank(*byte)).then_some(rest)
}

fn take_double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) << 4 | hex_value(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        text.push(byte);
        rest = tail;
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        text.push(byte);
        rest = tail;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

/// The blanks of C's `isspace`; Rust's own list lacks the vertical tab.
fn is_blank(byte: u8) -> bool {
    byte == 0x0b || byte.is_ascii_whitespace()
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    &line[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&[&[u8]]>) {
        let mut args = Vec::new();
        let text = split_args(line.as_bytes(), &mut args);
        let words =
            text.as_ref().map(|text| args.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>());
        assert_eq!(words.as_deref(), expected, "{line}");
    }

    #[test]
    fn words_are_separated_by_blanks() {
        check("", Some(&[]));
        check(" \t\x0b ", Some(&[]));
        check("  set  key\tvalue ", Some(&[b"set", b"key", b"value"]));
    }

    #[test]
    fn quotes_keep_blanks_and_resolve_escapes() {
        check(r#"set "a b" 'c d'"#, Some(&[b"set", b"a b", b"c d"]));
        check(r#""\n\r\t\b\a\x41\xfF\"\\\q""#, Some(&[b"\n\r\t\x08\x07A\xff\"\\q"]));
        check(r"'\n\'\x'", Some(&[b"\\n'\\x"]));
        check(r#""\xg1""#, Some(&[b"xg1"]));
        check(r#""" ''"#, Some(&[b"", b""]));
        check(r#"a"b""#, Some(&[b"ab"]));
        check(r"a\ b", Some(&[b"a\\", b"b"]));
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#"""#, r#""abc"#, "'abc", r#""abc"def"#, "'abc'def", r#""abc\""#, r"'abc\'"] {
            check(line, None);
        }
    }
}
