//! Writing a string: SET with its options, and its older forms SETNX, SETEX, PSETEX, GETSET.

use keyspace::Expiry;

use super::condition::Condition;
use crate::args::Args;
use crate::command::{Access, Outcome};
use crate::commands::expiry_option::{ExpiryOption, Unit};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// The options of SET.
#[derive(Debug, Default)]
struct Options<'a> {
    condition: Condition<'a>,
    get: bool,
    expiry: ExpiryOption<'a>,
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut cursor = args.cursor(3);
        while !cursor.is_done() {
            if cursor.take("GET") {
                options.get = true;
            } else if !options.condition.read_presence(&mut cursor)?
                && !options.condition.read_comparison(&mut cursor)?
                && !options.expiry.read(&mut cursor, &[ExpiryOption::Keep])?
            {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

/// Without GET, what the key held is not read.
pub(super) fn access(args: &Args<'_>) -> Access {
    let reads = args.from(3).any(|word| word.eq_ignore_ascii_case(b"GET"));
    if reads { Access::Exchange } else { Access::Overwrite }
}

pub(super) fn set(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 3 {
        ctx.db().set_string(&key, args.get(2), Expiry::Clear);
        reply.ok();
        return Ok(());
    }
    let options = Options::parse(args)?;
    options.condition.check()?;
    let wish = options.expiry.resolve(ctx.now(), "set")?;
    let mut db = ctx.db();
    if options.get {
        match db.string(&key)? {
            Some(value) => reply.string(value),
            None => reply.null(),
        }
    }
    let holds = match options.condition {
        Condition::Always => true,
        Condition::Missing => !db.contains(&key),
        Condition::Present => db.contains(&key),
        comparison => comparison.holds(db.string_to_change(&key)?),
    };
    if holds {
        db.set_string(&key, args.get(2), wish.expiry());
    }
    match (options.get, holds) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

pub(super) fn setnx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let missing = !db.contains(&key);
    if missing {
        db.set_string(&key, args.get(2), Expiry::Clear);
    }
    reply.integer(i64::from(missing));
    Ok(())
}

pub(super) fn setex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set_with_expiry(ctx, args, reply, Unit::Seconds, "setex")
}

pub(super) fn psetex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set_with_expiry(ctx, args, reply, Unit::Millis, "psetex")
}

fn set_with_expiry(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    unit: Unit,
    command: &'static str,
) -> Outcome {
    let at = unit.deadline(args.integer(2)?, ctx.now(), command)?;
    let key = ctx.key(args, 1);
    ctx.db().set_string(&key, args.get(3), Expiry::At(at));
    reply.ok();
    Ok(())
}

pub(super) fn getset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    match db.string(&key)? {
        Some(value) => reply.string(value),
        None => reply.null(),
    }
    db.set_string(&key, args.get(2), Expiry::Clear);
    Ok(())
}
