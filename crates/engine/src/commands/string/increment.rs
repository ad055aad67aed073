//! Counters: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

use keyspace::Expiry;
use stdx::long_double::LongDouble;
use value::StringRef;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn incr(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(ctx, args, reply, 1)
}

pub(super) fn decr(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(ctx, args, reply, -1)
}

pub(super) fn incrby(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(ctx, args, reply, args.integer(2)?)
}

pub(super) fn decrby(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let decrement = args.integer(2)?;
    let increment = decrement.checked_neg().ok_or(Error::Static("ERR decrement would overflow"))?;
    add(ctx, args, reply, increment)
}

fn add(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, increment: i64) -> Outcome {
    let key = ctx.key(args, 1);
    ctx.db().add_number(&key, increment, |value| {
        let before = value.map_or(Ok(0), |value| value.integer().ok_or(Error::NotInteger))?;
        let after = before.checked_add(increment).ok_or(Error::Overflow)?;
        // The reply holds the digits that the value wants: `:`, digits, CR LF.
        let begin = reply.buffer().len();
        reply.integer(after);
        let written = reply.buffer();
        Ok(&written[begin + 1..written.len() - 2])
    })
}

pub(super) fn incrbyfloat(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let before = match db.string_to_change(&key)? {
        Some(value) => number(value)?,
        None => LongDouble::ZERO,
    };
    let increment = LongDouble::parse(args.get(2)).ok_or(Error::NotFloat)?;
    let after = before.plus(increment);
    if !after.is_finite() {
        return Err(Error::NotFinite);
    }
    let mut text = Vec::new();
    after.write(&mut text);
    db.set_string(&key, &text, Expiry::Keep);
    reply.bulk(&text);
    Ok(())
}

/// The number that a value's text says.
pub(super) fn number(value: StringRef<'_>) -> Result<LongDouble, Error> {
    match value {
        StringRef::Inline(text) => LongDouble::parse(text).ok_or(Error::NotFloat),
        StringRef::Blob(_) => Err(Error::NotFloat), // far too long
    }
}
