//! A block of integers in ascending order, all as wide as the widest needs.
//!
//! An integer of another width writes the block anew; a narrower one that is removed leaves the width as it is, as in
//! Redis's intset, whose widths start at two bytes.

use std::ops::Range;

/// The block without members.
pub(super) const EMPTY: [u8; HEAD_BYTES] = (MARK | 1).to_le_bytes();

const HEAD_BYTES: usize = 2;
/// What tells the head from the count of a leaf.
const MARK: u16 = 0x8000;

/// A block to read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integers<'a> {
    width: usize,
    /// The integers, little endian.
    bytes: &'a [u8],
}

impl<'a> Integers<'a> {
    /// The integers of a block that this process made, if they are what it holds.
    #[inline]
    pub(super) fn of(block: &'a [u8]) -> Option<Self> {
        let (head, bytes) = block.split_first_chunk().expect("a block has a head");
        let head = u16::from_le_bytes(*head);
        (head & MARK != 0).then(|| Self { width: usize::from(head & !MARK), bytes })
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.bytes.len() / self.width
    }

    /// The integer at a position that is there.
    #[inline]
    pub(super) fn get(self, index: usize) -> i64 {
        let at = index * self.width;
        let bytes = &self.bytes[at..at + self.width];
        match *bytes {
            [one] => i64::from(one as i8),
            [one, two] => i64::from(i16::from_le_bytes([one, two])),
            [one, two, three, four] => i64::from(i32::from_le_bytes([one, two, three, four])),
            _ => i64::from_le_bytes(*bytes.first_chunk().expect("the last width is eight bytes")),
        }
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
        HEAD_BYTES + (self.len() + 1) * self.width.max(width_of(integer))
    }
}

/// Puts an integer where it belongs.
pub(super) fn insert(block: &mut Vec<u8>, at: usize, integer: i64) {
    let integers = Integers::of(block).expect("a block of integers");
    let width = integers.width.max(width_of(integer));
    if width > integers.width {
        let mut wide = Vec::with_capacity(integers.bytes_with(integer));
        wide.extend_from_slice(&(MARK | width as u16).to_le_bytes());
        for member in integers.iter() {
            wide.extend_from_slice(&member.to_le_bytes()[..width]);
        }
        *block = wide;
    }
    let place = place(at, width);
    block.splice(place.start..place.start, integer.to_le_bytes()[..width].iter().copied());
}

/// Takes the integer at a position out.
pub(super) fn remove(block: &mut Vec<u8>, at: usize) {
    let width = Integers::of(block).expect("a block of integers").width;
    block.drain(place(at, width));
}

/// Where the integer at a position stands in the block.
fn place(at: usize, width: usize) -> Range<usize> {
    HEAD_BYTES + at * width..HEAD_BYTES + (at + 1) * width
}

/// The least width that holds an integer.
fn width_of(integer: i64) -> usize {
    match integer {
        -0x80..=0x7f => 1,
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
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
