//! The groups of a stream: how far each has read, what is pending, and for whom.
//!
//! What a consumer has given back belongs to nobody, which this form cannot say. It is written for a consumer without a name who
//! was never seen, so that Redis 7.0 reads it too, and read as what it is.

use value::Stream;
use value::stream::{ConsumerNumber, Group, Id, Pending};

use super::super::cursor::{Cursor, Fault};
use super::super::error::Problem;
use super::super::output::Output;
use super::super::tag as tags;
use super::{raw_id, read_length_id, read_raw_id, write_length_id};

/// When he was seen for whom it is written what belongs to nobody.
const NEVER: i64 = -1;
/// What stands where the number of entries that a group has read is not known.
const UNKNOWN: u64 = u64::MAX;

/// Reads a group behind its name.
pub(super) fn read(kind: u8, cursor: &mut Cursor<'_>, stream: &Stream) -> Result<Group, Fault> {
    let last_id = read_length_id(cursor)?;
    let mut group = Group::new(last_id, None);
    group.entries_read = if kind == tags::STREAM {
        stream.facts().read_up_to(last_id)
    } else {
        Some(cursor.length()?).filter(|&read| i64::try_from(read).is_ok())
    };
    for _ in 0..cursor.length()? {
        let pending = Pending {
            id: read_raw_id(cursor)?,
            consumer: ConsumerNumber::NOBODY,
            delivered_ms: cursor.u64_le()?.cast_signed(),
            deliveries: cursor.length()?,
        };
        if group.pending.get(pending.id).is_some() {
            return Err(Problem::Range("an entry is pending twice in one group").into());
        }
        group.pending.set(pending);
    }
    let mut given_back = 0;
    for _ in 0..cursor.length()? {
        given_back += read_consumer(kind, cursor, &mut group)?;
    }
    if group.pending.len_of(ConsumerNumber::NOBODY) != given_back {
        return Err(Problem::Range("an entry is pending for no consumer").into());
    }
    Ok(group)
}

/// Adds a consumer with what he has pending; returns how much of that belongs to nobody.
fn read_consumer(kind: u8, cursor: &mut Cursor<'_>, group: &mut Group) -> Result<usize, Fault> {
    let name = cursor.string()?;
    let seen_ms = cursor.u64_le()?.cast_signed();
    let active_ms = if kind == tags::STREAM_3 { cursor.u64_le()?.cast_signed() } else { seen_ms };
    let is_nobody = name.is_empty() && seen_ms == NEVER;
    let consumer = if is_nobody {
        ConsumerNumber::NOBODY
    } else {
        let added = group.add_consumer(&name, seen_ms, active_ms);
        added.ok_or(Problem::Range("a group has two consumers of one name"))?
    };
    let count = cursor.length()?;
    for _ in 0..count {
        let id = read_raw_id(cursor)?;
        let pending = group.pending.get(id).filter(|pending| pending.consumer == ConsumerNumber::NOBODY);
        let pending = pending
            .ok_or(Problem::Range("an entry is pending for a consumer and not for the group, or for two"))?;
        group.pending.set(Pending { consumer, ..pending });
    }
    Ok(if is_nobody { usize::try_from(count).unwrap_or(usize::MAX) } else { 0 })
}

/// Writes a group behind its name.
pub(super) fn write(group: &Group, output: &mut Output<'_>) {
    write_length_id(group.last_id, output);
    output.length(group.entries_read.unwrap_or(UNKNOWN));
    output.length(group.pending.len() as u64);
    for pending in group.pending.from(Id::MIN) {
        output.bytes(&raw_id(pending.id));
        output.bytes(&pending.delivered_ms.to_le_bytes());
        output.length(pending.deliveries);
    }
    let consumers = group.consumers();
    let given_back: Vec<Id> = group.pending.ids_of(ConsumerNumber::NOBODY, Id::MIN).collect();
    // A consumer without a name who is there gets it, for there cannot be two.
    let has_nameless = group.consumer(b"").is_some();
    let has_nobody = !given_back.is_empty() && !has_nameless;
    output.length(consumers.len() as u64 + u64::from(has_nobody));
    if has_nobody {
        write_consumer(b"", NEVER, &given_back, output);
    }
    for consumer in consumers {
        let mut ids: Vec<Id> = group.pending.ids_of(consumer.number, Id::MIN).collect();
        if consumer.name.is_empty() {
            ids.extend(&given_back);
        }
        write_consumer(consumer.name, consumer.seen_ms, &ids, output);
    }
}

fn write_consumer(name: &[u8], seen_ms: i64, pending: &[Id], output: &mut Output<'_>) {
    output.string(name);
    output.bytes(&seen_ms.to_le_bytes());
    output.length(pending.len() as u64);
    pending.iter().for_each(|id| output.bytes(&raw_id(*id)));
}
