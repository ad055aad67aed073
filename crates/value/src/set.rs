//! Sets: a packed block while small, a copy-on-write table of members when large.
//!
//! ```text
//! small:  a block of sorted integers or of texts, the bytes of the key's entry
//! large:  Set::Large, an object of the key's entry; its pages hold the members
//! ```
//! How a set is kept follows from its bytes alone. What OBJECT ENCODING says follows from the thresholds and, like in
//! Redis, from the past: a set of integers is an `intset` until it has too many or something else joins them, then a
//! `listpack` or, beyond its limits, a `hashtable` for ever. A block tells which of the first two it is; a table
//! remembers what it is called, since thresholds beyond a block's longest length are no reason to keep a long block.
//!
//! ```text
//! block of integers = u16 le: 0x8000 + width   integers of that width, ascending (`integers`)
//! block of texts    = a leaf, in the order of arrival (`crate::leaf`); its count is below 0x8000
//! ```

pub mod algebra;
mod edit;
mod integers;
mod random;
mod read;
#[cfg(test)]
mod tests;

pub use crate::element::Element as Member;
pub use edit::{Edited, SetEdit};
pub use read::{Members, SetRef};

use std::convert::Infallible;
use std::sync::Arc;

use stdx::hash::HashKey;

use crate::dismantle::Dismantle;
use crate::sweep::{Sweep, Sweeper};
use crate::table::{MemberTable, Meta, NewPayload, Options, Path, Table};

/// The longest block: what the thresholds of Redis allow, 128 texts of 64 bytes.
const PACKED_MAX: usize = 8704;

/// A set on its own, outside of an entry. Cloning it is O(1); a change after that copies what it touches.
#[derive(Debug, Clone)]
pub enum Set {
    /// A block.
    Packed(Arc<[u8]>),
    /// A table.
    Large(Large),
}

/// The members of a large set.
#[derive(Debug, Clone)]
pub struct Large {
    members: MemberTable,
    encoding: Encoding,
}

/// How a set is kept in Redis, by the names that `OBJECT ENCODING` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One block of integers.
    Intset,
    /// One block of texts.
    Listpack,
    /// A table.
    Hashtable,
}

/// When a set becomes a table, and how tables hash their members.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `set-max-intset-entries`: the most members of an intset.
    pub max_integers: usize,
    /// `set-max-listpack-entries`: the most members of a listpack.
    pub max_packed_entries: usize,
    /// `set-max-listpack-value`: the longest member of a listpack.
    pub max_packed_value: usize,
    /// The key of the hash function.
    pub seed: HashKey,
}

impl Settings {
    /// The thresholds of Redis.
    pub const fn of_redis(seed: HashKey) -> Self {
        Self { max_integers: 512, max_packed_entries: 128, max_packed_value: 64, seed }
    }
}

impl Encoding {
    /// The name in Redis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intset => "intset",
            Self::Listpack => "listpack",
            Self::Hashtable => "hashtable",
        }
    }
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Self::Packed(Arc::from(integers::EMPTY))
    }

    /// The set for reading.
    pub fn as_ref(&self) -> SetRef<'_> {
        match self {
            Self::Packed(block) => SetRef::packed(block),
            Self::Large(large) => SetRef::large(large),
        }
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes the set. A block is edited in `scratch` and stored at its new size afterwards.
    pub fn edit<R>(
        &mut self,
        scratch: &mut Vec<u8>,
        settings: Settings,
        change: impl FnOnce(&mut SetEdit<'_>) -> R,
    ) -> R {
        let mut edit = match self {
            Self::Packed(block) => SetEdit::packed(block, scratch, settings),
            Self::Large(large) => SetEdit::large(large, settings),
        };
        let result = change(&mut edit);
        match edit.finish() {
            Edited::InPlace => {}
            Edited::Packed => *self = Self::Packed(Arc::from(scratch.as_slice())),
            Edited::Grown(set) => *self = set,
        }
        result
    }

    /// Whether two clones of a set are as they were when they were one; it takes a look at each, not a walk.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed(one), Self::Packed(other)) => one == other,
            (Self::Large(one), Self::Large(other)) => one.members.is_same(&other.members),
            _ => false,
        }
    }

    /// About the bytes that the set takes out of line, told without looking at its pages.
    pub fn weight(&self) -> usize {
        match self {
            Self::Packed(_) => self.allocated_bytes(),
            Self::Large(large) => large.members.live_bytes() / 4 * 5,
        }
    }

    /// The bytes that the set takes out of line.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Self::Packed(block) => block.len() + 2 * size_of::<usize>(),
            Self::Large(large) => large.members.allocated_bytes(),
        }
    }
}

impl Dismantle for Set {
    fn dismantle(self, between: &mut dyn FnMut()) {
        if let Self::Large(large) = self {
            large.members.dismantle(between);
        }
    }
}

impl Sweep for Set {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        match self {
            Self::Packed(block) => {
                sweeper.renew_packed(block);
                true
            }
            Self::Large(large) => large.members.sweep(within, sweeper),
        }
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl Large {
    fn new(encoding: Encoding, seed: HashKey) -> Self {
        Self { members: Table::new(seed, Options::default()), encoding }
    }

    /// The way to a member.
    #[inline]
    pub(crate) fn path_to(&self, member: &[u8]) -> Path<'_, Infallible> {
        self.members.path(self.members.hash(member))
    }

    /// Adds a member that is known to be absent.
    fn insert(&mut self, member: &[u8]) {
        let hash = self.members.hash(member);
        self.members.insert(hash, member, NewPayload::Inline(&[]), Meta::default());
    }
}
