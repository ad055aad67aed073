//! How often commands ran and how long they took. Each worker counts in its own memory; readers add up.

mod histogram;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::table::table;
use histogram::Histogram;
pub use histogram::Times;

/// Codes of errors that a worker tells apart; scripts may make up any number of them.
const ERROR_CODES: usize = 128;
/// The longest code.
const ERROR_CODE_BYTES: usize = 32;

/// The counts of one command by one worker. Only that worker writes, so a load and a store do.
#[derive(Debug, Default)]
struct CommandCounters {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    times: Histogram,
}

/// A sum of counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandTotals {
    /// Times it ran.
    pub calls: u64,
    /// Time it took in all.
    pub nanoseconds: u64,
    /// Times it was not admitted.
    pub rejected: u64,
    /// Times it answered an error.
    pub failed: u64,
    /// How its run times are distributed, as far as they were noted.
    pub times: Times,
}

/// A count that its worker publishes as a whole, and that can be set back by others.
#[derive(Debug, Default)]
pub struct Published {
    value: AtomicU64,
    /// Where it stood when it was set back.
    base: AtomicU64,
}

impl Published {
    /// The count since it was set back.
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed).saturating_sub(self.base.load(Ordering::Relaxed))
    }

    fn publish(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
    }

    fn reset(&self) {
        self.base.store(self.value.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The counts of one worker. Those of two workers share no cache line, nor the pair of lines that some processors fetch together.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStatistics {
    commands: Box<[CommandCounters]>,
    /// Error replies, and how many of each code.
    pub errors: AtomicU64,
    codes: Mutex<BTreeMap<Box<str>, u64>>,
    /// What was refused to users, by the number of the [`acl::Reason`].
    pub denied: [AtomicU64; 5],
    /// Bytes received and sent.
    pub received: AtomicU64,
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Reads from sockets that brought something.
    pub reads: AtomicU64,
    /// Times that a connection was sent all it was owed.
    pub writes: AtomicU64,
    /// Turns of the event loop.
    pub turns: AtomicU64,
    /// Nanoseconds spent in them.
    pub turn_ns: AtomicU64,
    /// Nanoseconds spent on looking for due keys.
    pub expiry_ns: AtomicU64,
    /// Searches for due keys that ended because they had done enough for once.
    pub expiry_cut_short: AtomicU64,
    /// Blocks that a sweep has moved.
    pub blocks_moved: AtomicU64,
    /// Blocks that a sweep has looked at and left where they were.
    pub blocks_left: AtomicU64,
    /// Nanoseconds spent on sweeps.
    pub sweep_ns: AtomicU64,
    /// Look-ups that found a key.
    pub hits: Published,
    /// Look-ups that did not.
    pub misses: Published,
    /// Keys that went because their time had come.
    pub expired_keys: Published,
    /// Fields likewise.
    pub expired_fields: Published,
    /// Keys that went because memory was needed.
    pub evicted_keys: Published,
    /// Changes of data.
    pub changes: AtomicU64,
    /// Bytes that the worker has allocated and not freed, without copies of what a snapshot holds too.
    pub memory: AtomicI64,
    /// Beginnings and ends of its turns: odd while it may hold other memory than it has told.
    pub steps: AtomicU64,
    /// Bytes that its interpreter of scripts uses, as of the last tick.
    pub script_bytes: AtomicU64,
    /// Bytes that its interpreter of functions uses, as of the last tick.
    pub function_bytes: AtomicU64,
    /// Bytes of its clients that may be evicted, counted while `maxmemory-clients` is set.
    pub clients: AtomicI64,
}

impl Default for WorkerStatistics {
    fn default() -> Self {
        Self {
            commands: table().rows().iter().map(|_| CommandCounters::default()).collect(),
            errors: AtomicU64::new(0),
            codes: Mutex::default(),
            denied: Default::default(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            turn_ns: AtomicU64::new(0),
            expiry_ns: AtomicU64::new(0),
            expiry_cut_short: AtomicU64::new(0),
            blocks_moved: AtomicU64::new(0),
            blocks_left: AtomicU64::new(0),
            sweep_ns: AtomicU64::new(0),
            hits: Published::default(),
            misses: Published::default(),
            expired_keys: Published::default(),
            expired_fields: Published::default(),
            evicted_keys: Published::default(),
            changes: AtomicU64::new(0),
            memory: AtomicI64::new(0),
            steps: AtomicU64::new(0),
            script_bytes: AtomicU64::new(0),
            function_bytes: AtomicU64::new(0),
            clients: AtomicI64::new(0),
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
        self.hits.publish(counters.hits);
        self.misses.publish(counters.misses);
        self.expired_keys.publish(counters.expired_keys);
        self.expired_fields.publish(counters.expired_fields);
        self.evicted_keys.publish(counters.evicted_keys);
        self.changes.store(counters.changes, Ordering::Relaxed);
    }

    /// A command ran so often, at least once, in a time. `tracked`: it counts for the distribution of times (`latency-tracking`).
    #[inline]
    pub fn ran(&self, index: usize, calls: u64, nanoseconds: u64, failed: bool, tracked: bool) {
        let counters = &self.commands[index];
        add(&counters.calls, calls);
        add(&counters.nanoseconds, nanoseconds);
        if tracked {
            counters.times.add(if calls == 1 { nanoseconds } else { nanoseconds / calls }, calls);
        }
        if failed {
            add(&counters.failed, 1);
        }
    }

    /// A command was not admitted.
    pub fn rejected(&self, index: usize) {
        add(&self.commands[index].rejected, 1);
    }

    /// An error was answered: `reply` begins with `-` and the code.
    pub fn answered_error(&self, reply: &[u8]) {
        add(&self.errors, 1);
        let text = reply.strip_prefix(b"-").unwrap_or(reply);
        let code = text.iter().position(|&byte| byte == b' ').filter(|&end| end <= ERROR_CODE_BYTES);
        let code = code.and_then(|end| std::str::from_utf8(&text[..end]).ok()).unwrap_or("ERR");
        let mut codes = self.codes.lock();
        if let Some(count) = codes.get_mut(code) {
            *count += 1;
        } else if codes.len() < ERROR_CODES {
            codes.insert(code.into(), 1);
        }
    }

    /// Adds the errors by code to a sum.
    pub fn add_errors_to(&self, totals: &mut BTreeMap<Box<str>, u64>) {
        for (code, count) in &*self.codes.lock() {
            *totals.entry(code.clone()).or_default() += count;
        }
    }

    /// Adds this worker's counts of a command to a sum.
    pub fn add_to(&self, index: usize, totals: &mut CommandTotals) {
        let counters = &self.commands[index];
        totals.calls += counters.calls.load(Ordering::Relaxed);
        totals.nanoseconds += counters.nanoseconds.load(Ordering::Relaxed);
        totals.rejected += counters.rejected.load(Ordering::Relaxed);
        totals.failed += counters.failed.load(Ordering::Relaxed);
        counters.times.add_to(&mut totals.times);
    }

    /// Runs of all commands.
    pub fn total_calls(&self) -> u64 {
        self.commands.iter().map(|counters| counters.calls.load(Ordering::Relaxed)).sum()
    }

    /// Nanoseconds of all commands.
    pub fn total_nanoseconds(&self) -> u64 {
        self.commands.iter().map(|counters| counters.nanoseconds.load(Ordering::Relaxed)).sum()
    }

    /// Forgets everything (CONFIG RESETSTAT). A count that the worker makes meanwhile may survive.
    pub fn reset(&self) {
        for counters in &self.commands {
            let all = [&counters.calls, &counters.nanoseconds, &counters.rejected, &counters.failed];
            all.into_iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
            counters.times.reset();
        }
        for counter in [
            &self.errors,
            &self.received,
            &self.sent,
            &self.reads,
            &self.writes,
            &self.turns,
            &self.turn_ns,
            &self.expiry_ns,
            &self.expiry_cut_short,
            &self.blocks_moved,
            &self.blocks_left,
            &self.sweep_ns,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.denied.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.codes.lock().clear();
        for counter in
            [&self.hits, &self.misses, &self.expired_keys, &self.expired_fields, &self.evicted_keys]
        {
            counter.reset();
        }
    }
}
