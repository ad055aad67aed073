//! An ordered tree of byte strings: a counted B+tree over copy-on-write leaves.
//!
//! ```text
//!                    inner ── counts and children, up to 29
//!            ┌─────────┼──────────┐
//!         inner      inner      inner          [separators between the children, in a tree by key]
//!       ┌───┼───┐   ┌──┼──┐    ┌──┼──┐
//!     leaf leaf leaf  ...   leaf large leaf    packed blocks of 2 kB, up to 8 kB in a list; a large element is a leaf of its own
//! ```
//! Every arrow is a counted pointer. A clone of the tree is a clone of the first one: a point-in-time copy in constant
//! time. A write makes its path unique first, so the first write after a clone copies one leaf and the inner nodes
//! above it, and any other happens in place.
//!
//! One tree serves two uses. [`Sequence`] keeps elements where they were put: a list. [`Ordered`] keeps each
//! element once, in the order of its bytes: a sorted set (an order-preserving score, then the member), a stream (the ID, then the
//! entry). In both, an element is found by its position in O(log n), because inner nodes count the elements below each child.
//!
//! **Leaves.** A full leaf is split in half by bytes. Only at the outer edges of the tree the new element opens a leaf
//! of its own instead, so that loading in order fills leaves completely. In a list, a leaf at an edge grows to four times the
//! length before that, for less is lost on heads and ends of long ones; it stands so in memory that nothing moves when it grows
//! (`block`). Inserting in the middle of a long leaf divides it into short ones. A leaf under half is merged with a neighbour if
//! both together fill no more than three quarters, so that neither alternating inserts and removals nor an evenly thinned
//! tree costs much. An element above a quarter of a leaf is *large*: it is a leaf alone, and neither moves nor is moved
//! by its neighbours.
//!
//! **Integers.** A leaf of a list whose elements are all integers keeps them as such, in half the memory
//! (`crate::series`). An element that cannot stand there as the others do makes the leaf one of another form if it has
//! room for that, and else is put beside it, as a large one is. Leaves of a tree by key are always texts.
//!
//! **Separators.** Between two children of a tree by key stands the shortest prefix of the right one's first element that is
//! greater than the left one's last. If that is long, its first bytes stand there, and a search for a key
//! that begins with all of them looks at the first element itself; so however long the elements are, inner nodes are
//! small.

mod block;
mod build;
mod ends;
mod grow;
mod inner;
mod node;
mod ordered;
mod remains;
mod separators;
mod sequence;
mod shrink;
#[cfg(test)]
mod tests;
mod walk;

pub use build::Builder;
pub use ordered::Ordered;
pub use remains::{Group, Groups, Leaves, Part, Remains};
pub use sequence::Sequence;
pub use walk::Iter;

use std::marker::PhantomData;
use std::ops::Range;

use crate::dismantle::Dismantle;
use crate::sweep::{Sweep, Sweeper};
use node::Node;

/// An end of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the first element is.
    Left,
    /// Where the last element is.
    Right,
}

/// What orders the elements of a tree: [`ByPosition`] or [`ByKey`].
pub trait Order: sealed::Sealed {
    /// Whether inner nodes have separators.
    const HAS_SEPARATORS: bool;
}

/// Elements stay where they were put.
#[derive(Debug, Clone, Copy)]
pub enum ByPosition {}

/// Elements are ordered by their bytes.
#[derive(Debug, Clone, Copy)]
pub enum ByKey {}

/// See the module's text.
#[derive(Debug, Clone)]
pub struct Tree<O> {
    root: Node,
    len: usize,
    data_bytes: usize,
    order: PhantomData<O>,
}

impl Order for ByPosition {
    const HAS_SEPARATORS: bool = false;
}

impl Order for ByKey {
    const HAS_SEPARATORS: bool = true;
}

impl<O: Order> Tree<O> {
    /// A tree without elements.
    pub fn new() -> Self {
        Self { root: Node::empty(O::LEAST_FORM), len: 0, data_bytes: 0, order: PhantomData }
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of all elements together.
    pub fn data_bytes(&self) -> usize {
        self.data_bytes
    }

    /// The element at a position.
    #[inline]
    pub fn get(&self, index: usize) -> Option<O::Element<'_>> {
        if index >= self.len {
            return None;
        }
        let (run, offset) = self.root.run_at(index);
        Some(O::read(run, offset))
    }

    /// All elements.
    pub fn iter(&self) -> Iter<'_, O> {
        self.range(0..self.len)
    }

    /// The elements of a range of positions, cut to those that there are; walked from either side.
    pub fn range(&self, range: Range<usize>) -> Iter<'_, O> {
        let end = range.end.min(self.len);
        Iter::new(&self.root, range.start.min(end)..end)
    }

    /// Takes the element at a position out.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove_at(&mut self, index: usize) {
        assert!(index < self.len, "the element is there");
        self.remove_range(index..index + 1);
    }

    /// Takes the elements of a range of positions out, cut to those that there are; leaves that go whole are not looked
    /// at one element at a time.
    pub fn remove_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.len);
        let range = range.start.min(end)..end;
        if range.is_empty() {
            return;
        }
        self.len -= range.len();
        self.data_bytes -= self.root.remove(range);
        if self.len == 0 {
            self.root = Node::empty(O::LEAST_FORM);
        }
        self.root.collapse();
    }

    /// Takes all elements out.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Whether two clones have not been changed since they were one.
    pub fn is_same(&self, other: &Self) -> bool {
        self.root.is_same(&other.root)
    }

    /// Bytes of memory, counted once for all clones. Looks at inner nodes only.
    pub fn allocated_bytes(&self) -> usize {
        self.root.allocated_bytes()
    }
}

impl<O: Order> Dismantle for Tree<O> {
    fn dismantle(self, between: &mut dyn FnMut()) {
        self.root.dismantle(between);
    }
}

impl<O: Order> Sweep for Tree<O> {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        while *within < self.len {
            if sweeper.is_tired() {
                return false;
            }
            *within += self.root.sweep(*within, sweeper);
        }
        true
    }
}

impl<O: Order> Default for Tree<O> {
    fn default() -> Self {
        Self::new()
    }
}

mod sealed {
    //! Nobody else orders trees; how leaves are is nobody else's business.

    use super::node::Run;
    use super::{ByKey, ByPosition};
    use crate::element::Element;
    use crate::series::Form;

    /// The supertrait that only this module implements.
    pub trait Sealed {
        /// What leaves begin as. What is looked up by its bytes stands in leaves of texts.
        const LEAST_FORM: Form;
        /// An element as it is read.
        type Element<'a>: AsRef<[u8]>;

        /// The element at an index of a leaf that is there.
        fn read(run: Run<'_>, index: usize) -> Self::Element<'_>;
    }

    impl Sealed for ByPosition {
        const LEAST_FORM: Form = Form::NARROWEST;
        type Element<'a> = Element<'a>;

        #[inline]
        fn read(run: Run<'_>, index: usize) -> Element<'_> {
            run.element(index)
        }
    }

    impl Sealed for ByKey {
        const LEAST_FORM: Form = Form::Texts;
        type Element<'a> = &'a [u8];

        #[inline]
        fn read(run: Run<'_>, index: usize) -> &[u8] {
            run.key(index)
        }
    }
}
