//! Keys of any type: whether they are there, what they are, what they are called, where they are.

use keyspace::Key;
use value::Kind;

use super::connection::database_argument;
use crate::args::Args;
use crate::command::{Access, Command, Databases, Flags, Group, Handler, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
const SAME_OBJECT: Error = Error::Static("ERR source and destination objects are the same");

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(name, Group::Generic, arity, handler).flags(flags)
}

const fn all_keys(access: Access) -> Keys {
    Keys::Range { first: 1, last: -1, step: 1, access }
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    row("DEL", -2, WRITE, del).tips(tips::MULTI_SHARD_SUM).keys(all_keys(Access::Remove)).doc(
        "1.0.0",
        "O(N) where N is the number of keys that will be removed.",
        "Deletes one or more keys.",
        "key [key ...]",
    ),
    row("UNLINK", -2, WRITE.and(FAST), del).tips(tips::MULTI_SHARD_SUM).keys(all_keys(Access::Remove)).doc(
        "4.0.0",
        "O(1) for each key removed regardless of its size; memory is given back by another thread.",
        "Deletes one or more keys and frees their values elsewhere.",
        "key [key ...]",
    ),
    row("EXISTS", -2, READ.and(FAST), exists).tips(tips::MULTI_SHARD_SUM).keys(all_keys(Access::Look)).doc(
        "1.0.0",
        "O(N) where N is the number of keys to check.",
        "Determines whether one or more keys exist.",
        "key [key ...]",
    )
    .history(&[("3.0.3", "Several keys may be given.")]),
    row("TOUCH", -2, READ.and(FAST).and(Flags::TOUCHES), touch).tips(tips::MULTI_SHARD_SUM).keys(all_keys(Access::Look)).doc(
        "3.2.1",
        "O(N) where N is the number of keys that will be touched.",
        "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
        "key [key ...]",
    ),
    row("TYPE", 2, READ.and(FAST), type_of).key(Access::Look).doc(
        "1.0.0",
        "O(1)",
        "Determines the type of value stored at a key.",
        "key",
    ),
    row("RENAME", 3, WRITE, rename)
        .keys(Keys::Pair { first: Access::Take, second: Access::Overwrite })
        .doc("1.0.0", "O(1)", "Renames a key and overwrites the destination.", "key newkey"),
    row("RENAMENX", 3, WRITE.and(FAST), renamenx)
        .keys(Keys::Pair { first: Access::Take, second: Access::Create })
        .doc("1.0.0", "O(1)", "Renames a key only when the target key name doesn't exist.", "key newkey")
            .history(&[("3.2.0", "To rename a key to its own name is no error.")]),
    row("COPY", -3, WRITE.and(Flags::DENYOOM), copy)
        .keys(Keys::Pair { first: Access::Read, second: Access::Overwrite })
        .databases(Databases::Option { after: 2 })
        .doc(
            "6.2.0",
            "O(1); large values share their memory until one of the two changes.",
            "Copies the value of a key to a new key.",
            "source destination [DB destination-db] [REPLACE]",
        ),
    row("MOVE", 3, WRITE.and(FAST), move_key).key(Access::Update).databases(Databases::At(&[2])).doc(
        "1.0.0",
        "O(1)",
        "Moves a key to another database.",
        "key db",
    ),
];

fn del(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(count_keys(ctx, args, |ctx, key| ctx.db().delete(key)));
    Ok(())
}

fn exists(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(count_keys(ctx, args, |ctx, key| ctx.db().exists(key)));
    Ok(())
}

fn touch(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(count_keys(ctx, args, |ctx, key| ctx.db().touch(key)));
    Ok(())
}

/// Does the same with all keys; returns for how many it answers true.
fn count_keys(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    mut each: impl FnMut(&mut Context<'_, '_>, &Key<'_>) -> bool,
) -> i64 {
    let mut count = 0;
    for index in 1..args.len() {
        let key = ctx.key_in_turn(args, index, 1);
        count += i64::from(each(ctx, &key));
    }
    count
}

fn type_of(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let kind = if db.exists(&key) { db.kind(&key) } else { None };
    reply.simple(kind.map_or("none", Kind::type_name));
    Ok(())
}

fn rename(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    if !ctx.db().rename(&from, &to) {
        return Err(Error::NoSuchKey);
    }
    reply.ok();
    Ok(())
}

fn renamenx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    let mut db = ctx.db();
    if !db.contains(&from) {
        return Err(Error::NoSuchKey);
    }
    let renamed = !db.contains(&to) && db.rename(&from, &to);
    reply.integer(i64::from(renamed));
    Ok(())
}

fn copy(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut target, mut replace) = (ctx.session.database, false);
    let mut cursor = args.cursor(3);
    while !cursor.is_done() {
        if cursor.take("REPLACE") {
            replace = true;
        } else if cursor.take("DB") {
            target = database_argument(ctx, cursor.next_required()?)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    if target == ctx.session.database && from.bytes == to.bytes {
        return Err(SAME_OBJECT);
    }
    let may_copy = ctx.db().exists(&from) && (replace || !ctx.database(target).contains(&to));
    let copied = may_copy && ctx.db().copy(&from, &to, target);
    reply.integer(i64::from(copied));
    Ok(())
}

fn move_key(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let target = database_argument(ctx, args.get(2))?;
    if target == ctx.session.database {
        return Err(SAME_OBJECT);
    }
    let key = ctx.key(args, 1);
    let moved = ctx.db().move_to(&key, target);
    reply.integer(i64::from(moved));
    Ok(())
}
