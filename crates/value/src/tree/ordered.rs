//! A tree that keeps its elements in the order of their bytes, each once.

use super::grow::Place;
use super::node::Node;
use super::{ByKey, Tree};
use crate::leaf::Leaf;
use stdx::prefetch::prefetch;

/// Elements by key: what orders a large sorted set or a stream.
pub type Ordered = Tree<ByKey>;

/// Bytes that the processor fetches at once.
const CACHE_LINE: usize = 64;

impl Ordered {
    /// The position of an element.
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        self.search(key).ok()
    }

    /// Whether an element is there.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.search(key).is_ok()
    }

    /// The position of the first element that is not less than `key`, or the one behind the last: how many elements are less.
    pub fn lower_bound(&self, key: &[u8]) -> usize {
        self.search(key).unwrap_or_else(|position| position)
    }

    /// The position of an element, or the one where it belongs.
    pub fn search(&self, key: &[u8]) -> Result<usize, usize> {
        let mut before = 0;
        let mut node = &self.root;
        loop {
            match node {
                Node::Inner(inner) => {
                    let child = inner.child_of(key);
                    before += inner.counts[..child].iter().sum::<usize>();
                    node = &inner.nodes[child];
                }
                Node::Leaf(block) => {
                    let leaf = block.leaf();
                    fetch(leaf);
                    return match leaf.search(key) {
                        Ok(index) => Ok(before + index),
                        Err(index) => Err(before + index),
                    };
                }
                Node::Large(element) => {
                    return match element[..].cmp(key) {
                        std::cmp::Ordering::Less => Err(before + 1),
                        std::cmp::Ordering::Equal => Ok(before),
                        std::cmp::Ordering::Greater => Err(before),
                    };
                }
            }
        }
    }

    /// The address of the leaf in which an element is, or would be put.
    pub fn leaf_of(&self, key: &[u8]) -> usize {
        let mut node = &self.root;
        while let Node::Inner(inner) = node {
            node = &inner.nodes[inner.child_of(key)];
        }
        node.address()
    }

    /// Adds an element unless it is there; says whether it is new.
    pub fn insert(&mut self, element: &[u8]) -> bool {
        let is_new = !self.contains(element);
        if is_new {
            self.insert_absent(element);
        }
        is_new
    }

    /// Adds an element that is not there.
    pub fn insert_absent(&mut self, element: &[u8]) {
        debug_assert!(!self.contains(element), "each element is there once");
        self.root.insert(Place::Key(element), element, true);
        self.len += 1;
        self.data_bytes += element.len();
    }

    /// Gives a position an element that belongs there as well: it has to be between the neighbours of the one before. Both
    /// have to begin with the same bytes, up to and including those that tell them from the elements on the left.
    ///
    /// # Panics
    /// If there is no such position.
    pub fn replace(&mut self, index: usize, element: &[u8]) {
        let before = self.get(index).expect("the element is there").len();
        if self.root.replace(index, before, element) {
            self.data_bytes = self.data_bytes + element.len() - before;
        } else {
            self.remove_at(index);
            self.insert(element);
        }
    }

    /// Takes an element out if it is there; says whether it was.
    pub fn remove(&mut self, element: &[u8]) -> bool {
        let found = self.find(element);
        if let Some(index) = found {
            self.remove_at(index);
        }
        found.is_some()
    }
}

/// Asks for all cache lines of a leaf at once: a binary search would wait for one after the other.
#[inline]
fn fetch(leaf: Leaf<'_>) {
    for line in leaf.bytes().chunks(CACHE_LINE) {
        prefetch(line.as_ptr());
    }
}
