//! What a group's consumer gets when he reads: what has been pending for too long, what is new, or what he has already.

use keyspace::{Db, Delivery, Key};
use resp::write::Aggregate;
use value::stream::{ConsumerNumber, Id, Pending};

use super::gathering::begin_stream;
use super::portion::Portion;
use super::read::{From, first_unread};
use super::wanted::Wanted;
use super::{write_delivery, write_entry, write_id};
use crate::command::Outcome;
use crate::error::Error;
use crate::reply::Reply;

/// A consumer who reads a stream.
pub(super) struct Reader<'r, 'd, 'a, 'k> {
    pub(super) db: &'r mut Db<'d, 'k>,
    pub(super) key: &'r Key<'a>,
    pub(super) names: (&'r [u8], &'r [u8]),
    pub(super) now_ms: i64,
    pub(super) portion: &'r mut Portion,
}

impl Reader<'_, '_, '_, '_> {
    /// Writes what the consumer gets; false if there is nothing new.
    pub(super) fn read(
        &mut self,
        wanted: &Wanted<'_>,
        place: From,
        reply: &mut Reply<'_>,
    ) -> Result<bool, Error> {
        self.note_consumer()?;
        match place {
            From::Behind(id) => {
                begin_stream(reply, self.key.bytes);
                self.read_pending(id, wanted.count, reply)?;
                Ok(true)
            }
            From::New => self.read_new(wanted, reply),
        }
    }

    /// The consumer is there, and was seen.
    fn note_consumer(&mut self) -> Outcome {
        let (group, consumer) = self.names;
        if !self.db.consumer_create(self.key, group, consumer)? {
            self.db.consumer_note(self.key, group, consumer, false)?;
        }
        Ok(())
    }

    /// Delivers entries that the group has not had and returns the IDs of the first and the last. Somebody else writes them.
    pub(super) fn deliver_unwritten(&mut self, wanted: &Wanted<'_>) -> Result<Option<(Id, Id)>, Error> {
        self.note_consumer()?;
        let (group, consumer) = self.names;
        let Some(stream) = self.db.stream_to_change(self.key)? else { return Ok(None) };
        let Some(first) = first_unread(stream, From::New, Some(group)) else { return Ok(None) };
        let count = wanted.count.min(self.portion.left());
        let ids: Vec<Id> = stream.range(first, Id::MAX).take(count).map(|entry| entry.id()).collect();
        self.portion.took(ids.len());
        let Some((&first, &last)) = ids.first().zip(ids.last()) else { return Ok(None) };
        let delivery = Delivery { group, consumer, ids: &ids, is_pending: wanted.is_pending };
        self.db.stream_deliver(self.key, delivery)?;
        if wanted.is_pending {
            self.db.consumer_note(self.key, group, consumer, true)?;
        }
        Ok(Some((first, last)))
    }

    /// Writes what was pending for too long and then what is new; false if there is nothing.
    fn read_new(&mut self, wanted: &Wanted<'_>, reply: &mut Reply<'_>) -> Result<bool, Error> {
        let (group, consumer) = self.names;
        let before = reply.buffer().len();
        begin_stream(reply, self.key.bytes);
        let deferred = reply.defer();
        let claimed = match wanted.min_idle_ms {
            Some(min_idle_ms) => self.claim(min_idle_ms, wanted.count, reply)?,
            None => 0,
        };
        let delivered = self.deliver(wanted, wanted.count - claimed, reply)?;
        if claimed + delivered == 0 {
            reply.truncate(before);
            return Ok(false);
        }
        reply.finish(deferred, Aggregate::Array, claimed + delivered);
        if claimed > 0 || wanted.is_pending {
            self.db.consumer_note(self.key, group, consumer, true)?;
        }
        Ok(true)
    }

    /// Gives the consumer what has been pending for so long, the oldest first, and returns how much it was. What is not in the
    /// stream any more is not pending from now on.
    fn claim(&mut self, min_idle_ms: i64, count: usize, reply: &mut Reply<'_>) -> Result<usize, Error> {
        let (group, consumer) = self.names;
        self.db.group_order_by_time(self.key, group)?;
        let Some(stream) = self.db.stream_to_change(self.key)? else { return Ok(0) };
        let Some(found) = stream.group(group) else { return Ok(0) };
        let number = found.consumer(consumer).map_or(ConsumerNumber::NOBODY, |consumer| consumer.number);
        let (mut claimed, mut gone) = (Vec::new(), Vec::new());
        for one in found.pending.delivered_until(self.now_ms.saturating_sub(min_idle_ms)) {
            if claimed.len() == count {
                break;
            }
            let Some(entry) = stream.get(one.id) else {
                gone.push(one.id);
                continue;
            };
            let idle_ms = self.now_ms.saturating_sub(one.delivered_ms);
            let before = Some((idle_ms, one.deliveries));
            if !self.portion.add(reply, |reply| write_delivery(reply, &entry, before)) {
                break;
            }
            let deliveries = one.deliveries.saturating_add(1).min(i64::MAX as u64);
            claimed.push(Pending { consumer: number, delivered_ms: self.now_ms, deliveries, ..one });
        }
        if !gone.is_empty() {
            self.db.stream_acknowledge(self.key, group, &gone)?;
        }
        if !claimed.is_empty() {
            self.db.stream_claim(self.key, group, consumer, &claimed)?;
        }
        Ok(claimed.len())
    }

    /// Delivers entries that the group has not had, and returns how many.
    fn deliver(&mut self, wanted: &Wanted<'_>, count: usize, reply: &mut Reply<'_>) -> Result<usize, Error> {
        let (group, consumer) = self.names;
        let Some(stream) = self.db.stream_to_change(self.key)? else { return Ok(0) };
        let Some(first) = first_unread(stream, From::New, Some(group)) else { return Ok(0) };
        let before = wanted.min_idle_ms.map(|_| (0, 0));
        let mut ids = Vec::new();
        for entry in stream.range(first, Id::MAX).take(count) {
            if !self.portion.add(reply, |reply| write_delivery(reply, &entry, before)) {
                break;
            }
            ids.push(entry.id());
        }
        if !ids.is_empty() {
            let delivery = Delivery { group, consumer, ids: &ids, is_pending: wanted.is_pending };
            self.db.stream_deliver(self.key, delivery)?;
        }
        Ok(ids.len())
    }

    /// Writes what the consumer has pending behind an ID; what is not in the stream any more has no fields.
    fn read_pending(&mut self, behind: Id, count: usize, reply: &mut Reply<'_>) -> Outcome {
        let (group, consumer) = self.names;
        let Some(stream) = self.db.stream_to_change(self.key)? else { return Ok(()) };
        let Some(found) = stream.group(group) else { return Ok(()) };
        let number = found.consumer(consumer).map_or(ConsumerNumber::NOBODY, |consumer| consumer.number);
        let pending: Vec<Pending> = behind
            .next()
            .into_iter()
            .flat_map(|first| found.pending.ids_of(number, first))
            .take(count)
            .filter_map(|id| found.pending.get(id))
            .collect();
        let (mut again, mut written) = (Vec::new(), 0);
        let deferred = reply.defer();
        for one in pending {
            let entry = stream.get(one.id);
            let has_room = self.portion.add(reply, |reply| {
                if let Some(entry) = &entry {
                    write_entry(reply, entry);
                } else {
                    reply.array(2);
                    write_id(reply, one.id);
                    reply.null_array();
                }
            });
            if !has_room {
                break;
            }
            written += 1;
            if entry.is_some() {
                let deliveries = one.deliveries.saturating_add(1);
                again.push(Pending { delivered_ms: self.now_ms, deliveries, ..one });
            }
        }
        reply.finish(deferred, Aggregate::Array, written);
        self.db.stream_claim(self.key, group, consumer, &again)?;
        Ok(())
    }
}
