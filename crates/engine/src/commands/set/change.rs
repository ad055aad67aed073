//! Changing: SADD, SREM, SMOVE, SPOP.

use smallvec::SmallVec;

use keyspace::Count;

use super::popping;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;

pub(super) fn sadd(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let members: SmallVec<[&[u8]; 8]> = args.from(2).collect();
    let added = ctx.db().set_add(&key, &members)?;
    reply.integer(added as i64);
    Ok(())
}

pub(super) fn srem(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let members: SmallVec<[&[u8]; 8]> = args.from(2).collect();
    let removed = ctx.db().set_remove(&key, &members)?;
    reply.integer(removed as i64);
    Ok(())
}

pub(super) fn smove(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    let moved = ctx.db().set_move(&from, &to, args.get(3))?;
    reply.integer(i64::from(moved));
    Ok(())
}

pub(super) fn spop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 2 {
        return popping::pop(ctx, args, reply);
    }
    let key = ctx.key(args, 1);
    if ctx.db().set_pop(&key, Count::One, &mut |member| reply.bulk(member))? == 0 {
        reply.null();
    }
    Ok(())
}
