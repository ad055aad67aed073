//! Reading: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HEXISTS, HSTRLEN.

use resp::write::Aggregate;
use value::HashRef;
use value::hash::Entry;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;
use crate::slices::{ByCursor, ELEMENT_HEAD};

/// Fields that are looked at to estimate how long the reply will be.
const SAMPLE: usize = 64;

pub(super) fn hget(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.optional(hash.and_then(|hash| hash.get(args.get(2))));
    Ok(())
}

pub(super) fn hmget(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    let fields = args.from(2);
    reply.array(fields.len());
    for field in fields {
        reply.optional(hash.and_then(|hash| hash.get(field)));
    }
    Ok(())
}

pub(super) fn hgetall(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let all = |entry: &Entry<'_>, reply: &mut Reply<'_>| {
        reply.bulk(entry.field);
        reply.bulk(entry.value);
    };
    write_all(ctx, args, reply, Aggregate::Map, all)
}

pub(super) fn hkeys(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    write_all(ctx, args, reply, Aggregate::Array, |entry, reply| reply.bulk(entry.field))
}

pub(super) fn hvals(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    write_all(ctx, args, reply, Aggregate::Array, |entry, reply| reply.bulk(entry.value))
}

/// Writes something of each field; of a large hash in slices.
fn write_all(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    aggregate: Aggregate,
    write: fn(&Entry<'_>, &mut Reply<'_>),
) -> Outcome {
    let (key, now) = (ctx.key(args, 1), ctx.now());
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.aggregate(aggregate, hash.map_or(0, HashRef::count_live));
    let Some(hash) = hash else { return Ok(()) };
    if reply.leaves(hash.len()) {
        let sampled: usize =
            hash.iter().take(SAMPLE).map(|entry| entry.field.len() + entry.value.len()).sum();
        let bytes = hash.len() * (sampled / SAMPLE + 2 * ELEMENT_HEAD);
        let value = (hash.to_owned(), now, write);
        let producer = ByCursor::new(value, bytes, reply.protocol(), |value, cursor, count, reply| {
            let (hash, now, write) = value;
            hash.at(*now).scan(cursor, count, &mut |entry| write(&entry, reply))
        });
        reply.produce(producer);
    } else {
        hash.iter().for_each(|entry| write(&entry, reply));
    }
    Ok(())
}

pub(super) fn hlen(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.integer(hash.map_or(0, HashRef::count_stored) as i64);
    Ok(())
}

pub(super) fn hexists(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.integer(i64::from(hash.is_some_and(|hash| hash.contains(args.get(2)))));
    Ok(())
}

pub(super) fn hstrlen(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    let value = hash.and_then(|hash| hash.get(args.get(2)));
    reply.integer(value.map_or(0, <[u8]>::len) as i64);
    Ok(())
}
