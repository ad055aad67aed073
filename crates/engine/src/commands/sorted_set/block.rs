//! Pops that wait: BZPOPMIN, BZPOPMAX, BZMPOP.

use std::ops::Range;

use keyspace::Count;
use value::Kind;
use value::zset::End;

use super::pop::ManyZSets;
use crate::args::{Args, OwnedArgs};
use crate::blocking::{Late, Wait, timeout_seconds};
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;

pub(super) fn bzpopmin(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, End::Lowest)
}

pub(super) fn bzpopmax(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, End::Highest)
}

fn pop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, end: End) -> Outcome {
    let last = args.len() - 1;
    let timeout_ms = timeout_seconds(args.get(last), ctx.now())?;
    for at in 1..last {
        let key = ctx.key(args, at);
        if ctx.sees(&key, Kind::ZSet) && ctx.db().zset_to_change(&key)?.is_some() {
            reply.array(3);
            reply.bulk(key.bytes);
            ctx.db().zset_pop(&key, end, Count::One, &mut |element| {
                reply.bulk(element.member);
                reply.double(element.score);
            })?;
            return Ok(());
        }
    }
    wait(ctx, args, reply, 1..last, timeout_ms);
    Ok(())
}

pub(super) fn bzmpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = ManyZSets::of(args, 2)?;
    let timeout_ms = timeout_seconds(args.get(1), ctx.now())?;
    if !wanted.pop(ctx, args, reply)? {
        wait(ctx, args, reply, wanted.positions(), timeout_ms);
    }
    Ok(())
}

/// Waits for a sorted set under one of these keys, or says that there is none where nothing can wait.
fn wait(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    keys: Range<usize>,
    timeout_ms: u64,
) {
    if !ctx.may_wait() {
        reply.null_array();
        return;
    }
    ctx.wait(
        OwnedArgs::copy(args),
        Wait {
            keys: keys.collect(),
            kind: Kind::ZSet,
            ready: None,
            minds_absence: false,
            look_again: None,
            timeout_ms,
            late: Late::NullArray,
        },
    );
}
