//! An inner node: children, how many elements each of them has, the bytes of all of them, and what separates them.

use smallvec::SmallVec;

use super::node::Node;
use super::separators::{SEPARATOR_MAX, Separators, Standing};
use crate::page::sizes;

/// The most children of a node: with them, a node without separators fills a block of 1 kB.
pub(super) const FAN: usize = 29;

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct Inner {
    pub(super) nodes: SmallVec<[Node; FAN]>,
    pub(super) counts: SmallVec<[usize; FAN]>,
    /// The bytes of the elements below, so that nobody has to walk to the leaves for them.
    pub(super) data_bytes: usize,
    /// One less than children.
    separators: Separators,
}

impl Inner {
    /// A node above others.
    pub(super) fn new(nodes: impl IntoIterator<Item = Node>, has_separators: bool) -> Self {
        let mut inner = Self {
            nodes: SmallVec::new(),
            counts: SmallVec::new(),
            data_bytes: 0,
            separators: if has_separators { Separators::none() } else { Separators::never() },
        };
        inner.insert(0, nodes);
        inner.data_bytes = inner.sum_of_bytes();
        inner
    }

    /// The number of elements below.
    pub(super) fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The child of a position that is there, and the position in it; of the position behind the last element, the last
    /// child.
    #[inline]
    pub(super) fn child_at(&self, index: usize) -> (usize, usize) {
        let mut rest = index;
        for (child, &count) in self.counts.iter().enumerate() {
            if rest < count {
                return (child, rest);
            }
            rest -= count;
        }
        let last = self.counts.len() - 1;
        (last, rest + self.counts[last])
    }

    /// The child in which a key is, or belongs.
    ///
    /// A separator `s` of a child with the first element `f` has `s <= f`, and every element before it is less than `s` or,
    /// where `s` is cut, begins with `s` and is less than `f`. Inserting and removing keep that, although `f` changes. Mostly the
    /// heads of separators tell which child it is, without a look at one of them.
    #[inline]
    pub(super) fn child_of(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = match self.separators.standing(key) {
            Standing::Behind(child) => return child,
            Standing::Among(range) => (range.start, range.end),
        };
        let separators = self.separators.all();
        while low < high {
            let middle = usize::midpoint(low, high);
            let separator = separators.element(middle);
            let is_cut = separator.len() == SEPARATOR_MAX;
            let is_at_or_before = if is_cut && key.starts_with(separator) {
                self.nodes[middle + 1].first() <= key
            } else {
                separator <= key
            };
            if is_at_or_before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Puts nodes before the child at an index, or behind the last, and what separates them from it and each other. A child
    /// before them has its elements already. Whether that brings bytes or only moves them, the caller knows.
    pub(super) fn insert(&mut self, at: usize, nodes: impl IntoIterator<Item = Node>) {
        let before = self.nodes.len();
        self.nodes.insert_many(at, nodes);
        let added = self.nodes.len() - before;
        self.counts.insert_many(at, self.nodes[at..at + added].iter().map(Node::count));
        if self.has_separators() {
            // What stood between the children on both sides still holds between the last new one and the one behind.
            let end = if at == 0 { (added + 1).min(self.nodes.len()) } else { at + added };
            let (nodes, begin) = (&self.nodes, at.max(1));
            let between = |right: usize| separator(nodes[right - 1].last(), nodes[right].first());
            self.separators.insert(begin - 1, (begin..end).map(between));
        }
    }

    /// Takes children out; their bytes are the caller's to count.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        if self.has_separators() {
            let first = from.saturating_sub(1);
            let count = self.separators.all().len();
            self.separators.remove(first..(first + to - from).min(count));
        }
        self.nodes.drain(from..to);
        self.counts.drain(from..to);
    }

    /// Takes the children from `at` on out into a node of their own.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let separators = if self.has_separators() {
            let right = self.separators.split_off(at);
            self.separators.remove(at - 1..at);
            right
        } else {
            Separators::never()
        };
        let mut right = Self {
            nodes: self.nodes.drain(at..).collect(),
            counts: self.counts.drain(at..).collect(),
            data_bytes: 0,
            separators,
        };
        right.data_bytes = right.sum_of_bytes();
        self.data_bytes -= right.data_bytes;
        // More children than there may be had made the lists move out of the node.
        self.nodes.shrink_to_fit();
        self.counts.shrink_to_fit();
        right
    }

    /// Adds the children of a node that follows.
    pub(super) fn append(&mut self, other: Self) {
        if self.has_separators() {
            let between = separator(self.last(), other.first()).to_vec();
            self.separators.insert(self.separators.all().len(), std::iter::once(&between[..]));
            self.separators.append(&other.separators);
        }
        self.nodes.extend(other.nodes);
        self.counts.extend(other.counts);
        self.data_bytes += other.data_bytes;
    }

    /// Bytes of memory of the node itself.
    pub(super) fn allocated_bytes(&self) -> usize {
        sizes::fit(size_of::<Self>()) + sizes::ARC_HEADER + self.separators.allocated_bytes()
    }

    fn sum_of_bytes(&self) -> usize {
        self.nodes.iter().map(Node::data_bytes).sum()
    }

    fn has_separators(&self) -> bool {
        self.separators.are_kept()
    }

    fn first(&self) -> &[u8] {
        self.nodes[0].first()
    }

    fn last(&self) -> &[u8] {
        self.nodes[self.nodes.len() - 1].last()
    }
}

/// What stands between two elements that are neighbours: the shortest prefix of the right one that is greater than the left
/// one, or the first [`SEPARATOR_MAX`] bytes of it.
fn separator<'a>(left: &[u8], right: &'a [u8]) -> &'a [u8] {
    debug_assert!(left < right, "elements are ordered");
    let common = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    &right[..(common + 1).min(SEPARATOR_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_fills_its_block() {
        assert!(size_of::<Inner>() + sizes::ARC_HEADER <= 1024, "{}", size_of::<Inner>());
        assert!(size_of::<Inner>() + sizes::ARC_HEADER > 1024 - 32, "{}", size_of::<Inner>());
    }

    #[test]
    fn a_separator_is_short() {
        assert_eq!(separator(b"abc", b"abd"), b"abd");
        assert_eq!(separator(b"", b"xyz"), b"x");
        assert_eq!(separator(b"ab", b"abcd"), b"abc");
        let long = [b'x'; 1000];
        assert_eq!(separator(&long[..999], &long), &long[..SEPARATOR_MAX]);
    }
}
