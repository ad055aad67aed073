//! Inserting: down to the leaf, and up again with what was split off.

use std::iter;

use smallvec::{SmallVec, smallvec};
use triomphe::Arc;

use super::block::{self, BLOCK_BYTES};
use super::inner::{FAN, Inner};
use super::node::Node;
use super::sealed::Sealed;
use super::{ByKey, ByPosition};
use crate::series::Form;

/// Where a new element goes.
#[derive(Clone, Copy)]
pub(super) enum Place<'k> {
    /// Before the element at this position, or behind the last.
    Index(usize),
    /// Where its bytes want it; it is not there yet.
    Key(&'k [u8]),
}

impl Place<'_> {
    /// What new leaves of the tree have, if it is not a greater form.
    fn least_form(self) -> Form {
        match self {
            Self::Index(_) => ByPosition::LEAST_FORM,
            Self::Key(_) => ByKey::LEAST_FORM,
        }
    }
}

/// Which outer edges of the tree a node touches.
#[derive(Clone, Copy)]
struct Edge {
    first: bool,
    last: bool,
}

impl Edge {
    /// Those of one of the children of a node.
    fn of_child(self, child: usize, children: usize) -> Self {
        Self { first: self.first && child == 0, last: self.last && child + 1 == children }
    }
}

/// Nodes that came into being to the right of one.
type Siblings = SmallVec<[Node; 2]>;

impl Node {
    /// Puts an element into the tree of which this is the root.
    pub(super) fn insert(&mut self, place: Place<'_>, element: &[u8], has_separators: bool) {
        let siblings = self.insert_below(place, element, Edge { first: true, last: true });
        self.grow_over(siblings, has_separators);
    }

    /// The root gets siblings, and so something above it.
    fn grow_over(&mut self, siblings: Siblings, has_separators: bool) {
        if !siblings.is_empty() {
            let root = std::mem::replace(self, Self::empty(Form::Texts));
            *self = Self::Inner(Arc::new(Inner::new(iter::once(root).chain(siblings), has_separators)));
        }
    }

    /// Puts a leaf into the tree by key of which this is the root. No element that is there belongs among its own.
    pub(super) fn insert_leaf(&mut self, leaf: Self) {
        let key = leaf.first().to_vec();
        let siblings = self.insert_leaf_below(&key, leaf, Edge { first: true, last: true });
        self.grow_over(siblings, true);
    }

    fn insert_leaf_below(&mut self, key: &[u8], leaf: Self, edge: Edge) -> Siblings {
        if let Self::Inner(inner) = self {
            return Arc::make_mut(inner).insert_leaf(key, leaf, edge);
        }
        let index = self.search(key).expect_err("the key is not there yet");
        match self {
            Self::Leaf(block) if 0 < index && index < block.series().len() => {
                let right = block.split_off(index);
                smallvec![leaf, Self::Leaf(right)]
            }
            _ if index == 0 => smallvec![std::mem::replace(self, leaf)],
            _ => smallvec![leaf],
        }
    }

    fn insert_below(&mut self, place: Place<'_>, element: &[u8], edge: Edge) -> Siblings {
        match self {
            Self::Inner(inner) => Arc::make_mut(inner).insert_element(place, element, edge),
            Self::Leaf(block) => {
                let index = match place {
                    Place::Index(index) => index,
                    Place::Key(key) => block.search(key).expect_err("the key is not there yet"),
                };
                if !block::is_large(element) && block.insert_if_room(index, element) {
                    return Siblings::new();
                }
                self.insert_beside(index, element, edge, place.least_form())
            }
            Self::Large(large) => {
                let index = match place {
                    Place::Index(index) => index,
                    Place::Key(key) => usize::from(&large[..] < key),
                };
                self.insert_beside(index, element, edge, place.least_form())
            }
        }
    }

    /// Inserts into a leaf that has no room. An element that cannot stand in it as the others do comes between its
    /// halves, as a large one does: in another form these might have no room for it.
    fn insert_beside(&mut self, index: usize, element: &[u8], edge: Edge, least: Form) -> Siblings {
        let count = self.count();
        if count == 0 {
            *self = Self::leaf_of(element, 0, least);
            return Siblings::new();
        }
        let is_outside = edge.last && index == count || edge.first && index == 0;
        match self {
            Self::Leaf(block)
                if !is_outside && !block::is_large(element) && block.takes_as_it_is(element) =>
            {
                let at = block.middle();
                let mut right = block.split_off(at);
                let (side, index) = if index <= at { (block, index) } else { (&mut right, index - at) };
                side.insert(index, element);
                return smallvec![Self::Leaf(right)];
            }
            Self::Leaf(block) if 0 < index && index < count => {
                let right = block.split_off(index);
                return smallvec![Self::leaf_of(element, 0, least), Self::Leaf(right)];
            }
            _ => {}
        }
        // A leaf at an outer edge will get more: room at once saves growing in small steps. The first leaves have it too, but
        // less, or small trees would be half empty.
        let capacity = match edge {
            _ if !is_outside => 0,
            Edge { first: true, last: true } => BLOCK_BYTES / 2,
            _ => BLOCK_BYTES,
        };
        let fresh = Self::leaf_of(element, capacity, least);
        if index == 0 { smallvec![std::mem::replace(self, fresh)] } else { smallvec![fresh] }
    }
}

impl Inner {
    fn insert_element(&mut self, place: Place<'_>, element: &[u8], edge: Edge) -> Siblings {
        self.data_bytes += element.len();
        let (child, rest) = match place {
            Place::Index(index) => {
                let (child, rest) = self.child_at(index);
                (child, Place::Index(rest))
            }
            Place::Key(key) => (self.child_of(key), place),
        };
        let child_edge = edge.of_child(child, self.nodes.len());
        let siblings = self.nodes[child].insert_below(rest, element, child_edge);
        if siblings.is_empty() {
            self.counts[child] += 1;
            return siblings;
        }
        self.adopt(child, siblings, child_edge)
    }

    /// The same for a whole leaf.
    fn insert_leaf(&mut self, key: &[u8], leaf: Node, edge: Edge) -> Siblings {
        self.data_bytes += leaf.data_bytes();
        let (child, count) = (self.child_of(key), leaf.count());
        let child_edge = edge.of_child(child, self.nodes.len());
        let siblings = self.nodes[child].insert_leaf_below(key, leaf, child_edge);
        if siblings.is_empty() {
            self.counts[child] += count;
            return siblings;
        }
        self.adopt(child, siblings, child_edge)
    }

    /// Takes what was split off a child; what is split off in turn is returned.
    fn adopt(&mut self, child: usize, siblings: Siblings, edge: Edge) -> Siblings {
        let added = siblings.len();
        self.counts[child] = self.nodes[child].count();
        self.insert(child + 1, siblings);
        // A large element can leave little of a leaf on its sides, or come between small ones.
        for index in (child..=child + added).rev() {
            self.mend(index);
        }
        let count = self.nodes.len();
        if count <= FAN {
            return Siblings::new();
        }
        let at = match edge {
            Edge { last: true, .. } => FAN,
            Edge { first: true, .. } => count - FAN,
            _ => count / 2,
        };
        smallvec![Node::Inner(Arc::new(self.split_off(at)))]
    }
}
