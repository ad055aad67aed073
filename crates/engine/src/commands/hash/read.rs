//! Reading: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HEXISTS, HSTRLEN.

use value::HashRef;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;

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
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.map(hash.map_or(0, HashRef::count_live));
    for entry in hash.into_iter().flat_map(HashRef::iter) {
        reply.bulk(entry.field);
        reply.bulk(entry.value);
    }
    Ok(())
}

pub(super) fn hkeys(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.array(hash.map_or(0, HashRef::count_live));
    hash.into_iter().flat_map(HashRef::iter).for_each(|entry| reply.bulk(entry.field));
    Ok(())
}

pub(super) fn hvals(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.array(hash.map_or(0, HashRef::count_live));
    hash.into_iter().flat_map(HashRef::iter).for_each(|entry| reply.bulk(entry.value));
    Ok(())
}

pub(super) fn hlen(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    reply.integer(hash.map_or(0, HashRef::len) as i64);
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
