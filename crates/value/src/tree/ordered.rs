//! A tree that keeps its elements in the order of their bytes, each once.

use super::grow::Place;
use super::inner::Inner;
use super::node::Node;
use super::{Builder, ByKey, Tree};

/// Elements by key: what orders a large sorted set or a stream.
pub type Ordered = Tree<ByKey>;

impl Ordered {
    /// The position of an element.
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        self.search(key).ok()
    }

    /// Whether an element is there.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.descend(key, |_, _| ()).search(key).is_ok()
    }

    /// The position of the first element that is not less than `key`, or the one behind the last: how many elements are less.
    pub fn lower_bound(&self, key: &[u8]) -> usize {
        self.search(key).unwrap_or_else(|position| position)
    }

    /// The position of an element, or the one where it belongs.
    pub fn search(&self, key: &[u8]) -> Result<usize, usize> {
        let mut before = 0;
        let leaf = self.descend(key, |inner, child| before += inner.counts[..child].iter().sum::<usize>());
        leaf.search(key).map(|index| before + index).map_err(|index| before + index)
    }

    /// The address of the leaf in which an element is, or would be put.
    pub fn leaf_of(&self, key: &[u8]) -> usize {
        self.descend(key, |_, _| ()).address()
    }

    /// The leaf in which an element is, or would be put; `pass` sees each inner node on the way and which child of it is the next.
    #[inline]
    fn descend(&self, key: &[u8], mut pass: impl FnMut(&Inner, usize)) -> &Node {
        let mut node = &self.root;
        while let Node::Inner(inner) = node {
            let child = inner.child_of(key);
            pass(inner, child);
            node = &inner.nodes[child];
        }
        node
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

    /// Adds elements between which none lies that is there: whole leaves, each with one search.
    pub fn insert_run(&mut self, run: Builder<ByKey>) {
        if self.is_empty() {
            *self = run.finish();
            return;
        }
        let (leaves, len, data_bytes) = run.into_leaves();
        for leaf in leaves {
            debug_assert_eq!(self.search(leaf.first()), self.search(leaf.last()), "nothing lies between");
            self.root.insert_leaf(leaf);
        }
        self.len += len;
        self.data_bytes += data_bytes;
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
