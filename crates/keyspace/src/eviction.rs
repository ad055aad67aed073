//! Eviction: which key goes when memory is needed.
//!
//! As in Redis, a few keys from a random place are looked at, the best of them are remembered in a pool of candidates, and
//! the best of the pool goes; so the choice comes near to the best of all keys without an order being kept. Each worker
//! has a pool of its own. A candidate that was used since it was seen is passed over.
//!
//! A look takes the lock of one shard, and nothing is locked afterwards: the caller locks the shard of the key that is to
//! go. Shards are chosen by how many keys they have that may go, so that keys and not shards are equally likely; counting
//! visits every shard, so a count serves for a second.

use smallvec::SmallVec;
use stdx::time::UnixMs;
use value::Value;
use value::table::Entry;

use crate::access::Access;
use crate::db::Db;
use crate::effect::Removal;
use crate::frequency::Frequency;
use crate::key::{DbIndex, Key};

/// Candidates that are remembered.
const POOL: usize = 16;
/// Milliseconds for which a count of keys serves.
const SERVES_MS: i64 = 1000;
/// Looks in vain before the keys are counted anew.
const LOOKS: usize = 8;

/// Which keys may go, and which of them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The order.
    pub order: Order,
    /// Only keys that are due at some time may go.
    pub only_expiring: bool,
    /// Keys that are looked at each time.
    pub samples: usize,
}

/// The order in which keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The one first whose access clock stands still for longest.
    Idle,
    /// The least used first.
    Frequency,
    /// The one first that is due first.
    Due,
    /// Any.
    Random,
}

/// A key that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// Its database.
    pub database: DbIndex,
    /// Its name.
    pub name: SmallVec<[u8; 36]>,
    /// How much it deserves to go.
    score: u64,
}

/// What a worker remembers between two evictions.
#[derive(Debug, Default)]
pub struct Evictor {
    rule: Option<Rule>,
    /// The best candidate last.
    pool: Vec<Victim>,
    /// Where there are keys that may go: the shards with the sums of their numbers.
    places: Vec<Place>,
    counted: Option<UnixMs>,
}

/// A database's part of a shard.
#[derive(Debug, Clone, Copy)]
struct Place {
    shard: usize,
    database: DbIndex,
    /// The keys that may go here and in all places before.
    sum: usize,
}

impl Evictor {
    /// Adds a candidate if there is room or it is better than another one.
    fn offer(&mut self, candidate: Victim) {
        let is_known = |other: &Victim| other.name == candidate.name && other.database == candidate.database;
        self.pool.retain(|other| !is_known(other));
        let at = self.pool.partition_point(|other| other.score < candidate.score);
        if self.pool.len() < POOL {
            self.pool.insert(at, candidate);
        } else if at > 0 {
            self.pool.insert(at, candidate);
            self.pool.remove(0);
        }
    }

    fn serves(&self, now: UnixMs) -> bool {
        self.counted.is_some_and(|counted| (0..SERVES_MS).contains(&(now.0 - counted.0)))
    }

    /// The place of a key by its number.
    fn place(&self, number: usize) -> Place {
        self.places[self.places.partition_point(|place| place.sum <= number)]
    }

    /// Keys that may go, when they were counted.
    fn total(&self) -> usize {
        self.places.last().map_or(0, |place| place.sum)
    }
}

/// How much an entry deserves to go.
fn score(
    order: Order,
    entry: &Entry<'_, Value>,
    (now, clock): (UnixMs, u32),
    counting: Option<Frequency>,
) -> u64 {
    let noted = entry.meta.access.unwrap_or(0);
    let expiry = entry.meta.expiry.unwrap_or(UnixMs::MAX);
    if expiry <= now {
        return u64::MAX; // it is gone already, but for its memory
    }
    match order {
        Order::Idle => u64::from(clock.wrapping_sub(noted) & 0x00ff_ffff),
        Order::Frequency => counting.map_or(0, |frequency| 255 - u64::from(frequency.count(noted, now))),
        Order::Due => u64::MAX - expiry.0.unsigned_abs(),
        Order::Random => 0,
    }
}

impl Access<'_> {
    /// A key that should go next; `None` if none may. Called inside a batch, with nothing locked.
    pub fn find_victim(&mut self, evictor: &mut Evictor, rule: Rule) -> Option<Victim> {
        if evictor.rule != Some(rule) {
            *evictor = Evictor { rule: Some(rule), ..Evictor::default() };
        }
        if self.evictable(rule) == 0 {
            evictor.pool.clear();
            return None;
        }
        if evictor.serves(self.now) && self.look(evictor, rule) {
            return evictor.pool.pop();
        }
        self.count_evictable(evictor, rule);
        self.look(evictor, rule);
        evictor.pool.pop()
    }

    /// Keys that may go.
    pub fn evictable(&self, rule: Rule) -> usize {
        let keyspace = self.keyspace();
        let databases = (0..keyspace.databases()).map(DbIndex);
        if rule.only_expiring {
            databases.map(|database| keyspace.expiring(database)).sum()
        } else {
            databases.map(|database| keyspace.len(database)).sum()
        }
    }

    /// Counts the keys that may go, in each place.
    fn count_evictable(&self, evictor: &mut Evictor, rule: Rule) {
        let mut sum = 0;
        evictor.places.clear();
        for shard in 0..self.keyspace().cells.len() {
            // Of what a busy script holds nothing can go.
            let Ok(guard) = self.look_into(shard) else { break };
            for (database, partition) in guard.partitions() {
                let keys = if rule.only_expiring { partition.expiring } else { partition.table.len() };
                if keys > 0 {
                    sum += keys;
                    evictor.places.push(Place { shard, database, sum });
                }
            }
        }
        evictor.counted = Some(self.now);
    }

    /// Looks at some keys at a random place and adds them to the pool; false if there were none where keys were counted.
    fn look(&mut self, evictor: &mut Evictor, rule: Rule) -> bool {
        let total = evictor.total();
        let moment = (self.now, self.clock);
        let wanted = if rule.order == Order::Random { 1 } else { rule.samples };
        for _ in 0..LOOKS.min(total) {
            let Place { shard, database, .. } = evictor.place(self.rng.below(total as u64) as usize);
            let Ok(guard) = self.look_into(shard) else { continue };
            let (rng, frequency) = (&mut self.rng, self.frequency);
            let Some(partition) = guard.partition(database) else { continue };
            let mut found = false;
            partition.table.sample(rng, wanted, rule.only_expiring, &mut |entry| {
                found = true;
                let score = score(rule.order, &entry, moment, frequency);
                evictor.offer(Victim { database, name: SmallVec::from_slice(entry.key), score });
            });
            if found {
                return true;
            }
        }
        false
    }
}

impl Access<'_> {
    /// Gives back the memory that the removal of a key has left unused.
    fn give_back(&mut self, database: DbIndex, key: &Key<'_>) {
        let shard = self.shard_of(key);
        let held = self.held_shards().find(|(index, _)| *index == shard);
        let Some((_, shard)) = held else { return };
        let Some(partition) = shard.partition_mut(database) else { return };
        partition.table.shrink(key.hash);
        if partition.table.is_empty() && partition.field_times.is_empty() {
            shard.take_partition(database); // its directory takes more than a small key
        }
    }
}

impl Db<'_, '_> {
    /// Removes a key that was chosen to go, unless it was used since and others deserve it more; whether it went. Its
    /// shard is locked.
    pub fn evict(&mut self, key: &Key<'_>, victim: &Victim, rule: Rule) -> bool {
        let moment = (self.access.now, self.access.clock);
        // A due key goes with the look-up, and that it does.
        let before = self.access.counters.expired_keys;
        let Some(found) = self.find(key) else { return self.access.counters.expired_keys > before };
        let entry = self.entry(found);
        if rule.only_expiring && entry.meta.expiry.is_none()
            || score(rule.order, &entry, moment, self.access.frequency) < victim.score
        {
            return false;
        }
        self.remove_at(key, found, Removal::Evicted);
        self.access.counters.evicted_keys += 1;
        self.access.give_back(self.index, key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn victim(name: &str, score: u64) -> Victim {
        Victim { database: DbIndex(0), name: SmallVec::from_slice(name.as_bytes()), score }
    }

    #[test]
    fn the_pool_keeps_the_best_candidates_each_once() {
        let mut evictor = Evictor::default();
        for number in (0..100).chain(50..80) {
            evictor.offer(victim(&number.to_string(), number));
        }
        let scores: Vec<u64> = evictor.pool.iter().map(|victim| victim.score).collect();
        assert_eq!(scores, (84..100).collect::<Vec<_>>());
        evictor.offer(victim("99", 90));
        assert_eq!(evictor.pool.len(), POOL, "it is there with its new score only");
        assert_eq!(evictor.pool.last().map(|victim| victim.score), Some(98));
    }

    #[test]
    fn a_place_is_as_likely_as_it_has_keys() {
        let place = |shard, sum| Place { shard, database: DbIndex(0), sum };
        let evictor = Evictor { places: vec![place(3, 2), place(7, 12)], ..Evictor::default() };
        let shards: Vec<usize> = (0..evictor.total()).map(|number| evictor.place(number).shard).collect();
        assert_eq!(shards, [3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
    }
}
