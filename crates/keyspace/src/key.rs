//! A key with what is computed from it once: its hash and its slot.

use stdx::checksum::hash_slot;
use stdx::hash::{HashKey, sip13};

/// Hash slots of Redis Cluster.
const SLOTS: u16 = 16_384;

/// The number of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DbIndex(pub u16);

/// A key, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The keyed hash that places it inside its shard.
    pub hash: u64,
    /// Its hash slot, which gives its shard. Keys with the same `{tag}` share it.
    pub slot: u16,
}

impl<'a> Key<'a> {
    /// Hashes a key.
    #[inline]
    pub fn new(bytes: &'a [u8], seed: &HashKey) -> Self {
        Self { bytes, hash: sip13(seed, bytes), slot: hash_slot(bytes) }
    }

    /// The index of its shard among `shards`, which divides the number of slots: a contiguous range of slots.
    #[inline]
    pub(crate) fn shard(&self, shards: usize) -> usize {
        shard_of_slot(self.slot, shards)
    }
}

/// Which of so many shards a slot belongs to.
#[inline]
pub(crate) fn shard_of_slot(slot: u16, shards: usize) -> usize {
    usize::from(slot) * shards / usize::from(SLOTS)
}
