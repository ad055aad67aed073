//! Changes to a block where it is: its length is fixed, and its spare bytes take what is new.
//!
//! The caller sees to it that there is room, and that the block has a form in which the element can stand
//! ([`Series::with`]).

use std::ops::Range;

use stdx::number::Decimal;

use super::integers::{self, is_integers};
use super::{Form, Item, Series};
use crate::leaf;

/// Makes of a block whatever one without elements that has a form.
pub(crate) fn begin(block: &mut [u8], form: Form) {
    match form {
        Form::Integers(width) => integers::begin(block, width),
        Form::Texts => block[..leaf::EMPTY.len()].copy_from_slice(&leaf::EMPTY),
    }
}

/// Puts an element before the one at `index`, or behind the last.
#[inline]
pub(crate) fn insert(block: &mut [u8], index: usize, item: Item<'_>) {
    if is_integers(block) {
        integers::insert(block, index, item.integer());
    } else {
        leaf::room::insert(block, index, item.text);
    }
}

/// Puts an element behind the last: nothing moves.
#[inline]
pub(crate) fn push(block: &mut [u8], item: Item<'_>) {
    if is_integers(block) {
        integers::insert(block, Series::of(block).len(), item.integer());
    } else {
        leaf::room::push(block, item.text);
    }
}

/// Takes the last element out, of a block that has one; returns its length. Nothing moves.
#[inline]
pub(crate) fn pop(block: &mut [u8]) -> usize {
    if is_integers(block) {
        let count = Series::of(block).len();
        integers::remove(block, count - 1..count)
    } else {
        leaf::room::pop(block)
    }
}

/// Takes the first element out, of a block that has one; returns its length.
pub(crate) fn pop_first(block: &mut [u8]) -> usize {
    if is_integers(block) { integers::remove(block, 0..1) } else { leaf::room::pop_first(block) }
}

/// Gives the element at `index` other bytes.
pub(crate) fn replace(block: &mut [u8], index: usize, item: Item<'_>) {
    if is_integers(block) {
        integers::replace(block, index, item.integer());
    } else {
        leaf::room::replace(block, index, item.text);
    }
}

/// Takes the elements of a range out.
pub(crate) fn remove(block: &mut [u8], range: Range<usize>) {
    if is_integers(block) {
        integers::remove(block, range);
    } else {
        leaf::room::remove(block, range);
    }
}

/// Adds the elements of a range of another block, whose form is no greater, behind the last.
pub(crate) fn append(block: &mut [u8], other: Series<'_>, range: Range<usize>) {
    match other {
        Series::Texts(other) => leaf::room::append(block, other, range),
        Series::Integers(other) if is_integers(block) => integers::append(block, other, range),
        Series::Integers(other) => {
            other.range(range).for_each(|integer| leaf::room::push(block, &Decimal::of(integer)));
        }
    }
}

/// Adds the elements of another block of the same form behind the last, beginning with its last one.
pub(crate) fn append_reversed(block: &mut [u8], other: Series<'_>) {
    match other {
        Series::Texts(other) => other.iter().rev().for_each(|text| leaf::room::push(block, text)),
        Series::Integers(other) => integers::append_reversed(block, other),
    }
}

/// Makes of a block whatever one that has elements of a range of another block, in a form that they can have.
pub(crate) fn copy(block: &mut [u8], form: Form, other: Series<'_>, range: Range<usize>) {
    begin(block, form);
    append(block, other, range);
}
