//! Where the threads that load gather small keys by shard, until there are many of one or no more come ([`Bucket`]).
//!
//! Of several errors the first in the file is the one that counts, so after one the others are placed nevertheless.

use std::sync::atomic::{AtomicUsize, Ordering};

use keyspace::Access;
use parking_lot::Mutex;
use persist::rdb::{Error, Format, Keys, ReadOptions};
use persist::{Bucket, KeyPlacement, SMALL_BYTES};

/// See the module's text: a bucket for each shard.
pub struct Gathering {
    buckets: Vec<Mutex<Bucket>>,
    /// At the end, the first bucket that nobody has begun to empty.
    next: AtomicUsize,
}

impl Gathering {
    /// For so many shards.
    pub fn new(shards: usize) -> Self {
        Self { buckets: (0..shards).map(|_| Mutex::default()).collect(), next: AtomicUsize::new(0) }
    }

    /// Takes the keys of a run. Called inside a batch; nothing is locked.
    pub fn take(
        &self,
        mut keys: Keys<'_>,
        placement: &mut KeyPlacement,
        (format, options): (Format, ReadOptions),
        access: &mut Access<'_>,
    ) -> Result<(), Error> {
        let mut outcome = Ok(());
        loop {
            let placed = if let Some(raw) = keys.next_small(SMALL_BYTES) {
                let key = access.keyspace().key(&raw.name);
                let shard = access.shard_of(&key);
                let full = self.buckets[shard].lock().push(placement, &key, &raw);
                full.map_or(Ok(()), |full| full.place(shard, placement, format, options, access))
            } else {
                let offset = keys.offset();
                let Some(entry) = keys.next() else { return outcome };
                entry.and_then(|entry| placement.take_at(offset, entry, access))
            };
            outcome = Error::first(outcome, placed);
        }
    }

    /// No more runs come, and nobody takes one any more: what has been gathered may be placed.
    pub fn end(&self) {
        self.next.store(0, Ordering::Relaxed);
    }

    /// Places gathered keys of shards that nobody else has begun with, until there are none. Called inside a batch; nothing is
    /// locked.
    pub fn place_rest(
        &self,
        placement: &mut KeyPlacement,
        (format, options): (Format, ReadOptions),
        access: &mut Access<'_>,
    ) -> Result<(), Error> {
        let mut outcome = Ok(());
        loop {
            let shard = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(bucket) = self.buckets.get(shard) else { return outcome };
            let Some(gathered) = bucket.lock().take() else { continue };
            outcome = Error::first(outcome, gathered.place(shard, placement, format, options, access));
        }
    }
}
