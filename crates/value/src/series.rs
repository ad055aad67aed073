//! The elements of a list in one block: integers as such, if all are, else texts.
//!
//! ```text
//! block of texts    = a leaf (`crate::leaf`); its count is below 0x8000
//! block of integers = one width for all, and no ends (`integers`)
//! ```
//! The block's form follows from its bytes. An element is an integer if it is the one text of it, as `stdx::number`
//! writes it, so whatever is put into a block is read back byte for byte. A block begins with integers of one byte,
//! takes the form that the next element needs, and keeps it when that one has gone: forms only grow, so a block is
//! rewritten a few times at most. What is built anew begins anew. Few wide integers among many narrow ones would make
//! all of them wide, so where texts and ends are shorter it is these.
//!
//! In memory a list of small integers takes a third of its texts and ends. What they would take as texts a block of
//! integers knows without looking at them, for that is what Redis's limits are compared with.
//!
//! As with leaves, [`edit`] changes a block without spare bytes, and [`room`] one whose length is fixed.

mod build;
pub(crate) mod edit;
mod form;
mod integers;
pub(crate) mod room;
#[cfg(test)]
mod tests;

pub(crate) use build::Builder;
pub(crate) use form::{Form, Item};

use std::ops::Range;

use stdx::number::Decimal;

use crate::element::Element;
use crate::leaf::{ELEMENT_OVERHEAD, Leaf};
use integers::Integers;

/// The block without elements.
pub(crate) const EMPTY: [u8; integers::HEAD_BYTES] = integers::EMPTY;

/// A block to read from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Series<'a> {
    /// Of integers.
    Integers(Integers<'a>),
    /// Of texts.
    Texts(Leaf<'a>),
}

/// Some elements of a block, walked from either side.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    series: Series<'a>,
    range: Range<usize>,
}

impl<'a> Series<'a> {
    /// Reads a block that this process made.
    #[inline]
    pub(crate) fn of(block: &'a [u8]) -> Self {
        match Integers::of(block) {
            Some(integers) => Self::Integers(integers),
            None => Self::Texts(Leaf::trusted(block)),
        }
    }

    /// The block's own bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Integers(integers) => integers.bytes(),
            Self::Texts(leaf) => leaf.bytes(),
        }
    }

    /// The number of elements.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Integers(integers) => integers.len(),
            Self::Texts(leaf) => leaf.len(),
        }
    }

    /// The bytes of all elements together, as texts.
    #[inline]
    pub(crate) fn data_bytes(self) -> usize {
        match self {
            Self::Integers(integers) => integers.data_bytes(),
            Self::Texts(leaf) => leaf.data_bytes(),
        }
    }

    /// The bytes of the elements of a range, as texts.
    pub(crate) fn data_bytes_of(self, range: Range<usize>) -> usize {
        match self {
            Self::Integers(integers) => integers.data_bytes_of(range),
            Self::Texts(leaf) => leaf.range(range).map(<[u8]>::len).sum(),
        }
    }

    /// How the elements stand in the block.
    #[inline]
    pub(crate) fn form(self) -> Form {
        match self {
            Self::Integers(integers) => Form::Integers(integers.width()),
            Self::Texts(_) => Form::Texts,
        }
    }

    /// An element that is to be put into the block.
    #[inline]
    pub(crate) fn item(self, element: &[u8]) -> Item<'_> {
        match self {
            Self::Integers(_) => Item::read(element),
            Self::Texts(_) => Item::of_text(element),
        }
    }

    /// The bytes of a block of these elements in a form that they can have.
    #[inline]
    pub(crate) fn bytes_in(self, form: Form) -> usize {
        form.bytes_of(self.len(), self.data_bytes())
    }

    /// The bytes that a block of these elements needs.
    #[inline]
    pub(crate) fn used_bytes(self) -> usize {
        self.bytes_in(self.form())
    }

    /// The form that the block has with one more element, and its bytes then.
    #[inline]
    pub(crate) fn with(self, item: Item<'_>) -> (Form, usize) {
        match self {
            Self::Integers(integers) => {
                let data_bytes = integers.data_bytes() + item.text.len();
                self.form().joined(item.form(), integers.len() + 1, data_bytes)
            }
            Self::Texts(leaf) => (Form::Texts, leaf.used_bytes() + item.text.len() + ELEMENT_OVERHEAD),
        }
    }

    /// The form that the block has with an element in the place of one that has so many bytes, and its own bytes then.
    #[inline]
    pub(crate) fn with_instead(self, before: usize, item: Item<'_>) -> (Form, usize) {
        match self {
            Self::Integers(integers) => {
                let data_bytes = integers.data_bytes() - before + item.text.len();
                self.form().joined(item.form(), integers.len(), data_bytes)
            }
            Self::Texts(leaf) => (Form::Texts, leaf.used_bytes() - before + item.text.len()),
        }
    }

    /// The element at an index that is there.
    #[inline]
    pub(crate) fn element(self, index: usize) -> Element<'a> {
        match self {
            Self::Integers(integers) => Element::Integer(Decimal::of(integers.get(index))),
            Self::Texts(leaf) => Element::Bytes(leaf.element(index)),
        }
    }

    /// Shows the element at an index that is there to `each`.
    #[inline]
    pub(crate) fn show(self, index: usize, each: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Integers(integers) => each(&Decimal::of(integers.get(index))),
            Self::Texts(leaf) => each(leaf.element(index)),
        }
    }

    /// Shows the elements of a range, all of which are there, to `each`, the last one first or not. Their form is
    /// looked at once.
    #[inline]
    pub(crate) fn visit(self, range: Range<usize>, is_backward: bool, each: &mut impl FnMut(&[u8])) {
        match self {
            Self::Texts(leaf) if is_backward => leaf.range(range).rev().for_each(each),
            Self::Texts(leaf) => leaf.range(range).for_each(each),
            Self::Integers(integers) => {
                let mut show = |integer| each(&Decimal::of(integer));
                if is_backward {
                    integers.range(range).rev().for_each(&mut show);
                } else {
                    integers.range(range).for_each(&mut show);
                }
            }
        }
    }

    /// The element at `index`.
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<Element<'a>> {
        (index < self.len()).then(|| self.element(index))
    }

    /// The last element.
    pub(crate) fn last(self) -> Option<Element<'a>> {
        self.len().checked_sub(1).map(|index| self.element(index))
    }

    /// All elements.
    pub(crate) fn iter(self) -> Iter<'a> {
        self.range(0..self.len())
    }

    /// The elements of a range of positions, cut to those that there are.
    pub(crate) fn range(self, range: Range<usize>) -> Iter<'a> {
        let end = range.end.min(self.len());
        Iter { series: self, range: range.start.min(end)..end }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.range.next().map(|index| self.series.element(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        self.range.nth(count).map(|index| self.series.element(index))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.range.next_back().map(|index| self.series.element(index))
    }
}

impl ExactSizeIterator for Iter<'_> {}
