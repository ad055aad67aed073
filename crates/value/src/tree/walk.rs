//! Walking elements in order, from either side.

use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Range;

use super::Order;
use super::node::{Node, Run};

/// Elements of a range of positions. Goes down from the root once a leaf.
#[derive(Debug, Clone)]
pub struct Iter<'a, O> {
    root: &'a Node,
    range: Range<usize>,
    front: Piece<'a>,
    back: Piece<'a>,
    order: PhantomData<O>,
}

/// A leaf that is being walked. Where the two ends of a walk meet in one leaf, the range of positions keeps them apart.
#[derive(Debug, Clone)]
struct Piece<'a> {
    run: Option<Run<'a>>,
    range: Range<usize>,
}

impl Piece<'_> {
    const NONE: Self = Self { run: None, range: 0..0 };
}

impl<'a, O: Order> Iter<'a, O> {
    /// The elements of positions that are there.
    pub(super) fn new(root: &'a Node, range: Range<usize>) -> Self {
        Self { root, range, front: Piece::NONE, back: Piece::NONE, order: PhantomData }
    }
}

impl<'a, O: Order> Iterator for Iter<'a, O> {
    type Item = O::Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let position = self.range.next()?;
        if self.front.range.is_empty() {
            let (run, offset) = self.root.run_at(position);
            self.front = Piece { run: Some(run), range: offset..run.len() };
        }
        let index = self.front.range.next()?;
        self.front.run.map(|run| O::read(run, index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        if count >= self.front.range.len() {
            self.front = Piece::NONE;
            self.range.start = self.range.start.saturating_add(count).min(self.range.end);
        } else {
            self.range.start = (self.range.start + count).min(self.range.end);
            self.front.range.start += count;
        }
        self.next()
    }
}

impl<O: Order> DoubleEndedIterator for Iter<'_, O> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let position = self.range.next_back()?;
        if self.back.range.is_empty() {
            let (run, offset) = self.root.run_at(position);
            self.back = Piece { run: Some(run), range: 0..offset + 1 };
        }
        let index = self.back.range.next_back()?;
        self.back.run.map(|run| O::read(run, index))
    }
}

impl<O: Order> ExactSizeIterator for Iter<'_, O> {}
impl<O: Order> FusedIterator for Iter<'_, O> {}
