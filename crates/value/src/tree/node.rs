//! One node of the tree, and going down from it.

use std::cmp::Ordering;
use std::ops::Range;

use triomphe::Arc;

use super::Side;
use super::block::{self, Block, Elements};
use super::inner::Inner;
use crate::dismantle::{Dismantle, last_of};
use crate::element::Element;
use crate::page::sizes;
use crate::series::Form;
use crate::sweep::Sweeper;

/// A node and what is below it.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Packed elements.
    Leaf(Block),
    /// One large element.
    Large(Arc<[u8]>),
    /// Nodes of one level below.
    Inner(Arc<Inner>),
}

/// The elements of one leaf.
#[derive(Debug, Clone, Copy)]
pub enum Run<'a> {
    Packed(Elements<'a>),
    Large(&'a [u8]),
}

impl<'a> Run<'a> {
    #[inline]
    pub(super) fn len(self) -> usize {
        match self {
            Self::Packed(elements) => elements.len(),
            Self::Large(_) => 1,
        }
    }

    /// The element at an index that is there, in a tree by position.
    #[inline]
    pub(super) fn element(self, index: usize) -> Element<'a> {
        match self {
            Self::Packed(elements) => elements.get(index),
            Self::Large(element) => Element::Bytes(element),
        }
    }

    /// Shows the elements of a range that are there to `each`, in a tree by position.
    #[inline]
    pub(super) fn visit(self, range: Range<usize>, each: &mut impl FnMut(&[u8])) {
        match self {
            Self::Packed(elements) => elements.visit(range, each),
            Self::Large(element) => each(element),
        }
    }

    /// The element at an index that is there, in a tree by key.
    #[inline]
    pub(super) fn key(self, index: usize) -> &'a [u8] {
        match self {
            Self::Packed(elements) => elements.key(index),
            Self::Large(element) => element,
        }
    }
}

impl Node {
    /// The root of a tree without elements whose leaves have a form or a greater one.
    pub(super) fn empty(least: Form) -> Self {
        Self::Leaf(Block::with_capacity(least, 0))
    }

    /// A leaf of one element, with room for some bytes, in a form or a greater one.
    pub(super) fn leaf_of(element: &[u8], capacity: usize, least: Form) -> Self {
        if block::is_large(element) {
            return Self::Large(Arc::from(element));
        }
        let mut block = Block::with_capacity(least.with_first(element), capacity);
        block.insert(0, element);
        Self::Leaf(block)
    }

    /// Whether it is the same memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(one), Self::Leaf(other)) => one.is_same(other),
            (Self::Large(one), Self::Large(other)) => Arc::ptr_eq(one, other),
            (Self::Inner(one), Self::Inner(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// The number of elements below.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(block) => block.series().len(),
            Self::Large(_) => 1,
            Self::Inner(inner) => inner.count(),
        }
    }

    /// The leaf of a position that is there, and the position in it.
    #[inline]
    pub(super) fn run_at(&self, mut index: usize) -> (Run<'_>, usize) {
        let mut node = self;
        loop {
            match node {
                Self::Inner(inner) => {
                    let (child, rest) = inner.child_at(index);
                    (node, index) = (&inner.nodes[child], rest);
                }
                Self::Leaf(block) => return (Run::Packed(block.elements()), index),
                Self::Large(element) => return (Run::Large(element), index),
            }
        }
    }

    /// The leaf of a position that is there, or of the one behind the last element.
    pub(super) fn leaf_at(&self, mut index: usize) -> &Self {
        let mut node = self;
        while let Self::Inner(inner) = node {
            let (child, rest) = inner.child_at(index);
            (node, index) = (&inner.nodes[child], rest);
        }
        node
    }

    /// Where an element is in a leaf of a tree by key, or where it belongs.
    #[inline]
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        match self {
            Self::Leaf(block) => block.search(key),
            Self::Large(element) => match element[..].cmp(key) {
                Ordering::Less => Err(1),
                Ordering::Equal => Ok(0),
                Ordering::Greater => Err(0),
            },
            Self::Inner(_) => unreachable!("a leaf has nothing below"),
        }
    }

    /// The address of the memory of the node.
    pub(super) fn address(&self) -> usize {
        match self {
            Self::Leaf(block) => block.address(),
            Self::Large(element) => element.heap_ptr().addr(),
            Self::Inner(inner) => inner.heap_ptr().addr(),
        }
    }

    /// The first element below, of a node of a tree by key that has one.
    pub(super) fn first(&self) -> &[u8] {
        let (run, index) = self.end(Side::Left);
        run.key(index)
    }

    /// The last element below, of a node of a tree by key that has one.
    pub(super) fn last(&self) -> &[u8] {
        let (run, index) = self.end(Side::Right);
        run.key(index)
    }

    /// The leaf at an end, and the position of its element at that end; of a node that has one.
    #[inline]
    pub(super) fn end(&self, side: Side) -> (Run<'_>, usize) {
        let mut node = self;
        loop {
            let run = match node {
                Self::Inner(inner) => {
                    node = &inner.nodes[inner.at_end(side)];
                    continue;
                }
                Self::Leaf(block) => Run::Packed(block.elements()),
                Self::Large(element) => Run::Large(element),
            };
            return (run, if side == Side::Left { 0 } else { run.len() - 1 });
        }
    }

    /// The bytes of the elements below.
    pub(super) fn data_bytes(&self) -> usize {
        match self {
            Self::Leaf(block) => block.series().data_bytes(),
            Self::Large(element) => element.len(),
            Self::Inner(inner) => inner.data_bytes,
        }
    }

    /// The bytes of memory below.
    pub(super) fn allocated_bytes(&self) -> usize {
        match self {
            Self::Leaf(block) => block.allocated_bytes(),
            Self::Large(element) => sizes::fit(element.len()) + sizes::ARC_HEADER,
            Self::Inner(inner) => {
                inner.allocated_bytes() + inner.nodes.iter().map(Self::allocated_bytes).sum::<usize>()
            }
        }
    }

    /// Shows a sweep the leaf of a position if nothing on the way is shared; returns how many of its elements stand at or
    /// behind the position.
    pub(super) fn sweep(&mut self, index: usize, sweeper: &mut Sweeper<'_>) -> usize {
        match self {
            Self::Inner(inner) => {
                let (child, rest) = inner.child_at(index);
                if let Some(inner) = Arc::get_mut(inner) {
                    return inner.nodes[child].sweep(rest, sweeper);
                }
                sweeper.pass();
            }
            Self::Leaf(block) => block.sweep(sweeper),
            Self::Large(element) => sweeper.renew(element),
        }
        let (run, offset) = self.run_at(index);
        run.len() - offset
    }

    /// A root with one child makes way for it.
    pub(super) fn collapse(&mut self) {
        while let Self::Inner(inner) = self
            && let [child] = &inner.nodes[..]
        {
            *self = child.clone();
        }
    }
}

impl Dismantle for Node {
    fn dismantle(self, between: &mut dyn FnMut()) {
        if let Self::Inner(inner) = self
            && let Some(inner) = last_of(inner)
        {
            inner.nodes.into_iter().for_each(|node| node.dismantle(between));
            between();
        }
    }
}
