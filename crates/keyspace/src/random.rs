//! A random key: RANDOMKEY.
//!
//! Shards are chosen by their number of keys, so that keys, not shards, are equally likely. Counting visits every shard's
//! lock, so a census serves for a second, or until the number of keys is another one by a few percent; a pick from it
//! takes one lock.

use stdx::time::UnixMs;

use crate::access::Access;
use crate::key::DbIndex;

/// Milliseconds for which a census serves.
const SERVES_MS: i64 = 1000;
/// A census serves as long as the number of keys has changed by less than one in so many.
const TOLERANCE: usize = 32;
/// Picks that may meet a key that is due before the keys are searched for one that is not.
const PICKS: usize = 64;

/// How many keys each shard had at a time.
#[derive(Debug)]
pub(crate) struct Census {
    database: DbIndex,
    taken: UnixMs,
    /// For each shard the keys in it and in those before it.
    sums: Vec<usize>,
}

impl Census {
    fn keys(&self) -> usize {
        self.sums.last().copied().unwrap_or(0)
    }

    fn serves(&self, database: DbIndex, keys: usize, now: UnixMs) -> bool {
        let age = now.0 - self.taken.0;
        self.database == database
            && (0..SERVES_MS).contains(&age)
            && self.keys().abs_diff(keys) * TOLERANCE <= keys.min(self.keys())
    }

    /// The shard of a key by its number.
    fn shard(&self, number: usize) -> usize {
        self.sums.partition_point(|&sum| sum <= number)
    }
}

impl Access<'_> {
    /// A key that is not due, each with about the same probability; false when there is none. The name is copied
    /// into `into`. Due keys that are met go. Called inside a batch, with nothing locked or everything.
    pub fn random_key(&mut self, database: DbIndex, into: &mut Vec<u8>) -> bool {
        let keys = self.keyspace().len(database);
        let census = self.census.take().filter(|census| census.serves(database, keys, self.now));
        for census in census.into_iter().map(Some).chain([None]) {
            let census = census.unwrap_or_else(|| self.take_census(database));
            let found = census.keys() > 0 && self.pick(&census, into);
            self.census = Some(census);
            if found {
                return true;
            }
        }
        self.first_live_key(database, into)
    }

    fn take_census(&self, database: DbIndex) -> Census {
        let mut sum = 0;
        let sums = (0..self.keyspace().shards())
            .map(|shard| {
                sum += self.with_partition(shard, database, |partition| {
                    partition.map_or(0, |partition| partition.table.len())
                });
                sum
            })
            .collect();
        Census { database, taken: self.now, sums }
    }

    fn pick(&mut self, census: &Census, into: &mut Vec<u8>) -> bool {
        (0..PICKS).any(|_| {
            let number = self.rng.below(census.keys() as u64) as usize;
            self.pick_in(census.database, census.shard(number), into)
        })
    }

    /// A key of a shard, if the first that is met is not due; else that one goes.
    fn pick_in(&mut self, database: DbIndex, shard: usize, into: &mut Vec<u8>) -> bool {
        let now = self.now;
        let mut rng = self.rng.clone();
        into.clear();
        let is_due = self.with_partition(shard, database, |partition| {
            let partition = partition?;
            let entry = partition.table.entry(partition.table.random(&mut rng)?);
            into.extend_from_slice(entry.key);
            Some(entry.meta.expiry.is_some_and(|expiry| expiry <= now))
        });
        self.rng = rng;
        if is_due == Some(true) {
            self.remove_due(database, shard, std::slice::from_ref(into));
        }
        is_due == Some(false)
    }

    /// Any key that is not due, where most are.
    fn first_live_key(&mut self, database: DbIndex, into: &mut Vec<u8>) -> bool {
        let mut found = false;
        for shard in 0..self.keyspace().shards() {
            let mut position = 0;
            loop {
                position = self.scan_page(database, shard, position, &mut |seen| {
                    if !std::mem::replace(&mut found, true) {
                        into.clear();
                        into.extend_from_slice(seen.key);
                    }
                });
                if found {
                    return true;
                }
                if position == 0 {
                    break;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_census_serves_while_little_has_changed() {
        let census = Census { database: DbIndex(0), taken: UnixMs(1000), sums: vec![0, 10, 10, 100] };
        assert!(census.serves(DbIndex(0), 103, UnixMs(1999)));
        assert!(!census.serves(DbIndex(0), 104, UnixMs(1999)));
        assert!(!census.serves(DbIndex(0), 96, UnixMs(1000)));
        assert!(!census.serves(DbIndex(0), 0, UnixMs(1000)));
        assert!(!census.serves(DbIndex(0), 100, UnixMs(2000)));
        assert!(!census.serves(DbIndex(0), 100, UnixMs(999)), "the clock was set back");
        assert!(!census.serves(DbIndex(1), 100, UnixMs(1000)));
        let shards: Vec<usize> = [0, 9, 10, 99].map(|number| census.shard(number)).to_vec();
        assert_eq!(shards, [1, 1, 3, 3]);
    }
}
