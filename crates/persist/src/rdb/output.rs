//! The small parts of RDB, written: lengths and strings.

use stdx::number::parse_i64;

use super::lzf::Compressor;
use super::tag;

/// Strings that are not longer cannot become shorter by compression.
const COMPRESSED_FROM: usize = 21;
/// What compression must save, because it costs a longer head.
const LEAST_SAVING: usize = 4;
/// The longest text of a 32-bit integer.
const INTEGER_TEXT_BYTES: usize = 11;

/// Appends to a buffer.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    out: &'a mut Vec<u8>,
    compressor: Option<&'a mut Compressor>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, compressor: Option<&'a mut Compressor>) -> Self {
        Self { out, compressor }
    }

    /// How many bytes there are, those included that were there before.
    pub(crate) fn written(&self) -> usize {
        self.out.len()
    }

    /// The compressed form of bytes, which is longer if they cannot be compressed.
    pub(crate) fn compress(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut own = None;
        let compressor = match self.compressor.as_deref_mut() {
            Some(compressor) => compressor,
            None => own.get_or_insert_default(),
        };
        compressor.compress(bytes, usize::MAX, &mut stream);
        stream
    }

    /// A type or an opcode.
    pub(crate) fn tag(&mut self, tag: u8) {
        self.out.push(tag);
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A length in its shortest form.
    pub(crate) fn length(&mut self, length: u64) {
        if length < 1 << 6 {
            self.out.push(length as u8);
        } else if length < 1 << 14 {
            self.out.extend_from_slice(&(length as u16 | 0x4000).to_be_bytes());
        } else if let Ok(short) = u32::try_from(length) {
            self.out.push(tag::LENGTH_32);
            self.out.extend_from_slice(&short.to_be_bytes());
        } else {
            self.out.push(tag::LENGTH_64);
            self.out.extend_from_slice(&length.to_be_bytes());
        }
    }

    /// A string in its shortest form.
    pub(crate) fn string(&mut self, text: &[u8]) {
        if text.len() <= INTEGER_TEXT_BYTES
            && let Some(integer) = parse_i64(text)
            && self.integer(integer)
        {
            return;
        }
        if text.len() >= COMPRESSED_FROM && self.compressed(text) {
            return;
        }
        self.length(text.len() as u64);
        self.out.extend_from_slice(text);
    }

    fn integer(&mut self, integer: i64) -> bool {
        if let Ok(byte) = i8::try_from(integer) {
            self.out.extend_from_slice(&[tag::ENCODED | tag::INT8, byte.cast_unsigned()]);
        } else if let Ok(short) = i16::try_from(integer) {
            self.out.push(tag::ENCODED | tag::INT16);
            self.out.extend_from_slice(&short.to_le_bytes());
        } else if let Ok(long) = i32::try_from(integer) {
            self.out.push(tag::ENCODED | tag::INT32);
            self.out.extend_from_slice(&long.to_le_bytes());
        } else {
            return false;
        }
        true
    }

    /// The compressed form; nothing if that is not shorter. The stream is written first, because its length stands
    /// before it, and turned to its place.
    fn compressed(&mut self, text: &[u8]) -> bool {
        let Some(compressor) = self.compressor.as_deref_mut() else { return false };
        let start = self.out.len();
        if !compressor.compress(text, text.len() - LEAST_SAVING, self.out) {
            return false;
        }
        let stream_bytes = self.out.len() - start;
        self.compressed_head(stream_bytes, text.len());
        self.out[start..].rotate_left(stream_bytes);
        true
    }

    /// What stands before so many bytes of a compressed string that has so many.
    pub(crate) fn compressed_head(&mut self, stream_bytes: usize, length: usize) {
        self.out.push(tag::ENCODED | tag::COMPRESSED);
        self.length(stream_bytes as u64);
        self.length(length as u64);
    }
}

/// Whether so many bytes of a compressed string are worth it that it has a longer head.
pub(crate) fn pays(stream_bytes: usize, length: usize) -> bool {
    stream_bytes + LEAST_SAVING <= length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cursor::Cursor;
    use super::*;

    fn written(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut compressor = Compressor::default();
        Output::new(&mut out, Some(&mut compressor)).string(text);
        out
    }

    #[test]
    fn strings_take_the_forms_that_redis_gives_them() {
        assert_eq!(written(b"abc"), b"\x03abc");
        assert_eq!(written(b"-1"), b"\xc0\xff");
        assert_eq!(written(b"-32768"), b"\xc1\x00\x80");
        assert_eq!(written(b"2147483647"), b"\xc2\xff\xff\xff\x7f");
        assert_eq!(written(b"2147483648"), b"\x0a2147483648");
        assert_eq!(written(b"007"), b"\x03007");
        assert_eq!(written(&[b'z'; 100])[..4], *b"\xc3\x05\x40\x64");
    }

    proptest! {
        #[test]
        fn lengths_come_back(length in any::<u64>(), shift in 0_u32..64) {
            let length = length >> shift;
            let mut out = Vec::new();
            Output::new(&mut out, None).length(length);
            prop_assert_eq!(Cursor::new(&out, 0).length(), Ok(length));
        }

        #[test]
        fn strings_come_back(text in prop::collection::vec(0_u8..4, 0..300)) {
            let out = written(&text);
            let mut cursor = Cursor::new(&out, 1000);
            let string = cursor.string().unwrap();
            prop_assert_eq!(&*string, &text[..]);
            prop_assert!(cursor.is_at_end());
        }

        #[test]
        fn integers_come_back(integer in any::<i64>(), shift in 0_u32..64) {
            let text = (integer >> shift).to_string();
            let out = written(text.as_bytes());
            let string = Cursor::new(&out, 1000).string().unwrap().into_owned();
            prop_assert_eq!(string, text.into_bytes());
        }
    }
}
