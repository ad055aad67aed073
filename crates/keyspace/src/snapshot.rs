//! Snapshots: all data as it was at one place in the log.
//!
//! Taking one clones a pointer a shard and database while the gate is closed: microseconds, whatever the size of the
//! data. From then on a writer copies each page it touches for the first time. Where a snapshot is to live for long beside many
//! writes, it is lent to the shards instead ([`crate::cut`]).

use std::sync::Arc;

use stdx::time::UnixMs;
use value::table::Table;
use value::{Value, ValueRef};

use crate::access::Access;
use crate::cut::Moment;
use crate::db::value_of;
use crate::frequency::Noted;
use crate::key::{DbIndex, Key};
use crate::library::Libraries;
use crate::log::LogPosition;
use crate::scan::Seen;
use crate::shard::Partition;

/// All data at one moment. May be read by any thread.
#[derive(Debug)]
pub struct Snapshot {
    /// Shards, each with its databases.
    shards: Vec<Vec<(DbIndex, Partition)>>,
    libraries: Arc<Libraries>,
    position: LogPosition,
    taken: UnixMs,
    noted: Noted,
}

/// The keys of one database at one moment, to be visited page by page by any thread.
#[derive(Debug)]
pub struct KeyWalk {
    /// The tables of the shards that are not done.
    tables: Vec<Table<Value>>,
    /// Where in the last of them the walk goes on.
    position: u64,
    taken: UnixMs,
}

impl Access<'_> {
    /// Begins a walk of all keys of a database as they are now. Called inside a batch with nothing locked or everything.
    pub fn walk(&mut self, database: DbIndex) -> KeyWalk {
        self.with_everything(|access| {
            let tables = access
                .held_shards()
                .filter_map(|(_, shard)| shard.partition(database))
                .filter(|partition| !partition.table.is_empty())
                .map(|partition| partition.table.clone())
                .collect();
            KeyWalk { tables, position: 0, taken: access.now() }
        })
    }

    /// Takes a snapshot; `cut` is called at its place in the log, while no worker is in a batch. Called inside a batch
    /// with nothing locked.
    pub fn snapshot(&mut self, cut: impl FnOnce(LogPosition)) -> Snapshot {
        self.with_everything(|access| {
            // Inside a transaction there may be effects already, and they are in the snapshot.
            access.publish();
            let position = access.position();
            let shards = access
                .held_shards()
                .map(|(_, shard)| {
                    shard.partitions().map(|(index, partition)| (index, partition.clone())).collect()
                })
                .collect();
            cut(position);
            let libraries = access.keyspace().libraries();
            Snapshot { shards, libraries, position, taken: access.now(), noted: access.noted() }
        })
    }
}

impl KeyWalk {
    /// Visits the keys of one page that are not due; false when there are no more pages. A shard is given up when it is
    /// done, and with it the writers' duty to copy.
    pub fn step(&mut self, each: &mut dyn FnMut(Seen<'_>)) -> bool {
        let Some(table) = self.tables.last() else { return false };
        let taken = self.taken;
        self.position = table.scan(self.position, &mut |entry| {
            if let Some(seen) = Seen::of(&entry, taken) {
                each(seen);
            }
        });
        if self.position == 0 {
            self.tables.pop();
        }
        !self.tables.is_empty()
    }
}

impl Snapshot {
    /// The place in the log: effects before it are in the snapshot, those behind it are not.
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// When it was taken.
    pub fn taken(&self) -> UnixMs {
        self.taken
    }

    /// The libraries of functions.
    pub fn libraries(&self) -> &Libraries {
        &self.libraries
    }

    /// Keys of a database, and how many of them are due at some time.
    pub fn len(&self, database: DbIndex) -> (usize, usize) {
        let partitions = self.shards.iter().flatten().filter(|(index, _)| *index == database);
        partitions
            .fold((0, 0), |sum, (_, partition)| (sum.0 + partition.table.len(), sum.1 + partition.expiring))
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().flatten().all(|(_, partition)| partition.table.is_empty())
    }

    /// Whether some hash has a field that is due at some time.
    pub fn has_field_expiry(&self) -> bool {
        self.shards.iter().flatten().any(|(_, partition)| !partition.field_times.is_empty())
    }

    /// The databases that hold keys, in order.
    pub fn databases(&self) -> Vec<DbIndex> {
        let mut found: Vec<DbIndex> = self
            .shards
            .iter()
            .flatten()
            .filter(|(_, partition)| !partition.table.is_empty())
            .map(|(index, _)| *index)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Shards.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Visits the keys of one shard of a database; those included that were due when the snapshot was taken.
    pub fn for_each(&self, shard: usize, database: DbIndex, each: &mut dyn FnMut(Seen<'_>)) {
        for (_, partition) in self.shards[shard].iter().filter(|(index, _)| *index == database) {
            for entry in partition.table.iter() {
                each(Seen::at_cut(&entry, &self.moment()));
            }
        }
    }

    /// The value of a key that was not due when the snapshot was taken.
    pub fn value(&self, database: DbIndex, key: &Key<'_>) -> Option<ValueRef<'_>> {
        let shard = &self.shards[key.shard(self.shards.len())];
        let (_, partition) = shard.iter().find(|(index, _)| *index == database)?;
        let entry = partition.table.get(key.hash, key.bytes)?;
        let is_due = entry.meta.expiry.is_some_and(|expiry| expiry <= self.taken);
        (!is_due).then(|| value_of(&entry, self.taken))
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { taken: self.taken, noted: self.noted }
    }

    /// What each shard has in its databases.
    pub(crate) fn into_shards(self) -> impl Iterator<Item = Vec<(DbIndex, Partition)>> {
        self.shards.into_iter()
    }
}
