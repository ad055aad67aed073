//! The log of effects: one order for the effects of all workers.
//!
//! A worker collects what it records while it holds shard locks in a run of its own, and appends the run to the log
//! before it drops the locks. So of two holds that share a shard the first stands before the second, and whoever has
//! seen an effect finds it in the log; of two that share none, either order is right. The log's lock is taken once a
//! hold, and covers a copy of bytes that were encoded before.
//!
//! A *unit* is what must be applied as a whole: one command, one transaction or one script.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use crate::key::DbIndex;

/// Buffers that grew beyond this many bytes are given back once they are read.
const KEPT_BYTES: usize = 1 << 20;

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
#[derive(Debug, Default)]
pub struct Log {
    /// What has been appended and not taken.
    tail: CachePadded<Mutex<Run>>,
    /// The place behind the tail; written under its lock.
    position: AtomicU64,
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
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.records.extend(other.records.iter().map(|record| Record { end: start + record.end, ..*record }));
        other.clear();
    }
}

impl Log {
    /// The place behind all effects so far.
    pub fn position(&self) -> LogPosition {
        LogPosition(self.position.load(Ordering::Acquire))
    }

    /// Takes everything that has been appended since the last call; `into` is empty, and its buffers serve the log from
    /// then on. Returns the place behind what was taken.
    pub fn take(&self, into: &mut Run) -> LogPosition {
        debug_assert!(into.is_empty(), "what was taken before has been read");
        let mut tail = self.tail.lock();
        std::mem::swap(&mut *tail, into);
        self.position()
    }

    /// Appends the effects of a hold, whose locks are held.
    pub(crate) fn append(&self, run: &mut Run) -> LogPosition {
        let count = run.records.len() as u64;
        let mut tail = self.tail.lock();
        tail.append(run);
        let position = self.position.load(Ordering::Relaxed) + count;
        self.position.store(position, Ordering::Release);
        LogPosition(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(texts: &[&str]) -> Run {
        let mut run = Run::default();
        for text in texts {
            run.bytes.extend_from_slice(text.as_bytes());
            run.records.push(Record { unit: 0, database: DbIndex(0), end: run.bytes.len() });
        }
        run
    }

    fn texts(run: &Run) -> Vec<String> {
        run.iter().map(|(_, text)| String::from_utf8(text.to_vec()).expect("text")).collect()
    }

    #[test]
    fn effects_are_taken_once_and_in_the_order_in_which_they_came() {
        let log = Log::default();
        assert_eq!(log.append(&mut run(&["a", "bc"])), LogPosition(2));
        let mut second = run(&["", "d"]);
        log.append(&mut second);
        assert!(second.is_empty(), "its buffers can be used again");
        let mut taken = Run::default();
        assert_eq!(log.take(&mut taken), LogPosition(4));
        assert_eq!(texts(&taken), ["a", "bc", "", "d"]);
        taken.clear();
        assert_eq!(log.take(&mut taken), LogPosition(4));
        assert!(taken.is_empty());
    }
}
