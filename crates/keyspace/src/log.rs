//! The order of effects.
//!
//! While a worker holds shard locks, the first effect takes the next number of one sequence: the *stamp* of this
//! hold of locks. Two holds that share a shard exclude each other, so their stamps are ordered as the holds were; of two
//! that share none, either order is right. Stamps are dense, so whoever merges the workers' runs knows when one
//! is still missing.
//!
//! A *unit* is what must be applied as a whole: one command, one transaction or one script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::key::DbIndex;

/// A place in the log: the number of holds whose effects lie before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogPosition(pub u64);

/// Gives out stamps.
#[derive(Debug, Default)]
pub(crate) struct Sequencer(CachePadded<AtomicU64>);

impl Sequencer {
    /// The next stamp; the locks of the hold are held.
    pub(crate) fn next(&self) -> u64 {
        // The locks order the holds that matter; the counter only has to be one counter.
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The place behind all stamps given out so far.
    pub(crate) fn position(&self) -> LogPosition {
        LogPosition(self.0.load(Ordering::Acquire))
    }
}

/// One effect in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The stamp of its hold.
    pub stamp: u64,
    /// The unit it belongs to; a number that is new for each unit of the worker.
    pub unit: u64,
    /// The database it changed.
    pub database: DbIndex,
    /// Where its text ends in [`Run::bytes`]; it begins where the one before ends.
    pub end: usize,
}

/// The effects of one worker, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The texts of the effects, one behind the other.
    pub bytes: Vec<u8>,
    /// One entry an effect.
    pub records: Vec<Record>,
}

impl Run {
    /// Whether there is no effect.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Merges the runs of all workers into the one order.
#[derive(Debug)]
pub struct Merger {
    workers: Vec<Backlog>,
    next: u64,
}

/// What a worker has delivered and the merger has not passed on.
#[derive(Debug, Default)]
struct Backlog {
    runs: VecDeque<Run>,
    /// The record of the first run to pass on next, and where its text begins.
    record: usize,
    start: usize,
}

impl Merger {
    /// A merger for this many workers that expects the stamp at `position` first.
    pub fn new(workers: usize, position: LogPosition) -> Self {
        Self { workers: (0..workers).map(|_| Backlog::default()).collect(), next: position.0 }
    }

    /// Takes a worker's next run.
    pub fn push(&mut self, worker: usize, run: Run) {
        if !run.is_empty() {
            self.workers[worker].runs.push_back(run);
        }
    }

    /// The place up to which everything has been passed on.
    pub fn position(&self) -> LogPosition {
        LogPosition(self.next)
    }

    /// Bytes that wait for a missing stamp.
    pub fn waiting_bytes(&self) -> usize {
        self.workers.iter().flat_map(|backlog| &backlog.runs).map(|run| run.bytes.len()).sum()
    }

    /// Passes on, in order, the effects of all holds that are complete and lie before `limit`.
    pub fn drain(&mut self, limit: LogPosition, each: &mut dyn FnMut(Record, &[u8])) {
        while self.next < limit.0 {
            let Some(backlog) = self.workers.iter_mut().find(|backlog| backlog.head() == Some(self.next))
            else {
                return;
            };
            while backlog.head() == Some(self.next) {
                backlog.pass_one(each);
            }
            self.next += 1;
        }
    }
}

impl Backlog {
    /// The stamp of the next record.
    fn head(&self) -> Option<u64> {
        self.runs.front().map(|run| run.records[self.record].stamp)
    }

    fn pass_one(&mut self, each: &mut dyn FnMut(Record, &[u8])) {
        let run = self.runs.front().expect("there is a head");
        let record = run.records[self.record];
        each(record, &run.bytes[self.start..record.end]);
        self.start = record.end;
        self.record += 1;
        if self.record == run.records.len() {
            self.runs.pop_front();
            self.record = 0;
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Holds are given to workers at random, and runs arrive cut and delayed at random.
        #[test]
        fn runs_in_any_arrival_are_merged_in_the_order_of_stamps(
            holds in prop::collection::vec((0usize..3, 1usize..4, any::<bool>()), 0..60),
            arrivals in prop::collection::vec(0usize..3, 0..60),
        ) {
            let mut runs: Vec<VecDeque<Run>> = vec![VecDeque::new(); 3];
            let mut expected = Vec::new();
            for (stamp, &(worker, effects, cut)) in holds.iter().enumerate() {
                if cut || runs[worker].is_empty() {
                    runs[worker].push_back(Run::default());
                }
                let run = runs[worker].back_mut().expect("just pushed");
                for effect in 0..effects {
                    let text = format!("{stamp}.{effect} ");
                    run.bytes.extend_from_slice(text.as_bytes());
                    let end = run.bytes.len();
                    run.records.push(Record { stamp: stamp as u64, unit: stamp as u64, database: DbIndex(0), end });
                    expected.push(text);
                }
            }
            let mut merger = Merger::new(3, LogPosition(0));
            let mut merged = Vec::new();
            let order = arrivals.into_iter().chain((0..200).map(|turn| turn % 3));
            for worker in order {
                if let Some(run) = runs[worker].pop_front() {
                    merger.push(worker, run);
                }
                merger.drain(LogPosition(u64::MAX), &mut |_, text| {
                    merged.push(String::from_utf8(text.to_vec()).expect("text"));
                });
            }
            prop_assert_eq!(merged, expected);
            prop_assert_eq!(merger.waiting_bytes(), 0);
        }
    }

    #[test]
    fn a_missing_stamp_holds_back_what_comes_after_it() {
        let run = |stamp| Run {
            bytes: vec![b'0' + stamp as u8],
            records: vec![Record { stamp, unit: 0, database: DbIndex(0), end: 1 }],
        };
        let mut merger = Merger::new(2, LogPosition(0));
        let mut out = Vec::new();
        let mut drain = |merger: &mut Merger, limit| {
            merger.drain(LogPosition(limit), &mut |_, text| out.extend_from_slice(text));
        };
        merger.push(0, run(1));
        drain(&mut merger, u64::MAX);
        assert_eq!(merger.position(), LogPosition(0));
        merger.push(1, run(0));
        drain(&mut merger, 1);
        assert_eq!(merger.position(), LogPosition(1));
        drain(&mut merger, u64::MAX);
        assert_eq!(merger.position(), LogPosition(2));
        assert_eq!(out, b"01");
    }
}
