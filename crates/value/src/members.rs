//! The members of a large set or sorted set, or the fields of a large hash, taken apart in any order.
//!
//! They lie in the pages of a table or in the leaves of a tree. For whoever reads a clone of them bit by bit both are places of the
//! same kind: numbers that a writer tells before he changes what is there.

use std::convert::Infallible;

use crate::table::{self, MemberTable};
use crate::tree::{self, Ordered};
use crate::zset;

/// Members, or a clone of them.
#[derive(Debug, Clone)]
pub struct Members(Kept<MemberTable, Ordered>);

/// What is left of a clone. As an iterator it gives all that is left, some at a time.
#[derive(Debug)]
pub struct Remains(Kept<table::Remains<Infallible>, tree::Remains>);

/// Some members, as they were when they were cloned.
#[derive(Debug)]
pub struct Part(Kept<table::Part<Infallible>, tree::Part>);

/// One of them.
#[derive(Debug)]
pub enum Stored<'a> {
    /// A member of a set, or a field of a hash.
    Entry(table::Entry<'a, Infallible>),
    /// A member of a sorted set.
    Element(zset::Element<'a>),
}

#[derive(Debug, Clone)]
enum Kept<T, L> {
    Table(T),
    Tree(L),
}

impl Members {
    pub(crate) fn of_table(table: MemberTable) -> Self {
        Self(Kept::Table(table))
    }

    pub(crate) fn of_tree(tree: Ordered) -> Self {
        Self(Kept::Tree(tree))
    }

    /// Members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Table(table) => table.len(),
            Kept::Tree(tree) => tree.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether they take so many bytes. What lies beside the pages of a table counts as well, which may take a look at all pages.
    pub fn take_bytes(&self, bytes: usize) -> bool {
        match &self.0 {
            Kept::Table(table) => table.live_bytes() >= bytes || table.allocated_bytes() >= bytes,
            Kept::Tree(tree) => tree.data_bytes() >= bytes,
        }
    }

    /// Begins to take a clone apart.
    pub fn into_remains(self) -> Remains {
        Remains(match self.0 {
            Kept::Table(table) => Kept::Table(table.into_remains()),
            Kept::Tree(tree) => Kept::Tree(tree.into_remains()),
        })
    }
}

impl Remains {
    /// Takes out a page of a number, or a leaf of an address, if it is still here.
    pub fn take_place(&mut self, place: usize) -> Option<Part> {
        match &mut self.0 {
            Kept::Table(pages) => pages.take_page(place).map(Part::of_table),
            Kept::Tree(leaves) => leaves.take_leaf(place).map(Part::of_tree),
        }
    }
}

impl Iterator for Remains {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        match &mut self.0 {
            Kept::Table(pages) => pages.next().map(Part::of_table),
            Kept::Tree(leaves) => leaves.next().map(Part::of_tree),
        }
    }
}

impl Part {
    fn of_table(part: table::Part<Infallible>) -> Self {
        Self(Kept::Table(part))
    }

    fn of_tree(part: tree::Part) -> Self {
        Self(Kept::Tree(part))
    }

    /// Its members; those of a sorted set from the highest one on.
    pub fn iter(&self) -> impl Iterator<Item = Stored<'_>> {
        let (entries, elements) = match &self.0 {
            Kept::Table(part) => (Some(part.iter()), None),
            Kept::Tree(part) => (None, Some(part.keys().rev())),
        };
        let entries = entries.into_iter().flatten().map(Stored::Entry);
        let elements = elements.into_iter().flatten().map(|bytes| Stored::Element(zset::Element::of(bytes)));
        entries.chain(elements)
    }

    /// Members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Table(part) => part.len(),
            Kept::Tree(part) => part.len(),
        }
    }

    /// Whether it has none: all its pages were taken before.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing in it is long.
    pub fn is_light(&self) -> bool {
        match &self.0 {
            Kept::Table(part) => part.is_light(),
            Kept::Tree(part) => part.is_light(),
        }
    }
}

impl<'a> Stored<'a> {
    /// The member, or the field.
    pub fn name(&self) -> &'a [u8] {
        match self {
            Self::Entry(entry) => entry.key,
            Self::Element(element) => element.member,
        }
    }
}
