//! A block of integers in ascending order, all as wide as the widest needs.
//!
//! An integer of another width writes the block anew; a narrower one that is removed leaves the width as it is, as in
//! Redis's intset.

use crate::width::Width;

/// The block without members.
pub(super) const EMPTY: [u8; HEAD_BYTES] = (MARK | Width::NARROWEST.bytes() as u16).to_le_bytes();

const HEAD_BYTES: usize = 2;
/// What tells the head from the count of a leaf.
const MARK: u16 = 0x8000;

/// A block to read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integers<'a> {
    width: Width,
    bytes: &'a [u8],
}

impl<'a> Integers<'a> {
    /// The integers of a block that this process made, if they are what it holds.
    #[inline]
    pub(super) fn of(block: &'a [u8]) -> Option<Self> {
        let (head, bytes) = block.split_first_chunk().expect("a block has a head");
        let head = u16::from_le_bytes(*head);
        (head & MARK != 0).then(|| Self { width: Width::of_bytes(head as u8), bytes })
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.bytes.len() / self.width.bytes_of(1)
    }

    /// The integer at a position that is there.
    #[inline]
    pub(super) fn get(self, index: usize) -> i64 {
        self.width.read(self.bytes, index)
    }

    /// Where an integer is, or where it belongs.
    #[inline]
    pub(super) fn search(self, integer: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.get(middle).cmp(&integer) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = i64> + use<'a> {
        (0..self.len()).map(move |index| self.get(index))
    }

    /// The bytes of a block with one more integer.
    pub(super) fn bytes_with(self, integer: i64) -> usize {
        HEAD_BYTES + self.width.max(Width::of(integer)).bytes_of(self.len() + 1)
    }
}

/// Puts an integer where it belongs.
pub(super) fn insert(block: &mut Vec<u8>, at: usize, integer: i64) {
    let integers = Integers::of(block).expect("a block of integers");
    let (width, length) = (integers.width.max(Width::of(integer)), integers.bytes_with(integer));
    if width > integers.width {
        let mut wide = vec![0; length - width.bytes_of(1)];
        wide[..HEAD_BYTES].copy_from_slice(&(MARK | u16::from(width.bytes())).to_le_bytes());
        for (index, member) in integers.iter().enumerate() {
            width.write(&mut wide[HEAD_BYTES..], index, member);
        }
        *block = wide;
    }
    let (place, before) = (HEAD_BYTES + width.bytes_of(at), block.len());
    block.resize(length, 0);
    block.copy_within(place..before, place + width.bytes_of(1));
    width.write(&mut block[HEAD_BYTES..], at, integer);
}

/// Takes the integer at a position out.
pub(super) fn remove(block: &mut Vec<u8>, at: usize) {
    let width = Integers::of(block).expect("a block of integers").width;
    block.drain(HEAD_BYTES + width.bytes_of(at)..HEAD_BYTES + width.bytes_of(at + 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(block: &[u8]) -> Vec<i64> {
        Integers::of(block).expect("integers").iter().collect()
    }

    #[test]
    fn integers_of_every_width_are_kept_in_order() {
        let mut block = EMPTY.to_vec();
        let edges = [
            0,
            127,
            -128,
            128,
            -129,
            32_767,
            -32_768,
            32_768,
            -32_769,
            i64::from(i32::MAX),
            i64::from(i32::MIN),
            i64::from(i32::MAX) + 1,
            i64::from(i32::MIN) - 1,
            i64::MAX,
            i64::MIN,
        ];
        let mut sorted = Vec::new();
        for integer in edges {
            let integers = Integers::of(&block).expect("integers");
            let at = integers.search(integer).expect_err("it is new");
            let bytes = integers.bytes_with(integer);
            insert(&mut block, at, integer);
            assert_eq!(block.len(), bytes);
            sorted.push(integer);
            sorted.sort_unstable();
            assert_eq!(contents(&block), sorted);
        }
        while let Some(last) = sorted.pop() {
            let at = Integers::of(&block).expect("integers").search(last);
            assert_eq!(at, Ok(sorted.len()));
            remove(&mut block, sorted.len());
            assert_eq!(contents(&block), sorted);
        }
    }

    #[test]
    fn small_integers_take_a_byte_each() {
        let mut block = EMPTY.to_vec();
        (0..100).for_each(|integer| insert(&mut block, integer, integer as i64));
        assert_eq!(block.len(), HEAD_BYTES + 100);
    }
}
