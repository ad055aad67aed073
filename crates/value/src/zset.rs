//! Sorted sets: a packed block while small; a copy-on-write tree of elements and an index of members when large.
//!
//! ```text
//! small:  leaf block of elements, the bytes of the key's entry
//! large:  ZSet::Large, an object of the key's entry:
//!           tree   elements in order, each its score in one to nine bytes and then its member ([`score`])
//!           index  fingerprint of the member ─► score ([`index`])
//! ```
//! In both forms elements are sorted by their bytes, which is by score and then by member. A position is found in
//! O(log n), because the tree counts; so are ranks, the ends of a range of scores, and picks at random.
//!
//! From a member to its element the way leads over the index: it gives the score that the member may have, and score and
//! member together are the element, which the tree has or has not. So members are kept once. The index is also what gives
//! ZSCAN an order that changes of scores do not touch; see [`ZSetRef::scan`].
//!
//! A sorted set starts packed and becomes large when a count or a length passes the configured thresholds; it never goes
//! back while it is changed, as in Redis.

mod build;
mod edit;
mod index;
mod large;
mod range;
mod read;
mod score;
#[cfg(test)]
mod tests;

pub use build::{Builder, DuplicateMember};
pub use edit::{Edited, Members, NotANumber, Outcome, Rule, Scores, ZSetEdit};
pub use index::Path as IndexPath;
pub use large::Large;
pub use range::{LexBound, LexRange, ScoreBound, ScoreRange};
pub use read::{Elements, Encoding, End, ZSetRef};
pub use score::Element;

use std::sync::Arc;

use stdx::hash::HashKey;

use crate::dismantle::Dismantle;
use crate::leaf;
use crate::sweep::{Sweep, Sweeper};

/// The longest block of a small sorted set, whatever the configured thresholds say, so that the cost of a write (a copy
/// of the block) stays bounded.
const PACKED_MAX: usize = 32 * 1024;

/// A sorted set on its own, outside of an entry. Cloning it is O(1); a change after that copies what it touches.
#[derive(Debug, Clone)]
pub enum ZSet {
    /// A block of elements.
    Packed(Arc<[u8]>),
    /// A tree of elements and an index.
    Large(Large),
}

/// When a packed sorted set becomes large, and how members are hashed.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `zset-max-listpack-entries`: the most members of a packed sorted set.
    pub max_packed_entries: usize,
    /// `zset-max-listpack-value`: the longest member of a packed sorted set.
    pub max_packed_value: usize,
    /// The key of the hash function.
    pub seed: HashKey,
}

impl Settings {
    /// What Redis has unless it is told otherwise.
    pub const fn of_redis(seed: HashKey) -> Self {
        Self { max_packed_entries: 128, max_packed_value: 64, seed }
    }
}

impl ZSet {
    /// An empty sorted set.
    pub fn new() -> Self {
        Self::Packed(Arc::from(leaf::EMPTY))
    }

    /// The sorted set for reading.
    pub fn as_ref(&self) -> ZSetRef<'_> {
        match self {
            Self::Packed(block) => ZSetRef::packed(block),
            Self::Large(large) => ZSetRef::large(large),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Changes the sorted set. A block is edited in `scratch` and stored at its new size afterwards.
    pub fn edit<R>(
        &mut self,
        scratch: &mut Vec<u8>,
        settings: Settings,
        change: impl FnOnce(&mut ZSetEdit<'_>) -> R,
    ) -> R {
        let mut edit = match self {
            Self::Packed(block) => ZSetEdit::packed(block, scratch, settings),
            Self::Large(large) => ZSetEdit::large(large, settings),
        };
        let result = change(&mut edit);
        match edit.finish() {
            Edited::InPlace => {}
            Edited::Packed => *self = Self::Packed(Arc::from(scratch.as_slice())),
            Edited::Grown(zset) => *self = zset,
        }
        result
    }

    /// Whether two clones of a sorted set are as they were when they were one; it takes a look at each, not a walk.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed(one), Self::Packed(other)) => one == other,
            (Self::Large(one), Self::Large(other)) => one.elements.is_same(&other.elements),
            _ => false,
        }
    }

    /// The bytes that the sorted set takes out of line.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Self::Packed(block) => block.len() + 2 * size_of::<usize>(),
            Self::Large(large) => large.allocated_bytes(),
        }
    }
}

impl Dismantle for ZSet {
    fn dismantle(self, between: &mut dyn FnMut()) {
        if let Self::Large(large) = self {
            large.dismantle(between);
        }
    }
}

impl Sweep for ZSet {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        match self {
            Self::Packed(block) => {
                sweeper.renew_packed(block);
                true
            }
            Self::Large(large) => large.sweep(within, sweeper),
        }
    }
}

impl Default for ZSet {
    fn default() -> Self {
        Self::new()
    }
}
