//! Reading what is behind an ID from several streams: XREAD, XREADGROUP.

use keyspace::{Db, Delivery, Key};
use resp::Protocol;
use resp::write::Aggregate;
use value::Stream;
use value::stream::{ConsumerNumber, Id, Pending};

use super::range::write_entries;
use super::{id, write_entry, write_id};
use crate::args::Args;
use crate::command::{Outcome, word_streams};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// What is to be read.
struct Wanted<'a> {
    /// The most entries of each stream.
    count: usize,
    /// The names of a group and a consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    is_pending: bool,
    /// The argument of the first key, and how many there are.
    first_key: usize,
    keys: usize,
}

/// From where a stream is read.
#[derive(Debug, Clone, Copy)]
enum From {
    /// Behind this ID; of a group, what its consumer has pending.
    Behind(Id),
    /// What the group has not had.
    New,
}

impl<'a> Wanted<'a> {
    fn parse(args: &Args<'a>, for_group: bool) -> Result<Self, Error> {
        let mut wanted = Self { count: usize::MAX, group: None, is_pending: true, first_key: 0, keys: 0 };
        let mut cursor = args.cursor(1);
        while !cursor.is_done() {
            let left = cursor.left();
            if left > 1 && cursor.take("BLOCK") {
                timeout(cursor.next_required()?)?;
            } else if left > 1 && cursor.take("COUNT") {
                wanted.count = match usize::try_from(cursor.integer()?) {
                    Err(_) | Ok(0) => usize::MAX,
                    Ok(count) => count,
                };
            } else if left > 1 && cursor.take("STREAMS") {
                wanted.first_key = cursor.position();
                let rest = cursor.left();
                if !rest.is_multiple_of(2) {
                    return Err(unbalanced(for_group));
                }
                wanted.keys = rest / 2;
                break;
            } else if left > 2 && cursor.take("GROUP") {
                if !for_group {
                    return Err(only_for_groups("GROUP"));
                }
                wanted.group = Some((cursor.next_required()?, cursor.next_required()?));
            } else if cursor.take("NOACK") {
                if !for_group {
                    return Err(only_for_groups("NOACK"));
                }
                wanted.is_pending = false;
            } else {
                return Err(Error::Syntax);
            }
        }
        if wanted.keys == 0 {
            return Err(Error::Syntax);
        }
        if for_group && wanted.group.is_none() {
            return Err(Error::Static("ERR Missing GROUP option for XREADGROUP"));
        }
        debug_assert_eq!(
            word_streams(args).map(|word| word + 1),
            Some(wanted.first_key),
            "the keys are locked"
        );
        Ok(wanted)
    }
}

/// The milliseconds of BLOCK.
fn timeout(text: &[u8]) -> Result<i64, Error> {
    let timeout = super::integer(text, "ERR timeout is not an integer or out of range")?;
    if timeout < 0 { Err(Error::Static("ERR timeout is negative")) } else { Ok(timeout) }
}

fn unbalanced(for_group: bool) -> Error {
    let (name, ids) =
        if for_group { ("xreadgroup", "an ID or '>'") } else { ("xread", "an ID, '+', or '$'") };
    Error::Text(format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key {ids} must be specified."
    ))
}

fn only_for_groups(option: &str) -> Error {
    Error::Text(format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."))
}

fn meaningless(sign: char) -> Error {
    Error::Text(format!(
        "ERR The {sign} ID is meaningless in the context of XREADGROUP: you want to read the history of this \
         consumer by specifying a proper ID, or use the > ID to get new messages. The {sign} ID would just return \
         an empty result set."
    ))
}

pub(super) fn xread(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    read(ctx, args, reply, false)
}

pub(super) fn xreadgroup(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    read(ctx, args, reply, true)
}

fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, for_group: bool) -> Outcome {
    let wanted = Wanted::parse(args, for_group)?;
    let keys: Vec<Key<'_>> =
        (0..wanted.keys).map(|number| ctx.key(args, wanted.first_key + number)).collect();
    let now_ms = ctx.access.wall().0;
    let mut db = ctx.db();
    let mut places = Vec::with_capacity(keys.len());
    for (number, key) in keys.iter().enumerate() {
        let text = args.get(wanted.first_key + wanted.keys + number);
        places.push(place(&mut db, key, text, wanted.group.map(|(group, _)| group))?);
    }
    let deferred = reply.defer();
    let mut streams = 0;
    for (key, place) in keys.iter().zip(places) {
        let was_read = match wanted.group {
            None => read_stream(&mut db, key, place, wanted.count, reply)?,
            Some(names) => Reader { db: &mut db, key, names, now_ms }.read(&wanted, place, reply)?,
        };
        streams += usize::from(was_read);
    }
    match (streams, reply.protocol()) {
        (0, _) => reply.null_array(),
        (_, Protocol::Resp2) => reply.finish(deferred, Aggregate::Array, streams),
        (_, Protocol::Resp3) => reply.finish(deferred, Aggregate::Map, streams),
    }
    Ok(())
}

/// From where a stream is to be read; the group has to be there.
fn place(db: &mut Db<'_, '_>, key: &Key<'_>, text: &[u8], group: Option<&[u8]>) -> Result<From, Error> {
    let stream = db.stream(key)?;
    if let Some(group) = group
        && stream.is_none_or(|stream| stream.group(group).is_none())
    {
        let (key, group) = (String::from_utf8_lossy(key.bytes), String::from_utf8_lossy(group));
        return Err(Error::Text(format!(
            "NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option"
        )));
    }
    match (text, group) {
        (b"$", Some(_)) => Err(meaningless('$')),
        (b"$", None) => Ok(From::Behind(stream.map_or(Id::MIN, |stream| stream.facts().last_id))),
        (b"+", Some(_)) => Err(meaningless('+')),
        (b"+", None) => Ok(From::Behind(stream.and_then(before_last).unwrap_or(Id::MIN))),
        (b">", Some(_)) => Ok(From::New),
        (b">", None) => Err(Error::Static(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        (text, _) => id(text).map(From::Behind),
    }
}

/// The ID before that of the last entry.
fn before_last(stream: &Stream) -> Option<Id> {
    stream.range_back(Id::MIN, Id::MAX).next()?.id().previous()
}

/// The header of one stream's part of the reply.
fn begin_stream(reply: &mut Reply<'_>, key: &Key<'_>) {
    if reply.protocol() == Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key.bytes);
}

/// Writes the entries of a stream behind an ID; false if there are none.
fn read_stream(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    place: From,
    count: usize,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    let From::Behind(behind) = place else { return Ok(false) };
    let (Some(stream), Some(first)) = (db.stream_to_change(key)?, behind.next()) else { return Ok(false) };
    if stream.range(first, Id::MAX).next().is_none() {
        return Ok(false);
    }
    begin_stream(reply, key);
    write_entries(reply, stream.range(first, Id::MAX), count);
    Ok(true)
}

/// A consumer who reads a stream.
struct Reader<'r, 'd, 'a, 'k> {
    db: &'r mut Db<'d, 'k>,
    key: &'r Key<'a>,
    names: (&'r [u8], &'r [u8]),
    now_ms: i64,
}

impl Reader<'_, '_, '_, '_> {
    /// Writes what the consumer gets; false if there is nothing new.
    fn read(&mut self, wanted: &Wanted<'_>, place: From, reply: &mut Reply<'_>) -> Result<bool, Error> {
        let (group, consumer) = self.names;
        if !self.db.consumer_create(self.key, group, consumer)? {
            self.db.consumer_note(self.key, group, consumer, false)?;
        }
        match place {
            From::Behind(id) => {
                begin_stream(reply, self.key);
                self.read_pending(id, wanted.count, reply)?;
                Ok(true)
            }
            From::New => self.read_new(wanted, reply),
        }
    }

    fn read_new(&mut self, wanted: &Wanted<'_>, reply: &mut Reply<'_>) -> Result<bool, Error> {
        let (group, consumer) = self.names;
        let Some(stream) = self.db.stream_to_change(self.key)? else { return Ok(false) };
        let first = stream.group(group).and_then(|group| group.last_id.next());
        let Some(first) = first else { return Ok(false) };
        let ids: Vec<Id> = stream.range(first, Id::MAX).take(wanted.count).map(|entry| entry.id()).collect();
        if ids.is_empty() {
            return Ok(false);
        }
        begin_stream(reply, self.key);
        write_entries(reply, stream.range(first, Id::MAX), wanted.count);
        let delivery = Delivery { group, consumer, ids: &ids, is_pending: wanted.is_pending };
        self.db.stream_deliver(self.key, delivery)?;
        if wanted.is_pending {
            self.db.consumer_note(self.key, group, consumer, true)?;
        }
        Ok(true)
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
        let mut again = Vec::new();
        reply.array(pending.len());
        for one in pending {
            if let Some(entry) = stream.get(one.id) {
                write_entry(reply, &entry);
                let deliveries = one.deliveries.saturating_add(1);
                again.push(Pending { delivered_ms: self.now_ms, deliveries, ..one });
            } else {
                reply.array(2);
                write_id(reply, one.id);
                reply.null_array();
            }
        }
        self.db.stream_claim(self.key, group, consumer, &again)?;
        Ok(())
    }
}
