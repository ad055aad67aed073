//! Removing members: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use std::ops::Range;

use smallvec::SmallVec;
use value::ZSetRef;

use super::bounds;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::list::positions;
use crate::context::Context;
use crate::reply::Reply;

pub(super) fn zrem(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let members: SmallVec<[&[u8]; 4]> = args.from(2).collect();
    let removed = ctx.db().zset_remove(&key, &members)?;
    reply.integer(removed as i64);
    Ok(())
}

pub(super) fn by_rank(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    remove(ctx, args, reply, |zset| positions(start, stop, zset.len()))
}

pub(super) fn by_score(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = bounds::scores(args, 2, 3)?;
    remove(ctx, args, reply, |zset| zset.positions_by_score(&range))
}

pub(super) fn by_member(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = bounds::members(args, 2, 3)?;
    remove(ctx, args, reply, |zset| zset.positions_by_member(&range, false))
}

/// Removes the members whose positions a function tells.
fn remove(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    find: impl FnOnce(ZSetRef<'_>) -> Range<usize>,
) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let positions = db.zset_to_change(&key)?.map_or(0..0, find);
    let removed = positions.len();
    db.zset_remove_range(&key, positions)?;
    reply.integer(removed as i64);
    Ok(())
}
