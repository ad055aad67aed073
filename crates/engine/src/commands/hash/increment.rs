//! Counters in fields: HINCRBY, HINCRBYFLOAT. The field keeps its expiry.

use stdx::long_double::LongDouble;
use stdx::number::{parse_i64, write_i64};
use value::hash::FieldExpiry;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn hincrby(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let increment = args.integer(3)?;
    let (key, field) = (ctx.key(args, 1), args.get(2));
    let mut db = ctx.db();
    let before = match db.hash_to_change(&key)?.and_then(|hash| hash.get(field)) {
        Some(text) => parse_i64(text).ok_or(Error::Static("ERR hash value is not an integer"))?,
        None => 0,
    };
    let after = before.checked_add(increment).ok_or(Error::Overflow)?;
    let mut text = Vec::with_capacity(20);
    write_i64(&mut text, after);
    db.hash_set(&key, &[(field, &text)], FieldExpiry::Keep)?;
    reply.integer(after);
    Ok(())
}

pub(super) fn hincrbyfloat(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let increment = LongDouble::parse(args.get(3)).ok_or(Error::NotFloat)?;
    if !increment.is_finite() {
        return Err(Error::Static("ERR value is NaN or Infinity"));
    }
    let (key, field) = (ctx.key(args, 1), args.get(2));
    let mut db = ctx.db();
    let before = match db.hash_to_change(&key)?.and_then(|hash| hash.get(field)) {
        Some(text) => LongDouble::parse(text).ok_or(Error::Static("ERR hash value is not a float"))?,
        None => LongDouble::ZERO,
    };
    let after = before.plus(increment);
    if !after.is_finite() {
        return Err(Error::NotFinite);
    }
    let mut text = Vec::new();
    after.write(&mut text);
    db.hash_set(&key, &[(field, &text)], FieldExpiry::Keep)?;
    reply.bulk(&text);
    Ok(())
}
