//! What a worker does with data although no request asks for it: due keys go, and others to make room; who caches is told.

use std::sync::atomic::Ordering;

use keyspace::{ExpiryBudget, Rule};

use super::Worker;
use crate::context::tell_observers;
use crate::latency::Cause;
use crate::shared::Shared;
use crate::statistics::WorkerStatistics;
use crate::tracking::Notice;

/// What became of an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// A key went.
    Done,
    /// The key that was chosen is in use again; another one may go.
    Missed,
    /// There is no key that may go.
    Impossible,
}

impl Worker<'_> {
    /// Removes one key to make room. Called inside a batch, with nothing locked.
    pub fn evict(&mut self, shared: &Shared, rule: Rule) -> Eviction {
        let access = &mut self.access;
        let Some(victim) = access.find_victim(&mut self.evictor, rule) else { return Eviction::Impossible };
        let key = shared.keyspace.key(&victim.name);
        if access.try_lock(&mut [access.shard_of(&key)]).is_err() {
            return Eviction::Impossible;
        }
        access.start_unit();
        access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        let began_ns = shared.latency_clock();
        let gone = access.db(victim.database).evict(&key, &victim, rule);
        shared.note_latency_since(Cause::EvictionDel, access.now(), began_ns);
        tell_observers(shared, access, (&mut self.invalidations, &mut self.feeder), None);
        access.unlock();
        if gone { Eviction::Done } else { Eviction::Missed }
    }

    /// Removes due keys and fields, up to the budget; whether there is more to do at once. Called inside a batch, with nothing
    /// locked.
    pub fn expire(&mut self, shared: &Shared, budget: &mut ExpiryBudget) -> bool {
        self.access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        let more = self.access.expire_some(budget);
        tell_observers(shared, &mut self.access, (&mut self.invalidations, &mut self.feeder), None);
        more
    }

    /// Whether there are keys that may go.
    pub fn may_evict(&self, rule: Rule) -> bool {
        self.access.evictable(rule) > 0
    }

    /// What clients on any worker have to be told since the last call.
    pub fn take_invalidations(&mut self, shared: &Shared) -> Vec<Notice> {
        if self.invalidations.is_empty() {
            return Vec::new();
        }
        self.invalidations.take(&shared.tracking)
    }

    /// Tells what the interpreters use.
    pub fn tell_interpreters(&self, statistics: &WorkerStatistics) {
        let (scripts, functions) = self.interpreters.bytes();
        statistics.script_bytes.store(scripts as u64, Ordering::Relaxed);
        statistics.function_bytes.store(functions as u64, Ordering::Relaxed);
    }

    /// Drops remembered keys that are too many.
    pub fn trim_remembered(&mut self, shared: &Shared) {
        let limit = shared.hot.tracking_keys.load(Ordering::Relaxed);
        self.invalidations.trim(&shared.tracking, limit, &mut self.access.rng);
    }
}
