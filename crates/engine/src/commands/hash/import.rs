//! HIMPORT: hashes with the same fields, whose names are sent once.

use value::hash::FieldExpiry;

use super::write::Pairs;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::fieldset::Refused;
use crate::reply::Reply;

/// The container itself answers nothing: a request without a subcommand has too few arguments.
pub(super) fn no_subcommand(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::Syntax)
}

pub(super) fn prepare(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.session.fieldsets.prepare(args.get(2), args.from(3)).map_err(|refused| match refused {
        Refused::Duplicate => Error::Static("ERR duplicate field name in fieldset"),
        Refused::TooMuch => Error::Static("ERR too many fieldsets on this connection"),
    })?;
    reply.ok();
    Ok(())
}

pub(super) fn set(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let fields = ctx.session.fieldsets.get(args.get(3)).ok_or(Error::Static("ERR no such fieldset"))?;
    let values = args.from(4);
    if fields.len() != values.len() {
        return Err(Error::Static("ERR the number of values does not match the number of fields"));
    }
    let pairs: Pairs<'_> = fields.iter().map(Vec::as_slice).zip(values).collect();
    let mut db = ctx.access.db(ctx.session.database);
    db.delete(&key);
    db.hash_set(&key, &pairs, FieldExpiry::Clear)?;
    reply.ok();
    Ok(())
}

pub(super) fn discard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let discarded = ctx.session.fieldsets.discard(args.get(2));
    reply.integer(i64::from(discarded));
    Ok(())
}

pub(super) fn discard_all(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let discarded = ctx.session.fieldsets.clear();
    reply.integer(discarded as i64);
    Ok(())
}
