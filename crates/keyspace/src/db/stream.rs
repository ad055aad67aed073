//! Streams through the door: the entries.
//!
//! A stream is an object of its key's entry, however small, and stays when it has no entries. What groups do stands in
//! [`group`].

mod group;

use std::sync::atomic::Ordering;

pub use group::Delivery;

use value::stream::{Facts, Id, Limits, Named, Reach, References, Stream, Trim};
use value::table::NewPayload;
use value::{Kind, Value, ValueRef};

use super::{Db, Found, WrongType};
use crate::effect::Effect;
use crate::key::Key;

/// From so many entries on, what a trim takes out of a stream is freed where nobody waits.
const MANY: u64 = 4096;

impl Db<'_, '_> {
    /// The stream of a key. Counts as a look-up.
    #[inline]
    pub fn stream(&mut self, key: &Key<'_>) -> Result<Option<&Stream>, WrongType> {
        let Some(found) = self.find_to_read(key) else { return Ok(None) };
        self.stream_at(found).map(Some)
    }

    /// The stream of a key that is about to be changed: does not count as a look-up.
    #[inline]
    pub fn stream_to_change(&mut self, key: &Key<'_>) -> Result<Option<&Stream>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        self.stream_at(found).map(Some)
    }

    /// Adds an entry with fields, names and values in turn, to a stream that begins empty. The ID has to be greater than
    /// that of the last entry ever.
    pub fn stream_add(&mut self, key: &Key<'_>, id: Id, fields: &[&[u8]]) -> Result<(), WrongType> {
        let found = self.find_stream(key)?;
        let settings = self.access.settings.stream;
        self.edit_stream(key, found, |stream| stream.append(id, fields, settings));
        self.record(&Effect::AddEntry { key: key.bytes, id, fields });
        Ok(())
    }

    /// Notes under which name a producer has added an entry to a stream, which is there.
    pub fn stream_name_entry(&mut self, key: &Key<'_>, named: Named<'_>) -> Result<(), WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(()) };
        let limits = self.stream_at(found)?.producers().map(|producers| producers.limits);
        if limits.is_none() {
            // The parameters may have other values when the log is read.
            self.record(&Effect::LimitNames { key: key.bytes, limits: self.usual_limits() });
        }
        let limits = limits.unwrap_or_else(|| self.usual_limits());
        self.edit_stream(key, Some(found), |stream| stream.producers_mut(limits).record(named));
        self.record(&Effect::NameEntry { key: key.bytes, named });
        Ok(())
    }

    /// Counts an entry of a stream that was not added because it was there. As a statistic this is not in the log.
    pub fn stream_count_duplicate(&mut self, key: &Key<'_>) -> Result<(), WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(()) };
        if let Some(Value::Stream(stream)) = self.object_mut(key, found)
            && let Some(limits) = stream.producers().map(|producers| producers.limits)
        {
            stream.producers_mut(limits).duplicates += 1;
        }
        Ok(())
    }

    /// Says how names of producers are kept in a stream; returns false if it is not there.
    pub fn stream_limit_names(
        &mut self,
        key: &Key<'_>,
        change: impl FnOnce(Limits) -> Limits,
    ) -> Result<bool, WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(false) };
        let stream = self.stream_at(found)?.clone();
        let before = stream.producers().map(|producers| producers.limits);
        let limits = change(before.unwrap_or_else(|| self.usual_limits()));
        if before != Some(limits) {
            // The clone holds what goes, so that nothing is freed here.
            self.access.reclaim(Value::Stream(stream));
            self.edit_stream(key, Some(found), |stream| stream.producers_mut(limits).set_limits(limits));
            self.record(&Effect::LimitNames { key: key.bytes, limits });
        }
        Ok(true)
    }

    /// What holds for streams that have not been told otherwise.
    fn usual_limits(&self) -> Limits {
        let limits = self.access.keyspace().limits();
        Limits {
            duration_s: limits.stream_name_duration_s.load(Ordering::Relaxed),
            max_names: limits.stream_names.load(Ordering::Relaxed),
        }
    }

    /// Removes entries from the front; returns how many.
    pub fn stream_trim(
        &mut self,
        key: &Key<'_>,
        trim: Trim,
        reach: Reach,
        references: References,
    ) -> Result<u64, WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(0) };
        let stream = self.stream_at(found)?;
        let excess = match trim {
            Trim::Length(length) => stream.len().saturating_sub(length),
            Trim::Before(id) if stream.facts().first_id < id => stream.len(),
            Trim::Before(_) => 0,
        };
        if excess == 0 {
            return Ok(0);
        }
        if excess >= MANY {
            // A clone holds what goes, so that nothing is freed here.
            let before = Value::Stream(stream.clone());
            self.access.reclaim(before);
        }
        let (removed, length) = self.edit_stream(key, Some(found), |stream| {
            let removed = stream.trim_with(trim, reach, references);
            (removed, stream.len())
        });
        if removed > 0 {
            self.record(&Effect::TrimEntries { key: key.bytes, length, references });
        }
        Ok(removed)
    }

    /// Deletes those of some entries that are there; returns how many.
    pub fn stream_delete(&mut self, key: &Key<'_>, ids: &[Id]) -> Result<usize, WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(0) };
        let deleted = self.delete_entries(key, found, ids);
        if !deleted.is_empty() {
            self.record(&Effect::DeleteEntries { key: key.bytes, ids: &deleted });
        }
        Ok(deleted.len())
    }

    /// Takes entries out of a stream; whoever wants to see its leaves before is shown them. Returns which were there.
    fn delete_entries(&mut self, key: &Key<'_>, found: Found, ids: &[Id]) -> Vec<Id> {
        let (worker, place) = (self.access.worker(), (self.index, key.bytes));
        self.access.show_at(found.place, self.index, key);
        let (partition, lent) = self.access.partition_and_lent(found.place, self.index);
        let Some(Value::Stream(stream)) = partition.table.object_mut(found.at) else {
            unreachable!("the object of a stream is a stream")
        };
        let mut deleted = Vec::new();
        for &id in ids {
            if !lent.is_empty()
                && let Some(leaf) = stream.leaf_of(id)
            {
                lent.iter_mut().for_each(|lent| lent.show(worker, place, [leaf]));
            }
            deleted.extend(stream.delete(id).then_some(id));
        }
        self.note_change_at(found);
        deleted
    }

    /// Sets what a stream, which is there, tells of its past; what is `None` stays.
    pub fn stream_set_past(
        &mut self,
        key: &Key<'_>,
        last_id: Id,
        entries_added: Option<u64>,
        max_deleted_id: Option<Id>,
    ) -> Result<(), WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(()) };
        let facts: Facts = self.edit_stream(key, Some(found), |stream| {
            stream.set_past(last_id, entries_added, max_deleted_id);
            stream.facts()
        });
        self.record(&Effect::SetPast { key: key.bytes, facts });
        Ok(())
    }

    fn stream_at(&self, found: Found) -> Result<&Stream, WrongType> {
        match self.value_at(found) {
            ValueRef::Stream(stream) => Ok(stream),
            _ => Err(WrongType),
        }
    }

    /// Where the stream of a key is, if it is there.
    fn find_stream(&mut self, key: &Key<'_>) -> Result<Option<Found>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        if found.kind() == Kind::Stream { Ok(Some(found)) } else { Err(WrongType) }
    }

    /// Changes a stream, which begins empty when it is not there.
    fn edit_stream<R>(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        change: impl FnOnce(&mut Stream) -> R,
    ) -> R {
        let Some(found) = found else {
            let mut stream = Stream::new();
            let result = change(&mut stream);
            self.put(key, None, NewPayload::Object(Value::Stream(stream)), Kind::Stream, None);
            return result;
        };
        let Some(Value::Stream(stream)) = self.object_mut(key, found) else {
            unreachable!("the object of a stream is a stream")
        };
        let result = change(stream);
        self.note_change_at(found);
        result
    }
}
