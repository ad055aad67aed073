//! Writing and removing: HSET, HMSET, HSETNX, HDEL.

use smallvec::SmallVec;
use value::hash::FieldExpiry;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// Fields with their values; a few of them without an allocation.
pub(super) type Pairs<'a> = SmallVec<[(&'a [u8], &'a [u8]); 4]>;

/// The arguments from an index on, two by two.
pub(super) fn pairs<'a>(args: &Args<'a>, first: usize) -> Pairs<'a> {
    let mut pairs = Pairs::new();
    for at in (first + 1..args.len()).step_by(2) {
        pairs.push((args.get(at - 1), args.get(at)));
    }
    pairs
}

pub(super) fn hset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let added = set(ctx, args, "hset")?;
    reply.integer(added as i64);
    Ok(())
}

pub(super) fn hmset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(ctx, args, "hmset")?;
    reply.ok();
    Ok(())
}

fn set(ctx: &mut Context<'_, '_>, args: &Args<'_>, command: &'static str) -> Result<usize, Error> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::WrongArity(command.into()));
    }
    let key = ctx.key(args, 1);
    Ok(ctx.db().hash_set(&key, &pairs(args, 2), FieldExpiry::Clear)?)
}

pub(super) fn hsetnx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let exists = db.hash_to_change(&key)?.is_some_and(|hash| hash.contains(args.get(2)));
    if !exists {
        db.hash_set(&key, &[(args.get(2), args.get(3))], FieldExpiry::Clear)?;
    }
    reply.integer(i64::from(!exists));
    Ok(())
}

pub(super) fn hdel(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let fields: SmallVec<[&[u8]; 8]> = args.from(2).collect();
    let removed = ctx.db().hash_delete(&key, &fields)?;
    reply.integer(removed.into_iter().filter(|removed| *removed).count() as i64);
    Ok(())
}
