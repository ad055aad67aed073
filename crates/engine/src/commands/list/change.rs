//! Changing elements where they are: LSET, LINSERT, LREM, LTRIM.

use value::list::{ListRef, Side};

use super::looking::{Change, Looking};
use super::{position, positions};
use crate::args::Args;
use crate::command::Outcome;
use crate::computing;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn lset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let length = db.list_to_change(&key)?.ok_or(Error::NoSuchKey)?.len();
    let position = position(args.integer(2)?, length).ok_or(Error::Static("ERR index out of range"))?;
    db.list_set(&key, position, args.get(3))?;
    reply.ok();
    Ok(())
}

pub(super) fn linsert(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let side = if args.is(2, "BEFORE") {
            Side::Left
        } else if args.is(2, "AFTER") {
            Side::Right
        } else {
            return Err(Error::Syntax);
        };
        Looking::read(ctx, args, Change::Insert(side))
    })
}

pub(super) fn lrem(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let count = args.integer(2)?;
        if count == i64::MIN {
            return Err(Error::Static(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let side = if count < 0 { Side::Right } else { Side::Left };
        let limit = match count.unsigned_abs() {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        Looking::read(ctx, args, Change::Remove(side, limit))
    })
}

pub(super) fn ltrim(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    if let Some(length) = db.list_to_change(&key)?.map(ListRef::len) {
        db.list_trim(&key, positions(start, stop, length))?;
    }
    reply.ok();
    Ok(())
}
