//! The text of what happens to streams, and of whole streams.
//!
//! What a stream says of its past, and entries that are pending in a group but gone from the stream, need a detour when
//! a whole stream is written: XCLAIM takes no entry that is not there. So these are added where they were, claimed and
//! removed again, and at the end XSETID puts the numbers right.

use std::collections::BTreeSet;

use keyspace::{Claim, Effect};
use resp::{Encoder, Protocol, write_command};
use stdx::number::write_u64;
use value::Stream;
use value::stream::{ConsumerNumber, Facts, Group, Id, Limits, Named, Pending, References};

use super::{Behind, number, with_words};

/// IDs in one command, so that no command grows without limit.
const IDS_A_COMMAND: usize = 64;

/// Appends the command that applies an effect on a stream.
pub(super) fn encode_effect(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::AddEntry { key, id, fields } => with_words(out, &[b"XADD", key, &text(id)], fields),
        Effect::NameEntry { key, named } => name_entry(out, key, named),
        Effect::LimitNames { key, limits } => limit_names(out, key, limits),
        Effect::DeleteEntries { key, ids } => with_ids(out, &[b"XDEL", key], ids),
        Effect::TrimEntries { key, length, references } => {
            let references: &[&[u8]] = match references {
                References::Keep => &[],
                References::Remove => &[b"DELREF"],
                References::Respect => &[b"ACKED"],
            };
            with_words(out, &[b"XTRIM", key, b"MAXLEN", b"=", &unsigned(length)], references);
        }
        Effect::SetPast { key, facts } => set_past(out, key, facts),
        Effect::CreateGroup { key, group, last_id, entries_read, .. } => {
            create_group(out, key, group, last_id, entries_read);
        }
        Effect::SetGroup { key, group, last_id, entries_read } => {
            let read = entries_read.map_or_else(|| b"-1".to_vec(), unsigned);
            write_command(
                out,
                &[&b"XGROUP"[..], b"SETID", key, group, &text(last_id), b"ENTRIESREAD", &read],
            );
        }
        Effect::DestroyGroup { key, group } => write_command(out, &[&b"XGROUP"[..], b"DESTROY", key, group]),
        Effect::CreateConsumer { key, group, consumer } => {
            write_command(out, &[&b"XGROUP"[..], b"CREATECONSUMER", key, group, consumer]);
        }
        Effect::DeleteConsumer { key, group, consumer } => {
            write_command(out, &[&b"XGROUP"[..], b"DELCONSUMER", key, group, consumer]);
        }
        Effect::Acknowledge { key, group, ids } => with_ids(out, &[b"XACK", key, group], ids),
        Effect::GiveBack { key, group, ids, deliveries } => give_back(out, key, group, ids, deliveries),
        Effect::Claim { key, claim, ids } => write_claim(out, key, &claim, ids),
        _ => unreachable!("the caller has sorted the effects"),
    }
}

/// Appends the commands that make a key, which does not exist, hold a stream.
pub(super) fn encode_value(key: &[u8], stream: &Stream, out: &mut Vec<u8>, behind: Behind<'_>) {
    let facts = stream.facts();
    let gone = gone_but_pending(stream);
    if stream.is_empty() && gone.is_empty() {
        // The only way to an empty stream without groups.
        let id = text(facts.last_id.max(Id::new(0, 1)));
        write_command(out, &[b"XADD", key, b"MAXLEN", b"0", &id, b"x", b"y"]);
    }
    let mut add = |id: Id, fields: &[&[u8]]| {
        with_words(out, &[b"XADD", key, &text(id)], fields);
        behind(out);
    };
    let mut before = gone.iter().copied().peekable();
    for entry in stream.iter() {
        while let Some(id) = before.next_if(|id| *id < entry.id()) {
            add(id, &[b"x", b"y"]);
        }
        let fields: Vec<&[u8]> = entry.fields().flat_map(|(name, value)| [name, value]).collect();
        add(entry.id(), &fields);
    }
    before.for_each(|id| add(id, &[b"x", b"y"]));
    for (name, group) in stream.groups() {
        encode_group(key, name, group, out, behind);
    }
    // What was trimmed must not count as deleted.
    let is_trimmed = |id: &Id| {
        if stream.is_empty() { *id > facts.max_deleted_id } else { *id < facts.first_id }
    };
    let (trimmed, deleted): (Vec<Id>, Vec<Id>) = gone.iter().partition(|id| is_trimmed(id));
    for ids in deleted.chunks(IDS_A_COMMAND) {
        with_ids(out, &[b"XDEL", key], ids);
        behind(out);
    }
    if !trimmed.is_empty() {
        write_command(out, &[b"XTRIM", key, b"MAXLEN", b"=", &unsigned(facts.len)]);
    }
    set_past(out, key, facts);
    if let Some(producers) = stream.producers() {
        limit_names(out, key, producers.limits);
        for named in producers.iter() {
            name_entry(out, key, named);
            behind(out);
        }
    }
}

/// The command of Redis 8.6.2 for files like this. Its entry may be gone.
fn name_entry(out: &mut Vec<u8>, key: &[u8], Named { producer, name, id }: Named<'_>) {
    write_command(out, &[&b"XIDMPRECORD"[..], key, producer, name, &text(id)]);
}

fn limit_names(out: &mut Vec<u8>, key: &[u8], limits: Limits) {
    let (duration_s, max_names) = (unsigned(limits.duration_s.into()), unsigned(limits.max_names.into()));
    let words: [&[u8]; 6] = [b"XCFGSET", key, b"IDMP-DURATION", &duration_s, b"IDMP-MAXSIZE", &max_names];
    write_command(out, &words);
}

/// What groups have pending and is not in the stream any more. What would be beyond the last ID is left out: only
/// XSETID can have brought it there, and there is no way back.
fn gone_but_pending(stream: &Stream) -> Vec<Id> {
    let last_id = stream.facts().last_id;
    let pending = stream.groups().flat_map(|(_, group)| group.pending.from(Id::MIN));
    let ids: BTreeSet<Id> = pending.map(|pending| pending.id).collect();
    let is_gone = |id: &Id| !id.is_zero() && *id <= last_id && !stream.contains(*id);
    ids.into_iter().filter(is_gone).collect()
}

fn encode_group(key: &[u8], name: &[u8], group: &Group, out: &mut Vec<u8>, behind: Behind<'_>) {
    create_group(out, key, name, group.last_id, group.entries_read);
    for consumer in group.consumers() {
        write_command(out, &[&b"XGROUP"[..], b"CREATECONSUMER", key, name, consumer.name]);
        behind(out);
    }
    let names = group.names();
    let mut pending = group.pending.from(Id::MIN).peekable();
    let mut ids = Vec::with_capacity(IDS_A_COMMAND);
    while let Some(first) = pending.next() {
        ids.clear();
        ids.push(first.id);
        while ids.len() < IDS_A_COMMAND
            && let Some(like) = pending.next_if(|one| Pending { id: first.id, ..*one } == first)
        {
            ids.push(like.id);
        }
        let Pending { consumer, delivered_ms, deliveries, .. } = first;
        if consumer == ConsumerNumber::NOBODY {
            give_back(out, key, name, &ids, deliveries);
        } else {
            let consumer = names.get(consumer);
            let claim = Claim { group: name, last_id: Id::MIN, consumer, delivered_ms, deliveries };
            write_claim(out, key, &claim, &ids);
        }
        behind(out);
    }
}

fn create_group(out: &mut Vec<u8>, key: &[u8], group: &[u8], last_id: Id, entries_read: Option<u64>) {
    let (last_id, read) = (text(last_id), entries_read.map(unsigned));
    let read: &[&[u8]] = match &read {
        Some(read) => &[b"ENTRIESREAD", read],
        None => &[],
    };
    with_words(out, &[&b"XGROUP"[..], b"CREATE", key, group, &last_id, b"MKSTREAM"], read);
}

fn write_claim(out: &mut Vec<u8>, key: &[u8], claim: &Claim<'_>, ids: &[Id]) {
    let (time, count) = (number(claim.delivered_ms), unsigned(claim.deliveries));
    let last_id = text(claim.last_id);
    let head: [&[u8]; 5] = [b"XCLAIM", key, claim.group, claim.consumer, b"0"];
    let tail: [&[u8]; 8] = [b"TIME", &time, b"RETRYCOUNT", &count, b"FORCE", b"JUSTID", b"LASTID", &last_id];
    around_ids(out, &head, ids, &tail);
}

/// What belongs to nobody. Redis knows this from 8.8 on.
fn give_back(out: &mut Vec<u8>, key: &[u8], group: &[u8], ids: &[Id], deliveries: u64) {
    let (many, count) = (unsigned(ids.len() as u64), unsigned(deliveries));
    let head: [&[u8]; 6] = [b"XNACK", key, group, b"FAIL", b"IDS", &many];
    around_ids(out, &head, ids, &[b"RETRYCOUNT", &count, b"FORCE"]);
}

fn set_past(out: &mut Vec<u8>, key: &[u8], facts: Facts) {
    let (last_id, added, deleted) =
        (text(facts.last_id), unsigned(facts.entries_added), text(facts.max_deleted_id));
    let words: [&[u8]; 7] = [b"XSETID", key, &last_id, b"ENTRIESADDED", &added, b"MAXDELETEDID", &deleted];
    write_command(out, &words);
}

fn with_ids(out: &mut Vec<u8>, head: &[&[u8]], ids: &[Id]) {
    around_ids(out, head, ids, &[]);
}

/// A command with IDs between words.
fn around_ids(out: &mut Vec<u8>, head: &[&[u8]], ids: &[Id], tail: &[&[u8]]) {
    let mut encoder = Encoder::new(out, Protocol::Resp2);
    encoder.array(head.len() + ids.len() + tail.len());
    head.iter().for_each(|word| encoder.bulk(word));
    let mut text = Vec::with_capacity(41);
    for id in ids {
        text.clear();
        write_id(&mut text, *id);
        encoder.bulk(&text);
    }
    tail.iter().for_each(|word| encoder.bulk(word));
}

fn text(id: Id) -> Vec<u8> {
    let mut text = Vec::with_capacity(41);
    write_id(&mut text, id);
    text
}

fn write_id(text: &mut Vec<u8>, id: Id) {
    write_u64(text, id.ms);
    text.push(b'-');
    write_u64(text, id.seq);
}

fn unsigned(value: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(41);
    write_u64(&mut text, value);
    text
}
