//! Changes to a block in a buffer: it has no spare bytes before and none afterwards.
//!
//! The bytes of such a block are all that there is to it, so it can be copied from a page into a scratch buffer, changed
//! there, and put back. Callers keep to [`MAX_BYTES`] by asking [`has_room`].

use super::{EMPTY, END_BYTES, HEAD_BYTES, Leaf, MAX_BYTES, room};
use std::ops::Range;

/// Makes `block` a block without elements.
pub fn clear(block: &mut Vec<u8>) {
    block.clear();
    block.extend_from_slice(&EMPTY);
}

/// Whether one more element of this length fits into the longest block.
pub fn has_room(block: &[u8], length: usize) -> bool {
    block.len().saturating_add(length).saturating_add(END_BYTES) <= MAX_BYTES
}

/// Puts an element before the one at `index`, or behind the last.
pub fn insert(block: &mut Vec<u8>, index: usize, element: &[u8]) {
    open(block, element.len() + END_BYTES);
    room::insert(block, index, element);
}

/// Gives the element at `index` other bytes.
pub fn replace(block: &mut Vec<u8>, index: usize, element: &[u8]) {
    let before = Leaf::trusted(block).element(index).len();
    if element.len() > before {
        open(block, element.len() - before);
    }
    room::replace(block, index, element);
    close(block);
}

/// Takes the element at `index` out.
pub fn remove(block: &mut Vec<u8>, index: usize) {
    remove_range(block, index..index + 1);
}

/// Takes the elements of a range out.
pub fn remove_range(block: &mut Vec<u8>, range: Range<usize>) {
    room::remove(block, range);
    close(block);
}

/// Adds the elements of a range of another block behind the last.
pub fn append(block: &mut Vec<u8>, other: Leaf<'_>, range: Range<usize>) {
    let elements = other.start(range.end) - other.start(range.start);
    open(block, elements + range.len() * END_BYTES);
    room::append(block, other, range);
}

/// Makes a gap of `length` bytes between the elements and their ends.
fn open(block: &mut Vec<u8>, length: usize) {
    let ends = room::ends_of(block, 0..Leaf::trusted(block).len());
    block.resize(block.len() + length, 0);
    block.copy_within(ends.clone(), ends.start + length);
}

/// Closes the gap between the elements and their ends.
fn close(block: &mut Vec<u8>) {
    let leaf = Leaf::trusted(block);
    let (ends, data_end) = (room::ends_of(block, 0..leaf.len()), HEAD_BYTES + leaf.data_bytes());
    let length = data_end + ends.len();
    block.copy_within(ends, data_end);
    block.truncate(length);
}
