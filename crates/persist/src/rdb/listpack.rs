//! Listpack: the packed block of Redis 7 for small collections, read and written front to back.
//!
//! ```text
//! block   = total-bytes (u32 le)  count (u16 le, 65535 = unknown)  element*  0xff
//! element = encoding and data  back-length (1 to 5 bytes, the size of the former)
//! encoding  0xxxxxxx                    integer 0..127
//!           10llllll                    string of up to 63 bytes
//!           110xxxxx xxxxxxxx           13-bit signed integer
//!           1110llll llllllll           string of up to 4095 bytes
//!           11110000 and u32 le         longer string
//!           11110001 .. 11110100        16, 24, 32, 64-bit signed integer, little endian
//! ```
//! The back-length lets Redis walk backwards; here it must be right and is not used.

use stdx::number::parse_i64;

use super::block::{Block, Element, signed};
use super::error::Problem;

const HEAD_BYTES: usize = 6;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// All elements of a listpack, after checking every part of it.
pub(crate) fn elements(bytes: &[u8]) -> Result<Vec<Element<'_>>, Problem> {
    parse(bytes).ok_or(Problem::Block("a listpack is broken"))
}

fn parse(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut block = Block::new(bytes);
    let total = block.u32_le()?;
    let count = block.u16_le()?;
    if total as usize != bytes.len() {
        return None;
    }
    // The shortest element takes two bytes, whatever the count says.
    let mut found = Vec::with_capacity(usize::from(count).min(bytes.len() / 2));
    while block.peek()? != END {
        let start = block.position();
        found.push(element(&mut block)?);
        let size = block.position() - start;
        back_length(&mut block, size)?;
    }
    debug_assert!(block.position() >= HEAD_BYTES, "the head was read");
    let is_whole = block.position() + 1 == bytes.len();
    let is_counted = count == COUNT_UNKNOWN || usize::from(count) == found.len();
    (is_whole && is_counted).then_some(found)
}

fn element<'a>(block: &mut Block<'a>) -> Option<Element<'a>> {
    let first = block.byte()?;
    let integer = match first {
        0x00..=0x7f => i64::from(first),
        0x80..=0xbf => return block.take(usize::from(first & 0x3f)).map(Element::Text),
        0xc0..=0xdf => {
            let wide = i64::from(first & 0x1f) << 8 | i64::from(block.byte()?);
            if wide >= 1 << 12 { wide - (1 << 13) } else { wide }
        }
        0xe0..=0xef => {
            let length = usize::from(first & 0x0f) << 8 | usize::from(block.byte()?);
            return block.take(length).map(Element::Text);
        }
        0xf0 => {
            let length = block.u32_le()?;
            return block.take(length as usize).map(Element::Text);
        }
        0xf1 => signed(block.take(2)?),
        0xf2 => signed(block.take(3)?),
        0xf3 => signed(block.take(4)?),
        0xf4 => signed(block.take(8)?),
        0xf5..=0xff => return None,
    };
    Some(Element::Integer(integer))
}

/// Checks the length that stands behind an element: seven bits a byte, the high ones first, all bytes but the first
/// marked.
fn back_length(block: &mut Block<'_>, size: usize) -> Option<()> {
    let bytes = block.take(back_length_bytes(size))?;
    let marks = bytes.iter().enumerate().all(|(index, byte)| (byte & 0x80 != 0) == (index > 0));
    let told = bytes.iter().fold(0_usize, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    (marks && told == size).then_some(())
}

/// The bytes that an element of a length can take at most.
pub(crate) fn largest(length: usize) -> usize {
    length + 10
}

/// A listpack in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    block: Vec<u8>,
    count: usize,
}

impl Writer {
    /// Adds an element. The caller keeps the block below 4 GB.
    pub(crate) fn push(&mut self, element: &[u8]) {
        let start = self.block.len();
        match parse_i64(element) {
            Some(integer) => self.integer(integer),
            None => self.text(element),
        }
        self.back_length(self.block.len() - start);
        self.count += 1;
    }

    /// Adds an integer.
    pub(crate) fn push_integer(&mut self, integer: i64) {
        let start = self.block.len();
        self.integer(integer);
        self.back_length(self.block.len() - start);
        self.count += 1;
    }

    /// Ends the block, shows it, and begins another one.
    pub(crate) fn finish(&mut self, look: impl FnOnce(&[u8])) {
        self.block.push(END);
        let total = (self.block.len() as u32).to_le_bytes();
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.block[..4].copy_from_slice(&total);
        self.block[4..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
        look(&self.block);
        *self = Self::default();
    }

    fn integer(&mut self, integer: i64) {
        let bytes = integer.to_le_bytes();
        match integer {
            0..=127 => self.block.push(bytes[0]),
            -4096..=4095 => self.block.extend_from_slice(&[0xc0 | bytes[1] & 0x1f, bytes[0]]),
            -0x8000..=0x7fff => self.sized(0xf1, &bytes[..2]),
            -0x80_0000..=0x7f_ffff => self.sized(0xf2, &bytes[..3]),
            -0x8000_0000..=0x7fff_ffff => self.sized(0xf3, &bytes[..4]),
            _ => self.sized(0xf4, &bytes),
        }
    }

    fn text(&mut self, text: &[u8]) {
        let length = text.len();
        match length {
            0..=63 => self.block.push(0x80 | length as u8),
            64..=4095 => self.block.extend_from_slice(&[0xe0 | (length >> 8) as u8, length as u8]),
            _ => self.sized(0xf0, &(length as u32).to_le_bytes()),
        }
        self.block.extend_from_slice(text);
    }

    fn sized(&mut self, first: u8, bytes: &[u8]) {
        self.block.push(first);
        self.block.extend_from_slice(bytes);
    }

    fn back_length(&mut self, size: usize) {
        let width = back_length_bytes(size);
        for index in 0..width {
            let bits = (size >> (7 * (width - 1 - index))) as u8 & 0x7f;
            self.block.push(if index == 0 { bits } else { bits | 0x80 });
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self { block: vec![0; HEAD_BYTES], count: 0 }
    }
}

/// The bytes of the length behind an element.
fn back_length_bytes(size: usize) -> usize {
    match size {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listpack of elements that are encoded already, without their back-lengths.
    fn listpack(encoded: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0; 4];
        block.extend_from_slice(&(encoded.len() as u16).to_le_bytes());
        for element in encoded {
            block.extend_from_slice(element);
            let size = element.len();
            if size < 128 {
                block.push(size as u8);
            } else {
                assert!(size < 1 << 14, "enough for these tests");
                block.extend_from_slice(&[(size >> 7) as u8, (size & 0x7f) as u8 | 0x80]);
            }
        }
        block.push(END);
        let total = (block.len() as u32).to_le_bytes();
        block[..4].copy_from_slice(&total);
        block
    }

    #[test]
    fn every_encoding_is_read() {
        let long: Vec<u8> = [&[0xe0 | 1, 44][..], &[b'x'; 300]].concat();
        let longest: Vec<u8> = [&[0xf0, 0x88, 0x13, 0, 0][..], &[b'y'; 5000]].concat();
        let block = listpack(&[
            &[127],
            b"\x82hi",
            &[0xdf, 0xff],
            &[0xcf, 0xff],
            &[0xf1, 0, 0x80],
            &[0xf2, 0xff, 0xff, 0x7f],
            &[0xf3, 0xff, 0xff, 0xff, 0xff],
            &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80],
            &long,
            &longest,
        ]);
        let texts: Vec<Vec<u8>> =
            elements(&block).unwrap().iter().map(|element| element.text().into_owned()).collect();
        let expected: Vec<Vec<u8>> = [
            &b"127"[..],
            b"hi",
            b"-1",
            b"4095",
            b"-32768",
            b"8388607",
            b"-1",
            b"-9223372036854775808",
            &[b'x'; 300],
            &[b'y'; 5000],
        ]
        .iter()
        .map(|text| text.to_vec())
        .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn every_truncation_and_a_wrong_count_total_or_back_length_is_refused() {
        let good = listpack(&[b"\x82hi", &[7]]);
        assert!(elements(&good).is_ok());
        for end in 0..good.len() {
            assert!(elements(&good[..end]).is_err(), "{end}");
        }
        for (place, value) in [(0, 9), (4, 3), (9, 1), (11, 0x81), (12, 0)] {
            let mut bad = good.clone();
            bad[place] = value;
            assert!(elements(&bad).is_err(), "byte {place}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut texts: Vec<Vec<u8>> = [
            0,
            127,
            128,
            -1,
            4095,
            4096,
            -4096,
            -4097,
            32_767,
            -32_768,
            32_768,
            8_388_607,
            -8_388_608,
            8_388_608,
            i64::from(i32::MIN),
            i64::from(i32::MAX) + 1,
            i64::MIN,
            i64::MAX,
        ]
        .iter()
        .map(|integer| integer.to_string().into_bytes())
        .collect();
        texts.extend([0, 63, 64, 4095, 4096, 20_000].map(|length| vec![b'x'; length]));
        texts.push(b"007".to_vec());
        let mut writer = Writer::default();
        for _ in 0..2 {
            texts.iter().for_each(|text| writer.push(text));
            writer.finish(|block| {
                let read = elements(block).expect("what is written is whole");
                assert!(read.iter().map(|element| element.text().into_owned()).eq(texts.clone()));
                assert!(
                    block.len()
                        <= HEAD_BYTES + 1 + texts.iter().map(|text| largest(text.len())).sum::<usize>()
                );
            });
        }
    }
}
