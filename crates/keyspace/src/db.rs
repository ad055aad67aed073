//! A database through the locks that are held: the one door for reading and changing keys.
//!
//! Every method that finds a key first looks whether its time has come. A due key is removed on the spot, its removal
//! recorded, and the method goes on as if it had never been there. So nothing outside this module can see a
//! due key, and nothing outside can change data without recording the effect. While clients are paused due keys stay, unseen, but
//! for those whose name a write that is still under way takes.

mod generic;
mod hash;
mod hyperloglog;
mod list;
mod set;
mod stream;
mod string;
mod zset;

pub use hyperloglog::NotAdded;
pub use set::is_set_rebuilt;
use stdx::time::UnixMs;
pub use stream::Delivery;
use value::hash::HashRef;
use value::list::ListRef;
use value::set::SetRef;
use value::table::{Entry, Meta, NewPayload, Payload, Position, Replaced, Table};
use value::{Kind, StringRef, Value, ValueRef, ZSetRef};
pub use zset::Added;

use crate::access::{Access, Recent};
use crate::effect::{Effect, Removal};
use crate::event::Change;
use crate::key::{DbIndex, Key};
use crate::shard::{Partition, field_due_of_new};

/// A database during one lease of locks.
pub struct Db<'a, 'k> {
    pub(crate) access: &'a mut Access<'k>,
    pub(crate) index: DbIndex,
}

/// What becomes of a key's expiry when it gets a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It stays what it was; a new key is never due.
    Keep,
    /// The key is never due.
    Clear,
    /// The key is due at this time.
    At(UnixMs),
}

/// A live key that was found: where it is, and what is stored with it besides its value. Good until the database is
/// next changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// The place of its shard among those that are held.
    place: u16,
    at: Position,
    meta: Meta,
}

impl Found {
    fn kind(self) -> Kind {
        Kind::of_tag(self.meta.kind)
    }
}

/// The key holds a value of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

impl Expiry {
    /// The expiry of a key whose expiry was `before`.
    fn apply(self, before: Option<UnixMs>) -> Option<UnixMs> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::At(at) => Some(at),
        }
    }
}

impl Db<'_, '_> {
    /// Where a key is, due or not.
    pub(crate) fn find_any(&self, key: &Key<'_>) -> Option<Found> {
        let place = self.access.place_of_key(key);
        let partition = self.access.partition_at(place, self.index)?;
        let (at, meta) = partition.table.look_up(key.hash, key.bytes)?;
        Some(Found { place, at, meta })
    }

    /// Sets the access clock of a key, unless the page is shared.
    #[inline]
    pub(crate) fn touch_with(&mut self, found: Found, access: u32) {
        let partition = self.access.partition_in_place(found.place, self.index);
        let is_set = partition.expect("the key was found there").table.touch(found.at, access);
        // What is remembered says what the page says.
        if is_set
            && let Some(recent) = &mut self.access.recent
            && recent.database == self.index
            && (recent.found.place, recent.found.at) == (found.place, found.at)
        {
            recent.found.meta.access = Some(access);
        }
    }

    /// Where a live key is; a due one goes.
    #[inline]
    pub(crate) fn find(&mut self, key: &Key<'_>) -> Option<Found> {
        // Looked at where it is: a copy for each of those who hand it on would be a tenth of a look-up.
        let found = self.look_up(key);
        if let Some(due) = &found
            && due.meta.expiry.is_some_and(|expiry| expiry <= self.access.now)
        {
            if !self.access.keeps_due() {
                self.remove_at(key, *due, Removal::Expired);
            }
            return None;
        }
        found
    }

    /// A key comes under a name at which a due one may have stayed.
    fn remove_kept(&mut self, key: &Key<'_>) {
        if let Some(due) = self.find_any(key) {
            self.remove_at(key, due, Removal::Expired);
        }
    }

    /// Where a key is, due or not. Pipelines often work on one key, so the one that was found last is tried first.
    #[inline]
    fn look_up(&mut self, key: &Key<'_>) -> Option<Found> {
        if let Some(recent) = &self.access.recent
            && recent.hash == key.hash
            && recent.database == self.index
            && self.table_of(recent.found).is_at(recent.found.at, key.bytes)
        {
            return Some(recent.found);
        }
        let found = self.find_any(key)?;
        self.access.recent = Some(Recent { database: self.index, hash: key.hash, found });
        Some(found)
    }

    /// The table in which a key was found.
    #[inline]
    fn table_of(&self, found: Found) -> &Table<Value> {
        &self.access.partition_at(found.place, self.index).expect("the key was found there").table
    }

    #[inline]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_, Value> {
        self.table_of(found).entry(found.at)
    }

    #[inline]
    pub(crate) fn payload(&self, found: Found) -> Payload<'_, Value> {
        self.table_of(found).payload(found.at)
    }

    /// The partition of a key that was found and is to be changed.
    #[inline]
    pub(crate) fn partition_mut(&mut self, key: &Key<'_>) -> &mut Partition {
        self.access.show(self.index, key);
        self.access.partition_mut(self.index, key).expect("the key was found there")
    }

    /// The same where it is known in which.
    #[inline]
    fn partition_of(&mut self, key: &Key<'_>, found: &Found) -> &mut Partition {
        self.access.show_at(found.place, self.index, key);
        self.access.recent = None;
        self.access.partition_in_place(found.place, self.index).expect("the key was found there")
    }

    /// The object of a key that was found, to be changed where it is; none if its payload is bytes.
    #[inline]
    pub(crate) fn object_mut(&mut self, key: &Key<'_>, found: Found) -> Option<&mut Value> {
        self.access.show_at(found.place, self.index, key);
        let partition = self.access.partition_in_place(found.place, self.index);
        partition.expect("the key was found there").table.object_mut(found.at)
    }

    /// Looks a key up and counts the hit or miss.
    #[inline]
    pub(crate) fn find_and_count(&mut self, key: &Key<'_>) -> Option<Found> {
        let found = self.find(key);
        if found.is_some() {
            self.access.counters.hits += 1;
        } else {
            self.note_miss(key);
        }
        found
    }

    fn note_miss(&mut self, key: &Key<'_>) {
        self.access.counters.misses += 1;
        if self.access.recorder.collector.wanted.misses {
            self.access.tell(self.index, key.bytes, Change::Missed);
        }
    }

    /// Looks a key up to read it: counts the hit or miss and sets the access clock.
    #[inline]
    pub(crate) fn find_to_read(&mut self, key: &Key<'_>) -> Option<Found> {
        let found = self.find_and_count(key);
        if let Some(found) = &found {
            self.touch_at(*found);
        }
        found
    }

    /// Sets the access clock, unless it is right already or the page is shared.
    #[inline]
    pub(crate) fn touch_at(&mut self, found: Found) {
        let noted = self.access.noted_on_read(found.meta.access);
        if let Some(access) = noted.filter(|_| noted != found.meta.access) {
            self.touch_with(found, access);
        }
    }

    /// Sets the access clock of a key whose value was changed where it is, unless the page is shared.
    #[inline]
    pub(crate) fn note_change_at(&mut self, found: Found) {
        let noted = self.access.noted_on_write(found.meta.access);
        if Some(noted) != found.meta.access {
            self.touch_with(found, noted);
        }
    }

    /// A value was changed where it is, and the key goes with it if nothing is left.
    #[inline]
    pub(crate) fn end_edit(&mut self, key: &Key<'_>, found: Found, is_empty: bool) {
        if is_empty {
            self.take_at(key, found);
        } else {
            self.note_change_at(found);
        }
    }

    /// The value of a key.
    #[inline]
    pub(crate) fn value_at(&self, found: Found) -> ValueRef<'_> {
        value_of_payload(found.kind(), self.payload(found), self.access.now)
    }

    /// Writes an entry, new or over the one that was found, and keeps the minima and counts right.
    pub(crate) fn put(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        payload: NewPayload<'_, Value>,
        kind: Kind,
        expiry: Option<UnixMs>,
    ) {
        let access = self.access.noted_on_write(found.and_then(|found| found.meta.access));
        let meta = Meta { kind: kind.tag(), expiry, access: Some(access) };
        let field_due = field_due_of_new(kind, &payload);
        let replaced = if let Some(found) = &found {
            let partition = self.partition_of(key, found);
            partition.forget_fields(found.at, key);
            partition.note_fields(key, field_due);
            let replaced = partition.table.replace(found.at, payload, meta);
            self.tell_replaced(key, found.kind(), kind);
            replaced
        } else {
            if self.access.keeps_due() {
                self.remove_kept(key);
            }
            self.access.show(self.index, key);
            let partition = self.access.make_partition(self.index, key);
            partition.note_fields(key, field_due);
            partition.table.insert(key.hash, key.bytes, payload, meta);
            self.access.count_keys(self.index, 1);
            self.tell_birth(key);
            Replaced::Absent
        };
        self.lower_next_expiry(key, field_due);
        self.count_expiry(key, found.and_then(|found| found.meta.expiry), expiry);
        self.free(replaced);
    }

    /// Changes when a found key is due.
    pub(crate) fn put_expiry(&mut self, key: &Key<'_>, found: Found, expiry: Option<UnixMs>) {
        self.partition_of(key, &found).table.set_expiry(found.at, expiry);
        self.count_expiry(key, found.meta.expiry, expiry);
    }

    /// Removes a found key and records it.
    pub(crate) fn remove_at(&mut self, key: &Key<'_>, found: Found, reason: Removal) {
        self.access.counters.unasked += u64::from(reason != Removal::Deleted);
        if reason == Removal::Expired {
            if self.access.is_attempting() {
                self.access.note(self.index, key);
            }
            self.access.counters.expired_keys += 1;
        }
        self.take_at(key, found);
        self.access.record(self.index, &Effect::Delete { key: key.bytes, reason });
    }

    /// Removes a found key without a record.
    pub(crate) fn take_at(&mut self, key: &Key<'_>, found: Found) {
        let partition = self.partition_of(key, &found);
        partition.forget_fields(found.at, key);
        let removed = partition.table.remove(found.at);
        self.access.count_keys(self.index, -1);
        self.count_expiry(key, found.meta.expiry, None);
        self.free(removed);
    }

    /// A key's expiry changed from `before` to `after`.
    #[inline]
    fn count_expiry(&mut self, key: &Key<'_>, before: Option<UnixMs>, after: Option<UnixMs>) {
        if before.is_none() && after.is_none() {
            return;
        }
        let change = isize::from(after.is_some()) - isize::from(before.is_some());
        if change != 0 {
            let partition = self.access.partition_mut(self.index, key).expect("the key is there or was");
            partition.expiring = partition.expiring.wrapping_add_signed(change);
            self.access.count_expiring(self.index, change);
        }
        self.lower_next_expiry(key, after);
    }

    /// Lets active expiry come to the key's shard when a key or a field there is due.
    #[inline]
    pub(crate) fn lower_next_expiry(&self, key: &Key<'_>, due: Option<UnixMs>) {
        if let Some(at) = due {
            let shard = self.access.shard_of(key);
            self.access.keyspace.cells[shard].lower_next_expiry(at);
        }
    }

    pub(crate) fn free(&mut self, replaced: Replaced<Value>) {
        if let Replaced::Object(value) = replaced {
            self.access.reclaim(value);
        }
    }

    pub(crate) fn record(&mut self, effect: &Effect<'_>) {
        self.access.record(self.index, effect);
    }

    /// Records an effect on a key that is told as another change than it says.
    pub(crate) fn record_as(&mut self, change: Change, key: &Key<'_>, effect: &Effect<'_>) {
        self.record_untold(effect);
        if self.access.recorder.collector.wanted.changes {
            let subkeys = self.access.subkeys_of(effect);
            self.access.tell_of(self.index, key.bytes, change, subkeys);
        }
    }

    /// Records an effect that belongs to the one before, which has been told.
    pub(crate) fn record_untold(&mut self, effect: &Effect<'_>) {
        self.access.record_untold(self.index, effect);
    }

    /// Tells of a change that no effect says.
    #[inline]
    pub(crate) fn tell(&mut self, key: &Key<'_>, change: Change) {
        if self.access.recorder.collector.wanted.changes {
            self.access.tell(self.index, key.bytes, change);
        }
    }

    /// Tells of a key that has come into being.
    #[inline]
    pub(crate) fn tell_birth(&mut self, key: &Key<'_>) {
        if self.access.recorder.collector.wanted.births {
            self.access.tell(self.index, key.bytes, Change::Appeared);
        }
    }

    /// A value took the place of a whole other one, whatever for: an INCR does that too.
    #[inline]
    pub(crate) fn tell_replaced(&mut self, key: &Key<'_>, before: Kind, after: Kind) {
        if self.access.recorder.collector.wanted.replacements {
            self.access.tell(self.index, key.bytes, Change::Replaced);
            if before.type_name() != after.type_name() {
                self.access.tell(self.index, key.bytes, Change::TypeChanged);
            }
        }
    }
}

/// The value of an entry as it is seen at `now`.
pub(crate) fn value_of<'v>(entry: &Entry<'v, Value>, now: UnixMs) -> ValueRef<'v> {
    value_of_payload(Kind::of_tag(entry.meta.kind), entry.payload, now)
}

fn value_of_payload(kind: Kind, payload: Payload<'_, Value>, now: UnixMs) -> ValueRef<'_> {
    match (kind, payload) {
        (Kind::String | Kind::StringChanged, Payload::Inline(bytes)) => {
            ValueRef::String(StringRef::Inline(bytes))
        }
        (Kind::String | Kind::StringChanged, Payload::Object(Value::String(blob))) => {
            ValueRef::String(StringRef::Blob(blob))
        }
        (Kind::Hash, Payload::Inline(block)) => ValueRef::Hash(HashRef::packed(block, now)),
        (Kind::Hash, Payload::Object(Value::Hash(hash))) => ValueRef::Hash(hash.at(now)),
        (Kind::List, Payload::Inline(block)) => ValueRef::List(ListRef::packed(block)),
        (Kind::List, Payload::Object(Value::List(list))) => ValueRef::List(list.as_ref()),
        (Kind::Set, Payload::Inline(block)) => ValueRef::Set(SetRef::packed(block)),
        (Kind::Set, Payload::Object(Value::Set(set))) => ValueRef::Set(set.as_ref()),
        (Kind::ZSet, Payload::Inline(block)) => ValueRef::ZSet(ZSetRef::packed(block)),
        (Kind::ZSet, Payload::Object(Value::ZSet(zset))) => ValueRef::ZSet(zset.as_ref()),
        (Kind::Stream, Payload::Object(Value::Stream(stream))) => ValueRef::Stream(stream),
        (Kind::Stream, Payload::Inline(_)) => unreachable!("a stream is an object, however small"),
        (kind, Payload::Object(_)) => unreachable!("an object of another kind than {kind:?}"),
    }
}
