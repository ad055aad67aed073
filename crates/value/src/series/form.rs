//! How the elements of a block stand in it, and what one is that is to be put there.

use stdx::number::parse_i64;

use super::integers;
use crate::leaf;
use crate::width::Width;

/// See the module's text. A form that is greater can hold whatever a lesser one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Integers of this width.
    Integers(Width),
    /// Their bytes, and where each of them ends.
    Texts,
}

/// An element that is to be put into a block. It is read as an integer once, and only where it may stand as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(super) text: &'a [u8],
    integer: Option<i64>,
}

impl<'a> Item<'a> {
    /// An element for a block of texts.
    #[inline]
    pub(super) fn of_text(text: &'a [u8]) -> Self {
        Self { text, integer: None }
    }

    /// An element for a block of integers.
    #[inline]
    pub(super) fn read(text: &'a [u8]) -> Self {
        Self { text, integer: parse_i64(text) }
    }

    /// The least form that can hold it.
    #[inline]
    pub(super) fn form(self) -> Form {
        self.integer.map_or(Form::Texts, |integer| Form::Integers(Width::of(integer)))
    }

    /// What it is in a block of integers that has a form in which it can stand.
    #[inline]
    pub(super) fn integer(self) -> i64 {
        self.integer.expect("the block has the form that the element needs")
    }
}

impl Form {
    /// That of a block without elements, which can become any other.
    pub(crate) const NARROWEST: Self = Self::Integers(Width::NARROWEST);

    /// The form that a block of this one that has no elements has with its first.
    pub(crate) fn with_first(self, element: &[u8]) -> Self {
        match self {
            Self::Integers(_) => Item::read(element).form(),
            Self::Texts => Self::Texts,
        }
    }

    /// The form of so many elements of so many bytes, of which some can stand in one form and the others in another,
    /// and the bytes of a block of them. Heads aside, it is no longer than one of texts.
    #[inline]
    pub(crate) fn joined(self, other: Self, count: usize, data_bytes: usize) -> (Self, usize) {
        let form = match self.max(other) {
            Self::Integers(width) if width.bytes_of(count) <= data_bytes + count * leaf::ELEMENT_OVERHEAD => {
                Self::Integers(width)
            }
            _ => Self::Texts,
        };
        (form, form.bytes_of(count, data_bytes))
    }

    /// The bytes of a block of so many elements that have so many bytes.
    #[inline]
    pub(crate) fn bytes_of(self, count: usize, data_bytes: usize) -> usize {
        match self {
            Self::Integers(width) => integers::HEAD_BYTES + width.bytes_of(count),
            Self::Texts => leaf::EMPTY.len() + data_bytes + count * leaf::ELEMENT_OVERHEAD,
        }
    }
}
