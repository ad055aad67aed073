//! What clients send: arrays of bulk strings, or inline lines typed by hand.
//!
//! ```text
//! *2\r\n $3\r\nGET\r\n $3\r\nkey\r\n        a multibulk request: count, then length and bytes of each argument
//! GET key\r\n                            the same as an inline request
//! ```
//!
//! A multibulk request is decoded without copying: the arguments are ranges of the buffer. The decoder itself is one
//! pointer. It holds an allocation only while a request is half received, so an idle connection costs eight bytes here
//! and needs no buffer.
//!
//! Limits and error texts are those of Redis. So is what stands where a CRLF belongs: the byte behind a line's CR and the
//! two behind an argument are skipped unseen, and a line may be longer than its limit if its end arrives with it.

mod error;
mod inline;

pub use error::ProtocolError;
pub use inline::split_args;

use memchr::memchr;
use std::ops::Range;
use stdx::number::parse_i64;

/// Most arguments a request may announce.
pub const MAX_ARGS: i64 = i32::MAX as i64;
/// How much of an inline request, or of a line that holds a count or a length, may have arrived without its end, in bytes.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Most arguments a request may announce before authentication.
pub const UNAUTHENTICATED_MAX_ARGS: i64 = 10;
/// Longest argument before authentication, in bytes.
pub const UNAUTHENTICATED_MAX_BULK_BYTES: i64 = 16 * 1024;

/// What a connection may send at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument, in bytes (`proto-max-bulk-len`).
    pub max_bulk_bytes: i64,
    /// Whether the client still has to authenticate, which tightens the limits.
    pub auth_required: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bulk_bytes: 512 * 1024 * 1024, auth_required: false }
    }
}

/// What the bytes shown to the decoder amount to.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A request; the argument ranges refer to the buffer, of which the first `consumed` bytes are this request.
    Request {
        /// Bytes to drop before the next call.
        consumed: usize,
    },
    /// A request typed as a line; the argument ranges refer to `text`, because quotes and escapes are resolved.
    Inline {
        /// Bytes to drop before the next call.
        consumed: usize,
        /// The arguments, one behind the other.
        text: Vec<u8>,
    },
    /// Nothing to execute: an empty line or a request of no arguments.
    Empty {
        /// Bytes to drop before the next call.
        consumed: usize,
    },
    /// The request is not complete. Show all of the buffer again, from its first byte, when it has grown to `needed`
    /// bytes at least; a smaller buffer cannot change the answer.
    Incomplete {
        /// Buffer length with which decoding can go on.
        needed: usize,
    },
}

/// The incremental decoder of one connection's requests.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    partial: Option<Box<Partial>>,
}

/// Where decoding stopped within a request. All positions count from the first byte of the request.
#[derive(Debug, Default)]
struct Partial {
    args: Vec<Range<usize>>,
    cursor: Cursor,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// First byte that has not been decoded.
    at: usize,
    /// No line end lies before this byte.
    scanned: usize,
    /// Arguments still to come; 0 before the count is known.
    missing: usize,
    /// Length of the argument at `at` once its header has been read.
    bulk: Option<usize>,
    /// Bytes of the arguments before `at`.
    argument_bytes: usize,
}

impl RequestDecoder {
    /// A decoder at the beginning of a request.
    pub const fn new() -> Self {
        Self { partial: None }
    }

    /// Decodes one request from the beginning of `buffer` and adds the ranges of its arguments to `args`, once all of
    /// them are there.
    ///
    /// After an error the connection cannot be resynchronised and must be closed; what was added to `args` means nothing.
    #[inline]
    pub fn decode(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
        args: &mut Vec<Range<usize>>,
    ) -> Result<Decoded, ProtocolError> {
        if self.partial.is_some() {
            return self.go_on(buffer, limits, args);
        }
        let first = args.len();
        if let Some(consumed) = decode_short(buffer, limits, args) {
            return Ok(Decoded::Request { consumed });
        }
        args.truncate(first);
        let mut cursor = Cursor::default();
        let decoded = decode_at(buffer, limits, args, &mut cursor);
        if matches!(decoded, Ok(Decoded::Incomplete { .. })) && !buffer.is_empty() {
            self.partial = Some(Box::new(Partial { args: args.split_off(first), cursor }));
        }
        decoded
    }

    /// Goes on with a half received request. Its arguments stay where they are until it is complete: a client that sends
    /// a huge request byte by byte must not cost a copy a byte.
    #[cold]
    fn go_on(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
        args: &mut Vec<Range<usize>>,
    ) -> Result<Decoded, ProtocolError> {
        let partial = self.partial.as_mut().expect("a request is half received");
        let decoded = decode_at(buffer, limits, &mut partial.args, &mut partial.cursor);
        if !matches!(decoded, Ok(Decoded::Incomplete { .. })) {
            args.append(&mut partial.args);
            self.partial = None;
        }
        decoded
    }

    /// Whether a request has been received in part.
    #[cfg(test)]
    pub(crate) const fn is_mid_request(&self) -> bool {
        self.partial.is_some()
    }

    /// Bytes of a half received request that need not be looked at again: arguments, and lengths before them.
    pub fn decoded_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.cursor.at)
    }

    /// Bytes of its arguments among them.
    pub fn argument_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.cursor.argument_bytes)
    }

    /// Bytes that this decoder holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |partial| size_of::<Partial>() + partial.args.capacity() * size_of::<Range<usize>>())
    }

    /// Forgets a half received request.
    pub fn reset(&mut self) {
        self.partial = None;
    }
}

/// Numbers of more digits are left to [`read_any_number`].
const SHORT_MAX: i64 = 999;

/// Decodes a request that is all there and in which all numbers are short, as in nearly all. `None`: it is another one, and
/// what has been added to `args` means nothing.
#[inline]
fn decode_short(buffer: &[u8], limits: &Limits, args: &mut Vec<Range<usize>>) -> Option<usize> {
    if limits.auth_required || limits.max_bulk_bytes < SHORT_MAX {
        return None;
    }
    let (count, mut at) = short_number(buffer, 0, b'*').filter(|(count, _)| *count > 0)?;
    for _ in 0..count {
        let (length, begin) = short_number(buffer, at, b'$')?;
        let end = begin + length;
        at = end + 2;
        if buffer.len() < at {
            return None;
        }
        args.push(begin..end);
    }
    Some(at)
}

/// Reads a marker, a number of one to three digits and CRLF: the number and the position behind it.
#[inline]
fn short_number(buffer: &[u8], at: usize, marker: u8) -> Option<(usize, usize)> {
    // The shortest that can follow such a line is as long as two more digits.
    let &[begin, first, second, third, fourth, fifth] = buffer.get(at..)?.first_chunk::<6>()?;
    let digit = |byte: u8| usize::from(byte.wrapping_sub(b'0'));
    let (one, two, three) = (digit(first), digit(second), digit(third));
    if begin != marker || one > 9 {
        return None;
    }
    if (second, third) == (b'\r', b'\n') {
        return Some((one, at + 4));
    }
    if one == 0 || two > 9 {
        return None;
    }
    if (third, fourth) == (b'\r', b'\n') {
        return Some((one * 10 + two, at + 5));
    }
    (three <= 9 && (fourth, fifth) == (b'\r', b'\n')).then_some((one * 100 + two * 10 + three, at + 6))
}

/// Decodes a request, going on at `cursor`.
#[inline]
fn decode_at(
    buffer: &[u8],
    limits: &Limits,
    args: &mut Vec<Range<usize>>,
    cursor: &mut Cursor,
) -> Result<Decoded, ProtocolError> {
    match buffer.first() {
        None => Ok(Decoded::Incomplete { needed: 1 }),
        Some(b'*') => decode_multibulk(buffer, limits, args, cursor),
        Some(_) => inline::decode(buffer, args, &mut cursor.scanned),
    }
}

/// Decodes a request that begins with `*`, going on at `cursor`.
#[inline]
fn decode_multibulk(
    buffer: &[u8],
    limits: &Limits,
    args: &mut Vec<Range<usize>>,
    cursor: &mut Cursor,
) -> Result<Decoded, ProtocolError> {
    if cursor.missing == 0 {
        let Some((count, next)) = read_number(buffer, cursor, Line::Count)? else {
            return Ok(Decoded::Incomplete { needed: buffer.len() + 1 });
        };
        if count > MAX_ARGS {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if limits.auth_required && count > UNAUTHENTICATED_MAX_ARGS {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        if count <= 0 {
            return Ok(Decoded::Empty { consumed: next });
        }
        cursor.at = next;
        cursor.missing = count as usize;
    }
    while cursor.missing > 0 {
        let length = match cursor.bulk {
            Some(length) => length,
            None => match read_bulk_length(buffer, limits, cursor)? {
                Some(length) => length,
                None => return Ok(Decoded::Incomplete { needed: buffer.len() + 1 }),
            },
        };
        let end = cursor.at.saturating_add(length);
        let next = end.saturating_add(2);
        if buffer.len() < next {
            return Ok(Decoded::Incomplete { needed: next });
        }
        args.push(cursor.at..end);
        cursor.argument_bytes += length;
        cursor.at = next;
        cursor.bulk = None;
        cursor.missing -= 1;
    }
    Ok(Decoded::Request { consumed: cursor.at })
}

/// Reads the `$length\r\n` at the cursor; `None` when it has not fully arrived.
#[inline]
fn read_bulk_length(
    buffer: &[u8],
    limits: &Limits,
    cursor: &mut Cursor,
) -> Result<Option<usize>, ProtocolError> {
    let Some((length, next)) = read_number(buffer, cursor, Line::Length)? else {
        return Ok(None);
    };
    if length < 0 || length > limits.max_bulk_bytes {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if limits.auth_required && length > UNAUTHENTICATED_MAX_BULK_BYTES {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    let length = usize::try_from(length).map_err(|_| ProtocolError::InvalidBulkLength)?;
    cursor.at = next;
    cursor.bulk = Some(length);
    Ok(Some(length))
}

/// The two lines that hold a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// `*count`, whose first byte has been checked.
    Count,
    /// `$length`.
    Length,
}

/// Reads a marker byte, a number and CRLF at the cursor: the number and the position behind it.
#[inline]
fn read_number(
    buffer: &[u8],
    cursor: &mut Cursor,
    line: Line,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    let marker = if line == Line::Count { b'*' } else { b'$' };
    match short_number(buffer, cursor.at, marker) {
        Some((number, next)) => Ok(Some((number as i64, next))),
        None => read_any_number(buffer, cursor, line),
    }
}

/// The same for every number, half a line, and lines that are wrong.
#[cold]
fn read_any_number(
    buffer: &[u8],
    cursor: &mut Cursor,
    line: Line,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    let (too_big, invalid) = match line {
        Line::Count => (ProtocolError::TooBigMultibulkCount, ProtocolError::InvalidMultibulkLength),
        Line::Length => (ProtocolError::TooBigBulkCount, ProtocolError::InvalidBulkLength),
    };
    let from = cursor.scanned.max(cursor.at);
    let rest = buffer.get(from..).unwrap_or_default();
    let Some(end) = memchr(b'\r', rest).map(|offset| from + offset) else {
        cursor.scanned = from + rest.len();
        return if buffer.len() - cursor.at > MAX_LINE_BYTES { Err(too_big) } else { Ok(None) };
    };
    cursor.scanned = end;
    if end + 1 == buffer.len() {
        return Ok(None);
    }
    if line == Line::Length && buffer[cursor.at] != b'$' {
        return Err(ProtocolError::ExpectedDollar(buffer[cursor.at]));
    }
    // An empty line can only be a missing `$`, so at least the marker lies before the end.
    let number = parse_i64(&buffer[cursor.at + 1..end]).ok_or(invalid)?;
    Ok(Some((number, end + 2)))
}

#[cfg(test)]
mod tests;
