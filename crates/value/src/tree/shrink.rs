//! Removing a range: whole children go at once, and what is left at the ends is merged with its neighbours.

use std::ops::Range;

use triomphe::Arc;

use super::inner::{FAN, Inner};
use super::node::Node;
use crate::series::Form;

impl Node {
    /// Takes some elements out, not all; returns how many bytes they had. All may go at the root only.
    pub(super) fn remove(&mut self, range: Range<usize>) -> usize {
        match self {
            Self::Leaf(block) => {
                let before = block.series().data_bytes();
                block.remove(range);
                before - block.series().data_bytes()
            }
            Self::Large(element) => {
                let bytes = element.len();
                *self = Self::empty(Form::Texts);
                bytes
            }
            Self::Inner(inner) => Arc::make_mut(inner).remove_elements(range),
        }
    }

    /// Whether the node is full enough to stay alone.
    fn is_half_full(&self) -> bool {
        match self {
            Self::Leaf(block) => block.is_half_full(),
            Self::Large(_) => true,
            Self::Inner(inner) => inner.nodes.len() >= FAN / 2,
        }
    }

    /// Whether the node and the next one fill no more than three quarters of one.
    fn goes_with(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Leaf(left), Self::Leaf(right)) => left.goes_with(right),
            (Self::Inner(left), Self::Inner(right)) => left.nodes.len() + right.nodes.len() <= FAN / 4 * 3,
            _ => false,
        }
    }

    /// Takes all that is in the next node, of the same kind.
    fn absorb(&mut self, next: Self) {
        match (self, next) {
            (Self::Leaf(left), Self::Leaf(right)) => left.absorb(right),
            (Self::Inner(left), Self::Inner(right)) => {
                Arc::make_mut(left).append(Arc::unwrap_or_clone(right));
            }
            _ => unreachable!("only nodes of one kind go together"),
        }
    }
}

impl Inner {
    fn remove_elements(&mut self, range: Range<usize>) -> usize {
        let (first, offset) = self.child_at(range.start);
        let mut bytes = 0;
        let mut left = range.len();
        let mut emptied = first..first;
        let mut child = first;
        let mut from = offset;
        while left > 0 {
            let count = self.counts[child];
            let gone = left.min(count - from);
            if gone == count {
                bytes += self.nodes[child].data_bytes();
                emptied = if emptied.is_empty() { child } else { emptied.start }..child + 1;
            } else {
                bytes += self.nodes[child].remove(from..from + gone);
                self.counts[child] -= gone;
            }
            left -= gone;
            child += 1;
            from = 0;
        }
        let removed = emptied.len();
        if removed > 0 {
            self.remove(emptied.start, emptied.end);
        }
        // What stood on both sides of children that went stands together now.
        let touched = (child - removed).max((first + 1).min(self.nodes.len()));
        for index in (first..touched).rev() {
            self.mend(index);
        }
        self.data_bytes -= bytes;
        bytes
    }

    /// Merges a child that is not half full with a neighbour, if both together leave room for more.
    pub(super) fn mend(&mut self, child: usize) {
        if self.nodes[child].is_half_full() {
            return;
        }
        if child > 0 && self.nodes[child - 1].goes_with(&self.nodes[child]) {
            self.merge(child - 1);
        } else if child + 1 < self.nodes.len() && self.nodes[child].goes_with(&self.nodes[child + 1]) {
            self.merge(child);
        }
    }

    /// Merges a child with the next one.
    fn merge(&mut self, child: usize) {
        let (next, count) = (self.nodes[child + 1].clone(), self.counts[child + 1]);
        self.remove(child + 1, child + 2);
        self.nodes[child].absorb(next);
        self.counts[child] += count;
    }
}
