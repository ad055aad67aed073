//! What holds for keys of every type.

use stdx::time::UnixMs;
use value::string::PAGED_FROM;
use value::table::{NewPayload, Payload};
use value::{Kind, List, StringRef, Value, ValueRef, ZSet};

use super::hash::HashPayload;
use super::{Db, Found, value_of};
use crate::effect::{Effect, Removal};
use crate::frequency::Frequency;
use crate::key::{DbIndex, Key};

/// A value outside the table, on its way from one key to another.
enum Carried {
    Bytes(Vec<u8>),
    Object(Value),
}

impl Db<'_, '_> {
    /// Whether a key is there. Counts as a look-up, but leaves the access clock alone.
    pub fn exists(&mut self, key: &Key<'_>) -> bool {
        self.find_and_count(key).is_some()
    }

    /// Sets a key's access clock; whether it is there. Counts as a look-up.
    pub fn touch(&mut self, key: &Key<'_>) -> bool {
        self.find_to_read(key).is_some()
    }

    /// Whether a key is there. Counts as a look-up, of which nobody is told if it fails, and leaves the access clock alone.
    pub fn is_there(&mut self, key: &Key<'_>) -> bool {
        let is_there = self.contains(key);
        let counters = &mut self.access.counters;
        *(if is_there { &mut counters.hits } else { &mut counters.misses }) += 1;
        is_there
    }

    /// Whether a key is there, without counting or touching.
    pub fn contains(&mut self, key: &Key<'_>) -> bool {
        self.find(key).is_some()
    }

    /// The value of a key. Counts as a look-up.
    pub fn get(&mut self, key: &Key<'_>) -> Option<ValueRef<'_>> {
        let found = self.find_to_read(key)?;
        Some(self.value_at(found))
    }

    /// The value of a key, without counting or touching.
    pub fn peek(&mut self, key: &Key<'_>) -> Option<ValueRef<'_>> {
        let found = self.find(key)?;
        Some(self.value_at(found))
    }

    /// The type of a key.
    pub fn kind(&mut self, key: &Key<'_>) -> Option<Kind> {
        self.find(key).map(Found::kind)
    }

    /// When a key is due: `None` without the key, `Some(None)` for never.
    pub fn expiry(&mut self, key: &Key<'_>) -> Option<Option<UnixMs>> {
        self.find(key).map(|found| found.meta.expiry)
    }

    /// Seconds since the key was last read or written.
    pub fn idle_seconds(&mut self, key: &Key<'_>) -> Option<u32> {
        let then = self.find(key)?.meta.access.unwrap_or(0);
        Some(self.access.clock.wrapping_sub(then) & 0x00ff_ffff)
    }

    /// How often the key is used, if that is counted (`Some(None)`: it is not).
    pub fn frequency(&mut self, key: &Key<'_>) -> Option<Option<u32>> {
        let noted = self.find(key)?.meta.access.unwrap_or(0);
        let now = self.access.now;
        Some(self.access.frequency.map(|frequency| frequency.count(noted, now)))
    }

    /// Sets how often the key is used, if that is counted (RESTORE with FREQ).
    pub fn set_frequency(&mut self, key: &Key<'_>, count: u8) {
        let noted = Frequency::counted(count, self.access.wall);
        if self.access.frequency.is_some()
            && let Some(found) = self.find(key)
        {
            self.touch_with(found, noted);
        }
    }

    /// Sets the access clock back by some seconds (RESTORE with IDLETIME).
    pub fn set_idle_seconds(&mut self, key: &Key<'_>, seconds: u32) {
        if self.access.frequency.is_none()
            && let Some(found) = self.find(key)
        {
            let clock = self.access.clock.wrapping_sub(seconds) & 0x00ff_ffff;
            self.touch_with(found, clock);
        }
    }

    /// Bytes of memory of a key with its value, about.
    pub fn memory_bytes(&mut self, key: &Key<'_>) -> Option<usize> {
        let found = self.find(key)?;
        let entry = self.entry(found);
        let payload = match entry.payload {
            Payload::Inline(bytes) => bytes.len(),
            Payload::Object(Value::String(blob)) => blob.allocated_bytes(),
            Payload::Object(Value::Hash(hash)) => hash.allocated_bytes(),
            Payload::Object(Value::List(list)) => list.allocated_bytes(),
            Payload::Object(Value::Set(set)) => set.allocated_bytes(),
            Payload::Object(Value::ZSet(zset)) => zset.allocated_bytes(),
            Payload::Object(Value::Stream(stream)) => stream.allocated_bytes(),
        };
        // Flags, access clock, lengths, slot and the page's share of its head.
        Some(entry.key.len() + payload + 12 + if entry.meta.expiry.is_some() { 6 } else { 0 })
    }

    /// Removes a key; false when it was not there.
    pub fn delete(&mut self, key: &Key<'_>) -> bool {
        self.remove(key, Removal::Deleted)
    }

    /// Removes a key for a reason; false when it was not there.
    pub fn remove(&mut self, key: &Key<'_>, reason: Removal) -> bool {
        let found = self.find(key);
        if let Some(found) = found {
            self.remove_at(key, found, reason);
        }
        found.is_some()
    }

    /// Sets when a key is due; false when it is not there. A time that has passed removes the key.
    pub fn set_expiry(&mut self, key: &Key<'_>, at: UnixMs) -> bool {
        let Some(found) = self.find(key) else { return false };
        if at <= self.access.now {
            self.remove_at(key, found, Removal::Deleted);
        } else {
            self.put_expiry(key, found, Some(at));
            self.record(&Effect::SetExpiry { key: key.bytes, at });
        }
        true
    }

    /// Makes a key never due; false when it is not there or never was.
    pub fn clear_expiry(&mut self, key: &Key<'_>) -> bool {
        let Some(found) = self.find(key) else { return false };
        if found.meta.expiry.is_none() {
            return false;
        }
        self.put_expiry(key, found, None);
        self.record(&Effect::ClearExpiry { key: key.bytes });
        true
    }

    /// Gives a key another name, over whatever had it; false when the key is not there.
    pub fn rename(&mut self, from: &Key<'_>, to: &Key<'_>) -> bool {
        if self.find(from).is_none() {
            return false;
        }
        if from.bytes == to.bytes {
            return true;
        }
        let (carried, kind, expiry) = self.carry(from).expect("the key was just found");
        let found = self.find(from).expect("the key was just found");
        self.take_at(from, found);
        let before = self.settle(to, carried, kind, expiry);
        self.record(&Effect::Rename { from: from.bytes, to: to.bytes });
        if let Some(before) = before {
            self.tell_replaced(to, before, kind);
        }
        true
    }

    /// Copies a key to another name and database, over whatever is there; false when the key is not there.
    pub fn copy(&mut self, from: &Key<'_>, to: &Key<'_>, database: DbIndex) -> bool {
        let Some((carried, kind, expiry)) = self.carry(from) else { return false };
        let before = self.access.db(database).settle(to, carried, kind, expiry);
        self.record(&Effect::Copy { from: from.bytes, to: to.bytes, database });
        if let Some(before) = before {
            self.access.db(database).tell_replaced(to, before, kind);
        }
        true
    }

    /// Moves a key to another database; false when it is not there or the other database has it.
    pub fn move_to(&mut self, key: &Key<'_>, database: DbIndex) -> bool {
        if self.find(key).is_none() || self.access.db(database).contains(key) {
            return false;
        }
        let (carried, kind, expiry) = self.carry(key).expect("the key was just found");
        let found = self.find(key).expect("the key was just found");
        self.take_at(key, found);
        self.access.db(database).settle(key, carried, kind, expiry);
        self.record(&Effect::Move { key: key.bytes, to: database });
        true
    }

    /// Puts a whole value under a key that begins anew: what was there goes first. What is recorded is the command that tells value and
    /// expiry, if there is one that can be read wherever the log is; else the value is written anew, which takes long if it is large.
    pub fn restore(
        &mut self,
        key: &Key<'_>,
        value: Value,
        expiry: Option<UnixMs>,
        command: Option<&[&[u8]]>,
    ) {
        let before = self.take(key);
        match command {
            Some(command) => {
                self.put_value(key, value, expiry);
                self.record(&Effect::Restore { key: key.bytes, command });
            }
            None => self.set_value(key, value, expiry),
        }
        if let (Some(before), Some(found)) = (before, self.find(key)) {
            self.tell_replaced(key, before, found.kind());
        }
    }

    /// Puts a whole value under a key, over whatever is there.
    pub fn set_value(&mut self, key: &Key<'_>, value: Value, expiry: Option<UnixMs>) {
        self.put_value(key, value, expiry);
        self.record_value(key);
    }

    /// Puts what a command has made of other keys under a key, over whatever is there. What is recorded is the command, which is
    /// short where its result is large; see [`Effect::StoreResult`] for what it has to be like.
    pub fn store_result(&mut self, key: &Key<'_>, value: Value, command: &[&[u8]]) {
        self.put_value(key, value, None);
        self.record(&Effect::StoreResult { key: key.bytes, command });
    }

    fn put_value(&mut self, key: &Key<'_>, value: Value, expiry: Option<UnixMs>) {
        let found = self.find(key);
        match value {
            Value::String(blob) if blob.len() < PAGED_FROM => {
                let mut bytes = Vec::new();
                StringRef::Blob(&blob).append_to(&mut bytes);
                self.put(key, found, NewPayload::Inline(&bytes), Kind::String, expiry);
            }
            Value::String(blob) => {
                self.put(key, found, NewPayload::Object(Value::String(blob)), Kind::String, expiry);
            }
            Value::Hash(hash) => match HashPayload::of(hash) {
                HashPayload::Block(block) => {
                    self.put(key, found, NewPayload::Inline(&block), Kind::Hash, expiry);
                }
                HashPayload::Table(table) => {
                    self.put(key, found, NewPayload::Object(table), Kind::Hash, expiry);
                }
            },
            Value::List(List::Packed(block)) => {
                self.put(key, found, NewPayload::Inline(&block), Kind::List, expiry);
            }
            Value::List(large) => {
                self.put(key, found, NewPayload::Object(Value::List(large)), Kind::List, expiry);
            }
            Value::Set(set) => self.put_whole_set(key, found, set, expiry),
            Value::ZSet(ZSet::Packed(block)) => {
                self.put(key, found, NewPayload::Inline(&block), Kind::ZSet, expiry);
            }
            Value::ZSet(large) => {
                self.put(key, found, NewPayload::Object(Value::ZSet(large)), Kind::ZSet, expiry);
            }
            Value::Stream(stream) => {
                self.put(key, found, NewPayload::Object(Value::Stream(stream)), Kind::Stream, expiry);
            }
        }
    }

    /// Empties the database. Everything is locked.
    pub fn flush(&mut self) {
        self.flush_quietly();
        self.record(&Effect::FlushDatabase);
    }

    /// Empties all databases. Everything is locked.
    pub fn flush_all(&mut self) {
        for database in 0..self.access.keyspace.databases() {
            self.access.db(DbIndex(database)).flush_quietly();
        }
        self.record(&Effect::FlushAll);
    }

    /// Two databases change places. Everything is locked.
    pub fn swap(&mut self, first: DbIndex, second: DbIndex) {
        debug_assert!(self.access.is_exclusive(), "a swap is seen whole or not at all");
        if first == second {
            return;
        }
        for (_, shard) in self.access.held_shards() {
            shard.swap(first, second);
        }
        let keyspace = self.access.keyspace;
        let count = |index| (keyspace.len(index) as isize, keyspace.expiring(index) as isize);
        let (one, other) = (count(first), count(second));
        let change = (other.0 - one.0, other.1 - one.1);
        self.access.count_partitions(first, change);
        self.access.count_partitions(second, (-change.0, -change.1));
        self.record(&Effect::SwapDatabases { first, second });
    }

    fn flush_quietly(&mut self) {
        debug_assert!(self.access.is_exclusive(), "a flush is seen whole or not at all");
        let index = self.index;
        let gone: Vec<_> =
            self.access.held_shards().filter_map(|(_, shard)| shard.take_partition(index)).collect();
        for partition in &gone {
            self.access.count_partitions(index, partition.count(-1));
        }
        self.access.reclaim_partitions(gone);
    }

    /// A copy of a key's value, kind and expiry; objects are shared.
    fn carry(&mut self, key: &Key<'_>) -> Option<(Carried, Kind, Option<UnixMs>)> {
        let found = self.find(key)?;
        let entry = self.entry(found);
        let carried = match entry.payload {
            Payload::Inline(bytes) => Carried::Bytes(bytes.to_vec()),
            Payload::Object(value) => Carried::Object(value.clone()),
        };
        Some((carried, found.kind(), found.meta.expiry))
    }

    /// Puts a carried value under a key that begins anew: what was there goes first. Returns the kind of what that was.
    fn settle(
        &mut self,
        key: &Key<'_>,
        carried: Carried,
        kind: Kind,
        expiry: Option<UnixMs>,
    ) -> Option<Kind> {
        let before = self.take(key);
        match carried {
            Carried::Bytes(bytes) => self.put(key, None, NewPayload::Inline(&bytes), kind, expiry),
            Carried::Object(value) => self.put(key, None, NewPayload::Object(value), kind, expiry),
        }
        before
    }

    /// Removes a key, if it is there, without a record; returns its kind.
    fn take(&mut self, key: &Key<'_>) -> Option<Kind> {
        let found = self.find(key)?;
        self.take_at(key, found);
        Some(found.kind())
    }

    /// Records the whole value of a key.
    fn record_value(&mut self, key: &Key<'_>) {
        // The entry is borrowed while it is encoded, so it is shared first: a counter or a few hundred bytes.
        let Some((carried, kind, expiry)) = self.carry(key) else { return };
        let now = self.access.now;
        let (bytes, object);
        let payload = match carried {
            Carried::Bytes(inline) => {
                bytes = inline;
                Payload::Inline(&bytes[..])
            }
            Carried::Object(value) => {
                object = value;
                Payload::Object(&object)
            }
        };
        let meta = value::table::Meta { kind: kind.tag(), expiry, access: None };
        let value = value_of(&value::table::Entry { key: key.bytes, meta, payload }, now);
        self.record(&Effect::SetValue { key: key.bytes, value, expiry });
    }
}
