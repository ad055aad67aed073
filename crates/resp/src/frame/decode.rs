//! The incremental decoder of replies, safe against a hostile server.
//!
//! ```text
//! line (+ - : _ , # ( and the header of a null)  -> a frame
//! header of a string ($ ! =)                     -> `body` collects bytes as they arrive -> a frame
//! header of an aggregate (* % ~ > |)             -> a level on the stack
//! a frame fills a place in the top level; a full level is a frame for the level below
//! ```
//!
//! Bytes are consumed as soon as they are understood, so nothing is decoded twice. Every frame is charged against a budget
//! when it is announced, and memory is taken only when it arrives. The streamed types of RESP3 (`$?`, `*?`) are refused: no
//! server sends them.

use super::Frame;
use memchr::memchr;
use std::fmt;

/// How many elements a new level makes room for at once; it grows as they arrive.
const INITIAL_ELEMENTS: usize = 64;
/// How many bytes a new string makes room for at once.
const INITIAL_BYTES: usize = 64 * 1024;

/// How much of a reply is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Most levels of nesting.
    pub max_depth: usize,
    /// Most bytes of one line, which has to be in memory as a whole before it means anything.
    pub max_line: usize,
    /// Most bytes that one reply may take in memory.
    pub max_bytes: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { max_depth: 128, max_line: 1 << 20, max_bytes: 1 << 30 }
    }
}

/// What a call to the decoder came to.
#[derive(Debug, PartialEq)]
pub struct Progress {
    /// Bytes to drop before the next call, also when no frame is complete.
    pub consumed: usize,
    /// The reply, if it is complete.
    pub frame: Option<Frame>,
    /// What the reply, as far as it has come, is charged against [`FrameLimits::max_bytes`].
    pub cost: usize,
}

/// The incremental decoder of one connection's replies.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    limits: FrameLimits,
    stack: Vec<Level>,
    body: Option<Body>,
    /// Bytes of an incomplete line that hold no line end.
    scanned: usize,
    /// What the reply costs so far.
    spent: usize,
}

/// An aggregate that is being filled.
#[derive(Debug)]
struct Level {
    kind: Kind,
    missing: usize,
    elements: Vec<Frame>,
}

#[derive(Debug)]
enum Kind {
    Array,
    Set,
    Push,
    Map,
    Attributes,
    /// The value that follows attributes.
    Attributed(Vec<(Frame, Frame)>),
}

/// A string that is being filled.
#[derive(Debug)]
struct Body {
    marker: u8,
    length: usize,
    bytes: Vec<u8>,
}

impl FrameDecoder {
    /// A decoder at the beginning of a reply.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Whether a reply has been received in part.
    #[cfg(test)]
    pub(crate) fn is_mid_frame(&self) -> bool {
        self.body.is_some() || !self.stack.is_empty()
    }

    /// Decodes at most one reply from the beginning of `input`, which follows what earlier calls consumed.
    ///
    /// After an error the connection cannot be resynchronised and must be closed.
    pub fn decode(&mut self, input: &[u8]) -> Result<Progress, FrameError> {
        let mut rest = input;
        let frame = loop {
            let frame = if self.body.is_some() {
                let Some(frame) = self.fill_body(&mut rest)? else { break None };
                frame
            } else {
                let Some(line) = self.take_line(&mut rest)? else { break None };
                let Some(frame) = self.begin(line)? else { continue };
                frame
            };
            if let Some(frame) = self.place(frame) {
                break Some(frame);
            }
        };
        let cost = self.spent;
        if frame.is_some() {
            self.spent = 0;
        }
        Ok(Progress { consumed: input.len() - rest.len(), frame, cost })
    }

    /// Takes a line without its end off the input.
    fn take_line<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, FrameError> {
        let end = memchr(b'\r', &rest[self.scanned..]).map(|offset| self.scanned + offset);
        self.scanned = end.unwrap_or(rest.len());
        if self.scanned > self.limits.max_line {
            return Err(FrameError::TooLarge);
        }
        let Some(end) = end else { return Ok(None) };
        match rest.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                let line = &rest[..end];
                *rest = &rest[end + 2..];
                self.scanned = 0;
                Ok(Some(line))
            }
            Some(_) => Err(FrameError::InvalidCrlf),
        }
    }

    /// Interprets a line: a frame, or `None` when it is the header of something that follows.
    fn begin(&mut self, line: &[u8]) -> Result<Option<Frame>, FrameError> {
        let (&marker, text) = line.split_first().ok_or(FrameError::InvalidCrlf)?;
        self.charge(text.len().saturating_add(size_of::<Frame>()))?;
        let frame = match marker {
            b'+' => Frame::Simple(text.to_vec()),
            b'-' => Frame::Error(text.to_vec()),
            b':' => Frame::Integer(parse_number(text).ok_or(FrameError::InvalidNumber)?),
            b'_' if text.is_empty() => Frame::Null,
            b'#' if text == b"t" => Frame::Boolean(true),
            b'#' if text == b"f" => Frame::Boolean(false),
            b',' => Frame::Double(parse_number(text).ok_or(FrameError::InvalidNumber)?),
            b'(' => Frame::BigNumber(parse_big_number(text)?),
            b'$' if text == b"-1" => Frame::Null,
            b'*' if text == b"-1" => Frame::NullArray,
            b'$' | b'!' | b'=' => {
                self.begin_body(marker, text)?;
                return Ok(None);
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => return self.begin_level(marker, text),
            other => return Err(FrameError::UnexpectedByte(other)),
        };
        Ok(Some(frame))
    }

    fn begin_body(&mut self, marker: u8, text: &[u8]) -> Result<(), FrameError> {
        let length = parse_number(text).ok_or(FrameError::InvalidLength)?;
        self.charge(length)?;
        self.body = Some(Body { marker, length, bytes: Vec::with_capacity(length.min(INITIAL_BYTES)) });
        Ok(())
    }

    /// Opens an aggregate; one without elements is a frame at once.
    fn begin_level(&mut self, marker: u8, text: &[u8]) -> Result<Option<Frame>, FrameError> {
        let count: usize = parse_number(text).ok_or(FrameError::InvalidLength)?;
        let (kind, elements) = match marker {
            b'~' => (Kind::Set, Some(count)),
            b'>' => (Kind::Push, Some(count)),
            b'%' => (Kind::Map, count.checked_mul(2)),
            b'|' => (Kind::Attributes, count.checked_mul(2)),
            _ => (Kind::Array, Some(count)),
        };
        let missing = elements.ok_or(FrameError::TooLarge)?;
        self.check_affordable(missing.saturating_mul(size_of::<Frame>()))?;
        if self.stack.len() >= self.limits.max_depth {
            return Err(FrameError::TooDeep);
        }
        let level = Level { kind, missing, elements: Vec::with_capacity(missing.min(INITIAL_ELEMENTS)) };
        if missing > 0 {
            self.stack.push(level);
            return Ok(None);
        }
        Ok(self.close(level))
    }

    /// Takes bytes of a string off the input: a frame when it is complete.
    fn fill_body(&mut self, rest: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let (arrived, behind) = rest.split_at(rest.len().min(body.length - body.bytes.len()));
        body.bytes.extend_from_slice(arrived);
        *rest = behind;
        if body.bytes.len() < body.length || rest.len() < 2 {
            return Ok(None);
        }
        *rest = rest.strip_prefix(b"\r\n").ok_or(FrameError::InvalidCrlf)?;
        self.body.take().map(Body::finish).transpose()
    }

    /// Puts a frame where it belongs: the whole reply if it completes that.
    fn place(&mut self, mut frame: Frame) -> Option<Frame> {
        while let Some(mut level) = self.stack.pop() {
            level.elements.push(frame);
            level.missing -= 1;
            if level.missing > 0 {
                self.stack.push(level);
                return None;
            }
            frame = self.close(level)?;
        }
        Some(frame)
    }

    /// Makes a frame of a full level. Attributes make none: they open a level for the value that they describe.
    fn close(&mut self, level: Level) -> Option<Frame> {
        let elements = level.elements;
        Some(match level.kind {
            Kind::Array => Frame::Array(elements),
            Kind::Set => Frame::Set(elements),
            Kind::Push => Frame::Push(elements),
            Kind::Map => Frame::Map(into_pairs(elements)),
            Kind::Attributes => {
                let kind = Kind::Attributed(into_pairs(elements));
                self.stack.push(Level { kind, missing: 1, elements: Vec::new() });
                return None;
            }
            Kind::Attributed(attributes) => {
                let frame = Box::new(elements.into_iter().next()?);
                Frame::Attributed { attributes, frame }
            }
        })
    }

    fn charge(&mut self, bytes: usize) -> Result<(), FrameError> {
        self.check_affordable(bytes)?;
        self.spent += bytes;
        Ok(())
    }

    fn check_affordable(&self, bytes: usize) -> Result<(), FrameError> {
        let affordable = bytes <= self.limits.max_bytes.saturating_sub(self.spent);
        if affordable { Ok(()) } else { Err(FrameError::TooLarge) }
    }
}

impl Body {
    fn finish(self) -> Result<Frame, FrameError> {
        Ok(match self.marker {
            b'!' => Frame::Error(self.bytes),
            b'=' => {
                let Some((&[a, b, c, b':'], text)) = self.bytes.split_first_chunk::<4>() else {
                    return Err(FrameError::InvalidVerbatim);
                };
                Frame::Verbatim { format: [a, b, c], text: text.to_vec() }
            }
            _ => Frame::Bulk(self.bytes),
        })
    }
}

/// Pairs up elements, of which there is an even number.
fn into_pairs(elements: Vec<Frame>) -> Vec<(Frame, Frame)> {
    let mut pairs = Vec::with_capacity(elements.len() / 2);
    let mut elements = elements.into_iter();
    while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
        pairs.push((key, value));
    }
    pairs
}

fn parse_number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn parse_big_number(text: &[u8]) -> Result<Vec<u8>, FrameError> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if valid { Ok(text.to_vec()) } else { Err(FrameError::InvalidNumber) }
}

/// Why a server's bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// No type begins with this byte.
    UnexpectedByte(u8),
    /// The length of a string or the count of an aggregate is no such number.
    InvalidLength,
    /// An integer, double or big number is no such number.
    InvalidNumber,
    /// A verbatim string lacks its format.
    InvalidVerbatim,
    /// A line or a string does not end with CRLF, or a line is empty.
    InvalidCrlf,
    /// More levels than allowed.
    TooDeep,
    /// More bytes than allowed.
    TooLarge,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedByte(byte) => write!(f, "unexpected reply type byte '{}'", byte.escape_ascii()),
            Self::InvalidLength => f.write_str("invalid length in reply"),
            Self::InvalidNumber => f.write_str("invalid number in reply"),
            Self::InvalidVerbatim => f.write_str("verbatim reply without a format"),
            Self::InvalidCrlf => f.write_str("missing line end in reply"),
            Self::TooDeep => f.write_str("reply is nested too deeply"),
            Self::TooLarge => f.write_str("reply is too large"),
        }
    }
}

impl std::error::Error for FrameError {}
