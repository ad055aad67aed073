//! Hashes through the door.
//!
//! A packed hash is bytes of its key's entry; a large one is an object. Both are changed through a
//! [`HashEdit`]; what comes out is put back, and a hash without fields takes its key along. Due fields are removed
//! before a change looks at the hash, and their removal is recorded.

use stdx::time::UnixMs;
use value::hash::{Edited, FieldExpiry, Hash, HashEdit, HashRef};
use value::packed;
use value::table::{NewPayload, Payload};
use value::{Kind, Value, ValueRef};

use super::{Db, Found, WrongType};
use crate::effect::Effect;
use crate::event::{Change, Subkeys};
use crate::key::Key;

/// Due fields removed on the way of one change; the rest is left to the next one or to active expiry.
const DUE_FIELDS: usize = 100;

impl Db<'_, '_> {
    /// The hash of a key. Counts as a look-up.
    #[inline]
    pub fn hash(&mut self, key: &Key<'_>) -> Result<Option<HashRef<'_>>, WrongType> {
        let Some(found) = self.find_to_read(key) else { return Ok(None) };
        self.hash_at(found).map(Some)
    }

    /// The hash of a key that is about to be changed: does not count as a look-up.
    pub fn hash_to_change(&mut self, key: &Key<'_>) -> Result<Option<HashRef<'_>>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        self.hash_at(found).map(Some)
    }

    /// Gives fields their values; returns how many are new. A time that has passed removes them instead.
    pub fn hash_set(
        &mut self,
        key: &Key<'_>,
        fields: &[(&[u8], &[u8])],
        expiry: FieldExpiry,
    ) -> Result<usize, WrongType> {
        let found = self.find_hash(key)?;
        if matches!(expiry, FieldExpiry::At(at) if at <= self.access.now) {
            return self.set_passed_fields(key, found, fields).map(|()| 0);
        }
        let added = if self.overwrite(key, found, fields, expiry) {
            0
        } else {
            self.edit_at(key, found, |edit| {
                fields.iter().filter(|(field, value)| edit.set(field, value, expiry)).count()
            })
        };
        self.record(&Effect::SetFields { key: key.bytes, fields });
        self.record_field_expiry(key, fields, expiry)?;
        Ok(added)
    }

    /// What remains of fields whose time has passed: nothing, but it is told as if they had been there for a moment.
    fn set_passed_fields(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        fields: &[(&[u8], &[u8])],
    ) -> Result<(), WrongType> {
        if found.is_none() {
            self.tell_birth(key);
        }
        let names: Vec<&[u8]> = fields.iter().map(|(field, _)| *field).collect();
        self.tell_fields(key, Change::FieldsSet, &names);
        let gone = self.remove_fields(key, &names)?.1;
        if !gone.is_empty() {
            self.record_untold(&Effect::DeleteFields { key: key.bytes, fields: &gone });
        }
        self.tell_fields(key, Change::FieldsDeleted, &names);
        Ok(())
    }

    /// Removes fields; tells for each whether it was there.
    pub fn hash_delete(&mut self, key: &Key<'_>, fields: &[&[u8]]) -> Result<Vec<bool>, WrongType> {
        let (removed, gone) = self.remove_fields(key, fields)?;
        if !gone.is_empty() {
            self.record(&Effect::DeleteFields { key: key.bytes, fields: &gone });
        }
        Ok(removed)
    }

    /// Removes fields and records nothing; tells for each whether it was there, and which were.
    fn remove_fields<'f>(
        &mut self,
        key: &Key<'_>,
        fields: &[&'f [u8]],
    ) -> Result<(Vec<bool>, Vec<&'f [u8]>), WrongType> {
        let removed: Vec<bool> =
            self.edit_hash(key, |edit| fields.iter().map(|field| edit.remove(field)).collect())?;
        let gone = fields.iter().zip(&removed).filter(|(_, removed)| **removed).map(|(field, _)| *field);
        let gone = gone.collect();
        Ok((removed, gone))
    }

    /// Tells of a change of fields that no effect says.
    fn tell_fields(&mut self, key: &Key<'_>, change: Change, names: &[&[u8]]) {
        let wanted = self.access.recorder.collector.wanted;
        if wanted.changes {
            let subkeys =
                if wanted.subkeys { Subkeys::of(names.iter().copied()) } else { Subkeys::default() };
            self.access.tell_of(self.index, key.bytes, change, subkeys);
        }
    }

    /// Sets when fields are due, of those that are there. A time that has passed removes them.
    pub fn hash_set_expiry(&mut self, key: &Key<'_>, fields: &[&[u8]], at: UnixMs) -> Result<(), WrongType> {
        if at <= self.access.now {
            return self.hash_delete(key, fields).map(drop);
        }
        let at = at.min(packed::MAX_EXPIRY);
        let found: Vec<&[u8]> = self.edit_hash(key, |edit| {
            fields.iter().copied().filter(|field| edit.set_expiry(field, Some(at))).collect()
        })?;
        if !found.is_empty() {
            self.record(&Effect::SetFieldExpiry { key: key.bytes, at, fields: &found });
        }
        Ok(())
    }

    /// Makes fields never due, of those that are there.
    pub fn hash_clear_expiry(&mut self, key: &Key<'_>, fields: &[&[u8]]) -> Result<(), WrongType> {
        let found: Vec<&[u8]> = self.edit_hash(key, |edit| {
            fields.iter().copied().filter(|field| edit.set_expiry(field, None)).collect()
        })?;
        if !found.is_empty() {
            self.record(&Effect::ClearFieldExpiry { key: key.bytes, fields: &found });
        }
        Ok(())
    }

    /// Removes due fields of a hash, up to a limit; returns how many went (active expiry).
    pub(crate) fn expire_hash_fields(&mut self, key: &Key<'_>, limit: usize) -> usize {
        let Some(found) = self.find(key) else { return 0 };
        self.drop_due_fields(key, found, limit)
    }

    fn hash_at(&self, found: Found) -> Result<HashRef<'_>, WrongType> {
        match self.value_at(found) {
            ValueRef::Hash(hash) => Ok(hash),
            _ => Err(WrongType),
        }
    }

    /// Where the hash of a key is, if it is there; up to a limit its due fields go.
    fn find_hash(&mut self, key: &Key<'_>) -> Result<Option<Found>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        if !self.hash_at(found)?.has_expired() {
            return Ok(Some(found));
        }
        self.drop_due_fields(key, found, DUE_FIELDS);
        Ok(self.find(key))
    }

    /// One field of a packed hash gets a value of the same length: the bytes are overwritten where they are.
    fn overwrite(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        fields: &[(&[u8], &[u8])],
        expiry: FieldExpiry,
    ) -> bool {
        let (&[(field, value)], Some(found)) = (fields, found) else { return false };
        let Payload::Inline(block) = self.payload(found) else { return false };
        let Some(range) = packed::edit::overwritable(block, field, value.len(), expiry) else { return false };
        self.partition_mut(key).table.inline_mut(found.at)[range].copy_from_slice(value);
        self.note_change_at(found);
        true
    }

    /// Changes a hash, which begins empty when the key is not there, and puts back what comes out.
    fn edit_hash<R>(
        &mut self,
        key: &Key<'_>,
        change: impl FnOnce(&mut HashEdit<'_>) -> R,
    ) -> Result<R, WrongType> {
        let found = self.find_hash(key)?;
        Ok(self.edit_at(key, found, change))
    }

    fn edit_at<R>(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        change: impl FnOnce(&mut HashEdit<'_>) -> R,
    ) -> R {
        if let Some(found) = found
            && matches!(self.payload(found), Payload::Object(_))
        {
            return self.edit_table(key, found, change);
        }
        let (settings, now) = (self.access.settings.hash, self.access.now);
        let mut scratch = std::mem::take(&mut self.access.scratch);
        let block = found.map(|found| match self.payload(found) {
            Payload::Inline(block) => block,
            Payload::Object(_) => unreachable!("a table was handled above"),
        });
        let mut edit = match block {
            Some(block) => HashEdit::packed(block, &mut scratch, settings, now),
            None => HashEdit::empty(&mut scratch, settings, now),
        };
        let result = change(&mut edit);
        let edited = edit.finish();
        self.put_edited(key, found, edited, &scratch);
        self.access.scratch = scratch;
        result
    }

    /// Changes a large hash where it is.
    fn edit_table<R>(
        &mut self,
        key: &Key<'_>,
        found: Found,
        change: impl FnOnce(&mut HashEdit<'_>) -> R,
    ) -> R {
        let (settings, now) = (self.access.settings.hash, self.access.now);
        let (worker, place) = (self.access.worker(), (self.index, key.bytes));
        self.access.show_at(found.place, self.index, key);
        let (partition, lent) = self.access.partition_and_lent(found.place, self.index);
        partition.forget_fields(found.at, key);
        let Some(Value::Hash(Hash::Table(fields))) = partition.table.object_mut(found.at) else {
            unreachable!("the object of a hash is a table")
        };
        let is_lent = !lent.is_empty();
        let mut show = |pages: [usize; 4]| lent.iter_mut().for_each(|lent| lent.show(worker, place, pages));
        let mut edit = HashEdit::table(fields, settings, now);
        if is_lent {
            edit = edit.watched(&mut show);
        }
        let result = change(&mut edit);
        drop(edit);
        let (is_empty, due) = (fields.is_empty(), fields.next_expiry());
        partition.note_fields(key, due);
        self.end_edit(key, found, is_empty);
        self.lower_next_expiry(key, due);
        result
    }

    /// Stores what came out of the edit of a packed hash.
    fn put_edited(&mut self, key: &Key<'_>, found: Option<Found>, edited: Edited, block: &[u8]) {
        let expiry = found.and_then(|found| found.meta.expiry);
        match edited {
            Edited::InPlace => {}
            Edited::Packed if packed::Packed::trusted(block).is_empty() => {
                if let Some(found) = found {
                    self.take_at(key, found);
                }
            }
            Edited::Packed => self.put(key, found, NewPayload::Inline(block), Kind::Hash, expiry),
            Edited::Grown(hash) => {
                self.put(key, found, NewPayload::Object(Value::Hash(hash)), Kind::Hash, expiry);
            }
        }
    }

    /// Removes due fields of the hash at a position and records it; returns how many went.
    fn drop_due_fields(&mut self, key: &Key<'_>, found: Found, limit: usize) -> usize {
        let now = self.access.now;
        let names = self.edit_at(key, Some(found), |edit| {
            let mut names: Vec<Vec<u8>> = Vec::new();
            edit.remove_expired(now, limit, &mut |field| names.push(field.to_vec()));
            names
        });
        self.access.counters.expired_fields += names.len() as u64;
        let fields: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        if !fields.is_empty() {
            let effect = Effect::DeleteFields { key: key.bytes, fields: &fields };
            self.access.counters.unasked += 1;
            self.record_as(Change::FieldsExpired, key, &effect);
        }
        names.len()
    }

    /// Records the times of fields that were set with one, or kept one.
    fn record_field_expiry(
        &mut self,
        key: &Key<'_>,
        fields: &[(&[u8], &[u8])],
        expiry: FieldExpiry,
    ) -> Result<(), WrongType> {
        match expiry {
            FieldExpiry::Clear => {}
            FieldExpiry::At(at) => {
                let names: Vec<&[u8]> = fields.iter().map(|(field, _)| *field).collect();
                self.record(&Effect::SetFieldExpiry { key: key.bytes, at, fields: &names });
            }
            FieldExpiry::Keep if !self.has_expiring_fields(key)? => {}
            FieldExpiry::Keep => {
                for (field, _) in fields {
                    let kept = self.hash_to_change(key)?.and_then(|hash| hash.entry(field)?.expiry);
                    if let Some(at) = kept {
                        self.record_untold(&Effect::SetFieldExpiry { key: key.bytes, at, fields: &[field] });
                    }
                }
            }
        }
        Ok(())
    }

    fn has_expiring_fields(&mut self, key: &Key<'_>) -> Result<bool, WrongType> {
        Ok(self.hash_to_change(key)?.is_some_and(|hash| hash.next_expiry().is_some()))
    }
}

/// A hash as the payload of an entry: a packed block is bytes, a table an object.
pub(super) enum HashPayload {
    Block(std::sync::Arc<[u8]>),
    Table(Value),
}

impl HashPayload {
    pub(super) fn of(hash: Hash) -> Self {
        match hash {
            Hash::Packed(block) => Self::Block(block),
            table @ Hash::Table(_) => Self::Table(Value::Hash(table)),
        }
    }
}
