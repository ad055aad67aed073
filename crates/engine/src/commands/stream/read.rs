//! Reading what is behind an ID from several streams, or waiting for it: XREAD, XREADGROUP.

use std::borrow::Cow;

use keyspace::{Db, Key};
use resp::Protocol;
use resp::write::Aggregate;
use stdx::time::UnixMs;
use value::stream::Id;
use value::{Kind, Stream};

use super::deliver::Reader;
use super::gathering::{Gathering, Reading, Span, begin_stream};
use super::portion::Portion;
use super::wanted::Wanted;
use super::{id, write_entry};
use crate::args::Args;
use crate::blocking::{Late, LookAgain, Wait};
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::MANY_ELEMENTS;

/// From where a stream is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// Behind this ID; of a group, what its consumer has pending.
    Behind(Id),
    /// What the group has not had.
    New,
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
    let wanted = Wanted::parse(args, for_group, ctx.now())?;
    let places = places(ctx, args, &wanted)?;
    if is_long(ctx, args, &wanted, &places, reply)? {
        return leave(ctx, args, &wanted, &places, reply);
    }
    if write(ctx, args, &wanted, &places, reply)? {
        return Ok(());
    }
    match wanted.timeout_ms {
        Some(timeout_ms) if ctx.may_wait() => wait(ctx, args, &wanted, &places, timeout_ms),
        _ => reply.null_array(),
    }
    Ok(())
}

/// The numbers of the streams to look at, and from where each is to be read.
fn places(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    wanted: &Wanted<'_>,
) -> Result<Vec<(usize, From)>, Error> {
    let mut places = Vec::with_capacity(wanted.keys);
    for number in 0..wanted.keys {
        let key = ctx.key(args, wanted.first_key + number);
        // What has become of its keys is an answer for a group's consumer.
        let is_seen = if wanted.group.is_some() { ctx.reaches(&key) } else { ctx.sees(&key, Kind::Stream) };
        if is_seen {
            let text = args.get(wanted.place_at(number));
            let mut db = ctx.db();
            places.push((number, place(db.stream(&key)?, &key, text, wanted.group_name())?));
        }
    }
    Ok(places)
}

/// Whether there is so much to read that it is better written later. What an entry takes is not known then, and what was
/// pending is written as it is changed.
fn is_long(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    wanted: &Wanted<'_>,
    places: &[(usize, From)],
    reply: &Reply<'_>,
) -> Result<bool, Error> {
    let group = wanted.group_name();
    let reads_pending = group.is_some() && places.iter().any(|(_, place)| !matches!(place, From::New))
        || wanted.min_idle_ms.is_some();
    if !reply.leaves(wanted.count.min(wanted.max_count)) || wanted.max_bytes != usize::MAX || reads_pending {
        return Ok(false);
    }
    let mut found = 0;
    for &(number, place) in places {
        let key = ctx.key(args, wanted.first_key + number);
        let mut db = ctx.db();
        if let Some(stream) = db.stream_to_change(&key)?
            && let Some(first) = first_unread(stream, place, group)
        {
            found += stream.range(first, Id::MAX).take(wanted.count.min(MANY_ELEMENTS - found)).count();
        }
        if reply.leaves(found) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Leaves the entries that there are to an answer; those for a group are delivered now.
fn leave(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    wanted: &Wanted<'_>,
    places: &[(usize, From)],
    reply: &mut Reply<'_>,
) -> Outcome {
    let (now_ms, protocol) = (ctx.access.wall().0, reply.protocol());
    let mut portion = Portion::new(wanted, reply);
    let mut streams = Vec::new();
    for &(number, place) in places {
        let key = ctx.key(args, wanted.first_key + number);
        let mut db = ctx.db();
        let span = match wanted.group {
            None => {
                let stream = db.stream_to_change(&key)?;
                let first = stream.and_then(|stream| first_unread(stream, place, None));
                first.map(|first| (first, Id::MAX))
            }
            Some(_) if portion.is_full() => None,
            Some(names) => {
                let portion = &mut portion;
                Reader { db: &mut db, key: &key, names, now_ms, portion }.deliver_unwritten(wanted)?
            }
        };
        if let Some((first, last)) = span
            && let Some(stream) = db.stream_to_change(&key)?
        {
            let span = Span { first, last, is_backward: false };
            streams.push((key.bytes.to_vec(), Gathering::new(stream, span, wanted.count, protocol)));
        }
    }
    reply.answer(Reading::new(streams, wanted.max_count), false)
}

/// Writes what there is; false if there is nothing.
fn write(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    wanted: &Wanted<'_>,
    places: &[(usize, From)],
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    let now_ms = ctx.access.wall().0;
    let mut portion = Portion::new(wanted, reply);
    let deferred = reply.defer();
    let mut streams = 0;
    for &(number, place) in places {
        if portion.is_full() {
            break;
        }
        let key = ctx.key(args, wanted.first_key + number);
        let mut db = ctx.db();
        let was_read = match wanted.group {
            None => read_stream(&mut db, &key, place, wanted.count, (&mut portion, reply))?,
            Some(names) => {
                let portion = &mut portion;
                Reader { db: &mut db, key: &key, names, now_ms, portion }.read(wanted, place, reply)?
            }
        };
        streams += usize::from(was_read);
    }
    if streams > 0 {
        let kind = if reply.protocol() == Protocol::Resp2 { Aggregate::Array } else { Aggregate::Map };
        reply.finish(deferred, kind, streams);
    }
    Ok(streams > 0)
}

/// Waits for entries in one of the streams. In the place of `$` stands the last ID of now.
fn wait(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    wanted: &Wanted<'_>,
    places: &[(usize, From)],
    timeout_ms: u64,
) {
    let mut words: Vec<Cow<'_, [u8]>> = args.from(0).map(Cow::Borrowed).collect();
    for &(number, place) in places {
        let word = &mut words[wanted.place_at(number)];
        if let (From::Behind(id), b"$") = (place, &**word) {
            *word = Cow::Owned(id.to_string().into_bytes());
        }
    }
    let for_group = wanted.group.is_some();
    ctx.wait(
        words.into_iter().collect(),
        Wait {
            keys: (wanted.first_key..wanted.first_key + wanted.keys).collect(),
            kind: Kind::Stream,
            ready: Some(if for_group { is_ready_for_group } else { is_ready }),
            minds_absence: for_group,
            look_again: wanted.min_idle_ms.map(|_| next_claim as LookAgain),
            timeout_ms,
            late: Late::NullArray,
        },
    );
}

fn is_ready(ctx: &mut Context<'_, '_>, args: &Args<'_>, at: usize) -> bool {
    has_answer(ctx, args, at, false)
}

fn is_ready_for_group(ctx: &mut Context<'_, '_>, args: &Args<'_>, at: usize) -> bool {
    has_answer(ctx, args, at, true)
}

/// Whether a key has entries for a command that waits, or is a reason for an error.
fn has_answer(ctx: &mut Context<'_, '_>, args: &Args<'_>, at: usize, for_group: bool) -> bool {
    let Ok(wanted) = Wanted::parse(args, for_group, ctx.now()) else { return true };
    let (key, group) = (ctx.key(args, at), wanted.group_name());
    let idle_since = wanted.min_idle_ms.map(|min_idle_ms| ctx.access.wall().0.saturating_sub(min_idle_ms));
    let mut db = ctx.db();
    let Ok(stream) = db.stream_to_change(&key) else { return true };
    // The same key may stand there with several IDs.
    let mut numbers = (0..wanted.keys).filter(|number| args.get(wanted.first_key + number) == key.bytes);
    numbers.any(|number| match place(stream, &key, args.get(wanted.place_at(number)), group) {
        Ok(place) => stream.is_some_and(|stream| {
            first_unread(stream, place, group).is_some()
                || matches!(place, From::New) && has_idle(stream, group, idle_since)
        }),
        Err(_) => true,
    })
}

/// Whether a group has something pending that was delivered at a time or before.
fn has_idle(stream: &Stream, group: Option<&[u8]>, idle_since: Option<i64>) -> bool {
    let oldest = group.and_then(|group| stream.group(group)?.pending.oldest());
    oldest.zip(idle_since).is_some_and(|(oldest, since)| oldest.delivered_ms <= since)
}

/// When a waiting XREADGROUP with CLAIM may find something that has been pending for long enough. Nothing that is delivered
/// from now on can be that earlier.
fn next_claim(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Option<UnixMs> {
    let wanted = Wanted::parse(args, true, ctx.now()).ok()?;
    let (min_idle_ms, group) = (wanted.min_idle_ms?, wanted.group_name()?);
    let mut first_ms = ctx.access.wall().0;
    for at in wanted.first_key..wanted.first_key + wanted.keys {
        let key = ctx.key(args, at);
        let mut db = ctx.db();
        let stream = db.stream_to_change(&key).ok().flatten();
        let oldest = stream.and_then(|stream| stream.group(group)?.pending.oldest());
        first_ms = oldest.map_or(first_ms, |oldest| first_ms.min(oldest.delivered_ms));
    }
    first_ms.checked_add(min_idle_ms).map(UnixMs)
}

/// From where a stream is to be read; the group has to be there.
fn place(stream: Option<&Stream>, key: &Key<'_>, text: &[u8], group: Option<&[u8]>) -> Result<From, Error> {
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

/// The first ID that an unread entry may have; `None` if there is no such entry.
pub(super) fn first_unread(stream: &Stream, place: From, group: Option<&[u8]>) -> Option<Id> {
    let behind = match place {
        From::Behind(id) => id,
        From::New => stream.group(group?)?.last_id,
    };
    let first = behind.next()?;
    stream.range(first, Id::MAX).next().map(|_| first)
}

/// Writes the entries of a stream behind an ID; false if there are none.
fn read_stream(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    place: From,
    count: usize,
    (portion, reply): (&mut Portion, &mut Reply<'_>),
) -> Result<bool, Error> {
    let Some(stream) = db.stream_to_change(key)? else { return Ok(false) };
    let Some(first) = first_unread(stream, place, None) else { return Ok(false) };
    let before = reply.buffer().len();
    begin_stream(reply, key.bytes);
    let deferred = reply.defer();
    let entries = stream.range(first, Id::MAX).take(count);
    let written = entries.take_while(|entry| portion.add(reply, |reply| write_entry(reply, entry))).count();
    if written == 0 {
        reply.truncate(before);
        return Ok(false);
    }
    reply.finish(deferred, Aggregate::Array, written);
    Ok(true)
}
