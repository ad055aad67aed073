//! How many keys each database has, readable without a lock.
//!
//! Every worker counts the keys it adds and removes in a row of its own, so counting costs no shared cache line; a
//! worker that removes what another added counts below zero, and the sum over the rows is right. While writers are at
//! work a sum is a moment's estimate; with the gate closed it is exact.

use std::sync::atomic::{AtomicIsize, Ordering};

use crossbeam_utils::CachePadded;

use crate::key::DbIndex;

/// Changes that one worker made to one database.
#[derive(Debug, Default)]
struct Count {
    keys: AtomicIsize,
    expiring: AtomicIsize,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Population {
    /// A row a worker, a count a database.
    rows: Box<[CachePadded<Box<[Count]>>]>,
}

impl Population {
    pub(crate) fn new(workers: usize, databases: u16) -> Self {
        let row = || (0..databases).map(|_| Count::default()).collect();
        Self { rows: (0..workers).map(|_| CachePadded::new(row())).collect() }
    }

    /// Keys of a database.
    pub(crate) fn keys(&self, database: DbIndex) -> usize {
        self.sum(database, |count| &count.keys)
    }

    /// Keys of a database that are due at some time.
    pub(crate) fn expiring(&self, database: DbIndex) -> usize {
        self.sum(database, |count| &count.expiring)
    }

    /// A worker added keys, or removed them below zero.
    #[inline]
    pub(crate) fn add_keys(&self, worker: usize, database: DbIndex, keys: isize) {
        self.rows[worker][usize::from(database.0)].keys.fetch_add(keys, Ordering::Relaxed);
    }

    /// Keys that a worker has added, and removed below zero.
    #[inline]
    pub(crate) fn keys_of(&self, worker: usize, database: DbIndex) -> isize {
        self.rows[worker][usize::from(database.0)].keys.load(Ordering::Relaxed)
    }

    /// A worker gave or took from keys a time at which they are due.
    #[inline]
    pub(crate) fn add_expiring(&self, worker: usize, database: DbIndex, keys: isize) {
        self.rows[worker][usize::from(database.0)].expiring.fetch_add(keys, Ordering::Relaxed);
    }

    fn sum(&self, database: DbIndex, of: impl Fn(&Count) -> &AtomicIsize) -> usize {
        let index = usize::from(database.0);
        let sum: isize = self
            .rows
            .iter()
            .filter_map(|row| row.get(index))
            .map(|count| of(count).load(Ordering::Relaxed))
            .sum();
        // A removal may be seen before the addition it undoes.
        sum.max(0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_workers_that_undo_each_other_sum_up() {
        let population = Population::new(2, 2);
        population.add_keys(0, DbIndex(1), 3);
        population.add_keys(1, DbIndex(1), -1);
        population.add_expiring(1, DbIndex(1), 1);
        assert_eq!((population.keys(DbIndex(1)), population.expiring(DbIndex(1))), (2, 1));
        assert_eq!(population.keys(DbIndex(0)), 0);
        assert_eq!(population.keys(DbIndex(7)), 0, "there is no such database");
    }
}
