//! The queues in which clients stand that wait for keys: one a key, kept by the key's shard.
//!
//! Clients enter a queue while the key's shard is locked, so every queue is in their order of arrival. They leave it
//! without: a queue may hold somebody who has been claimed already, and whoever serves it passes him by.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use keyspace::{DbIndex, Keyspace};
use parking_lot::Mutex;
use smallvec::SmallVec;
use value::Kind;

use super::{Name, Waiter};
use crate::shared::Shared;

/// See the module's text.
#[derive(Debug)]
pub struct Blocking {
    /// One an index of a shard.
    shards: Box<[Mutex<Queues>]>,
    /// The number of the waiter that came last.
    last: AtomicU64,
    /// Waiters with a time limit.
    pub timed: AtomicUsize,
    /// Keys for which somebody waits.
    pub keys: AtomicUsize,
    /// Keys the absence of which somebody minds.
    pub minded: AtomicUsize,
}

type Queues = HashMap<Name, Queue>;

/// Those who wait for one key.
#[derive(Debug, Default)]
struct Queue {
    waiters: BTreeMap<u64, Arc<Waiter>>,
    /// How many of them mind the absence of the key.
    minding: usize,
}

impl Waiter {
    /// Whether a key that holds a value of this kind, or is not there, may be what it waits for.
    fn wants(&self, kind: Option<Kind>) -> bool {
        kind == Some(self.wait.kind) || self.wait.minds_absence
    }
}

impl Blocking {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            last: AtomicU64::new(0),
            timed: AtomicUsize::new(0),
            keys: AtomicUsize::new(0),
            minded: AtomicUsize::new(0),
        }
    }

    /// The number of the next waiter. The shards of its keys are locked, so the numbers grow at each key.
    pub(super) fn next_id(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A waiter takes its places. The shards of its keys are locked.
    pub(super) fn enter(&self, waiter: &Arc<Waiter>) {
        self.timed.fetch_add(usize::from(waiter.timeout_ms > 0), Ordering::Relaxed);
        for key in &waiter.keys {
            let mut queues = self.shards[key.shard].lock();
            let queue = queues.entry(key.name.clone()).or_default();
            self.keys.fetch_add(usize::from(queue.waiters.is_empty()), Ordering::Relaxed);
            if waiter.wait.minds_absence {
                self.minded.fetch_add(usize::from(queue.minding == 0), Ordering::Relaxed);
                queue.minding += 1;
            }
            queue.waiters.insert(waiter.id, Arc::clone(waiter));
        }
    }

    /// A waiter gives up its places, those that it still has.
    pub(super) fn leave(&self, keyspace: &Keyspace, waiter: &Waiter) {
        if !waiter.claim.leave() {
            return;
        }
        self.timed.fetch_sub(usize::from(waiter.timeout_ms > 0), Ordering::Relaxed);
        for key in &waiter.keys {
            let mut queues = self.shards[key.shard].lock();
            let Some(queue) = queues.get_mut(&key.name) else { continue };
            queue.waiters.remove(&waiter.id);
            if waiter.wait.minds_absence {
                queue.minding -= 1;
                self.minded.fetch_sub(usize::from(queue.minding == 0), Ordering::Relaxed);
            }
            if queue.waiters.is_empty() {
                queues.remove(&key.name);
                self.keys.fetch_sub(1, Ordering::Relaxed);
            }
            drop(queues);
            keyspace.remove_waiter(key.shard);
        }
    }

    /// Whether somebody waits for a key.
    pub(super) fn is_awaited(&self, shard: usize, name: &Name) -> bool {
        self.shards[shard].lock().contains_key(name)
    }

    /// The first waiter behind the one with a number whom a key with a value of this kind, or a missing one, may concern.
    pub(super) fn next(
        &self,
        shard: usize,
        name: &Name,
        kind: Option<Kind>,
        after: u64,
    ) -> Option<Arc<Waiter>> {
        let queues = self.shards[shard].lock();
        let queue = queues.get(name)?;
        if kind.is_none() && queue.minding == 0 {
            return None;
        }
        let mut behind = queue.waiters.range(after + 1..).map(|(_, waiter)| waiter);
        behind.find(|waiter| waiter.wants(kind)).cloned()
    }

    /// The first few who wait for a key.
    pub(super) fn first(&self, shard: usize, name: &Name) -> SmallVec<[Arc<Waiter>; 4]> {
        let queues = self.shards[shard].lock();
        queues.get(name).map(|queue| queue.waiters.values().take(4).cloned().collect()).unwrap_or_default()
    }

    /// The keys of a database, or of all, for which somebody waits.
    pub(super) fn names(&self, shared: &Shared, database: Option<DbIndex>) -> Vec<Name> {
        let mut names = Vec::new();
        for (shard, queues) in self.shards.iter().enumerate() {
            if shared.keyspace.is_awaited(shard) {
                let queues = queues.lock();
                let wanted = |name: &&Name| database.is_none_or(|database| name.0 == database);
                names.extend(queues.keys().filter(wanted).cloned());
            }
        }
        names
    }
}
