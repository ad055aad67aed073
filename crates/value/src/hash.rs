//! Hashes: a packed block while small, a copy-on-write table of fields when large.
//!
//! ```text
//! in the key's page:  packed block of at most INLINE_MAX bytes
//! out of line:        Hash::Packed(block)  |  Hash::Table(fields, values beside them or behind a counter)
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

pub use crate::packed::{Entry, MAX_EXPIRY, edit::FieldExpiry};
pub use edit::{Edited, HashEdit};
pub use read::{Encoding, HashRef};

use crate::packed::{self, Packed};
use crate::table::{INLINE_MAX, Table};
use std::sync::Arc;
use stdx::hash::HashKey;
use stdx::time::UnixMs;

/// The fields of a large hash; values longer than [`INLINE_MAX`] stand behind a counter of their own.
pub type Fields = Table<Arc<[u8]>>;

/// A hash out of line. Cloning it is O(1); a change after that copies what it touches.
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

    /// The packed block if it is short enough to stand in the key's page.
    pub fn inline_block(&self) -> Option<&[u8]> {
        match self {
            Self::Packed(block) if block.len() <= INLINE_MAX => Some(block),
            _ => None,
        }
    }

    /// Changes the hash. A packed block is edited in `scratch` and stored at its new size afterwards.
    pub fn edit<R>(
        &mut self,
        scratch: &mut Vec<u8>,
        settings: Settings,
        change: impl FnOnce(&mut HashEdit<'_>) -> R,
    ) -> R {
        let mut edit = match self {
            Self::Packed(block) => HashEdit::packed(block, scratch, settings),
            Self::Table(fields) => HashEdit::table(fields, settings),
        };
        let result = change(&mut edit);
        match edit.finish() {
            Edited::InPlace => {}
            Edited::Packed => *self = Self::Packed(Arc::from(scratch.as_slice())),
            Edited::Grown(hash) => *self = hash,
        }
        result
    }

    /// Gives `field` the value in the place of the old one, if the hash is packed and nothing else would change.
    /// Returns whether that was done.
    pub fn overwrite(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
        let Self::Packed(block) = self else { return false };
        let Some(range) = packed::edit::overwritable(block, field, value.len(), expiry) else { return false };
        Arc::make_mut(block)[range].copy_from_slice(value);
        true
    }

    /// The bytes that the hash takes out of line.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Self::Packed(block) => block.len() + 2 * size_of::<usize>(),
            Self::Table(fields) => fields.allocated_bytes(),
        }
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}
