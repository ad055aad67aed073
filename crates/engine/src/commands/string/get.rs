//! Reading a string, and what follows the reading: GET, GETDEL, GETEX.

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::expiry_option::{ExpiryOption, Wish};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn get(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    match ctx.db().string(&key)? {
        Some(value) => reply.string(value),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn getdel(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(value) = db.string(&key)? else {
        reply.null();
        return Ok(());
    };
    reply.string(value);
    db.delete(&key);
    Ok(())
}

pub(super) fn getex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut expiry = ExpiryOption::Absent;
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        if !expiry.read(&mut cursor, &[ExpiryOption::Persist])? {
            return Err(Error::Syntax);
        }
    }
    let key = ctx.key(args, 1);
    let now = ctx.now();
    let mut db = ctx.db();
    let Some(value) = db.string(&key)? else {
        reply.null();
        return Ok(());
    };
    // Judged only where there is a key, as in Redis.
    let wish = expiry.resolve(now, "getex")?;
    reply.string(value);
    match wish {
        Wish::Absent | Wish::Keep => {}
        Wish::Persist => {
            db.clear_expiry(&key);
        }
        Wish::At(at) => {
            db.set_expiry(&key, at); // a passed time deletes
        }
    }
    Ok(())
}
