//! The log of effects: one order for the effects of all workers.
//!
//! A worker collects what it records while it holds shard locks in a run of its own, and appends the run to the log
//! before it drops the locks. So of two holds that share a shard the first stands before the second, and whoever has
//! seen an effect finds it in the log; of two that share none, either order is right.
//!
//! ```text
//!   worker 0 ─► lane: 0-15, 48-63 ─┐
//!   worker 1 ─► lane: 16-31        ├─► the one reader: 0 … 79        numbers from one counter
//!   worker 2 ─► lane: 32-47, 64-79 ┘
//! ```
//! Workers meet in a counter alone. Each has a *lane* with a lock of its own, and appends to it under numbers that it draws from
//! the counter while it holds both that and the locks that order the effects. The reader looks at the counter and then takes what each lane
//! holds: all numbers before that place were drawn under the lock of some lane, and so are there when the reader gets it. By the
//! numbers it puts the lanes together again (`lane`); what it has found beyond a number that is still missing waits for the next time.
//!
//! A *unit* is what must be applied as a whole: one command, one transaction or one script.

mod lane;

use crossbeam_utils::CachePadded;

use crate::key::DbIndex;
use lane::{Lane, Taken};
use sync::{AtomicU64, Mutex, Ordering};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

/// Buffers that grew beyond this many bytes are given back once they are read.
const KEPT_BYTES: usize = 1 << 20;

/// Why the locks cannot be poisoned.
const UNBROKEN: &str = "nobody panics while it moves effects";

/// A place in the log: the number of effects before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogPosition(pub u64);

/// One effect in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The unit it belongs to; no two units have the same number.
    pub unit: u64,
    /// The database it changed.
    pub database: DbIndex,
    /// Where its text ends in [`Run::bytes`]; it begins where the one before ends.
    pub end: usize,
    /// It changes nothing: only those who follow are told.
    pub is_message: bool,
}

/// Effects in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The texts of the effects, one behind the other.
    pub bytes: Vec<u8>,
    /// One entry an effect.
    pub records: Vec<Record>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Log {
    /// One a worker: what has been appended and not taken.
    lanes: Box<[CachePadded<Mutex<Lane>>]>,
    /// The place behind all effects whose numbers have been drawn.
    position: CachePadded<AtomicU64>,
    reader: Mutex<Reader>,
}

/// Who reads the log.
#[derive(Debug)]
struct Reader {
    /// The place behind what has been read.
    position: u64,
    /// One a lane: what was in it and has not been read.
    taken: Box<[Taken]>,
}

impl Run {
    /// Whether there is no effect.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The effects, each with its text.
    pub fn iter(&self) -> impl Iterator<Item = (Record, &[u8])> {
        let mut start = 0;
        self.records
            .iter()
            .map(move |&record| (record, &self.bytes[std::mem::replace(&mut start, record.end)..record.end]))
    }

    /// Forgets everything, and buffers that have grown large.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.records.shrink_to(KEPT_BYTES / size_of::<Record>());
    }

    /// Takes over the effects of another run, which is empty then.
    fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else {
            self.extend(&other.bytes, &other.records, 0);
            other.clear();
        }
    }

    /// Copies effects of another run: their texts begin at a place there.
    fn extend(&mut self, bytes: &[u8], records: &[Record], begin: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let moved = |record: &Record| Record { end: start + (record.end - begin), ..*record };
        self.records.extend(records.iter().map(moved));
    }
}

impl Log {
    /// An empty log of so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            lanes: (0..workers).map(|_| CachePadded::new(Mutex::new(Lane::default()))).collect(),
            position: CachePadded::new(AtomicU64::new(0)),
            reader: Mutex::new(Reader {
                position: 0,
                taken: (0..workers).map(|_| Taken::default()).collect(),
            }),
        }
    }

    /// The place behind all effects so far.
    pub fn position(&self) -> LogPosition {
        LogPosition(self.position.load(Ordering::Acquire))
    }

    /// Takes everything that has been appended since the last call; `into` is empty, and its buffers serve the log from
    /// then on. Returns the place behind what was taken, which is no less than the log's was at the call.
    pub fn take(&self, into: &mut Run) -> LogPosition {
        debug_assert!(into.is_empty(), "what was taken before has been read");
        let mut reader = self.reader.lock().expect(UNBROKEN);
        let reached = self.position().0;
        if reached > reader.position {
            for (lane, taken) in self.lanes.iter().zip(&mut reader.taken) {
                taken.refill(&mut lane.lock().expect(UNBROKEN));
            }
            reader.read(into);
            debug_assert!(reader.position >= reached, "what was drawn before has been appended");
        }
        LogPosition(reader.position)
    }

    /// Appends the effects of a worker's hold, whose locks are held.
    pub(crate) fn append(&self, worker: usize, run: &mut Run) -> LogPosition {
        let count = run.records.len() as u64;
        let mut lane = self.lanes[worker].lock().expect(UNBROKEN);
        lane.append(run);
        // Whoever sees this number waits for the lane's lock, and for nothing that takes long.
        let behind = self.position.fetch_add(count, Ordering::AcqRel) + count;
        lane.number(behind);
        LogPosition(behind)
    }
}

impl Reader {
    /// Puts together what follows on what has been read.
    fn read(&mut self, into: &mut Run) {
        while let Some(next) = self.taken.iter_mut().find(|taken| taken.begins_at(self.position)) {
            self.position = next.read(into);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

/// `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p keyspace --lib log`
#[cfg(all(test, loom))]
mod model;
