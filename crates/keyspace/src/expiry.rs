//! Active expiry: due keys and fields that nobody looks up are removed all the same.
//!
//! Each shard knows a lower bound of its expiry times, readable without its lock. A worker walks the shards it is
//! responsible for, and enters only those with something due; there the minima of the table lead straight to the
//! pages. The work of one call is bounded, so a flood of due keys is removed over several turns.

use std::ops::Range;
use std::sync::atomic::Ordering;

use stdx::time::UnixMs;
use value::table::Payload;

use crate::access::{Access, Garbage};
use crate::effect::{Effect, Removal};
use crate::key::DbIndex;

/// How much one call may do, and where the next one goes on.
#[derive(Debug, Clone)]
pub struct ExpiryBudget {
    /// The shards of this worker.
    shards: Range<usize>,
    next: usize,
    /// Keys removed at most in one call, about.
    keys: usize,
    /// When something is due next, as the last call found that came round.
    next_due: UnixMs,
}

impl ExpiryBudget {
    /// A budget over some shards: about `keys` keys a call.
    pub fn new(shards: Range<usize>, keys: usize) -> Self {
        Self { next: shards.start, shards, keys, next_due: UnixMs::MAX }
    }

    /// When something is due next, as the last call found that left nothing to do. Keys that were written since may be due
    /// earlier.
    pub fn next_due(&self) -> UnixMs {
        self.next_due
    }
}

impl Access<'_> {
    /// Removes due keys, up to the budget. Returns whether there is more to do at once. Called inside a batch with
    /// nothing locked.
    pub fn expire_some(&mut self, budget: &mut ExpiryBudget) -> bool {
        budget.next_due = UnixMs::MAX;
        if !self.keyspace().active_expiry.load(Ordering::Relaxed) || self.keeps_due() {
            return false;
        }
        let mut left = budget.keys;
        for _ in 0..budget.shards.len() {
            let shard = budget.next;
            if self.keyspace().cells[shard].next_expiry() <= self.now() {
                let removed = self.expire_shard(shard, left);
                left = left.saturating_sub(removed);
                if left == 0 {
                    return true; // the same shard again: it may have more
                }
            }
            budget.next_due = budget.next_due.min(self.keyspace().cells[shard].next_expiry());
            budget.next = if shard + 1 == budget.shards.end { budget.shards.start } else { shard + 1 };
        }
        false
    }

    /// Removes up to about `limit` due keys and fields of a shard.
    fn expire_shard(&mut self, shard: usize, limit: usize) -> usize {
        if self.try_lock(&mut [shard]).is_err() {
            return 0; // a busy script holds it
        }
        let databases: Vec<DbIndex> =
            self.held_shards().flat_map(|(_, shard)| shard.partitions().map(|(index, _)| index)).collect();
        let mut removed = 0;
        for database in databases {
            removed += self.expire_keys(database, limit - removed.min(limit));
            removed += self.expire_fields(database, limit - removed.min(limit));
        }
        let next = self.held_shards().map(|(_, shard)| shard.next_expiry()).min().unwrap_or(UnixMs::MAX);
        self.keyspace().cells[shard].set_next_expiry(next);
        self.unlock();
        removed
    }

    fn expire_keys(&mut self, database: DbIndex, limit: usize) -> usize {
        let Self { held, recent, recorder, reclaim, now, .. } = self;
        *recent = None;
        let mut removed = 0;
        for held in held {
            let Some(partition) = held.shard.partition_mut(database) else { continue };
            removed += partition.take_due(*now, limit, &mut |entry| {
                recorder.start_unit();
                recorder.record(database, &Effect::Delete { key: entry.key, reason: Removal::Expired });
                recorder.collector.note_expired(database, entry.key);
                if let Payload::Object(object) = entry.payload {
                    reclaim.push(Garbage::value(object.clone()));
                }
            });
        }
        self.counters.changes += removed as u64;
        self.counters.unasked += removed as u64;
        self.counters.expired_keys += removed as u64;
        self.count_partitions(database, (-(removed as isize), -(removed as isize)));
        removed
    }

    fn expire_fields(&mut self, database: DbIndex, limit: usize) -> usize {
        let now = self.now();
        let mut removed = 0;
        while removed < limit {
            let due = self.held_shards().find_map(|(_, shard)| {
                let first = shard.partition(database)?.field_times.first()?;
                (first.0 <= now).then(|| first.1.clone())
            });
            let Some(name) = due else { break };
            let key = self.keyspace().key(&name);
            self.start_unit();
            removed += self.db(database).expire_hash_fields(&key, limit - removed).max(1);
        }
        removed
    }
}
