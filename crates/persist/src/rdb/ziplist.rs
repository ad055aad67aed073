//! Ziplist: the packed block of Redis 2.6 to 6 for small collections, read front to back.
//!
//! ```text
//! block    = total-bytes (u32 le)  offset of the last element (u32 le)  count (u16 le, 65535 = unknown)
//!            element*  0xff
//! element  = size of the element before (1 byte, or 0xfe and u32 le)  encoding  data
//! encoding   00llllll                    string of up to 63 bytes
//!            01llllll llllllll           string of up to 16383 bytes
//!            10000000 and u32 be         longer string
//!            11000000, 11010000,         16, 32 and 64-bit signed integer, little endian
//!            11100000
//!            11110000, 11111110          24 and 8-bit signed integer
//!            1111xxxx                    x - 1, with x from 1 to 13
//! ```

use super::block::{Block, Element, signed};
use super::error::Problem;

const HEAD_BYTES: usize = 10;
const END: u8 = 0xff;
const LONG_PREVIOUS: u8 = 0xfe;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// All elements of a ziplist, after checking every part of it.
pub(crate) fn elements(bytes: &[u8]) -> Result<Vec<Element<'_>>, Problem> {
    parse(bytes).ok_or(Problem::Block("a ziplist is broken"))
}

fn parse(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut block = Block::new(bytes);
    let total = block.u32_le()?;
    let last = block.u32_le()?;
    let count = block.u16_le()?;
    if total as usize != bytes.len() {
        return None;
    }
    let mut found = Vec::new();
    let (mut start, mut size) = (HEAD_BYTES, 0);
    while block.peek()? != END {
        start = block.position();
        let previous = match block.byte()? {
            LONG_PREVIOUS => block.u32_le()? as usize,
            short => usize::from(short),
        };
        if previous != size {
            return None;
        }
        found.push(element(&mut block)?);
        size = block.position() - start;
    }
    let is_whole = block.position() + 1 == bytes.len() && last as usize == start;
    let is_counted = count == COUNT_UNKNOWN || usize::from(count) == found.len();
    (is_whole && is_counted).then_some(found)
}

fn element<'a>(block: &mut Block<'a>) -> Option<Element<'a>> {
    let first = block.byte()?;
    let integer = match first {
        0x00..=0x3f => return block.take(usize::from(first)).map(Element::Text),
        0x40..=0x7f => {
            let length = usize::from(first & 0x3f) << 8 | usize::from(block.byte()?);
            return block.take(length).map(Element::Text);
        }
        0x80 => {
            let length = block.u32_be()?;
            return block.take(length as usize).map(Element::Text);
        }
        0xc0 => signed(block.take(2)?),
        0xd0 => signed(block.take(4)?),
        0xe0 => signed(block.take(8)?),
        0xf0 => signed(block.take(3)?),
        0xfe => signed(block.take(1)?),
        0xf1..=0xfd => i64::from(first - 0xf1),
        _ => return None,
    };
    Some(Element::Integer(integer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ziplist of elements that are encoded already, without the sizes in front.
    fn ziplist(encoded: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0; 8];
        block.extend_from_slice(&(encoded.len() as u16).to_le_bytes());
        let (mut size, mut last) = (0_usize, HEAD_BYTES);
        for element in encoded {
            last = block.len();
            if size < 254 {
                block.push(size as u8);
            } else {
                block.push(LONG_PREVIOUS);
                block.extend_from_slice(&(size as u32).to_le_bytes());
            }
            block.extend_from_slice(element);
            size = block.len() - last;
        }
        block.push(END);
        let total = (block.len() as u32).to_le_bytes();
        block[..4].copy_from_slice(&total);
        block[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        block
    }

    #[test]
    fn every_encoding_is_read() {
        let long: Vec<u8> = [&[0x41, 44][..], &[b'x'; 300]].concat();
        let longest: Vec<u8> = [&[0x80, 0, 0, 1, 0][..], &[b'y'; 256]].concat();
        let block = ziplist(&[
            b"\x02hi",
            &long,
            &longest,
            &[0xc0, 0xff, 0xff],
            &[0xd0, 0, 0, 0, 0x80],
            &[0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0xf0, 0, 0, 0x80],
            &[0xfe, 0x80],
            &[0xf1],
            &[0xfd],
        ]);
        let texts: Vec<Vec<u8>> =
            elements(&block).unwrap().iter().map(|element| element.text().into_owned()).collect();
        let expected: Vec<Vec<u8>> = [
            &b"hi"[..],
            &[b'x'; 300],
            &[b'y'; 256],
            b"-1",
            b"-2147483648",
            b"9223372036854775807",
            b"-8388608",
            b"-128",
            b"0",
            b"12",
        ]
        .iter()
        .map(|text| text.to_vec())
        .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn every_truncation_and_a_wrong_head_or_size_is_refused() {
        let good = ziplist(&[b"\x02hi", &[0xf2]]);
        assert!(elements(&good).is_ok());
        for end in 0..good.len() {
            assert!(elements(&good[..end]).is_err(), "{end}");
        }
        for (place, value) in [(0, 9), (4, 10), (8, 3), (10, 1), (11, 0xc1), (14, 5)] {
            let mut bad = good.clone();
            bad[place] = value;
            assert!(elements(&bad).is_err(), "byte {place}");
        }
    }
}
