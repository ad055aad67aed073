//! Zipmap: the packed block of Redis before 2.6 for small hashes.
//!
//! ```text
//! block = count (1 byte, 254 = unknown)  (length field  length unused value unused-bytes)*  0xff
//! length = 1 byte up to 253, or 0xfe and u32 le
//! ```
//! `unused` is one byte and says how many bytes behind the value are free.

use super::block::Block;
use super::error::Problem;

const END: u8 = 0xff;
const LONG: u8 = 0xfe;
const COUNT_UNKNOWN: u8 = 0xfe;

/// A field with its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// All fields with their values, after checking every part of the block. One without any is broken, as in Redis.
pub(crate) fn pairs(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Problem> {
    parse(bytes).ok_or(Problem::Block("a zipmap is broken"))
}

fn parse(bytes: &[u8]) -> Option<Vec<Pair<'_>>> {
    let mut block = Block::new(bytes);
    let count = block.byte()?;
    let mut found = Vec::new();
    while block.peek()? != END {
        let length = length(&mut block)?;
        let field = block.take(length)?;
        let length = self::length(&mut block)?;
        let unused = block.byte()?;
        let value = block.take(length)?;
        block.take(usize::from(unused))?;
        found.push((field, value));
    }
    let is_whole = block.position() + 1 == bytes.len();
    let is_counted = count >= COUNT_UNKNOWN || usize::from(count) == found.len();
    (is_whole && is_counted && !found.is_empty()).then_some(found)
}

fn length(block: &mut Block<'_>) -> Option<usize> {
    match block.byte()? {
        END => None,
        LONG => block.u32_le().map(|length| length as usize),
        short => Some(usize::from(short)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"\x02\x03foo\x03\x00bar\x05hello\xfe\x05\0\0\0\x02world--\xff";

    #[test]
    fn fields_and_values_are_read_and_unused_bytes_skipped() {
        assert_eq!(pairs(GOOD).unwrap(), [(&b"foo"[..], &b"bar"[..]), (b"hello", b"world")]);
    }

    #[test]
    fn every_truncation_a_wrong_count_and_no_field_at_all_are_refused() {
        for end in 0..GOOD.len() {
            assert!(pairs(&GOOD[..end]).is_err(), "{end}");
        }
        assert!(pairs(&[&[3], &GOOD[1..]].concat()).is_err());
        assert!(pairs(&[GOOD, &[0]].concat()).is_err());
        assert!(pairs(b"\x00\xff").is_err());
    }
}
