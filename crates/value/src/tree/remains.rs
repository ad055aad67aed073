//! What is left of a clone of a tree whose leaves are taken out, while the tree itself is changed.
//!
//! A leaf that lies here is shared with the tree as long as neither has changed it, so a writer would have to copy it. If it is taken out
//! and dropped before, there is nothing to copy. The inner nodes of the clone are let go of at once: so writers copy no paths either.
//!
//! Trees are no tables: where a leaf stands changes with what stands before it. But nobody else can have its address while it lies here.

use super::node::{Node, Run};
use super::{Order, Tree};
use crate::element::Element;

/// The leaves of a clone in order. What has been given is let go of by whoever got it.
pub type Leaves = std::vec::IntoIter<Part>;

/// A leaf of a tree as it was when that was cloned.
#[derive(Debug)]
pub struct Part(Node);

/// See the module's text. As an iterator it gives the leaves from the last one on.
#[derive(Debug)]
pub struct Remains(Shelf<Part>);

/// Leaves of a clone that stand one behind the other, and which of all such groups they are.
#[derive(Debug)]
pub struct Group {
    number: usize,
    leaves: Vec<Part>,
}

/// The leaves of a clone in groups of neighbours, for what is made of several at once. As an iterator it gives the groups from the first
/// one on.
#[derive(Debug)]
pub struct Groups {
    shelf: Shelf<Group>,
    /// All groups before this one have been given.
    next: usize,
}

/// What is left of a clone in its order, found by the addresses of the leaves.
#[derive(Debug)]
struct Shelf<T> {
    items: Vec<Option<T>>,
    /// The addresses in ascending order, each with the place of the item.
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
        Remains(Shelf::new(self.into_leaves(), std::slice::from_ref))
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

impl<T> Shelf<T> {
    fn new(items: impl Iterator<Item = T>, leaves: impl Fn(&T) -> &[Part]) -> Self {
        let items: Vec<Option<T>> = items.map(Some).collect();
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            places.extend(item.iter().flat_map(&leaves).map(|leaf| (leaf.0.address(), place)));
        }
        places.sort_unstable();
        Self { items, places }
    }

    /// Takes out what has the leaf of an address, if it is still here.
    fn take(&mut self, address: usize) -> Option<T> {
        let at = self.places.binary_search_by_key(&address, |(address, _)| *address).ok()?;
        self.items.get_mut(self.places[at].1)?.take()
    }
}

impl Remains {
    /// Takes out the leaf of an address, if it is still here.
    pub fn take_leaf(&mut self, address: usize) -> Option<Part> {
        self.0.take(address)
    }
}

impl Iterator for Remains {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        while let Some(leaf) = self.0.items.pop() {
            if leaf.is_some() {
                return leaf;
            }
        }
        None
    }
}

impl Group {
    /// How many groups stand before it, those included that have been taken.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its leaves, one or more.
    pub fn leaves(&self) -> &[Part] {
        &self.leaves
    }

    /// The bytes of their elements.
    pub fn data_bytes(&self) -> usize {
        self.leaves.iter().map(Part::data_bytes).sum()
    }
}

impl Groups {
    /// Groups of leaves; `first_group` says how many of those that are left belong to the first group, one or more.
    pub fn new(leaves: Leaves, first_group: impl Fn(&[Part]) -> usize) -> Self {
        let mut leaves = leaves;
        let mut number = 0;
        let groups = std::iter::from_fn(|| {
            let count = first_group(leaves.as_slice());
            let group = Group { number, leaves: leaves.by_ref().take(count).collect() };
            number += 1;
            (!group.leaves.is_empty()).then_some(group)
        });
        Self { shelf: Shelf::new(groups, |group| &group.leaves), next: 0 }
    }

    /// How many groups there were.
    pub fn total(&self) -> usize {
        self.shelf.items.len()
    }

    /// Takes out the group with the leaf of an address, if it is still here.
    pub fn take_leaf(&mut self, address: usize) -> Option<Group> {
        self.shelf.take(address)
    }
}

impl Iterator for Groups {
    type Item = Group;

    fn next(&mut self) -> Option<Group> {
        let rest = self.shelf.items.get_mut(self.next..)?;
        let at = rest.iter().position(Option::is_some).unwrap_or(rest.len());
        self.next += at + 1;
        rest.get_mut(at)?.take()
    }
}

impl Part {
    /// Its elements, if it is one of a tree by key.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        let run = self.run();
        (0..run.len()).map(move |index| run.key(index))
    }

    /// Its elements, if it is one of a tree by position.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = Element<'_>> + ExactSizeIterator {
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
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::tree::{Ordered, Side};
    use crate::{copied_bytes, list};

    type Content = BTreeSet<Vec<u8>>;

    /// Short, or long enough for a leaf of its own.
    fn element(number: u16) -> Vec<u8> {
        let length = if number.is_multiple_of(50) { 600 } else { usize::from(number % 40) };
        [&number.to_be_bytes()[..], &vec![b'x'; length]].concat()
    }

    fn collect(part: &Part, into: &mut Content) {
        assert!(!part.is_empty() && (part.is_light() || part.len() == 1));
        for element in part.keys() {
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
                tree.clone().into_leaves().flat_map(|part| part.keys().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
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

    proptest! {
        /// Changing a list whose groups of leaves are taken before.
        #[test]
        fn groups_are_what_was_there_in_its_order_and_nothing_is_copied(
            first in prop::collection::vec(0_u16..4000, 400..3000),
            then in prop::collection::vec((0_u8..10, 0_u16..4000, 0_u8..20), 0..1500),
        ) {
            let settings = list::Settings::of_parameter(-2);
            let mut builder = list::Builder::new();
            first.into_iter().for_each(|number| builder.push(&element(number)));
            let list::List::Large(mut list) = builder.finish(settings) else { return Ok(()) };
            let tree = list::ListRef::large(&list).tree().expect("it is large").clone();
            let expected: Vec<Vec<u8>> = tree.iter().map(|element| element.to_vec()).collect();
            let groups = Groups::new(tree.into_leaves(), |leaves| leaves.len().min(2));
            let (mut found, total) = (BTreeMap::new(), groups.total());
            let groups = RefCell::new(groups);
            let copied = copied_bytes();
            for (change, number, takes) in then {
                let mut scratch = Vec::new();
                let mut watch = |leaf| {
                    let taken = groups.borrow_mut().take_leaf(leaf);
                    taken.into_iter().for_each(|group| note(&group, &mut found));
                };
                let mut edit = list::ListEdit::large(&mut list, &mut scratch, settings).watched(&mut watch);
                let length = edit.list().len();
                let (at, element) = (usize::from(number) % length, element(number));
                match change {
                    0 if length > 1000 => edit.remove(at..(at + 100).min(length)),
                    1 if length > 1000 => edit.remove_each(&[at / 2, at / 2 + length / 3]),
                    2 => edit.insert(at, &element),
                    3..6 => edit.push(if number % 2 == 0 { Side::Left } else { Side::Right }, &element),
                    _ => edit.replace(at, &element),
                }
                drop(edit);
                if takes == 0 && let Some(group) = groups.borrow_mut().next() {
                    note(&group, &mut found);
                }
            }
            prop_assert_eq!(copied_bytes(), copied, "whatever was changed had been taken");
            groups.into_inner().for_each(|group| note(&group, &mut found));
            prop_assert_eq!(found.len(), total);
            prop_assert_eq!(found.into_values().flatten().collect::<Vec<_>>(), expected);
        }
    }

    fn note(group: &Group, found: &mut BTreeMap<usize, Vec<Vec<u8>>>) {
        let elements =
            group.leaves().iter().flat_map(Part::elements).map(|element| element.to_vec()).collect();
        assert!(found.insert(group.number(), elements).is_none(), "each group comes once");
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
