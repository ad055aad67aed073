//! A tree whose elements stay where they were put.

use std::ops::Range;

use triomphe::Arc;

use super::block;
use super::grow::Place;
use super::node::Node;
use super::{ByPosition, Tree};

/// Elements by position: what a large list is.
pub type Sequence = Tree<ByPosition>;

impl Sequence {
    /// Shows the elements of a range of positions, cut to those that there are, to `each`: the quickest way to see
    /// many.
    pub fn visit(&self, range: Range<usize>, mut each: impl FnMut(&[u8])) {
        let (mut at, end) = (range.start, range.end.min(self.len));
        while at < end {
            let (run, offset) = self.root.run_at(at);
            let count = (run.len() - offset).min(end - at);
            run.visit(offset..offset + count, &mut each);
            at += count;
        }
    }

    /// Puts an element before the one at a position, or behind the last.
    ///
    /// # Panics
    /// If the position is behind that.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        assert!(index <= self.len, "there is such a place");
        self.root.insert(Place::Index(index), element, false);
        self.len += 1;
        self.data_bytes += element.len();
    }

    /// Gives a position another element.
    ///
    /// # Panics
    /// If there is none.
    pub fn replace(&mut self, index: usize, element: &[u8]) {
        let before = self.get(index).expect("the element is there").len();
        if self.root.replace(index, before, element) {
            self.data_bytes = self.data_bytes + element.len() - before;
        } else {
            self.remove_at(index);
            self.insert(index, element);
        }
    }
}

impl Node {
    /// Gives a position another element, if the leaf can stay what it is; says whether it was done.
    pub(super) fn replace(&mut self, index: usize, before: usize, element: &[u8]) -> bool {
        match self {
            Self::Inner(inner) => {
                let inner = Arc::make_mut(inner);
                let (child, rest) = inner.child_at(index);
                let fits = inner.nodes[child].replace(rest, before, element);
                if fits {
                    inner.data_bytes = inner.data_bytes + element.len() - before;
                }
                fits
            }
            Self::Leaf(block) => !block::is_large(element) && block.replace_if_room(index, element),
            Self::Large(large) => {
                let fits = block::is_large(element);
                if fits {
                    *large = Arc::from(element);
                }
                fits
            }
        }
    }
}
