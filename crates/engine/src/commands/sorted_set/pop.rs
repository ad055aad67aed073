//! Taking members from an end: ZPOPMIN, ZPOPMAX, ZMPOP.

use std::ops::Range;

use keyspace::{Db, Key};
use resp::Protocol;
use stdx::number::parse_i64;
use value::zset::End;
use value::{Kind, ZSetRef};

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
    if !pop_many(&mut ctx.db(), &key, end, count.unwrap_or(1), is_nested, reply)? {
        reply.array(0);
    }
    Ok(())
}

/// Takes up to `count` members from an end and writes them with their scores, in pairs or flat; false if there is no
/// sorted set.
fn pop_many(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    end: End,
    count: usize,
    is_nested: bool,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    let Some(length) = db.zset_to_change(key)?.map(ZSetRef::len) else { return Ok(false) };
    reply.array(count.min(length) * if is_nested { 1 } else { 2 });
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
pub(super) struct ManyKeys {
    /// The index of the first key.
    first: usize,
    keys: usize,
    end: End,
    count: usize,
}

impl ManyKeys {
    /// The arguments from the number of keys on.
    pub(super) fn parse(args: &Args<'_>, at: usize) -> Result<Self, Error> {
        let keys = positive(args.get(at), "ERR numkeys should be greater than 0")?;
        let first = at + 1;
        if keys >= args.len() - first {
            return Err(Error::Syntax);
        }
        let mut cursor = args.cursor(first + keys);
        let end = if cursor.take("MIN") {
            End::Lowest
        } else if cursor.take("MAX") {
            End::Highest
        } else {
            return Err(Error::Syntax);
        };
        let mut wanted = Self { first, keys, end, count: 1 };
        if cursor.take("COUNT") {
            wanted.count = positive(cursor.next_required()?, "ERR count should be greater than 0")?;
        }
        cursor.finish()?;
        Ok(wanted)
    }

    /// The positions of the keys among the arguments.
    pub(super) fn positions(&self) -> Range<usize> {
        self.first..self.first + self.keys
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
                pop_many(&mut ctx.db(), &key, self.end, self.count, true, reply)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn positive(text: &[u8], error: &'static str) -> Result<usize, Error> {
    let number = parse_i64(text).filter(|&number| number > 0).ok_or(Error::Static(error))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

pub(super) fn zmpop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !ManyKeys::parse(args, 1)?.pop(ctx, args, reply)? {
        reply.null_array();
    }
    Ok(())
}
