//! What is left of a clone of a tree whose leaves are taken out, while the tree itself is changed.
//!
//! A leaf that lies here is shared with the tree as long as neither has changed it, so a writer would have to copy it. If it is taken out
//! and dropped before, there is nothing to copy. The inner nodes of the clone are let go of at once: so writers copy no paths either.
//!
//! Trees are no tables: where a leaf stands changes with what stands before it. But nobody else can have its address while it lies here.

use super::node::{Node, Run};
use super::{Order, Tree};

/// The leaves of a clone in order. What has been given is let go of by whoever got it.
pub type Leaves = std::vec::IntoIter<Part>;

/// A leaf of a tree as it was when that was cloned.
#[derive(Debug)]
pub struct Part(Node);

/// See the module's text. As an iterator it gives the leaves from the last one on.
#[derive(Debug)]
pub struct Remains {
    leaves: Vec<Option<Part>>,
    /// Their addresses in ascending order, each with the place of the leaf.
    places: Vec<(usize, usize)>,
}

impl<O: Order> Tree<O> {
    /// Takes a clone apart, from either side.
    pub fn into_leaves(self) -> Leaves {
        let mut leaves = Vec::new();
        collect(&self.root, &mut leaves);
        leaves.into_iter()
    }

    /// Begins to take a clone apart in any order. It takes a look at each leaf.
    pub fn into_remains(self) -> Remains {
        let leaves: Vec<Part> = self.into_leaves().collect();
        let mut places: Vec<(usize, usize)> =
            leaves.iter().enumerate().map(|(place, leaf)| (leaf.0.address(), place)).collect();
        places.sort_unstable();
        Remains { leaves: leaves.into_iter().map(Some).collect(), places }
    }

    /// The address of the leaf of a position that is there: that leaf is changed when the element is removed. One that is merged with it
    /// is not changed, for its elements go into a new one.
    pub fn leaf_at(&self, index: usize) -> usize {
        self.root.leaf_at(index).address()
    }
}

fn collect(node: &Node, leaves: &mut Vec<Part>) {
    match node {
        Node::Inner(inner) => inner.nodes.iter().for_each(|node| collect(node, leaves)),
        leaf => leaves.extend((leaf.count() > 0).then(|| Part(leaf.clone()))),
    }
}

impl Remains {
    /// Takes out the leaf of an address, if it is still here.
    pub fn take_leaf(&mut self, address: usize) -> Option<Part> {
        let at = self.places.binary_search_by_key(&address, |(address, _)| *address).ok()?;
        self.leaves.get_mut(self.places[at].1)?.take()
    }
}

impl Iterator for Remains {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        while let Some(leaf) = self.leaves.pop() {
            if leaf.is_some() {
                return leaf;
            }
        }
        None
    }
}

impl Part {
    /// Its elements.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        let run = self.run();
        (0..run.len()).map(move |index| run.element(index))
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.run().len()
    }

    /// Whether it has none: no leaf is given that is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of its elements.
    pub fn data_bytes(&self) -> usize {
        self.0.data_bytes()
    }

    /// Whether it is packed, and so not long.
    pub fn is_light(&self) -> bool {
        matches!(self.0, Node::Leaf(_))
    }

    fn run(&self) -> Run<'_> {
        self.0.run_at(0).0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::copied_bytes;
    use crate::tree::Ordered;

    type Content = BTreeSet<Vec<u8>>;

    /// Short, or long enough for a leaf of its own.
    fn element(number: u16) -> Vec<u8> {
        let length = if number.is_multiple_of(50) { 600 } else { usize::from(number % 40) };
        [&number.to_be_bytes()[..], &vec![b'x'; length]].concat()
    }

    fn collect(part: &Part, into: &mut Content) {
        assert!(!part.is_empty() && (part.is_light() || part.len() == 1));
        for element in part.iter() {
            assert!(into.insert(element.to_vec()), "each element comes once");
        }
    }

    proptest! {
        /// Adding and removing elements of a tree whose leaves are taken before.
        #[test]
        fn what_is_taken_is_what_was_there_and_nothing_is_copied(
            first in prop::collection::vec(0_u16..4000, 0..3000),
            then in prop::collection::vec((0_u8..10, 0_u16..4000, 0_u8..20), 0..1500),
        ) {
            let mut tree = Ordered::new();
            first.into_iter().for_each(|number| _ = tree.insert(&element(number)));
            let expected: Content = tree.iter().map(<[u8]>::to_vec).collect();
            let in_order: Vec<Vec<u8>> =
                tree.clone().into_leaves().flat_map(|part| part.iter().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
            prop_assert!(in_order.iter().eq(&expected));

            let mut remains = tree.clone().into_remains();
            let mut found = Content::new();
            let copied = copied_bytes();
            for (change, number, takes) in then {
                let element = element(number);
                let mut at_risk = Vec::new();
                match change {
                    0 if !tree.is_empty() => {
                        let start = usize::from(number) % tree.len();
                        let range = start..(start + 300).min(tree.len());
                        at_risk.extend([tree.leaf_at(range.start), tree.leaf_at(range.end - 1)]);
                        take(&mut remains, at_risk, &mut found);
                        tree.remove_range(range);
                    }
                    1..4 => {
                        at_risk.extend(tree.find(&element).map(|at| tree.leaf_at(at)));
                        take(&mut remains, at_risk, &mut found);
                        tree.remove(&element);
                    }
                    _ => {
                        at_risk.push(tree.leaf_of(&element));
                        take(&mut remains, at_risk, &mut found);
                        tree.insert(&element);
                    }
                }
                if takes == 0 && let Some(part) = remains.next() {
                    collect(&part, &mut found);
                }
            }
            prop_assert_eq!(copied_bytes(), copied, "whatever was changed had been taken");
            remains.for_each(|part| collect(&part, &mut found));
            prop_assert_eq!(found, expected);
        }
    }

    fn take(remains: &mut Remains, at_risk: Vec<usize>, found: &mut Content) {
        for address in at_risk {
            if let Some(part) = remains.take_leaf(address) {
                collect(&part, found);
            }
        }
    }

    #[test]
    fn writers_need_not_copy_the_way_to_a_leaf() {
        let tree: Ordered =
            (0..4000).map(element).collect::<BTreeSet<_>>().iter().map(Vec::as_slice).collect();
        let mut remains = tree.clone().into_remains();
        let Node::Inner(root) = &tree.root else { panic!("there are many leaves") };
        assert!(root.is_unique());
        assert!(remains.take_leaf(tree.leaf_at(0)).is_some());
        assert!(remains.take_leaf(tree.leaf_at(0)).is_none(), "it has been taken");
        assert!(remains.take_leaf(root.heap_ptr().addr()).is_none(), "that is no leaf");
    }
}
