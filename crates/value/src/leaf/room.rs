//! Changes to a block where it is: its length is fixed, and its spare bytes take what is new.
//!
//! The caller sees to it that there is room: [`insert`] needs the element's bytes and [`ELEMENT_OVERHEAD`] more,
//! [`replace`] as many as the element grows, [`append`] what it appends.
//!
//! [`ELEMENT_OVERHEAD`]: super::ELEMENT_OVERHEAD

use super::{END_BYTES, HEAD_BYTES, Leaf};
use std::ops::Range;

/// Puts an element before the one at `index`, or behind the last.
pub(crate) fn insert(block: &mut [u8], index: usize, element: &[u8]) {
    let leaf = Leaf::trusted(block);
    let (count, data, at) = (leaf.len(), leaf.data_bytes(), leaf.start(index));
    debug_assert!(leaf.used_bytes() + element.len() + END_BYTES <= block.len(), "there is room");
    let length = element.len();
    block.copy_within(HEAD_BYTES + at..HEAD_BYTES + data, HEAD_BYTES + at + length);
    block[HEAD_BYTES + at..HEAD_BYTES + at + length].copy_from_slice(element);

    let ends = ends_of(block, index..count);
    let moved = ends.start - END_BYTES..ends.end - END_BYTES;
    block.copy_within(ends.clone(), moved.start);
    shift(&mut block[moved], length as u16);
    set_half(block, ends.end - END_BYTES, at + length);
    set_half(block, 0, count + 1);
}

/// Puts an element behind the last: nothing moves.
#[inline]
pub(crate) fn push(block: &mut [u8], element: &[u8]) {
    let leaf = Leaf::trusted(block);
    let (count, data) = (leaf.len(), leaf.data_bytes());
    let end = data + element.len();
    block[HEAD_BYTES + data..HEAD_BYTES + end].copy_from_slice(element);
    set_half(block, block.len() - END_BYTES * (count + 1), end);
    set_half(block, 0, count + 1);
}

/// Takes the last element out, of a block that has one; returns its length. Nothing moves.
#[inline]
pub(crate) fn pop(block: &mut [u8]) -> usize {
    let leaf = Leaf::trusted(block);
    let last = leaf.len() - 1;
    let (start, end) = leaf.bounds(last);
    set_half(block, 0, last);
    end - start
}

/// Takes the first element out, of a block that has one; returns its length.
pub(crate) fn pop_first(block: &mut [u8]) -> usize {
    let length = Leaf::trusted(block).element(0).len();
    remove(block, 0..1);
    length
}

/// Gives the element at `index` other bytes.
pub(crate) fn replace(block: &mut [u8], index: usize, element: &[u8]) {
    let leaf = Leaf::trusted(block);
    let (count, data) = (leaf.len(), leaf.data_bytes());
    let (start, end) = (leaf.start(index), leaf.end(index));
    let new_end = start + element.len();
    debug_assert!(leaf.used_bytes() + new_end <= block.len() + end, "there is room");
    if new_end != end {
        block.copy_within(HEAD_BYTES + end..HEAD_BYTES + data, HEAD_BYTES + new_end);
        let ends = ends_of(block, index..count);
        shift(&mut block[ends], (new_end as u16).wrapping_sub(end as u16));
    }
    block[HEAD_BYTES + start..HEAD_BYTES + new_end].copy_from_slice(element);
}

/// Takes the elements of a range out.
pub(crate) fn remove(block: &mut [u8], range: Range<usize>) {
    if range.is_empty() {
        return;
    }
    let leaf = Leaf::trusted(block);
    let (count, data) = (leaf.len(), leaf.data_bytes());
    let (start, end) = (leaf.start(range.start), leaf.start(range.end));
    block.copy_within(HEAD_BYTES + end..HEAD_BYTES + data, HEAD_BYTES + start);
    let ends = ends_of(block, range.end..count);
    shift(&mut block[ends.clone()], 0u16.wrapping_sub((end - start) as u16));
    block.copy_within(ends.clone(), ends.start + range.len() * END_BYTES);
    set_half(block, 0, count - range.len());
}

/// Adds the elements of a range of another block behind the last.
pub(crate) fn append(block: &mut [u8], other: Leaf<'_>, range: Range<usize>) {
    let leaf = Leaf::trusted(block);
    let (count, data) = (leaf.len(), leaf.data_bytes());
    let (start, end) = (other.start(range.start), other.start(range.end));
    let into = HEAD_BYTES + data..HEAD_BYTES + data + end - start;
    block[into].copy_from_slice(&other.bytes[HEAD_BYTES + start..HEAD_BYTES + end]);
    let ends = ends_of(block, count..count + range.len());
    block[ends.clone()].copy_from_slice(&other.bytes[ends_of(other.bytes, range.clone())]);
    shift(&mut block[ends], (data as u16).wrapping_sub(start as u16));
    set_half(block, 0, count + range.len());
}

/// Where the ends of a range of elements stand: those of later elements in front.
pub(super) fn ends_of(block: &[u8], range: Range<usize>) -> Range<usize> {
    block.len() - END_BYTES * range.end..block.len() - END_BYTES * range.start
}

/// Adds `by`, which may stand for a negative number, to each end.
fn shift(ends: &mut [u8], by: u16) {
    for end in ends.chunks_exact_mut(END_BYTES) {
        let moved = u16::from_le_bytes([end[0], end[1]]).wrapping_add(by);
        end.copy_from_slice(&moved.to_le_bytes());
    }
}

fn set_half(block: &mut [u8], at: usize, value: usize) {
    let value = u16::try_from(value).expect("a block is kept below 64 kB");
    block[at..at + 2].copy_from_slice(&value.to_le_bytes());
}
