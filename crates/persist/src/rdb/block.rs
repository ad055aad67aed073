//! What the packed encodings of Redis have in common: elements that are texts or integers, in a block that is there as
//! a whole and may be broken anywhere.

use std::borrow::Cow;

use stdx::number::write_i64;

use super::error::Problem;

/// One element of a packed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    /// Bytes.
    Text(&'a [u8]),
    /// An integer, which stands for its text.
    Integer(i64),
}

impl<'a> Element<'a> {
    /// The element as bytes.
    pub(crate) fn text(self) -> Cow<'a, [u8]> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(integer) => {
                let mut text = Vec::with_capacity(20);
                write_i64(&mut text, integer);
                Cow::Owned(text)
            }
        }
    }

    /// The element as an integer, if it was stored as one.
    pub(crate) fn integer(self) -> Result<i64, Problem> {
        match self {
            Self::Integer(integer) => Ok(integer),
            Self::Text(_) => Err(Problem::Block("a text stands where an integer is due")),
        }
    }
}

/// A place in a block. `None` means that the block is broken.
#[derive(Debug, Clone)]
pub(crate) struct Block<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Block<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    pub(crate) fn u16_le(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().copied().map(u16::from_le_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().copied().map(u32::from_le_bytes)
    }

    pub(crate) fn u32_be(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().copied().map(u32::from_be_bytes)
    }
}

/// A signed integer of one to eight bytes, little endian.
pub(crate) fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = if negative { [0xff; 8] } else { [0; 8] };
    wide[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}
