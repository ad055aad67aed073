//! Pops and moves that wait: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.

use std::ops::Range;

use keyspace::Count;
use value::Kind;
use value::list::Side;

use super::ends::{ManyLists, try_move};
use super::side;
use crate::args::{Args, OwnedArgs};
use crate::blocking::{Late, Ready, Wait, timeout_seconds};
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;

pub(super) fn blpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, Side::Left)
}

pub(super) fn brpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, Side::Right)
}

fn pop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, side: Side) -> Outcome {
    let last = args.len() - 1;
    let timeout_ms = timeout_seconds(args.get(last), ctx.now())?;
    for at in 1..last {
        let key = ctx.key(args, at);
        if ctx.sees(&key, Kind::List) && ctx.db().list_to_change(&key)?.is_some() {
            reply.array(2);
            reply.bulk(key.bytes);
            ctx.db().list_pop(&key, side, Count::One, &mut |element| reply.bulk(element))?;
            return Ok(());
        }
    }
    if ctx.may_wait() {
        wait(ctx, args, 1..last, timeout_ms);
    } else {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn blmpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = ManyLists::of(args, 2)?;
    let timeout_ms = timeout_seconds(args.get(1), ctx.now())?;
    if wanted.pop(ctx, args, reply)? {
        return Ok(());
    }
    if ctx.may_wait() {
        wait(ctx, args, wanted.positions(), timeout_ms);
    } else {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn blmove(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let sides = (side(args, 3)?, side(args, 4)?);
    move_element(ctx, args, reply, sides, 5)
}

pub(super) fn brpoplpush(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    move_element(ctx, args, reply, (Side::Right, Side::Left), 3)
}

fn move_element(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    sides: (Side, Side),
    timeout_at: usize,
) -> Outcome {
    let timeout_ms = timeout_seconds(args.get(timeout_at), ctx.now())?;
    if try_move(ctx, args, reply, sides)? {
        return Ok(());
    }
    if ctx.may_wait() {
        wait(ctx, args, 1..2, timeout_ms);
    } else {
        reply.null();
    }
    Ok(())
}

/// Waits for a list under one of these keys.
fn wait(ctx: &mut Context<'_, '_>, args: &Args<'_>, keys: Range<usize>, timeout_ms: u64) {
    wait_until(ctx, args, keys, timeout_ms, None);
}

/// Waits for a list under one of these keys of which something holds besides.
pub(super) fn wait_until(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    keys: Range<usize>,
    timeout_ms: u64,
    ready: Option<Ready>,
) {
    ctx.wait(
        OwnedArgs::copy(args),
        Wait {
            keys: keys.collect(),
            kind: Kind::List,
            ready,
            minds_absence: false,
            look_again: None,
            timeout_ms,
            late: Late::NullArray,
        },
    );
}
