//! The ends of a sequence, where queues put and take: one way down, on which nothing is counted, split or merged.
//!
//! A leaf at an end grows up to [`LONG_BYTES`] before the next one opens beside it. What is more than that, a leaf that is full,
//! that holds a last element or a large one, is left to [`grow`](super::grow) and [`shrink`](super::shrink), which can do
//! anything; a leaf has dozens of elements, so that is rare.

use triomphe::Arc;

use super::block::{self, BLOCK_BYTES, LONG_BYTES};
use super::inner::Inner;
use super::node::Node;
use super::{Sequence, Side};
use crate::element::Element;

impl Sequence {
    /// The element at an end.
    #[inline]
    pub fn end(&self, side: Side) -> Option<Element<'_>> {
        (self.len > 0).then(|| {
            let (run, index) = self.root.end(side);
            run.element(index)
        })
    }

    /// Puts an element at an end.
    #[inline]
    pub fn push(&mut self, side: Side, element: &[u8]) {
        let done = !block::is_large(element)
            && match &mut self.root {
                Node::Inner(inner) => Arc::make_mut(inner).push(side, element),
                // The only leaf is at both ends, so it does not become long.
                Node::Leaf(block) => block.push(side, element, BLOCK_BYTES),
                Node::Large(_) => false,
            };
        if !done {
            return self.insert(if side == Side::Left { 0 } else { self.len }, element);
        }
        self.len += 1;
        self.data_bytes += element.len();
    }

    /// Takes the element at an end out, if there is one, and shows it to `each` before.
    #[inline]
    pub fn pop(&mut self, side: Side, each: &mut dyn FnMut(&[u8])) {
        let bytes = match &mut self.root {
            Node::Inner(inner) => Arc::make_mut(inner).pop(side, each),
            Node::Leaf(block) if self.len > 1 => Some(block.pop(side, false, each)),
            Node::Leaf(_) | Node::Large(_) => None,
        };
        if let Some(bytes) = bytes {
            self.len -= 1;
            self.data_bytes -= bytes;
        } else if let Some(element) = self.end(side) {
            each(&element);
            self.remove_at(if side == Side::Left { 0 } else { self.len - 1 });
        }
    }
}

impl Inner {
    /// Puts an element that is not large into the leaf at an end, if that has room; says whether it has.
    fn push(&mut self, side: Side, element: &[u8]) -> bool {
        let child = self.at_end(side);
        let done = match &mut self.nodes[child] {
            Node::Inner(inner) => Arc::make_mut(inner).push(side, element),
            Node::Leaf(block) => block.push(side, element, LONG_BYTES),
            Node::Large(_) => false,
        };
        if done {
            self.counts[child] += 1;
            self.data_bytes += element.len();
        }
        done
    }

    /// Takes an element out of the leaf at an end; returns how many bytes it had. `None`: the leaf has none besides, and all
    /// is as it was.
    fn pop(&mut self, side: Side, each: &mut dyn FnMut(&[u8])) -> Option<usize> {
        let child = self.at_end(side);
        let bytes = match &mut self.nodes[child] {
            Node::Inner(inner) => Arc::make_mut(inner).pop(side, each)?,
            Node::Leaf(block) if self.counts[child] > 1 => block.pop(side, true, each),
            Node::Leaf(_) | Node::Large(_) => return None,
        };
        self.counts[child] -= 1;
        self.data_bytes -= bytes;
        Some(bytes)
    }

    /// The child at an end.
    #[inline]
    pub(super) fn at_end(&self, side: Side) -> usize {
        match side {
            Side::Left => 0,
            Side::Right => self.nodes.len() - 1,
        }
    }
}
