//! Hashes: a packed block while small, a copy-on-write table of fields when large.
//!
//! ```text
//! small:  packed block, the bytes of the key's entry
//! large:  Hash::Table, an object of the key's entry; its pages hold fields and values
//! ```
//!
//! A hash starts packed and becomes a table when a count or a length passes the configured thresholds; it never goes back, as
//! in Redis. Where the block of a small hash is kept is the key table's business, so reading ([`HashRef`]) and changing
//! ([`HashEdit`]) work on blocks and on whole hashes alike.
//!
//! Fields may expire. A [`HashRef`] carries the time at which it looks and never shows a field that is expired then; expired
//! fields stay in memory until [`HashEdit::remove_expired`], which finds them without walking the others.

mod edit;
mod read;
#[cfg(test)]
mod tests;

pub use crate::packed::{Entry, MAX_EXPIRY, edit::FieldExpiry};
pub use edit::{Edited, HashEdit};
pub use read::{Encoding, HashRef};

use crate::dismantle::Dismantle;
use crate::packed::{self, Packed};
use crate::sweep::{Sweep, Sweeper};
use crate::table::MemberTable;
use std::sync::Arc;
use stdx::hash::HashKey;
use stdx::time::UnixMs;

/// The fields of a large hash with their values.
pub type Fields = MemberTable;

/// A hash on its own, outside of an entry. Cloning it is O(1); a change after that copies what it touches.
#[derive(Debug, Clone)]
pub enum Hash {
    /// A packed block.
    Packed(Arc<[u8]>),
    /// A table of fields.
    Table(Fields),
}

/// When a packed hash becomes a table, and how tables hash their fields.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `hash-max-listpack-entries`: the most fields of a packed hash.
    pub max_packed_entries: usize,
    /// `hash-max-listpack-value`: the longest field or value of a packed hash.
    pub max_packed_value: usize,
    /// The key of the hash function.
    pub seed: HashKey,
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Self::Packed(Arc::from([0, 0]))
    }

    /// A packed hash of a block that comes from outside the process.
    pub fn from_untrusted_block(block: &[u8]) -> Result<Self, packed::Invalid> {
        Packed::validate(block).map(|packed| Self::Packed(Arc::from(packed.bytes())))
    }

    /// The hash for reading at `now`.
    pub fn at(&self, now: UnixMs) -> HashRef<'_> {
        match self {
            Self::Packed(block) => HashRef::packed(block, now),
            Self::Table(fields) => HashRef::table(fields, now),
        }
    }

    /// Changes the hash. A packed block is edited in `scratch` and stored at its new size afterwards.
    pub fn edit<R>(
        &mut self,
        scratch: &mut Vec<u8>,
        settings: Settings,
        now: UnixMs,
        change: impl FnOnce(&mut HashEdit<'_>) -> R,
    ) -> R {
        let mut edit = match self {
            Self::Packed(block) => HashEdit::packed(block, scratch, settings, now),
            Self::Table(fields) => HashEdit::table(fields, settings, now),
        };
        let result = change(&mut edit);
        match edit.finish() {
            Edited::InPlace => {}
            Edited::Packed => *self = Self::Packed(Arc::from(scratch.as_slice())),
            Edited::Grown(hash) => *self = hash,
        }
        result
    }

    /// Whether two clones of a hash are as they were when they were one; it takes a look at each, not a walk.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed(one), Self::Packed(other)) => one == other,
            (Self::Table(one), Self::Table(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// About the bytes that the hash takes out of line, told without looking at its pages.
    pub fn weight(&self) -> usize {
        match self {
            Self::Packed(_) => self.allocated_bytes(),
            Self::Table(fields) => fields.live_bytes() / 4 * 5,
        }
    }

    /// The bytes that the hash takes out of line.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Self::Packed(block) => block.len() + 2 * size_of::<usize>(),
            Self::Table(fields) => fields.allocated_bytes(),
        }
    }
}

impl Dismantle for Hash {
    fn dismantle(self, between: &mut dyn FnMut()) {
        if let Self::Table(fields) = self {
            fields.dismantle(between);
        }
    }
}

impl Sweep for Hash {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        match self {
            Self::Packed(block) => {
                sweeper.renew_packed(block);
                true
            }
            Self::Table(fields) => fields.sweep(within, sweeper),
        }
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}
