//! Reading a set.

use std::convert::Infallible;
use std::ops::Range;

use stdx::number::{Decimal, parse_i64};

use super::integers::Integers;
use super::{Encoding, Large, Member, Set};
use crate::leaf::{self, Leaf};
use crate::table::{self, MemberTable};

/// A set to read from.
#[derive(Debug, Clone, Copy)]
pub struct SetRef<'a> {
    store: Store<'a>,
    block: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
enum Store<'a> {
    Integers(Integers<'a>),
    Texts(Leaf<'a>),
    Large(&'a Large),
}

/// The members of a set: integers in ascending order, texts in the order of their arrival, those of a table in none.
#[derive(Debug)]
pub struct Members<'a> {
    walk: Walk<'a>,
    left: usize,
}

#[derive(Debug)]
enum Walk<'a> {
    Integers(Integers<'a>, Range<usize>),
    Texts(leaf::Iter<'a>),
    Large(table::Iter<'a, Infallible>),
}

impl<'a> SetRef<'a> {
    /// The set in a block that this process made.
    #[inline]
    pub fn packed(block: &'a [u8]) -> Self {
        let store = match Integers::of(block) {
            Some(integers) => Store::Integers(integers),
            None => Store::Texts(Leaf::trusted(block)),
        };
        Self { store, block }
    }

    /// The set in a table.
    pub fn large(large: &'a Large) -> Self {
        Self { store: Store::Large(large), block: &[] }
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(self) -> Encoding {
        match self.store {
            Store::Integers(_) => Encoding::Intset,
            Store::Texts(_) => Encoding::Listpack,
            Store::Large(large) => large.encoding,
        }
    }

    /// Whether it is a block.
    pub fn is_packed(self) -> bool {
        match self.store {
            Store::Integers(_) | Store::Texts(_) => true,
            Store::Large(_) => false,
        }
    }

    /// The number of members.
    pub fn len(self) -> usize {
        match self.store {
            Store::Integers(integers) => integers.len(),
            Store::Texts(leaf) => leaf.len(),
            Store::Large(large) => large.members.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is one.
    #[inline]
    pub fn contains(self, member: &[u8]) -> bool {
        match self.store {
            Store::Integers(integers) => {
                parse_i64(member).is_some_and(|integer| integers.search(integer).is_ok())
            }
            Store::Texts(leaf) => leaf.iter().any(|other| other == member),
            Store::Large(Large { members, .. }) => members.find(members.hash(member), member).is_some(),
        }
    }

    /// All members.
    pub fn iter(self) -> Members<'a> {
        let walk = match self.store {
            Store::Integers(integers) => Walk::Integers(integers, 0..integers.len()),
            Store::Texts(leaf) => Walk::Texts(leaf.iter()),
            Store::Large(large) => Walk::Large(large.members.iter()),
        };
        Members { walk, left: self.len() }
    }

    /// The bytes of all members together.
    pub fn data_bytes(self) -> usize {
        self.iter().map(|member| member.len()).sum()
    }

    /// Visits the members after `cursor` and returns the cursor to go on with, 0 when all were seen. A block is visited
    /// at once; a table until `count` members or more were seen on the way.
    pub fn scan(self, cursor: u64, count: usize, each: &mut dyn FnMut(&[u8])) -> u64 {
        let Store::Large(large) = self.store else {
            self.iter().for_each(|member| each(&member));
            return 0;
        };
        let (mut cursor, mut seen) = (cursor, 0);
        // An empty page counts as a member, so that a sparse table does not turn one call into a long walk.
        loop {
            cursor = large.members.scan(cursor, &mut |stored| {
                seen += 1;
                each(stored.key);
            });
            seen += 1;
            if cursor == 0 || seen >= count {
                return cursor;
            }
        }
    }

    /// The set on its own, to be read when the key's lock is gone: a counter, or a copy of a few hundred bytes, seldom
    /// of some thousand.
    pub fn to_owned(self) -> Set {
        match self.store {
            Store::Integers(_) | Store::Texts(_) => Set::Packed(self.block.into()),
            Store::Large(large) => Set::Large(large.clone()),
        }
    }

    /// The member at a position of a block; none if the set is a table.
    pub(super) fn nth_packed(self, index: usize) -> Option<Member<'a>> {
        match self.store {
            Store::Integers(integers) => Some(Member::Integer(Decimal::of(integers.get(index)))),
            Store::Texts(leaf) => leaf.get(index).map(Member::Bytes),
            Store::Large(_) => None,
        }
    }

    /// Its members, if they are in a table.
    pub fn table(self) -> Option<&'a MemberTable> {
        self.as_large().map(|large| &large.members)
    }

    /// The table, if the set is one.
    pub(super) fn as_large(self) -> Option<&'a Large> {
        match self.store {
            Store::Large(large) => Some(large),
            _ => None,
        }
    }

    /// The position of a member in its block.
    pub(super) fn position(self, member: &[u8]) -> Option<usize> {
        match self.store {
            Store::Integers(integers) => integers.search(parse_i64(member)?).ok(),
            Store::Texts(leaf) => leaf.iter().position(|other| other == member),
            Store::Large(_) => None,
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.saturating_sub(1);
        match &mut self.walk {
            Walk::Integers(integers, range) => {
                range.next().map(|index| Member::Integer(Decimal::of(integers.get(index))))
            }
            Walk::Texts(texts) => texts.next().map(Member::Bytes),
            Walk::Large(entries) => entries.next().map(|entry| Member::Bytes(entry.key)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_> {}
