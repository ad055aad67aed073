//! One bit: SETBIT and GETBIT.

use value::StringRef;

use super::offset;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn setbit(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let offset = offset(ctx, args.get(2), None)?;
    let on = match args.get(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(Error::Static("ERR bit is not an integer or out of range")),
    };
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let value = db.string_to_change(&key)?.unwrap_or(StringRef::Inline(b""));
    let (place, mask) = (offset / 8, 0x80 >> (offset % 8));
    let (length, before) = (value.len(), value.byte(place));
    let after = if on { before | mask } else { before & !mask };
    // A bit that stays as it is changes nothing, unless the string grows to hold it.
    if after != before || place >= length {
        db.write_range(&key, place, &[after])?;
    }
    reply.integer(i64::from(before & mask != 0));
    Ok(())
}

pub(super) fn getbit(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let offset = offset(ctx, args.get(2), None)?;
    let key = ctx.key(args, 1);
    let byte = ctx.db().string(&key)?.map_or(0, |value| value.byte(offset / 8));
    reply.integer(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(())
}
