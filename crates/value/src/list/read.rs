//! Reading a list.

use std::ops::Range;

use super::{Encoding, Large, List, Side};
use crate::element::Element;
use crate::series::{self, Series};
use crate::tree::{self, ByPosition};

/// A list to read from.
#[derive(Debug, Clone, Copy)]
pub struct ListRef<'a> {
    store: Store<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Store<'a> {
    Packed(Series<'a>),
    Large(&'a Large),
}

/// Elements of a list, walked from either side.
#[derive(Debug, Clone)]
pub enum Elements<'a> {
    /// Of a block.
    Packed(series::Iter<'a>),
    /// Of a tree.
    Large(tree::Iter<'a, ByPosition>),
}

impl<'a> ListRef<'a> {
    /// The list in a block that this process made.
    pub fn packed(block: &'a [u8]) -> Self {
        Self { store: Store::Packed(Series::of(block)) }
    }

    /// The list in a tree.
    pub fn large(large: &'a Large) -> Self {
        Self { store: Store::Large(large) }
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(self) -> Encoding {
        match self.store {
            Store::Packed(_) => Encoding::Listpack,
            Store::Large(large) => large.encoding,
        }
    }

    /// The number of elements.
    pub fn len(self) -> usize {
        match self.store {
            Store::Packed(series) => series.len(),
            Store::Large(large) => large.elements.len(),
        }
    }

    /// The elements, if they are in a tree.
    pub fn tree(self) -> Option<&'a tree::Sequence> {
        match self.store {
            Store::Packed(_) => None,
            Store::Large(large) => Some(&large.elements),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of all elements together.
    pub fn data_bytes(self) -> usize {
        match self.store {
            Store::Packed(series) => series.data_bytes(),
            Store::Large(large) => large.elements.data_bytes(),
        }
    }

    /// The element at a position.
    pub fn get(self, index: usize) -> Option<Element<'a>> {
        match self.store {
            Store::Packed(series) => series.get(index),
            Store::Large(large) => large.elements.get(index),
        }
    }

    /// The element at an end.
    pub fn end(self, side: Side) -> Option<Element<'a>> {
        match (self.store, side) {
            (Store::Packed(series), Side::Left) => series.get(0),
            (Store::Packed(series), Side::Right) => series.last(),
            (Store::Large(large), _) => large.elements.end(side),
        }
    }

    /// All elements.
    pub fn iter(self) -> Elements<'a> {
        self.range(0..self.len())
    }

    /// The elements of a range of positions, cut to those that there are.
    pub fn range(self, range: Range<usize>) -> Elements<'a> {
        match self.store {
            Store::Packed(series) => Elements::Packed(series.range(range)),
            Store::Large(large) => Elements::Large(large.elements.range(range)),
        }
    }

    /// Shows the elements of a range of positions, cut to those that there are, to `each`: the quickest way to see
    /// many.
    pub fn visit(self, range: Range<usize>, mut each: impl FnMut(&[u8])) {
        match self.store {
            Store::Packed(series) => {
                let end = range.end.min(series.len());
                series.visit(range.start.min(end)..end, false, &mut each);
            }
            Store::Large(large) => large.elements.visit(range, each),
        }
    }

    /// The list on its own, to be read when the key's lock is gone: a counter, or a copy of a few hundred bytes.
    pub fn to_owned(self) -> List {
        match self.store {
            Store::Packed(series) => List::Packed(series.bytes().into()),
            Store::Large(large) => List::Large(large.clone()),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Packed(elements) => elements.next(),
            Self::Large(elements) => elements.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Packed(elements) => elements.size_hint(),
            Self::Large(elements) => elements.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Elements<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Packed(elements) => elements.next_back(),
            Self::Large(elements) => elements.next_back(),
        }
    }
}

impl ExactSizeIterator for Elements<'_> {}
