//! Reading a list.

use std::ops::Range;

use super::{Encoding, Large, List, Side};
use crate::leaf::{self, Leaf};
use crate::tree;

/// A list to read from.
#[derive(Debug, Clone, Copy)]
pub struct ListRef<'a> {
    store: Store<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Store<'a> {
    Packed(Leaf<'a>),
    Large(&'a Large),
}

/// Elements of a list, walked from either side.
#[derive(Debug, Clone)]
pub enum Elements<'a> {
    /// Of a block.
    Packed(leaf::Iter<'a>),
    /// Of a tree.
    Large(tree::Iter<'a>),
}

impl<'a> ListRef<'a> {
    /// The list in a block that this process made.
    pub fn packed(block: &'a [u8]) -> Self {
        Self { store: Store::Packed(Leaf::trusted(block)) }
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
            Store::Packed(leaf) => leaf.len(),
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
            Store::Packed(leaf) => leaf.data_bytes(),
            Store::Large(large) => large.elements.data_bytes(),
        }
    }

    /// The element at a position.
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        match self.store {
            Store::Packed(leaf) => leaf.get(index),
            Store::Large(large) => large.elements.get(index),
        }
    }

    /// The element at an end.
    pub fn end(self, side: Side) -> Option<&'a [u8]> {
        match (self.store, side) {
            (Store::Packed(leaf), Side::Left) => leaf.first(),
            (Store::Packed(leaf), Side::Right) => leaf.last(),
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
            Store::Packed(leaf) => Elements::Packed(leaf.range(range)),
            Store::Large(large) => Elements::Large(large.elements.range(range)),
        }
    }

    /// The list on its own, to be read when the key's lock is gone: a counter, or a copy of a few hundred bytes.
    pub fn to_owned(self) -> List {
        match self.store {
            Store::Packed(leaf) => List::Packed(leaf.bytes().into()),
            Store::Large(large) => List::Large(large.clone()),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

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
