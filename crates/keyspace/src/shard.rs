//! A shard: one contiguous range of hash slots, in every database.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::packed::Packed;
use value::sweep::{Cursor, Sweeper};
use value::table::{Entry, NewPayload, Options, Payload, Position, Table};
use value::{Kind, Value};

use crate::cut::{Lent, LentValue};
use crate::field_times::FieldTimes;
use crate::key::{DbIndex, Key};

/// The keys of one shard in one database.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) table: Table<Value>,
    /// Keys that are due at some time.
    pub(crate) expiring: usize,
    pub(crate) field_times: FieldTimes,
}

impl Partition {
    pub(crate) fn new(seed: HashKey) -> Self {
        Self {
            table: Table::new(seed, Options { access: true }),
            expiring: 0,
            field_times: FieldTimes::default(),
        }
    }

    /// The hash at a position is about to be replaced or removed.
    #[inline]
    pub(crate) fn forget_fields(&mut self, at: Position, key: &Key<'_>) {
        if !self.field_times.is_empty()
            && let Some(due) = field_due(&self.table.entry(at))
        {
            self.field_times.remove(due, key.bytes);
        }
    }

    /// A hash was written whose first field is due then.
    #[inline]
    pub(crate) fn note_fields(&mut self, key: &Key<'_>, due: Option<UnixMs>) {
        if let Some(due) = due {
            self.field_times.insert(due, key.bytes);
        }
    }

    /// Removes up to about `limit` due keys, showing each to `each` before it goes; returns how many went.
    pub(crate) fn take_due(
        &mut self,
        now: UnixMs,
        limit: usize,
        each: &mut dyn FnMut(&Entry<'_, Value>),
    ) -> usize {
        let field_times = &mut self.field_times;
        let taken = self.table.take_due(now, limit, &mut |entry| {
            // A key takes the time of its fields along, or active expiry would look for them for ever.
            if let Some(due) = field_due(&entry) {
                field_times.remove(due, entry.key);
            }
            each(&entry);
        });
        self.expiring -= taken;
        taken
    }

    /// Its keys, and those of them that are due at some time, with a sign.
    pub(crate) fn count(&self, sign: isize) -> (isize, isize) {
        (sign * self.table.len() as isize, sign * self.expiring as isize)
    }

    /// The earliest time at which a key or a field may be due.
    fn next_expiry(&self) -> UnixMs {
        let fields = self.field_times.first().map_or(UnixMs::MAX, |(due, _)| *due);
        self.table.next_expiry().map_or(fields, |keys| keys.min(fields))
    }
}

/// When the first field of a stored hash is due; none for other types.
fn field_due(entry: &Entry<'_, Value>) -> Option<UnixMs> {
    match (Kind::of_tag(entry.meta.kind), entry.payload) {
        (Kind::Hash, Payload::Inline(block)) => Packed::trusted(block).next_expiry(),
        (Kind::Hash, Payload::Object(Value::Hash(hash))) => hash.at(UnixMs::MIN).next_expiry(),
        _ => None,
    }
}

/// When the first field of a hash that will be stored is due; none for other types.
pub(crate) fn field_due_of_new(kind: Kind, payload: &NewPayload<'_, Value>) -> Option<UnixMs> {
    match (kind, payload) {
        (Kind::Hash, NewPayload::Inline(block)) => Packed::trusted(block).next_expiry(),
        (Kind::Hash, NewPayload::Object(Value::Hash(hash))) => hash.at(UnixMs::MIN).next_expiry(),
        _ => None,
    }
}

/// The databases of one shard: those that are used, in the order of their indices. The first one lies in the shard itself,
/// because most servers use no other, whichever it is.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    partitions: SmallVec<[(DbIndex, Partition); 1]>,
    /// What snapshots still have here.
    pub(crate) lent: Vec<Lent>,
    /// What they have of its large values, as far as that is lent.
    pub(crate) lent_values: Vec<LentValue>,
    swept: Swept,
}

/// How far a sweep has come.
#[derive(Debug, Default)]
struct Swept {
    /// The place of a database in the list.
    partition: usize,
    cursor: Cursor,
}

impl Shard {
    /// The place of a database; `Err`: where it would be.
    #[inline]
    fn find(&self, database: DbIndex) -> Result<usize, usize> {
        match self.partitions.first() {
            Some((first, _)) if *first == database => Ok(0),
            _ => self.partitions.binary_search_by_key(&database, |(index, _)| *index),
        }
    }

    #[inline]
    pub(crate) fn partition(&self, database: DbIndex) -> Option<&Partition> {
        self.find(database).ok().map(|at| &self.partitions[at].1)
    }

    #[inline]
    pub(crate) fn partition_mut(&mut self, database: DbIndex) -> Option<&mut Partition> {
        self.find(database).ok().map(|at| &mut self.partitions[at].1)
    }

    /// A database that is to be changed, and the values of it that are lent.
    #[inline]
    pub(crate) fn partition_and_lent(
        &mut self,
        database: DbIndex,
    ) -> Option<(&mut Partition, &mut [LentValue])> {
        let at = self.find(database).ok()?;
        Some((&mut self.partitions[at].1, &mut self.lent_values))
    }

    /// Two databases change places.
    pub(crate) fn swap(&mut self, first: DbIndex, second: DbIndex) {
        let (one, other) = (self.take_partition(first), self.take_partition(second));
        for (database, partition) in [(first, other), (second, one)] {
            if let Some(partition) = partition {
                self.put_partition(database, partition);
            }
        }
    }

    /// The database, made if it is not there.
    pub(crate) fn make(&mut self, database: DbIndex, seed: HashKey) -> &mut Partition {
        let at = self.find(database).unwrap_or_else(|at| {
            self.partitions.insert(at, (database, Partition::new(seed)));
            at
        });
        &mut self.partitions[at].1
    }

    /// A database, over what is there.
    pub(crate) fn put_partition(&mut self, database: DbIndex, partition: Partition) {
        match self.find(database) {
            Ok(at) => self.partitions[at].1 = partition,
            Err(at) => self.partitions.insert(at, (database, partition)),
        }
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = (DbIndex, &Partition)> {
        self.partitions.iter().map(|(index, partition)| (*index, partition))
    }

    /// A database, out of the shard.
    pub(crate) fn take_partition(&mut self, database: DbIndex) -> Option<Partition> {
        let (_, partition) = self.find(database).ok().map(|at| self.partitions.remove(at))?;
        self.partitions.shrink_to_fit();
        Some(partition)
    }

    /// Goes on with a sweep over all databases; returns whether it has come round.
    pub(crate) fn sweep(&mut self, sweeper: &mut Sweeper<'_>) -> bool {
        while let Some((_, partition)) = self.partitions.get_mut(self.swept.partition) {
            if !partition.table.sweep_at(&mut self.swept.cursor, sweeper) {
                return false;
            }
            self.swept.partition += 1;
        }
        self.swept = Swept::default();
        true
    }

    /// The earliest time at which something here may be due.
    pub(crate) fn next_expiry(&self) -> UnixMs {
        self.partitions().map(|(_, partition)| partition.next_expiry()).min().unwrap_or(UnixMs::MAX)
    }
}

/// A shard with its lock.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) shard: Mutex<Shard>,
    /// A lower bound of the expiry times in the shard, readable without the lock; written under it.
    next_expiry: AtomicI64,
    /// How often somebody waits for a key of the shard. Grows under the lock, so whoever locks the shard afterwards sees it.
    waiters: AtomicUsize,
    /// Whether who holds the shard is busy, so that nobody need wait for it.
    busy: AtomicBool,
}

impl Cell {
    pub(crate) fn new() -> Self {
        Self {
            shard: Mutex::new(Shard::default()),
            next_expiry: AtomicI64::new(UnixMs::MAX.0),
            waiters: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
        }
    }

    /// Who holds the shard is busy, or not any more.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::SeqCst);
    }

    /// Whether who holds the shard is busy.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// Whether somebody waits for a key of the shard.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiters.load(Ordering::Relaxed) > 0
    }

    /// One more waits for a key of the shard, whose lock is held.
    pub(crate) fn add_waiter(&self) {
        self.waiters.fetch_add(1, Ordering::Relaxed);
    }

    /// One less does; the lock need not be held.
    pub(crate) fn remove_waiter(&self) {
        self.waiters.fetch_sub(1, Ordering::Relaxed);
    }

    /// No key of the shard is due before this.
    pub(crate) fn next_expiry(&self) -> UnixMs {
        UnixMs(self.next_expiry.load(Ordering::Relaxed))
    }

    /// A key of the shard, whose lock is held, is due at this time.
    #[inline]
    pub(crate) fn lower_next_expiry(&self, at: UnixMs) {
        if at < self.next_expiry() {
            self.next_expiry.store(at.0, Ordering::Relaxed);
        }
    }

    /// Sets the bound of the shard, whose lock is held.
    pub(crate) fn set_next_expiry(&self, at: UnixMs) {
        self.next_expiry.store(at.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The databases that are there, and which of the partitions each has, told by their counts of expiring keys.
    fn content(shard: &Shard) -> Vec<(u16, usize)> {
        shard.partitions().map(|(index, partition)| (index.0, partition.expiring)).collect()
    }

    #[test]
    fn only_databases_that_are_used_take_memory() {
        let mut shard = Shard::default();
        for index in [9, 3, 12, 0, 3] {
            shard.make(DbIndex(index), HashKey([0, 0])).expiring = usize::from(index);
        }
        assert_eq!(content(&shard), [(0, 0), (3, 3), (9, 9), (12, 12)]);
        assert!(shard.partition(DbIndex(1)).is_none());
        shard.swap(DbIndex(3), DbIndex(12));
        shard.swap(DbIndex(0), DbIndex(1));
        shard.swap(DbIndex(4), DbIndex(5));
        assert_eq!(content(&shard), [(1, 0), (3, 12), (9, 9), (12, 3)]);
        for index in [1, 3, 12, 7] {
            assert_eq!(shard.take_partition(DbIndex(index)).is_some(), index != 7, "{index}");
        }
        assert_eq!(content(&shard), [(9, 9)]);
        assert!(!shard.partitions.spilled(), "one database lies in the shard itself, whichever it is");
    }
}
