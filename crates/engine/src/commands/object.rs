//! OBJECT: how a value is kept and when it was last used.

use config::{Config, Param};
use keyspace::Key;
use value::{StringRef, ValueRef};

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Handler, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const fn sub(name: &'static str, since: &'static str, summary: &'static str, handler: Handler) -> Command {
    Command::new(name, Group::Generic, 3, handler)
        .flags(Flags::READONLY)
        .keys(Keys::Range { first: 2, last: 2, step: 1, access: Access::Look })
        .doc(since, "O(1)", summary, "key")
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("OBJECT", Group::Generic, -2, help)
    .doc("2.2.3", "Depends on subcommand.", "A container for object introspection commands.", "")
    .subcommands(&[
        sub("ENCODING", "2.2.3", "Returns the internal encoding of a value.", encoding)
            .tips(tips::OUTPUT_VARIES),
        sub("FREQ", "4.0.0", "Returns the logarithmic access frequency counter of a value.", freq)
            .tips(tips::OUTPUT_VARIES),
        sub("IDLETIME", "2.2.3", "Returns the time since the last access to a value.", idletime)
            .tips(tips::OUTPUT_VARIES),
        sub("REFCOUNT", "2.2.3", "Returns the reference count of a value.", refcount)
            .tips(tips::OUTPUT_VARIES),
        Command::new("HELP", Group::Generic, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
            "6.2.0",
            "O(1)",
            "Returns helpful text about the different subcommands.",
            "",
        ),
    ])];

/// The key that is asked about, if it is there; else the answer is nothing.
fn look_for<'a>(ctx: &mut Context<'_, '_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Option<Key<'a>> {
    let key = ctx.key(args, 2);
    let is_there = ctx.db().is_there(&key);
    if !is_there {
        reply.null();
    }
    is_there.then_some(key)
}

fn encoding(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(key) = look_for(ctx, args, reply) else { return Ok(()) };
    let mut db = ctx.db();
    let changed = db.string_is_changed(&key);
    match db.peek(&key) {
        None => reply.null(),
        Some(ValueRef::String(value)) => reply.bulk(value.encoding(changed).name()),
        Some(ValueRef::Hash(hash)) => reply.bulk(hash.encoding().name()),
        Some(ValueRef::List(list)) => reply.bulk(list.encoding().name()),
        Some(ValueRef::Set(set)) => reply.bulk(set.encoding().name()),
        Some(ValueRef::ZSet(zset)) => reply.bulk(zset.encoding().name()),
        Some(ValueRef::Stream(_)) => reply.bulk("stream"),
    }
    Ok(())
}

fn freq(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(key) = look_for(ctx, args, reply) else { return Ok(()) };
    match ctx.db().frequency(&key) {
        Some(Some(count)) => reply.integer(i64::from(count)),
        Some(None) => {
            return Err(Error::Static(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                 switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        None => reply.null(),
    }
    Ok(())
}

fn idletime(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(key) = look_for(ctx, args, reply) else { return Ok(()) };
    match ctx.db().frequency(&key) {
        Some(None) => reply.integer(i64::from(ctx.db().idle_seconds(&key).unwrap_or(0))),
        Some(Some(_)) => {
            return Err(Error::Static(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
                 between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        None => reply.null(),
    }
    Ok(())
}

fn refcount(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(key) = look_for(ctx, args, reply) else { return Ok(()) };
    let shares = shares_integers(&ctx.shared.config.read());
    let mut db = ctx.db();
    let changed = db.string_is_changed(&key);
    match db.peek(&key) {
        None => reply.null(),
        Some(ValueRef::String(value)) if shares && !changed && is_small_integer(value) => {
            reply.integer(SHARED);
        }
        Some(_) => reply.integer(1),
    }
    Ok(())
}

/// What Redis says of integers that it keeps once for all keys. Here nothing is shared and nothing counted, but programs that
/// look at reference counts know these two answers.
const SHARED: i64 = i32::MAX as i64;

/// Whether Redis would share integers: not if each has to have a time or a number of accesses of its own.
fn shares_integers(config: &Config) -> bool {
    let policy = config.maxmemory_policy();
    config.size(Param::Maxmemory) == 0 || !policy.notes_accesses()
}

fn is_small_integer(value: StringRef<'_>) -> bool {
    value.integer().is_some_and(|number| (0..10_000).contains(&number))
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help(
        "OBJECT",
        &[
            "ENCODING <key>",
            "    Return the kind of internal representation used in order to store the value",
            "    associated with a <key>.",
            "FREQ <key>",
            "    Return the access frequency index of the <key>. The returned integer is",
            "    proportional to the logarithm of the recent access frequency of the key.",
            "IDLETIME <key>",
            "    Return the idle time of the <key>, that is the approximated number of",
            "    seconds elapsed since the last access to the key.",
            "REFCOUNT <key>",
            "    Return the number of references of the value associated with the specified",
            "    <key>.",
        ],
    );
    Ok(())
}
