//! Walking keys while others change them: SCAN and KEYS.
//!
//! Shards are walked in order, one lock at a time. A cursor is the position inside a shard's table, shifted up, with
//! the shard's number in the low bits; a table's position counts reversed hash bits, so the pair survives every
//! split and merge. It begins at 0 and is 0 again at the end.

use stdx::time::UnixMs;
use value::table::Entry;
use value::{Kind, Value, ValueRef};

use crate::access::Access;
use crate::cut::Moment;
use crate::db::value_of;
use crate::frequency::Usage;
use crate::key::DbIndex;
use crate::shard::Partition;

/// What a walk shows of a key.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The type of its value.
    pub kind: Kind,
    /// Its value.
    pub value: ValueRef<'a>,
    /// When it is due.
    pub expiry: Option<UnixMs>,
    /// How it has been used; known in snapshots only, and only if the policy goes by it.
    pub usage: Option<Usage>,
}

impl<'a> Seen<'a> {
    /// What a walk shows of an entry; nothing if it is due.
    pub(crate) fn of(entry: &Entry<'a, Value>, now: UnixMs) -> Option<Self> {
        let is_live = entry.meta.expiry.is_none_or(|expiry| expiry > now);
        is_live.then(|| Self {
            key: entry.key,
            kind: Kind::of_tag(entry.meta.kind),
            value: value_of(entry, now),
            expiry: entry.meta.expiry,
            usage: None,
        })
    }

    /// What was there at a cut, due or not.
    pub(crate) fn at_cut(entry: &Entry<'a, Value>, moment: &Moment) -> Self {
        Self {
            key: entry.key,
            kind: Kind::of_tag(entry.meta.kind),
            value: value_of(entry, moment.taken),
            expiry: entry.meta.expiry,
            usage: moment.noted.usage(entry.meta.access),
        }
    }
}

impl Access<'_> {
    /// Visits the keys of about `count` table slots after `cursor` and returns the cursor to go on with. Due keys are not
    /// shown; they go, page by page, after each a unit of its own unless everything is locked. Called inside a batch, with
    /// nothing locked or everything.
    pub fn scan(
        &mut self,
        database: DbIndex,
        cursor: u64,
        count: usize,
        each: &mut dyn FnMut(Seen<'_>),
    ) -> u64 {
        let shards = self.keyspace().shards();
        let bits = shards.trailing_zeros();
        let mut shard = (cursor as usize) & (shards - 1);
        let mut position = cursor >> bits;
        let mut seen = 0;
        // An empty shard or page costs a step too, so that one call's work stays bounded; a small database is walked in one.
        let mut steps = count.saturating_mul(10).max(shards);
        loop {
            let from = position << bits >> bits;
            let due;
            (position, due) = self.scan_page_and_expire(database, shard, from, &mut |entry| {
                seen += 1;
                each(entry);
            });
            seen += due; // to remove them is as much work as to show them
            steps = steps.saturating_sub(1);
            if position == 0 {
                shard += 1;
                if shard == shards {
                    return 0;
                }
            }
            if seen >= count || steps == 0 {
                return position << bits | shard as u64;
            }
        }
    }

    /// Visits all keys of a database, shard by shard. Due keys are not shown.
    pub fn for_each_key(&mut self, database: DbIndex, each: &mut dyn FnMut(Seen<'_>)) {
        for shard in 0..self.keyspace().shards() {
            let mut position = 0;
            loop {
                position = self.scan_page(database, shard, position, each);
                if position == 0 {
                    break;
                }
            }
        }
    }

    /// Visits one page of one shard under its lock; returns the next position in the shard, 0 at its end.
    pub(crate) fn scan_page(
        &mut self,
        database: DbIndex,
        shard: usize,
        position: u64,
        each: &mut dyn FnMut(Seen<'_>),
    ) -> u64 {
        self.visit_page(database, shard, position, &mut |_, seen| {
            if let Some(seen) = seen {
                each(seen);
            }
        })
    }

    /// Shows each key of a page, and what a walk shows of it; nothing of one that is due.
    fn visit_page(
        &self,
        database: DbIndex,
        shard: usize,
        position: u64,
        each: &mut dyn FnMut(&[u8], Option<Seen<'_>>),
    ) -> u64 {
        let now = self.now();
        self.with_partition(shard, database, |partition| {
            let Some(partition) = partition else { return 0 };
            partition.table.scan(position, &mut |entry| each(entry.key, Seen::of(&entry, now)))
        })
    }

    /// Visits one page and then removes what was due in it. A position outlives that, as it does every merge. Returns the next
    /// one and how many keys were due.
    fn scan_page_and_expire(
        &mut self,
        database: DbIndex,
        shard: usize,
        position: u64,
        each: &mut dyn FnMut(Seen<'_>),
    ) -> (u64, usize) {
        let mut due: Vec<Vec<u8>> = Vec::new();
        let next = self.visit_page(database, shard, position, &mut |key, seen| match seen {
            Some(seen) => each(seen),
            None => due.push(key.to_vec()),
        });
        self.remove_due(database, shard, &due);
        (next, due.len())
    }

    /// Removes those keys of a shard that are still due, unless due keys stay or a busy script holds the shard. Called with
    /// nothing locked or everything.
    pub(crate) fn remove_due(&mut self, database: DbIndex, shard: usize, keys: &[Vec<u8>]) {
        if keys.is_empty() || self.keeps_due() {
            return;
        }
        let is_own_hold = !self.is_exclusive();
        if is_own_hold && self.try_lock(&mut [shard]).is_err() {
            return;
        }
        for name in keys {
            if is_own_hold {
                self.start_unit();
            }
            let key = self.keyspace().key(name);
            self.db(database).find(&key);
        }
        if is_own_hold {
            self.unlock();
        }
    }

    /// Shows a shard's part of a database, under its lock: a lock of its own, or the one that a transaction on everything
    /// holds already.
    pub(crate) fn with_partition<R>(
        &self,
        shard: usize,
        database: DbIndex,
        show: impl FnOnce(Option<&Partition>) -> R,
    ) -> R {
        if self.is_exclusive() {
            show(self.held_partition(shard, database))
        } else {
            let shard =
                self.look_into(shard).unwrap_or_else(|busy| std::panic::resume_unwind(Box::new(busy)));
            show(shard.partition(database))
        }
    }
}
