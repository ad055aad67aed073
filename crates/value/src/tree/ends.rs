//! The ends of a sequence, where queues put and take: one way down, on which nothing is counted or split.
//!
//! What is more than that, a leaf that is full, that holds a last element or a large one, is left to [`grow`](super::grow) and
//! [`shrink`](super::shrink), which can do anything; a leaf has dozens of elements, so that is rare.

use triomphe::Arc;

use super::block;
use super::inner::Inner;
use super::node::Node;
use super::{Sequence, Side};
use crate::leaf::ELEMENT_OVERHEAD;

impl Sequence {
    /// The element at an end.
    pub fn end(&self, side: Side) -> Option<&[u8]> {
        (self.len > 0).then(|| match side {
            Side::Left => self.root.first(),
            Side::Right => self.root.last(),
        })
    }

    /// Puts an element at an end.
    pub fn push(&mut self, side: Side, element: &[u8]) {
        if block::is_large(element) || !self.root.push(side, element) {
            return self.insert(if side == Side::Left { 0 } else { self.len }, element);
        }
        self.len += 1;
        self.data_bytes += element.len();
    }

    /// Takes the element at an end out, if there is one.
    pub fn pop(&mut self, side: Side) {
        if let Node::Inner(inner) = &mut self.root
            && let Some(bytes) = Arc::make_mut(inner).pop(side)
        {
            self.len -= 1;
            self.data_bytes -= bytes;
            self.root.collapse();
        } else if self.len > 0 {
            self.remove_at(if side == Side::Left { 0 } else { self.len - 1 });
        }
    }
}

impl Node {
    /// Puts an element that is not large into the leaf at an end, if that has room; says whether it has.
    fn push(&mut self, side: Side, element: &[u8]) -> bool {
        match self {
            Self::Inner(inner) => Arc::make_mut(inner).push(side, element),
            Self::Leaf(block) => {
                let has_room = block.admits(element.len() + ELEMENT_OVERHEAD, 0);
                if has_room {
                    block.insert(if side == Side::Left { 0 } else { block.leaf().len() }, element);
                }
                has_room
            }
            Self::Large(_) => false,
        }
    }

    /// Takes an element out of the leaf at an end; returns how many bytes it had. `None`: the leaf has none besides, and all
    /// is as it was.
    fn pop(&mut self, side: Side) -> Option<usize> {
        match self {
            Self::Inner(inner) => Arc::make_mut(inner).pop(side),
            Self::Leaf(block) if block.leaf().len() > 1 => Some(block.pop(side)),
            Self::Leaf(_) | Self::Large(_) => None,
        }
    }
}

impl Inner {
    fn push(&mut self, side: Side, element: &[u8]) -> bool {
        let child = self.at_end(side);
        let done = self.nodes[child].push(side, element);
        if done {
            self.counts[child] += 1;
            self.data_bytes += element.len();
        }
        done
    }

    fn pop(&mut self, side: Side) -> Option<usize> {
        let child = self.at_end(side);
        let bytes = self.nodes[child].pop(side)?;
        self.counts[child] -= 1;
        self.data_bytes -= bytes;
        self.mend(child);
        Some(bytes)
    }

    /// The child at an end.
    fn at_end(&self, side: Side) -> usize {
        match side {
            Side::Left => 0,
            Side::Right => self.nodes.len() - 1,
        }
    }
}
