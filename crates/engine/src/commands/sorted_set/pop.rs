//! Taking members from an end: ZPOPMIN, ZPOPMAX, ZMPOP.

use keyspace::{Count, Db, Key};
use resp::Protocol;
use value::zset::End;
use value::{Kind, ZSetRef};

use super::super::many_keys::ManyKeys;
use super::natural;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn zpopmin(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, End::Lowest)
}

pub(super) fn zpopmax(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(ctx, args, reply, End::Highest)
}

fn pop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, end: End) -> Outcome {
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let count = args.get_optional(2).map(natural).transpose()?;
    // One member alone is a flat pair in RESP3 too.
    let is_nested = count.is_some() && reply.protocol() == Protocol::Resp3;
    let key = ctx.key(args, 1);
    let count = count.map_or(Count::One, Count::UpTo);
    if !pop_many(&mut ctx.db(), &key, end, count, is_nested, reply)? {
        reply.array(0);
    }
    Ok(())
}

/// Takes members from an end and writes them with their scores, in pairs or flat; false if there is no
/// sorted set.
fn pop_many(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    end: End,
    count: Count,
    is_nested: bool,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    let Some(length) = db.zset_to_change(key)?.map(ZSetRef::len) else { return Ok(false) };
    reply.array(count.most().min(length) * if is_nested { 1 } else { 2 });
    db.zset_pop(key, end, count, &mut |element| {
        if is_nested {
            reply.array(2);
        }
        reply.bulk(element.member);
        reply.double(element.score);
    })?;
    Ok(true)
}

/// What ZMPOP and BZMPOP are to pop.
pub(super) type ManyZSets = ManyKeys<End>;

impl ManyZSets {
    /// The arguments from the number of keys on.
    pub(super) fn of(args: &Args<'_>, at: usize) -> Result<Self, Error> {
        Self::parse(args, at, |cursor| {
            if cursor.take("MIN") {
                Ok(End::Lowest)
            } else if cursor.take("MAX") {
                Ok(End::Highest)
            } else {
                Err(Error::Syntax)
            }
        })
    }

    /// Pops from the first key that holds a sorted set; false if none does.
    pub(super) fn pop(
        &self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<bool, Error> {
        for at in self.positions() {
            let key = ctx.key(args, at);
            if ctx.sees(&key, Kind::ZSet) && ctx.db().zset_to_change(&key)?.is_some() {
                reply.array(2);
                reply.bulk(key.bytes);
                pop_many(&mut ctx.db(), &key, self.end, Count::UpTo(self.count), true, reply)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) fn zmpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !ManyZSets::of(args, 1)?.pop(ctx, args, reply)? {
        reply.null_array();
    }
    Ok(())
}
