//! Pushing, popping and moving at the ends: LPUSH, RPUSH, LPUSHX, RPUSHX, LPOP, RPOP, LMPOP, LMOVE, RPOPLPUSH.

use keyspace::{Count, Db, Key};
use smallvec::SmallVec;
use stdx::number::parse_i64;
use value::Kind;
use value::list::{ListRef, Side};

use super::super::many_keys::ManyKeys;
use super::{side, side_of};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn lpush(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(ctx, args, reply, Side::Left)
}

pub(super) fn rpush(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(ctx, args, reply, Side::Right)
}

pub(super) fn lpushx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push_if_there(ctx, args, reply, Side::Left)
}

pub(super) fn rpushx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push_if_there(ctx, args, reply, Side::Right)
}

fn push(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, side: Side) -> Outcome {
    let key = ctx.key(args, 1);
    let length = if args.len() == 3 {
        ctx.db().list_push(&key, side, &[args.get(2)])?
    } else {
        let elements: SmallVec<[&[u8]; 8]> = args.from(2).collect();
        ctx.db().list_push(&key, side, &elements)?
    };
    reply.integer(length as i64);
    Ok(())
}

fn push_if_there(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, side: Side) -> Outcome {
    let key = ctx.key(args, 1);
    if ctx.db().list_to_change(&key)?.is_some() {
        return push(ctx, args, reply, side);
    }
    reply.integer(0);
    Ok(())
}

pub(super) fn lpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, Side::Left)
}

pub(super) fn rpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, Side::Right)
}

fn pop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, side: Side) -> Outcome {
    let key = ctx.key(args, 1);
    match args.len() {
        2 => {
            let popped = ctx.db().list_pop(&key, side, Count::One, &mut |element| reply.bulk(element))?;
            if popped == 0 {
                reply.null();
            }
            Ok(())
        }
        3 => {
            let count = parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
            let count = count.ok_or(Error::Static("ERR value is out of range, must be positive"))?;
            if !pop_many(&mut ctx.db(), &key, side, count, reply)? {
                reply.null_array();
            }
            Ok(())
        }
        _ => Err(Error::WrongArity(if side == Side::Left { "lpop" } else { "rpop" }.into())),
    }
}

/// Takes up to `count` elements from an end of a list and writes them as an array; false if there is no list.
fn pop_many(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    side: Side,
    count: usize,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    let Some(length) = db.list_to_change(key)?.map(ListRef::len) else { return Ok(false) };
    reply.array(count.min(length));
    db.list_pop(key, side, Count::UpTo(count), &mut |element| reply.bulk(element))?;
    Ok(true)
}

/// What LMPOP and BLMPOP are to pop.
pub(super) type ManyLists = ManyKeys<Side>;

impl ManyLists {
    /// The arguments from the number of keys on.
    pub(super) fn of(args: &Args<'_>, at: usize) -> Result<Self, Error> {
        Self::parse(args, at, |cursor| side_of(cursor.next_required()?))
    }

    /// Pops from the first list that is there; false if there is none.
    pub(super) fn pop(
        &self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<bool, Error> {
        for at in self.positions() {
            let key = ctx.key(args, at);
            if ctx.sees(&key, Kind::List) && ctx.db().list_to_change(&key)?.is_some() {
                reply.array(2);
                reply.bulk(key.bytes);
                return pop_many(&mut ctx.db(), &key, self.end, self.count, reply);
            }
        }
        Ok(false)
    }
}

pub(super) fn lmpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !ManyLists::of(args, 1)?.pop(ctx, args, reply)? {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn lmove(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (side(args, 3)?, side(args, 4)?);
    move_element(ctx, args, reply, (from, to))
}

pub(super) fn rpoplpush(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    move_element(ctx, args, reply, (Side::Right, Side::Left))
}

fn move_element(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    (from, to): (Side, Side),
) -> Outcome {
    if !try_move(ctx, args, reply, (from, to))? {
        reply.null();
    }
    Ok(())
}

/// Moves an element of the first key to the second; false if there is none.
pub(super) fn try_move(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    (from, to): (Side, Side),
) -> Result<bool, Error> {
    let (source, target) = (ctx.key(args, 1), ctx.key(args, 2));
    Ok(ctx.db().list_move((&source, from), (&target, to), &mut |element| reply.bulk(element))?)
}
