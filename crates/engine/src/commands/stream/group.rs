//! XGROUP: groups come and go.

use value::stream::Id;

use super::{id, no_group};
use crate::args::{Args, Cursor};
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

const NO_KEY: Error = Error::Static(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);

pub(super) fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("xgroup".into()))
}

/// Reads what may stand behind ENTRIESREAD.
fn entries_read(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Error> {
    match cursor.integer()? {
        -1 => Ok(None),
        read => u64::try_from(read)
            .map(Some)
            .map_err(|_| Error::Static("ERR value for ENTRIESREAD must be positive or -1")),
    }
}

fn bad_arguments(args: &Args<'_>) -> Error {
    Error::SubcommandArguments(String::from_utf8_lossy(args.get(1)).into_owned(), "XGROUP")
}

pub(super) fn create(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut makes_stream, mut read) = (false, None);
    let mut cursor = args.cursor(5);
    while !cursor.is_done() {
        if cursor.take("MKSTREAM") {
            makes_stream = true;
        } else if cursor.left() > 1 && cursor.take("ENTRIESREAD") {
            read = entries_read(&mut cursor)?;
        } else {
            return Err(bad_arguments(args));
        }
    }
    let key = ctx.key(args, 2);
    let mut db = ctx.db();
    let facts = db.stream_to_change(&key)?.map(value::Stream::facts);
    if facts.is_none() && !makes_stream {
        return Err(NO_KEY);
    }
    if args.len() > 8 {
        return Err(bad_arguments(args));
    }
    let last_id =
        if args.get(4) == b"$" { facts.map_or(Id::MIN, |facts| facts.last_id) } else { id(args.get(4))? };
    if !db.group_create(&key, args.get(3), last_id, read)? {
        return Err(Error::Static("BUSYGROUP Consumer Group name already exists"));
    }
    reply.ok();
    Ok(())
}

pub(super) fn set_id(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut read = None;
    let mut cursor = args.cursor(5);
    while !cursor.is_done() {
        if cursor.left() < 2 || !cursor.take("ENTRIESREAD") {
            return Err(bad_arguments(args));
        }
        read = entries_read(&mut cursor)?;
    }
    let last_id = require_group(ctx, args)?;
    if args.len() > 7 {
        return Err(bad_arguments(args));
    }
    let last_id = match args.get(4) {
        b"$" => last_id,
        b"-" => Id::MIN,
        b"+" => Id::MAX,
        text => id(text)?,
    };
    let key = ctx.key(args, 2);
    ctx.db().group_set(&key, args.get(3), last_id, read)?;
    reply.ok();
    Ok(())
}

pub(super) fn destroy(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let mut db = ctx.db();
    db.stream_to_change(&key)?.ok_or(NO_KEY)?;
    let was_there = db.group_destroy(&key, args.get(3))?;
    if was_there {
        ctx.make_ready(&key);
    }
    reply.integer(was_there.into());
    Ok(())
}

pub(super) fn create_consumer(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_group(ctx, args)?;
    let key = ctx.key(args, 2);
    let is_new = ctx.db().consumer_create(&key, args.get(3), args.get(4))?;
    reply.integer(is_new.into());
    Ok(())
}

pub(super) fn delete_consumer(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_group(ctx, args)?;
    let key = ctx.key(args, 2);
    let pending = ctx.db().consumer_delete(&key, args.get(3), args.get(4))?;
    reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}

/// An error unless stream and group are there; the last ID of the stream.
fn require_group(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Result<Id, Error> {
    let (key, name) = (ctx.key(args, 2), args.get(3));
    let mut db = ctx.db();
    let stream = db.stream_to_change(&key)?.ok_or(NO_KEY)?;
    stream.group(name).ok_or_else(|| no_group(key.bytes, name))?;
    Ok(stream.facts().last_id)
}

pub(super) fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("XGROUP", super::super::help::XGROUP);
    Ok(())
}
