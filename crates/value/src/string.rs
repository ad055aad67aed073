//! Strings as they are read, wherever they are kept, and the rule where they are kept.
//!
//! A string of up to [`PAGED_FROM`] bytes is bytes of the key's page (or one block beside it); a longer one is a
//! [`Blob`]. Integers are kept as their text, which is canonical by definition of the encoding.

use std::borrow::Cow;
use std::ops::Range;

use stdx::number::parse_i64;

use crate::blob::Blob;

/// The length from which a string is kept as a [`Blob`].
pub const PAGED_FROM: usize = 16 * 1024;
/// The longest string whose encoding is called `embstr`.
const EMBEDDED_MAX: usize = 44;

/// A string to be read.
#[derive(Debug, Clone, Copy)]
pub enum StringRef<'a> {
    /// In one piece.
    Inline(&'a [u8]),
    /// In pages.
    Blob(&'a Blob),
}

/// What OBJECT ENCODING says of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The canonical text of a signed 64-bit integer.
    Int,
    /// Short.
    Embstr,
    /// Long, or changed in place.
    Raw,
}

impl Encoding {
    /// Redis's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Embstr => "embstr",
            Self::Raw => "raw",
        }
    }
}

impl<'a> StringRef<'a> {
    /// Its length in bytes.
    pub fn len(self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::Blob(blob) => blob.len(),
        }
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, cut to the length, piece by piece.
    pub fn chunks(self, range: Range<usize>) -> impl Iterator<Item = &'a [u8]> {
        let (inline, blob) = match self {
            Self::Inline(bytes) => {
                let end = range.end.min(bytes.len());
                (Some(&bytes[range.start.min(end)..end]), None)
            }
            Self::Blob(blob) => (None, Some(blob.chunks(range))),
        };
        inline.into_iter().filter(|piece| !piece.is_empty()).chain(blob.into_iter().flatten())
    }

    /// The byte at an offset; 0 behind the end.
    pub fn byte(self, offset: usize) -> u8 {
        match self {
            Self::Inline(bytes) => bytes.get(offset).copied().unwrap_or(0),
            Self::Blob(blob) => blob.byte(offset),
        }
    }

    /// Appends the whole string to a buffer.
    pub fn append_to(self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        for piece in self.chunks(0..self.len()) {
            out.extend_from_slice(piece);
        }
    }

    /// The whole string in one piece, copied only if it is in pages.
    pub fn contiguous(self) -> Cow<'a, [u8]> {
        match self {
            Self::Inline(bytes) => Cow::Borrowed(bytes),
            Self::Blob(_) => {
                let mut whole = Vec::new();
                self.append_to(&mut whole);
                Cow::Owned(whole)
            }
        }
    }

    /// The integer whose canonical text this is.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Inline(bytes) => parse_i64(bytes),
            Self::Blob(_) => None,
        }
    }

    /// What OBJECT ENCODING says; `changed` tells that APPEND, SETRANGE or SETBIT made the string what it is.
    pub fn encoding(self, changed: bool) -> Encoding {
        if changed || self.len() > EMBEDDED_MAX {
            Encoding::Raw
        } else if self.integer().is_some() {
            Encoding::Int
        } else {
            Encoding::Embstr
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_those_of_redis() {
        let encoding = |text: &str| StringRef::Inline(text.as_bytes()).encoding(false).name();
        assert_eq!(encoding("12345"), "int");
        assert_eq!(encoding("-9223372036854775808"), "int");
        assert_eq!(encoding("9223372036854775808"), "embstr");
        assert_eq!(encoding("012"), "embstr");
        assert_eq!(encoding(&"x".repeat(44)), "embstr");
        assert_eq!(encoding(&"x".repeat(45)), "raw");
        assert_eq!(StringRef::Inline(b"12").encoding(true).name(), "raw");
    }

    #[test]
    fn pieces_are_cut_to_the_length() {
        let pieces =
            |range| StringRef::Inline(b"hello").chunks(range).flatten().copied().collect::<Vec<u8>>();
        assert_eq!(pieces(1..3), b"el");
        assert_eq!(pieces(3..100), b"lo");
        assert_eq!(pieces(7..9), b"");
    }
}
