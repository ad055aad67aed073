//! A place in bytes that come from outside: every step is checked, and running out is not an error but a wish for more.

use std::borrow::Cow;

use stdx::number::write_i64;

use super::error::Problem;
use super::{lzf, tag};

/// Why a step was not possible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// That many bytes, from the first of the slice, must be there before it can be.
    Short {
        /// Bytes.
        needed: usize,
    },
    /// The bytes are wrong.
    Bad(Problem),
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Bad(problem)
    }
}

/// See the module's text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The longest string to believe in.
    max_string_bytes: u64,
}

/// A length, or the mark of a string in a special encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], max_string_bytes: u64) -> Self {
        Self { bytes, at: 0, max_string_bytes }
    }

    /// At a place that has been reached before.
    pub(crate) fn at(bytes: &'a [u8], at: usize, max_string_bytes: u64) -> Self {
        Self { bytes, at, max_string_bytes }
    }

    /// The longest string to believe in.
    pub(crate) fn max_string_bytes(&self) -> u64 {
        self.max_string_bytes
    }

    /// Bytes passed.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Whether nothing is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Short { needed: end })?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let taken = self.take(N)?;
        Ok(*taken.first_chunk().expect("that many bytes were taken"))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Eight bytes, little endian: a time or a checksum.
    pub(crate) fn u64_le(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes, little endian: a score.
    pub(crate) fn f64_le(&mut self) -> Result<f64, Fault> {
        self.array().map(f64::from_le_bytes)
    }

    /// Four bytes, little endian: a time in seconds.
    pub(crate) fn i32_le(&mut self) -> Result<i32, Fault> {
        self.array().map(i32::from_le_bytes)
    }

    /// A length that stands for itself.
    pub(crate) fn length(&mut self) -> Result<u64, Fault> {
        match self.any_length()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(mark) => Err(Problem::LengthEncoding(0xc0 | mark).into()),
        }
    }

    /// A length in the file's own form: two bits of form, then 6, 14, 32 or 64 bits, most significant first.
    fn any_length(&mut self) -> Result<Length, Fault> {
        let first = self.byte()?;
        Ok(match (first >> 6, first) {
            (0, _) => Length::Plain(first.into()),
            (1, _) => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            (2, tag::LENGTH_32) => Length::Plain(u32::from_be_bytes(self.array()?).into()),
            (2, tag::LENGTH_64) => Length::Plain(u64::from_be_bytes(self.array()?)),
            (3, _) => Length::Encoded(first & 0x3f),
            _ => return Err(Problem::LengthEncoding(first).into()),
        })
    }

    /// A string: plain, an integer as text, or compressed.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        let integer = match self.any_length()? {
            Length::Plain(length) => {
                let length = self.string_length(length)?;
                return self.take(length).map(Cow::Borrowed);
            }
            Length::Encoded(tag::COMPRESSED) => return self.compressed().map(Cow::Owned),
            Length::Encoded(tag::INT8) => i8::from_le_bytes(self.array()?).into(),
            Length::Encoded(tag::INT16) => i16::from_le_bytes(self.array()?).into(),
            Length::Encoded(tag::INT32) => i32::from_le_bytes(self.array()?).into(),
            Length::Encoded(mark) => return Err(Problem::LengthEncoding(0xc0 | mark).into()),
        };
        let mut text = Vec::with_capacity(11);
        write_i64(&mut text, integer);
        Ok(Cow::Owned(text))
    }

    /// Passes over a string.
    pub(crate) fn skip_string(&mut self) -> Result<(), Fault> {
        let bytes = match self.any_length()? {
            Length::Plain(length) => self.string_length(length)?,
            Length::Encoded(tag::COMPRESSED) => {
                let compressed = self.length()?;
                self.length()?;
                self.string_length(compressed)?
            }
            Length::Encoded(tag::INT8) => 1,
            Length::Encoded(tag::INT16) => 2,
            Length::Encoded(tag::INT32) => 4,
            Length::Encoded(mark) => return Err(Problem::LengthEncoding(0xc0 | mark).into()),
        };
        self.take(bytes).map(drop)
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Fault> {
        let (compressed, original) = self.compressed_lengths()?;
        let bytes = self.take(compressed)?;
        lzf::decompress(bytes, original).ok_or(Fault::Bad(Problem::Compression))
    }

    /// How long a compressed string is, and how long it will be.
    fn compressed_lengths(&mut self) -> Result<(usize, usize), Fault> {
        let compressed = self.length()?;
        let compressed = self.string_length(compressed)?;
        let original = self.length()?;
        Ok((compressed, self.string_length(original)?))
    }

    /// Passes over what stands before the bytes of a string; `None`: it is an integer, and the place the same.
    pub(crate) fn string_head(&mut self) -> Result<Option<StringHead>, Fault> {
        let mut ahead = self.clone();
        let head = match ahead.any_length()? {
            Length::Plain(length) => StringHead { bytes: ahead.string_length(length)?, original: None },
            Length::Encoded(tag::COMPRESSED) => {
                let (bytes, original) = ahead.compressed_lengths()?;
                StringHead { bytes, original: Some(original) }
            }
            Length::Encoded(_) => return Ok(None),
        };
        *self = ahead;
        Ok(Some(head))
    }

    fn string_length(&self, length: u64) -> Result<usize, Fault> {
        let fits = length <= self.max_string_bytes;
        usize::try_from(length).ok().filter(|_| fits).ok_or(Fault::Bad(Problem::StringTooLong(length)))
    }
}

/// What stands before the bytes of a string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StringHead {
    /// Bytes that stand there.
    pub(crate) bytes: usize,
    /// What they are, decompressed, if they are compressed.
    pub(crate) original: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(bytes: &[u8]) -> Result<u64, Fault> {
        Cursor::new(bytes, 100).length()
    }

    fn string(bytes: &[u8]) -> Result<String, Fault> {
        Cursor::new(bytes, 100).string().map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn lengths_have_four_forms() {
        assert_eq!(length(&[63]), Ok(63));
        assert_eq!(length(&[0x41, 0x02]), Ok(258));
        assert_eq!(length(&[0x80, 0, 1, 0, 0]), Ok(65_536));
        assert_eq!(length(&[0x81, 0, 0, 0, 1, 0, 0, 0, 0]), Ok(1 << 32));
        assert_eq!(length(&[0x80, 0]), Err(Fault::Short { needed: 5 }));
        assert_eq!(length(&[0x82]), Err(Fault::Bad(Problem::LengthEncoding(0x82))));
        assert_eq!(length(&[0xc0]), Err(Fault::Bad(Problem::LengthEncoding(0xc0))));
    }

    #[test]
    fn strings_have_five_forms() {
        assert_eq!(string(b"\x03abc").as_deref(), Ok("abc"));
        assert_eq!(string(b"\xc0\xff").as_deref(), Ok("-1"));
        assert_eq!(string(b"\xc1\x00\x80").as_deref(), Ok("-32768"));
        assert_eq!(string(b"\xc2\xff\xff\xff\x7f").as_deref(), Ok("2147483647"));
        assert_eq!(string(b"\xc3\x04\x07\x00a\x80\x00").as_deref(), Ok("aaaaaaa"));
        assert_eq!(string(b"\xc4"), Err(Fault::Bad(Problem::LengthEncoding(0xc4))));
    }

    #[test]
    fn announced_lengths_are_not_believed() {
        let announced = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(string(announced), Err(Fault::Bad(Problem::StringTooLong(u64::MAX))));
        assert_eq!(string(b"\x40\x64a"), Err(Fault::Short { needed: 102 }));
        // 100 bytes cannot come out of one.
        assert_eq!(string(b"\xc3\x01\x40\x64\x00"), Err(Fault::Bad(Problem::Compression)));
    }
}
