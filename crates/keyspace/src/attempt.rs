//! Attempts: what may have to be undone.
//!
//! A script may turn out to need keys whose shards it does not hold. Taking more locks in the middle could make two workers wait
//! for each other, so what it has done is undone and it begins again with everything locked. Undoing is cheap where
//! everything hangs on counted pointers: the state of the held shards is cloned, a pointer a shard and database, and put back. Between
//! the two, the first write to each page copies it, as it does while a snapshot is read.

use crate::access::Access;
use crate::counters::Counters;
use crate::key::DbIndex;
use crate::recorder::Mark;
use crate::shard::Partition;

/// The held shards as they were, with what had been recorded.
#[derive(Debug)]
pub struct Attempt {
    /// For each held shard its databases.
    shards: Vec<Vec<(DbIndex, Partition)>>,
    mark: Mark,
    counters: Counters,
}

impl Access<'_> {
    /// Begins an attempt: notes the state of the held shards. Dropping it makes what was done since final.
    pub fn begin_attempt(&mut self) -> Attempt {
        let clones = |(index, partition): (DbIndex, &Partition)| (index, partition.clone());
        let shards = self.held_shards().map(|(_, shard)| shard.partitions().map(clones).collect()).collect();
        Attempt { shards, mark: self.recorder.mark(), counters: self.counters }
    }

    /// Undoes what was done since an attempt began; the same shards are held.
    pub fn undo(&mut self, attempt: Attempt) {
        debug_assert_eq!(
            attempt.shards.len(),
            self.held.len(),
            "an attempt ends in the hold in which it began"
        );
        let mut counts = Vec::new();
        let mut gone = Vec::new();
        for ((_, shard), before) in self.held_shards().zip(attempt.shards) {
            for (index, partition) in shard.take_partitions() {
                counts.push((index, partition.count(-1)));
                gone.push(partition);
            }
            for (index, partition) in before {
                counts.push((index, partition.count(1)));
                *shard.place(index) = Some(partition);
            }
        }
        counts.into_iter().for_each(|(index, count)| self.count_partitions(index, count));
        self.reclaim_partitions(gone);
        self.recorder.rewind(&attempt.mark);
        self.counters = attempt.counters;
    }
}
