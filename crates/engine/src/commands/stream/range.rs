//! Reading a stream by itself: XLEN, XRANGE, XREVRANGE.

use resp::write::Aggregate;
use value::Stream;
use value::stream::{Entry, Id};

use super::gathering::{Gathering, Span};
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
    range(ctx, args, reply, Span { first, last, is_backward: false })
}

pub(super) fn xrevrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (first, last) = (range_first(args.get(3))?, range_last(args.get(2))?);
    range(ctx, args, reply, Span { first, last, is_backward: true })
}

fn range(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, span: Span) -> Outcome {
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
    let Some(stream) = db.stream(&key)? else {
        reply.array(0);
        return Ok(());
    };
    let count = match count {
        Some(0) => {
            reply.null_array();
            return Ok(());
        }
        count => count.unwrap_or(usize::MAX),
    };
    let most = count.min(usize::try_from(stream.len()).unwrap_or(usize::MAX));
    if reply.leaves(most) {
        let gathering = Gathering::new(stream, span, count, reply.protocol());
        return reply.answer(gathering, false);
    }
    if span.is_backward {
        write_entries(reply, stream.range_back(span.first, span.last), count);
    } else {
        write_entries(reply, stream.range(span.first, span.last), count);
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
