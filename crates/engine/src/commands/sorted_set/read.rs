//! Reading: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT.

use value::ZSetRef;

use super::bounds;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn zcard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    reply.integer(db.zset(&key)?.map_or(0, ZSetRef::len) as i64);
    Ok(())
}

pub(super) fn zscore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let score = db.zset(&key)?.and_then(|zset| zset.score(args.get(2)));
    write_score(reply, score);
    Ok(())
}

pub(super) fn zmscore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let zset = db.zset(&key)?;
    let members = args.from(2);
    reply.array(members.len());
    members.for_each(|member| write_score(reply, zset.and_then(|zset| zset.score(member))));
    Ok(())
}

fn write_score(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

pub(super) fn zrank(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    rank(ctx, args, reply, false)
}

pub(super) fn zrevrank(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    rank(ctx, args, reply, true)
}

fn rank(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, is_reverse: bool) -> Outcome {
    if args.len() > 4 {
        return Err(Error::WrongArity(if is_reverse { "zrevrank" } else { "zrank" }.into()));
    }
    let with_score = args.is(3, "WITHSCORE");
    if args.len() == 4 && !with_score {
        return Err(Error::Syntax);
    }
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let zset = db.zset(&key)?;
    let found = zset.and_then(|zset| {
        let (position, score) = zset.rank(args.get(2))?;
        Some((if is_reverse { zset.len() - 1 - position } else { position }, score))
    });
    match found {
        None if with_score => reply.null_array(),
        None => reply.null(),
        Some((position, score)) => {
            if with_score {
                reply.array(2);
            }
            reply.integer(position as i64);
            if with_score {
                reply.double(score);
            }
        }
    }
    Ok(())
}

pub(super) fn zcount(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = bounds::scores(args, 2, 3)?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let count = db.zset(&key)?.map_or(0, |zset| zset.positions_by_score(&range).len());
    reply.integer(count as i64);
    Ok(())
}

pub(super) fn zlexcount(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = bounds::members(args, 2, 3)?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let count = db.zset(&key)?.map_or(0, |zset| zset.positions_by_member(&range, false).len());
    reply.integer(count as i64);
    Ok(())
}
