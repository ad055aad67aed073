//! An ordered sequence of byte strings in one block: what a leaf of the tree is, and a small list, set or sorted set.
//!
//! ```text
//!   0       2                                                      capacity
//!   ┌───────┬───────────────────────── ─ ─ ─ ┬─────────────────────────┐
//!   │ count │ elements, back to back │ spare │ ends, the first one last │
//!   └───────┴───────────────────────── ─ ─ ─ ┴─────────────────────────┘
//!   count = u16 little endian; end = u16 little endian, where the element ends behind the count
//! ```
//! The physical order is the logical order, so a range is one run of bytes and a walk goes forward through memory. The
//! ends make element `i` two reads away and allow a binary search; they stand at the tail, so that a new last
//! element moves nothing. An element costs its bytes and two more.
//!
//! What the order means is the owner's business: a list keeps the order of its positions, a set that of the bytes
//! ([`Leaf::search`]). A block without spare bytes is plain data that can be kept anywhere, for example in the page of
//! a key; [`edit`] changes it in a scratch buffer. A block with spare bytes is changed where it is by `room`.
//!
//! Reading trusts the block: bytes from outside the process have to pass [`Leaf::validate`] first. A walk over a block
//! that did not can give wrong answers or panic, but never reads outside of it.

mod build;
pub mod edit;
pub(crate) mod room;
#[cfg(test)]
mod tests;

pub use build::Builder;

use std::cmp::Ordering;
use std::ops::Range;

/// The most bytes of a block without spare bytes, so that every end fits 16 bits.
pub const MAX_BYTES: usize = u16::MAX as usize;
/// Bytes that an element takes besides its own.
pub const ELEMENT_OVERHEAD: usize = 2;
/// The most elements of a block. A number above it in the place of the count marks what is no such block.
const MAX_ELEMENTS: u16 = (MAX_BYTES - HEAD_BYTES) as u16 / ELEMENT_OVERHEAD as u16;
/// The block without elements.
pub const EMPTY: [u8; HEAD_BYTES] = [0; HEAD_BYTES];

const HEAD_BYTES: usize = 2;
const END_BYTES: usize = ELEMENT_OVERHEAD;

/// A block to read from.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    bytes: &'a [u8],
}

/// Why bytes are not a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The bytes are too few for what they should hold, or too many to be addressed.
    Length,
    /// An element would end before it begins.
    Order,
}

/// Some elements of a block, walked from either side.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    leaf: Leaf<'a>,
    range: Range<usize>,
}

impl<'a> Leaf<'a> {
    /// Reads `bytes` as a block that this process made.
    #[inline]
    pub fn trusted(bytes: &'a [u8]) -> Self {
        debug_assert!(bytes.len() >= HEAD_BYTES, "a block has a count");
        debug_assert!(half(bytes, 0) <= MAX_ELEMENTS, "a greater count marks blocks of another kind");
        Self { bytes }
    }

    /// Reads `bytes` of unknown origin as a block, after checking every part of it.
    pub fn validate(bytes: &'a [u8]) -> Result<Self, Invalid> {
        if !(HEAD_BYTES..=MAX_BYTES).contains(&bytes.len()) {
            return Err(Invalid::Length);
        }
        let leaf = Self { bytes };
        let space = (bytes.len() - HEAD_BYTES).checked_sub(leaf.len() * END_BYTES).ok_or(Invalid::Length)?;
        let mut last = 0;
        for index in 0..leaf.len() {
            let end = leaf.end(index);
            if end < last {
                return Err(Invalid::Order);
            }
            last = end;
        }
        if last > space { Err(Invalid::Length) } else { Ok(leaf) }
    }

    /// The block's own bytes.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of elements.
    #[inline]
    pub fn len(self) -> usize {
        usize::from(half(self.bytes, 0))
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of all elements together.
    #[inline]
    pub fn data_bytes(self) -> usize {
        self.start(self.len())
    }

    /// The bytes that a block of these elements needs.
    #[inline]
    pub fn used_bytes(self) -> usize {
        HEAD_BYTES + self.data_bytes() + self.len() * END_BYTES
    }

    /// The element at `index`.
    #[inline]
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        (index < self.len()).then(|| self.element(index))
    }

    /// The first element.
    pub fn first(self) -> Option<&'a [u8]> {
        self.get(0)
    }

    /// The last element.
    pub fn last(self) -> Option<&'a [u8]> {
        self.len().checked_sub(1).map(|index| self.element(index))
    }

    /// All elements.
    pub fn iter(self) -> Iter<'a> {
        self.range(0..self.len())
    }

    /// The elements of a range of positions, cut to those that there are.
    pub fn range(self, range: Range<usize>) -> Iter<'a> {
        let end = range.end.min(self.len());
        Iter { leaf: self, range: range.start.min(end)..end }
    }

    /// Where `element` is in a block that is ordered by bytes, or where it belongs.
    #[inline]
    pub fn search(self, element: &[u8]) -> Result<usize, usize> {
        let mut low = 0;
        let mut high = self.len();
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.element(middle).cmp(element) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// The position of the first element for which `is_before` is false, in a block that has all those before it in front.
    #[inline]
    pub fn partition_point(self, mut is_before: impl FnMut(&[u8]) -> bool) -> usize {
        let mut low = 0;
        let mut high = self.len();
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_before(self.element(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whether every element is greater than the one before it.
    pub fn is_strictly_sorted(self) -> bool {
        self.iter().zip(self.iter().skip(1)).all(|(one, next)| one < next)
    }

    /// The element at an index that is there.
    #[inline]
    pub(crate) fn element(self, index: usize) -> &'a [u8] {
        let (start, end) = self.bounds(index);
        &self.bytes[HEAD_BYTES + start..HEAD_BYTES + end]
    }

    /// Where the element at `index` begins and ends behind the count: two ends that stand together, read at once.
    #[inline]
    fn bounds(self, index: usize) -> (usize, usize) {
        if index == 0 {
            return (0, self.end(0));
        }
        let at = self.bytes.len() - END_BYTES * (index + 1);
        let ends = u32::from_le_bytes(*self.bytes[at..].first_chunk().expect("two ends"));
        ((ends >> 16) as usize, (ends & 0xffff) as usize)
    }

    /// Where the element at `index` begins behind the count; of the one behind the last, where it would.
    #[inline]
    fn start(self, index: usize) -> usize {
        if index == 0 { 0 } else { self.end(index - 1) }
    }

    #[inline]
    fn end(self, index: usize) -> usize {
        usize::from(half(self.bytes, self.bytes.len() - END_BYTES * (index + 1)))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.range.next().map(|index| self.leaf.element(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        self.range.nth(count).map(|index| self.leaf.element(index))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.range.next_back().map(|index| self.leaf.element(index))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[inline]
fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*bytes[at..].first_chunk().expect("two bytes"))
}
