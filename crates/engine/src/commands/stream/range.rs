//! Reading a stream by itself: XLEN, XRANGE, XREVRANGE.

use resp::write::Aggregate;
use value::Stream;
use value::stream::{Entry, Id};

use super::{range_first, range_last, write_entry};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn xlen(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let length = ctx.db().stream(&key)?.map_or(0, Stream::len);
    reply.integer(length as i64);
    Ok(())
}

pub(super) fn xrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (first, last) = (range_first(args.get(2))?, range_last(args.get(3))?);
    range(ctx, args, reply, |stream, each| each(&mut stream.range(first, last)))
}

pub(super) fn xrevrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (first, last) = (range_first(args.get(3))?, range_last(args.get(2))?);
    range(ctx, args, reply, |stream, each| each(&mut stream.range_back(first, last)))
}

/// What takes the entries of a range.
type Taker<'t> = &'t mut dyn FnMut(&mut dyn Iterator<Item = Entry<'_>>);

fn range(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    walk: impl FnOnce(&Stream, Taker<'_>),
) -> Outcome {
    let mut count = None;
    let mut cursor = args.cursor(4);
    while !cursor.is_done() {
        if !cursor.take("COUNT") {
            return Err(Error::Syntax);
        }
        count = Some(usize::try_from(cursor.integer()?.max(0)).unwrap_or(usize::MAX));
    }
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    match (db.stream(&key)?, count) {
        (None, _) => reply.array(0),
        (Some(_), Some(0)) => reply.null_array(),
        (Some(stream), count) => walk(stream, &mut |entries| {
            write_entries(reply, entries, count.unwrap_or(usize::MAX));
        }),
    }
    Ok(())
}

/// Writes up to `count` entries as an array and returns the IDs of the first and last one.
pub(super) fn write_entries<'a>(
    reply: &mut Reply<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
    count: usize,
) -> Option<Id> {
    let deferred = reply.defer();
    let mut written = 0;
    let mut last = None;
    for entry in entries.take(count) {
        write_entry(reply, &entry);
        written += 1;
        last = Some(entry.id());
    }
    reply.finish(deferred, Aggregate::Array, written);
    last
}
