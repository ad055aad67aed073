//! Groups of streams through the door: who reads, how far, and what is pending.
//!
//! The methods that name a group are for one that is there; without it they do nothing. When consumers were seen is noted
//! without a record, as in Redis: it is lost with a log of commands and kept by a snapshot.

use smallvec::SmallVec;
use value::Value;
use value::stream::{ConsumerNumber, Group, Id, Pending, Stream};

use super::super::{Db, WrongType};
use super::MANY;
use crate::effect::{Claim, Effect};
use crate::key::Key;

/// So many IDs stand in one effect, so that none grows without limit.
const IDS_AN_EFFECT: usize = 512;

/// Entries on their way to a consumer.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The name of the group.
    pub group: &'a [u8],
    /// The name of the consumer, who is there.
    pub consumer: &'a [u8],
    /// The entries, in ascending order.
    pub ids: &'a [Id],
    /// Whether they are pending until they are acknowledged.
    pub is_pending: bool,
}

impl Db<'_, '_> {
    /// Adds a group to a stream, which is made if it is not there; false if the group is there already.
    pub fn group_create(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        last_id: Id,
        entries_read: Option<u64>,
    ) -> Result<bool, WrongType> {
        let found = self.find_stream(key)?;
        if let Some(found) = found
            && self.stream_at(found)?.group(group).is_some()
        {
            return Ok(false);
        }
        self.edit_stream(key, found, |stream| stream.add_group(group, Group::new(last_id, entries_read)));
        let is_new_key = found.is_none();
        self.record(&Effect::CreateGroup { key: key.bytes, group, last_id, entries_read, is_new_key });
        Ok(true)
    }

    /// Sets how far a group has read.
    pub fn group_set(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        last_id: Id,
        entries_read: Option<u64>,
    ) -> Result<(), WrongType> {
        let set = self.edit_group(key, group, |found| {
            (found.last_id, found.entries_read) = (last_id, entries_read);
        })?;
        if set.is_some() {
            self.record(&Effect::SetGroup { key: key.bytes, group, last_id, entries_read });
        }
        Ok(())
    }

    /// Removes a group; false if it is not there.
    pub fn group_destroy(&mut self, key: &Key<'_>, group: &[u8]) -> Result<bool, WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(false) };
        let stream = self.stream_at(found)?;
        let Some(gone) = stream.group(group) else { return Ok(false) };
        if (gone.pending.len() + gone.consumer_count()) as u64 >= MANY {
            // A clone holds what goes, so that nothing is freed here.
            let before = Value::Stream(stream.clone());
            self.access.reclaim(before);
        }
        self.edit_stream(key, Some(found), |stream| stream.remove_group(group));
        self.record(&Effect::DestroyGroup { key: key.bytes, group });
        Ok(true)
    }

    /// Adds a consumer to a group; false if it is there already.
    pub fn consumer_create(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        consumer: &[u8],
    ) -> Result<bool, WrongType> {
        let now = self.access.wall().0;
        let is_new = self.edit_group(key, group, |found| found.add_consumer(consumer, now, -1).is_some())?;
        let is_new = is_new.unwrap_or(false);
        if is_new {
            self.record(&Effect::CreateConsumer { key: key.bytes, group, consumer });
        }
        Ok(is_new)
    }

    /// Removes a consumer from a group with all that it has pending; returns how much that was.
    pub fn consumer_delete(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        consumer: &[u8],
    ) -> Result<Option<usize>, WrongType> {
        let pending = self.edit_group(key, group, |found| found.remove_consumer(consumer))?.flatten();
        if pending.is_some() {
            self.record(&Effect::DeleteConsumer { key: key.bytes, group, consumer });
        }
        Ok(pending)
    }

    /// Notes that a consumer, who is there, has been seen, and perhaps got something.
    pub fn consumer_note(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        consumer: &[u8],
        is_active: bool,
    ) -> Result<(), WrongType> {
        let now = self.access.wall().0;
        self.edit_group(key, group, |found| found.note(consumer, now, is_active.then_some(now)))?;
        Ok(())
    }

    /// Takes those of some entries that are pending in a group off its list; returns how many.
    pub fn stream_acknowledge(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        ids: &[Id],
    ) -> Result<usize, WrongType> {
        let mut acknowledged = Vec::new();
        self.edit_group(key, group, |found| {
            acknowledged.extend(ids.iter().copied().filter(|id| found.pending.remove(*id).is_some()));
        })?;
        if !acknowledged.is_empty() {
            self.record(&Effect::Acknowledge { key: key.bytes, group, ids: &acknowledged });
        }
        Ok(acknowledged.len())
    }

    /// Gives a consumer, who is there, entries that the group may have had pending, with these figures. What belongs to nobody
    /// waits for a consumer; then the name is of no meaning.
    pub fn stream_claim(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        consumer: &[u8],
        pending: &[Pending],
    ) -> Result<(), WrongType> {
        let last_id = self.edit_group(key, group, |found| {
            pending.iter().for_each(|pending| found.pending.set(*pending));
            found.last_id
        })?;
        let Some(last_id) = last_id else { return Ok(()) };
        let is_like = |one: &Pending, other: &Pending| Pending { id: other.id, ..*one } == *other;
        for alike in pending.chunk_by(is_like).flat_map(|alike| alike.chunks(IDS_AN_EFFECT)) {
            let Pending { consumer: owner, delivered_ms, deliveries, .. } = alike[0];
            let ids: SmallVec<[Id; 4]> = alike.iter().map(|pending| pending.id).collect();
            self.record(&if owner == ConsumerNumber::NOBODY {
                Effect::GiveBack { key: key.bytes, group, ids: &ids, deliveries }
            } else {
                let claim = Claim { group, last_id, consumer, delivered_ms, deliveries };
                Effect::Claim { key: key.bytes, claim, ids: &ids }
            });
        }
        Ok(())
    }

    /// Lets a group find quickly what has been pending for long.
    pub fn group_order_by_time(&mut self, key: &Key<'_>, group: &[u8]) -> Result<(), WrongType> {
        let found = self.find_stream(key)?;
        let stream = found.map(|found| self.stream_at(found)).transpose()?;
        let is_ordered = stream
            .and_then(|stream| stream.group(group))
            .is_none_or(|group| group.pending.is_ordered_by_time());
        if !is_ordered {
            self.edit_group(key, group, |found| found.pending.order_by_time())?;
        }
        Ok(())
    }

    /// Delivers entries that a group has not had yet, or whose delivery is wanted again.
    pub fn stream_deliver(&mut self, key: &Key<'_>, delivery: Delivery<'_>) -> Result<(), WrongType> {
        let Delivery { group, consumer, ids, is_pending } = delivery;
        let Some(found) = self.find_stream(key)? else { return Ok(()) };
        let now = self.access.wall().0;
        let advanced = self.edit_stream(key, Some(found), |stream| {
            let facts = stream.facts();
            let found = stream.group_mut(group)?;
            let number = found.consumer(consumer).map_or(ConsumerNumber::NOBODY, |consumer| consumer.number);
            let before = found.last_id;
            for &id in ids {
                if id > found.last_id {
                    found.entries_read = facts.entries_read_with(found, id);
                    found.last_id = id;
                }
            }
            if is_pending {
                found.pending.deliver(ids, number, now);
            }
            (found.last_id > before).then_some((found.last_id, found.entries_read))
        });
        let last_id = advanced.map_or(Id::MIN, |(last_id, _)| last_id);
        if is_pending {
            let claim = Claim { group, last_id, consumer, delivered_ms: now, deliveries: 1 };
            for ids in ids.chunks(IDS_AN_EFFECT) {
                self.record(&Effect::Claim { key: key.bytes, claim, ids });
            }
        }
        if let Some((last_id, entries_read)) = advanced {
            self.record(&Effect::SetGroup { key: key.bytes, group, last_id, entries_read });
        }
        Ok(())
    }

    /// Changes a group; `None` if it is not there.
    fn edit_group<R>(
        &mut self,
        key: &Key<'_>,
        group: &[u8],
        change: impl FnOnce(&mut Group) -> R,
    ) -> Result<Option<R>, WrongType> {
        let Some(found) = self.find_stream(key)? else { return Ok(None) };
        let edit = |stream: &mut Stream| stream.group_mut(group).map(change);
        Ok(self.edit_stream(key, Some(found), edit))
    }
}
