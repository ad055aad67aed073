//! Reading a stream by itself: XLEN, XRANGE, XREVRANGE.

use resp::Protocol;
use resp::write::Aggregate;
use value::Stream;
use value::stream::{Entry, Id};

use super::{range_first, range_last, write_entry};
use crate::args::Args;
use crate::command::Outcome;
use crate::computing::Answer;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{Pieces, Progress};

/// Entries that are written in one step.
const STEP_ENTRIES: usize = 256;

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

/// The IDs from which entries are shown, both included, and the direction.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: Id,
    last: Id,
    is_backward: bool,
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
        let (stream, protocol) = (stream.clone(), reply.protocol());
        let gathering = Gathering {
            stream,
            span: Some(span),
            left: count,
            protocol,
            written: 0,
            entries: Pieces::default(),
        };
        return reply.answer(gathering, false);
    }
    if span.is_backward {
        write_entries(reply, stream.range_back(span.first, span.last), count);
    } else {
        write_entries(reply, stream.range(span.first, span.last), count);
    }
    Ok(())
}

/// Many entries on their way to a client. How many they are is known when the last one is written.
#[derive(Debug)]
struct Gathering {
    stream: Stream,
    /// What has still to be shown, and how many of it.
    span: Option<Span>,
    left: usize,
    protocol: Protocol,
    /// Those that are written, and how many they are.
    entries: Pieces,
    written: usize,
}

impl Gathering {
    /// Writes some entries; the ID of the last one, if there may be more.
    fn write_some(&mut self, span: Span) -> Option<Id> {
        let count = self.left.min(STEP_ENTRIES);
        let mut reply = Reply::new(self.entries.last(), self.protocol);
        let (mut written, mut last) = (0, None);
        let mut write = |entry: Entry<'_>| {
            write_entry(&mut reply, &entry);
            written += 1;
            last = Some(entry.id());
        };
        if span.is_backward {
            self.stream.range_back(span.first, span.last).take(count).for_each(&mut write);
        } else {
            self.stream.range(span.first, span.last).take(count).for_each(&mut write);
        }
        self.written += written;
        self.left -= written;
        last.filter(|_| written == count && self.left > 0)
    }
}

impl Answer for Gathering {
    fn step(&mut self) -> Progress {
        let Some(span) = self.span else { return Progress::Done };
        self.span = self.write_some(span).and_then(|id| {
            Some(if span.is_backward {
                Span { last: id.previous()?, ..span }
            } else {
                Span { first: id.next()?, ..span }
            })
        });
        if self.span.is_some() { Progress::More } else { Progress::Done }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.array(self.written);
        self.entries.write(reply);
        Ok(())
    }
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
