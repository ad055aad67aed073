//! Changes to a block in a buffer: it has no spare bytes before and none afterwards.
//!
//! The caller sees to it that the block keeps its bounds ([`Series::with`]).

use std::ops::Range;

use smallvec::SmallVec;

use super::{Form, Item, Series, room};
use crate::leaf;

/// Blocks of so many bytes take another form without memory of their own: mostly they are empty.
const FEW_BYTES: usize = 64;

/// Puts an element before the one at `index`, or behind the last.
pub(crate) fn insert(block: &mut Vec<u8>, index: usize, element: &[u8]) {
    insert_item(block, index, Series::of(block).item(element));
}

/// The same with an element that has been read.
pub(super) fn insert_item(block: &mut Vec<u8>, index: usize, item: Item<'_>) {
    let (form, _) = Series::of(block).with(item);
    take_form(block, form);
    match form {
        Form::Texts => leaf::edit::insert(block, index, item.text),
        Form::Integers(width) => {
            block.resize(block.len() + width.bytes_of(1), 0);
            room::insert(block, index, item);
        }
    }
}

/// Gives the element at `index` other bytes.
pub(crate) fn replace(block: &mut Vec<u8>, index: usize, element: &[u8]) {
    let series = Series::of(block);
    let item = series.item(element);
    let (form, _) = series.with_instead(series.element(index).len(), item);
    take_form(block, form);
    match form {
        Form::Texts => leaf::edit::replace(block, index, element),
        Form::Integers(_) => room::replace(block, index, item),
    }
}

/// Takes the elements of a range out.
pub(crate) fn remove_range(block: &mut Vec<u8>, range: Range<usize>) {
    match Series::of(block).form() {
        Form::Texts => leaf::edit::remove_range(block, range),
        Form::Integers(_) => {
            room::remove(block, range);
            block.truncate(Series::of(block).used_bytes());
        }
    }
}

/// Gives a block a form that its elements can have.
#[inline]
fn take_form(block: &mut Vec<u8>, form: Form) {
    if form != Series::of(block).form() {
        let before = SmallVec::<[u8; FEW_BYTES]>::from_slice(block);
        let before = Series::of(&before);
        block.clear();
        block.resize(before.bytes_in(form), 0);
        room::copy(block, form, before, 0..before.len());
    }
}
