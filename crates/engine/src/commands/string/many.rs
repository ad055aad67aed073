//! Several keys at once: MGET, MSET, MSETNX, MSETEX.

use std::borrow::Cow;

use keyspace::Key;
use smallvec::SmallVec;
use stdx::number::parse_i64;
use value::ValueRef;

use super::condition::Condition;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::expiry_option::ExpiryOption;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// So many keys are set by one command in the log, so that none grows without limit.
const PAIRS_AT_ONCE: usize = 64;

pub(super) fn mget(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(args.len() - 1);
    for index in 1..args.len() {
        let key = ctx.key_in_turn(args, index, 1);
        match ctx.db().get(&key) {
            Some(ValueRef::String(value)) => reply.string(value),
            _ => reply.null(),
        }
    }
    Ok(())
}

pub(super) fn mset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_pairs(args, "mset")?;
    set_pairs(ctx, args);
    reply.ok();
    Ok(())
}

pub(super) fn msetnx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_pairs(args, "msetnx")?;
    let missing = (1..args.len()).step_by(2).all(|index| {
        let key = ctx.key_in_turn(args, index, 2);
        !ctx.db().contains(&key)
    });
    if missing {
        set_pairs(ctx, args);
    }
    reply.integer(i64::from(missing));
    Ok(())
}

fn check_pairs(args: &Args<'_>, command: &'static str) -> Result<(), Error> {
    if args.len() % 2 == 1 { Ok(()) } else { Err(Error::WrongArity(Cow::Borrowed(command))) }
}

fn set_pairs(ctx: &mut Context<'_, '_>, args: &Args<'_>) {
    let mut pairs: SmallVec<[(Key<'_>, &[u8]); PAIRS_AT_ONCE]> = SmallVec::new();
    for index in (1..args.len()).step_by(2) {
        pairs.push((ctx.key_in_turn(args, index, 2), args.get(index + 1)));
        if pairs.len() == PAIRS_AT_ONCE {
            ctx.db().set_strings(&pairs);
            pairs.clear();
        }
    }
    ctx.db().set_strings(&pairs);
}

pub(super) fn msetex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = parse_i64(args.get(1))
        .filter(|count| (1..=i64::from(i32::MAX)).contains(count))
        .ok_or(Error::Static("ERR invalid numkeys value or out of range"))? as usize;
    let options_at = 2 + 2 * count;
    if options_at > args.len() {
        return Err(Error::Syntax);
    }
    let (mut condition, mut expiry) = (Condition::Always, ExpiryOption::Absent);
    let mut cursor = args.cursor(options_at);
    while !cursor.is_done() {
        if !condition.read_presence(&mut cursor)? && !expiry.read(&mut cursor, &[ExpiryOption::Keep])? {
            return Err(Error::Syntax);
        }
    }
    let wish = expiry.resolve(ctx.now(), "msetex")?;
    let keys = (2..options_at).step_by(2);
    let holds = condition == Condition::Always
        || keys.clone().all(|index| {
            let key = ctx.key_of(args.get(index));
            ctx.db().contains(&key) == (condition == Condition::Present)
        });
    if holds {
        for index in keys {
            let key = ctx.key_of(args.get(index));
            ctx.db().set_string(&key, args.get(index + 1), wish.expiry());
        }
    }
    reply.integer(i64::from(holds));
    Ok(())
}
