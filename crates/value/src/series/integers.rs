//! A block of integers in any order, all as wide as the widest needs.
//!
//! ```text
//!   0                2       3                5                  capacity
//!   ┌────────────────┬───────┬────────────────┬───────────────────────┐
//!   │ 0x8000 + count │ width │ bytes of texts │ integers      │ spare │
//!   └────────────────┴───────┴────────────────┴───────────────────────┘
//!   count, bytes of texts = u16 little endian
//! ```
//! What changes a block leaves its length as it is. The caller sees to it that there is room, and that an integer is no
//! wider than the block's.

use std::ops::Range;

use stdx::number::decimal_len;

use crate::width::Width;

/// The block without elements.
pub(super) const EMPTY: [u8; HEAD_BYTES] =
    [MARK.to_le_bytes()[0], MARK.to_le_bytes()[1], Width::NARROWEST.bytes(), 0, 0];

pub(super) const HEAD_BYTES: usize = 5;
/// What tells the count from that of a leaf.
const MARK: u16 = 0x8000;
const WIDTH_AT: usize = 2;
const TEXTS_AT: usize = 3;

/// A block to read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integers<'a> {
    bytes: &'a [u8],
}

impl<'a> Integers<'a> {
    /// The integers of a block, if they are what it holds.
    #[inline]
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        is_integers(bytes).then_some(Self { bytes })
    }

    #[inline]
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        usize::from(half(self.bytes, 0) & !MARK)
    }

    #[inline]
    pub(super) fn width(self) -> Width {
        Width::of_bytes(self.bytes[WIDTH_AT])
    }

    /// The bytes of all integers together, as texts.
    #[inline]
    pub(super) fn data_bytes(self) -> usize {
        usize::from(half(self.bytes, TEXTS_AT))
    }

    /// The integer at an index that is there.
    #[inline]
    pub(super) fn get(self, index: usize) -> i64 {
        self.width().read(&self.bytes[HEAD_BYTES..], index)
    }

    pub(super) fn range(
        self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + use<'a> {
        range.map(move |index| self.get(index))
    }

    /// The bytes of the integers of a range, as texts.
    pub(super) fn data_bytes_of(self, range: Range<usize>) -> usize {
        if range == (0..self.len()) { self.data_bytes() } else { self.range(range).map(decimal_len).sum() }
    }
}

/// Whether a block is one of integers.
#[inline]
pub(super) fn is_integers(block: &[u8]) -> bool {
    half(block, 0) & MARK != 0
}

/// Makes of a block whatever one without elements that has a width.
pub(super) fn begin(block: &mut [u8], width: Width) {
    block[..HEAD_BYTES].copy_from_slice(&EMPTY);
    block[WIDTH_AT] = width.bytes();
}

/// Puts an integer before the one at `index`, or behind the last.
#[inline]
pub(super) fn insert(block: &mut [u8], index: usize, integer: i64) {
    let integers = Integers { bytes: block };
    let (count, width, texts) = (integers.len(), integers.width(), integers.data_bytes());
    let at = HEAD_BYTES + width.bytes_of(index);
    block.copy_within(at..HEAD_BYTES + width.bytes_of(count), at + width.bytes_of(1));
    width.write(&mut block[HEAD_BYTES..], index, integer);
    set_head(block, count + 1, texts + decimal_len(integer));
}

/// Puts an integer in the place of the one at `index`.
pub(super) fn replace(block: &mut [u8], index: usize, integer: i64) {
    let integers = Integers { bytes: block };
    let (count, width) = (integers.len(), integers.width());
    let texts = integers.data_bytes() - decimal_len(integers.get(index)) + decimal_len(integer);
    width.write(&mut block[HEAD_BYTES..], index, integer);
    set_head(block, count, texts);
}

/// Takes the integers of a range out; returns how many bytes they had as texts.
#[inline]
pub(super) fn remove(block: &mut [u8], range: Range<usize>) -> usize {
    let integers = Integers { bytes: block };
    let (count, width) = (integers.len(), integers.width());
    let (texts, gone) = (integers.data_bytes(), integers.data_bytes_of(range.clone()));
    let behind = HEAD_BYTES + width.bytes_of(range.end)..HEAD_BYTES + width.bytes_of(count);
    block.copy_within(behind, HEAD_BYTES + width.bytes_of(range.start));
    set_head(block, count - range.len(), texts - gone);
    gone
}

/// Adds the integers of a range of another block behind the last.
pub(super) fn append(block: &mut [u8], other: Integers<'_>, range: Range<usize>) {
    let integers = Integers { bytes: block };
    let (count, width, texts) = (integers.len(), integers.width(), integers.data_bytes());
    let (added, gained) = (range.len(), other.data_bytes_of(range.clone()));
    let into = &mut block[HEAD_BYTES + width.bytes_of(count)..HEAD_BYTES + width.bytes_of(count + added)];
    if width == other.width() {
        let from = HEAD_BYTES + width.bytes_of(range.start)..HEAD_BYTES + width.bytes_of(range.end);
        into.copy_from_slice(&other.bytes[from]);
    } else {
        for (index, integer) in other.range(range).enumerate() {
            width.write(into, index, integer);
        }
    }
    set_head(block, count + added, texts + gained);
}

/// Adds the integers of another block of the same width behind the last, beginning with its last one.
pub(super) fn append_reversed(block: &mut [u8], other: Integers<'_>) {
    let integers = Integers { bytes: block };
    let (count, width, texts) = (integers.len(), integers.width(), integers.data_bytes());
    for (index, integer) in other.range(0..other.len()).rev().enumerate() {
        width.write(&mut block[HEAD_BYTES..], count + index, integer);
    }
    set_head(block, count + other.len(), texts + other.data_bytes());
}

#[inline]
fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*bytes[at..].first_chunk().expect("two bytes"))
}

#[inline]
fn set_head(block: &mut [u8], count: usize, texts: usize) {
    let half = |value| u16::try_from(value).expect("a block is kept below 64 kB of texts");
    block[..WIDTH_AT].copy_from_slice(&(half(count) | MARK).to_le_bytes());
    block[TEXTS_AT..HEAD_BYTES].copy_from_slice(&half(texts).to_le_bytes());
}
