//! How often commands ran and how long they took. Each worker counts in its own memory; readers add up.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::table::table;

/// Buckets of the latency histogram: powers of two of nanoseconds, from 1 us up.
const BUCKETS: usize = 32;
/// The first bucket's upper end, as a power of two of nanoseconds.
const FIRST: u32 = 10;

/// The counts of one command by one worker. Only that worker writes, so a load and a store do.
#[derive(Debug)]
pub struct CommandCounters {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// A sum of counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandTotals {
    /// Times it ran.
    pub calls: u64,
    /// Time it took in all.
    pub nanoseconds: u64,
    /// Times the gate refused it.
    pub rejected: u64,
    /// Times it answered an error.
    pub failed: u64,
    /// Runs that took up to 1.024 us, 2.048 us, and so on.
    pub buckets: [u64; BUCKETS],
}

/// The counts of one worker.
#[derive(Debug)]
pub struct WorkerStatistics {
    commands: Box<[CommandCounters]>,
    /// Error replies.
    pub errors: AtomicU64,
    /// Bytes received and sent.
    pub received: AtomicU64,
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Look-ups that found a key, and that did not.
    pub hits: AtomicU64,
    /// Look-ups that did not.
    pub misses: AtomicU64,
    /// Keys that went because their time had come.
    pub expired_keys: AtomicU64,
    /// Fields likewise.
    pub expired_fields: AtomicU64,
    /// Changes of data.
    pub changes: AtomicU64,
}

impl Default for WorkerStatistics {
    fn default() -> Self {
        let fresh = || CommandCounters {
            calls: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        };
        Self {
            commands: table().rows().iter().map(|_| fresh()).collect(),
            errors: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            expired_keys: AtomicU64::new(0),
            expired_fields: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        }
    }
}

/// Adds where only one thread writes.
#[inline]
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
}

impl WorkerStatistics {
    /// Makes what the keyspace counted visible.
    pub fn publish(&self, counters: &keyspace::Counters) {
        self.hits.store(counters.hits, Ordering::Relaxed);
        self.misses.store(counters.misses, Ordering::Relaxed);
        self.expired_keys.store(counters.expired_keys, Ordering::Relaxed);
        self.expired_fields.store(counters.expired_fields, Ordering::Relaxed);
        self.changes.store(counters.changes, Ordering::Relaxed);
    }

    /// A command ran. `tracked`: it counts for the distribution of times (`latency-tracking`).
    #[inline]
    pub fn ran(&self, index: usize, nanoseconds: u64, failed: bool, tracked: bool) {
        let counters = &self.commands[index];
        add(&counters.calls, 1);
        add(&counters.nanoseconds, nanoseconds);
        if tracked {
            add(&counters.buckets[bucket(nanoseconds)], 1);
        }
        if failed {
            add(&counters.failed, 1);
            add(&self.errors, 1);
        }
    }

    /// The gate refused a command.
    pub fn rejected(&self, index: usize) {
        add(&self.commands[index].rejected, 1);
    }

    /// Adds this worker's counts of a command to a sum.
    pub fn add_to(&self, index: usize, totals: &mut CommandTotals) {
        let counters = &self.commands[index];
        totals.calls += counters.calls.load(Ordering::Relaxed);
        totals.nanoseconds += counters.nanoseconds.load(Ordering::Relaxed);
        totals.rejected += counters.rejected.load(Ordering::Relaxed);
        totals.failed += counters.failed.load(Ordering::Relaxed);
        for (total, bucket) in totals.buckets.iter_mut().zip(&counters.buckets) {
            *total += bucket.load(Ordering::Relaxed);
        }
    }

    /// Runs of all commands.
    pub fn total_calls(&self) -> u64 {
        self.commands.iter().map(|counters| counters.calls.load(Ordering::Relaxed)).sum()
    }

    /// Forgets everything (CONFIG RESETSTAT). A count that the worker makes meanwhile may survive.
    pub fn reset(&self) {
        for counters in &self.commands {
            let all = [&counters.calls, &counters.nanoseconds, &counters.rejected, &counters.failed];
            all.into_iter().chain(&counters.buckets).for_each(|counter| counter.store(0, Ordering::Relaxed));
        }
        for counter in [
            &self.errors,
            &self.received,
            &self.sent,
            &self.hits,
            &self.misses,
            &self.expired_keys,
            &self.expired_fields,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let power = u64::BITS - nanoseconds.leading_zeros();
    (power.saturating_sub(FIRST) as usize).min(BUCKETS - 1)
}

impl CommandTotals {
    /// Runs whose time was noted.
    pub fn tracked(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The upper ends of the buckets in microseconds, with the runs up to each (LATENCY HISTOGRAM).
    pub fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut sum = 0;
        let mut found = Vec::new();
        for (index, &count) in self.buckets.iter().enumerate() {
            sum += count;
            if count > 0 {
                found.push((1 << index, sum));
            }
        }
        found
    }
}
