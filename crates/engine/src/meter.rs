//! How much memory is used, of how much may be (`maxmemory`).
//!
//! Asking the allocator takes too long to be done for every command. But it counts for each thread what that thread has taken
//! and given back, at no cost. So each worker tells how much that is, the sum is what all of them hold, and what is
//! missing to the allocator's own figure, which is looked at now and then, is added.
//!
//! ```text
//!   used = what workers tell + the rest - what is about to be freed
//! ```
//! Not counted are pages that were copied because a snapshot holds them too: they go with the snapshot, whatever is evicted.
//! Neither is the log on its way to the file, for evicting writes to it.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use keyspace::Rule;
use parking_lot::RwLock;

use crate::statistics::WorkerStatistics;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Meter {
    /// The most bytes; 0 = no limit.
    limit: AtomicU64,
    /// How keys go when there are more; none: they do not.
    rule: RwLock<Option<Rule>>,
    /// What the workers have not told of.
    rest: AtomicI64,
    /// Bytes that nobody can reach any more and that are not freed yet, and how many times there were such.
    dying: AtomicI64,
    dying_batches: AtomicUsize,
    /// Batches that have been freed.
    freed_batches: AtomicU64,
    /// Snapshots that somebody holds.
    images: AtomicUsize,
    /// Since when more is used than may be, on the monotonic clock (0 = it is not), and for how long it was before.
    exceeded_since_ns: AtomicU64,
    exceeded_ns: AtomicU64,
}

impl Meter {
    /// Sets the limit, 0 for none, and the rule by which keys go.
    pub fn configure(&self, limit: u64, rule: Option<Rule>) {
        self.limit.store(limit, Ordering::Relaxed);
        *self.rule.write() = rule;
    }

    /// The most bytes that may be used.
    #[inline]
    pub fn limit(&self) -> Option<i64> {
        let limit = self.limit.load(Ordering::Relaxed);
        (limit > 0).then(|| i64::try_from(limit).unwrap_or(i64::MAX))
    }

    /// How keys go when more is used; none: they do not.
    pub fn rule(&self) -> Option<Rule> {
        *self.rule.read()
    }

    /// Bytes that are used and count.
    pub fn used(&self, workers: &[WorkerStatistics]) -> i64 {
        self.rest.load(Ordering::Relaxed) + told(workers) - self.dying.load(Ordering::Relaxed)
    }

    /// The allocator has handed out so many bytes, of which some are the log's. Its figure holds copies that snapshots
    /// caused, so it is of no use while there is one.
    pub fn correct(&self, allocated: usize, log: usize, workers: &[WorkerStatistics]) {
        if self.images.load(Ordering::Relaxed) == 0 {
            let counted = allocated.saturating_sub(log) as i64;
            self.rest.store(counted - told(workers), Ordering::Relaxed);
        }
    }

    /// So many bytes are about to be freed by another thread.
    pub fn note_dying(&self, bytes: usize) {
        self.dying.fetch_add(bytes as i64, Ordering::Relaxed);
        self.dying_batches.fetch_add(1, Ordering::Relaxed);
    }

    /// That thread has freed them, which gave back `returned` bytes.
    pub fn note_freed(&self, bytes: usize, returned: i64) {
        self.rest.fetch_sub(returned, Ordering::Relaxed);
        self.dying.fetch_sub(bytes as i64, Ordering::Relaxed);
        self.dying_batches.fetch_sub(1, Ordering::Relaxed);
        self.freed_batches.fetch_add(1, Ordering::Relaxed);
    }

    /// So many bytes are about to be freed by another worker, which will tell of that itself.
    pub fn note_leaving(&self, bytes: usize) {
        self.dying.fetch_add(bytes as i64, Ordering::Relaxed);
    }

    /// That worker has freed them, and told.
    pub fn note_left(&self, bytes: usize) {
        self.dying.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    /// Batches that are about to be freed, and that have been.
    pub fn batches(&self) -> (usize, u64) {
        (self.dying_batches.load(Ordering::Relaxed), self.freed_batches.load(Ordering::Relaxed))
    }

    /// A snapshot is taken.
    pub fn note_image(&self) {
        self.images.fetch_add(1, Ordering::Relaxed);
    }

    /// A snapshot is gone.
    pub fn forget_image(&self) {
        self.images.fetch_sub(1, Ordering::Relaxed);
    }

    /// More is used at this time than may be, or no longer.
    pub fn note_excess(&self, exceeds: bool, now_ns: u64) {
        let since = self.exceeded_since_ns.load(Ordering::Relaxed);
        if exceeds && since == 0 {
            self.exceeded_since_ns.store(now_ns.max(1), Ordering::Relaxed);
        } else if !exceeds && since > 0 {
            self.exceeded_since_ns.store(0, Ordering::Relaxed);
            self.exceeded_ns.fetch_add(now_ns.saturating_sub(since), Ordering::Relaxed);
        }
    }

    /// For how many milliseconds more has been used than may be: now, and in all.
    pub fn exceeded_ms(&self, now_ns: u64) -> (u64, u64) {
        let since = self.exceeded_since_ns.load(Ordering::Relaxed);
        let current = if since > 0 { now_ns.saturating_sub(since) } else { 0 };
        (current / 1_000_000, (self.exceeded_ns.load(Ordering::Relaxed) + current) / 1_000_000)
    }

    /// Forgets for how long (CONFIG RESETSTAT). If more is still used, that begins anew with the next look.
    pub fn reset(&self) {
        self.exceeded_since_ns.store(0, Ordering::Relaxed);
        self.exceeded_ns.store(0, Ordering::Relaxed);
        self.freed_batches.store(0, Ordering::Relaxed);
    }
}

fn told(workers: &[WorkerStatistics]) -> i64 {
    workers.iter().map(|worker| worker.memory.load(Ordering::Relaxed)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocators_figure_is_kept_up_by_what_workers_tell() {
        let workers = [WorkerStatistics::default(), WorkerStatistics::default()];
        let meter = Meter::default();
        workers[0].memory.store(500, Ordering::Relaxed);
        meter.correct(10_000, 1000, &workers);
        assert_eq!(meter.used(&workers), 9000);
        workers[1].memory.store(-200, Ordering::Relaxed);
        assert_eq!(meter.used(&workers), 8800);
        meter.note_image();
        meter.correct(20_000, 0, &workers);
        assert_eq!(meter.used(&workers), 8800, "half of it may be the snapshot's");
        meter.forget_image();
        meter.correct(20_000, 0, &workers);
        assert_eq!(meter.used(&workers), 20_000);
    }

    #[test]
    fn what_is_about_to_be_freed_counts_as_free_and_is_not_freed_twice() {
        let meter = Meter::default();
        meter.correct(10_000, 0, &[]);
        meter.note_dying(3000);
        assert_eq!(meter.used(&[]), 7000);
        meter.note_freed(3000, 3100);
        assert_eq!(meter.used(&[]), 6900);
    }

    #[test]
    fn what_another_worker_is_about_to_free_counts_as_free_until_it_tells() {
        let workers = [WorkerStatistics::default()];
        let meter = Meter::default();
        workers[0].memory.store(5000, Ordering::Relaxed);
        meter.note_leaving(2000);
        assert_eq!(meter.used(&workers), 3000);
        workers[0].memory.store(2900, Ordering::Relaxed);
        meter.note_left(2000);
        assert_eq!((meter.used(&workers), meter.batches()), (2900, (0, 0)));
    }

    #[test]
    fn the_time_above_the_limit_is_counted() {
        let meter = Meter::default();
        meter.note_excess(false, 1);
        meter.note_excess(true, 5_000_000);
        meter.note_excess(true, 7_000_000);
        assert_eq!(meter.exceeded_ms(8_000_000), (3, 3));
        meter.note_excess(false, 9_000_000);
        assert_eq!(meter.exceeded_ms(20_000_000), (0, 4));
        meter.note_excess(true, 21_000_000);
        meter.reset();
        assert_eq!(meter.exceeded_ms(22_000_000), (0, 0));
        meter.note_excess(true, 23_000_000);
        assert_eq!(meter.exceeded_ms(25_000_000), (2, 2), "counted from the next look on");
    }
}
