//! SORT and SORT_RO: the elements of a collection in another order, or what other keys hold for them.
//!
//! The elements come from a clone of the value, so that no lock is held while they are put in order. What patterns make up
//! are keys that nobody has declared: a few of them are locked together with the source, which must not have changed
//! since; for many a snapshot is taken, and nothing is locked at all. Only a result that depends on many other keys and
//! is stored is computed with all shards locked, or it might not fit what it is stored beside.

mod elements;
mod lookup;
mod options;
mod order;
mod pattern;

use keyspace::Key;
use value::{List, Value, list};

use crate::args::Args;
use crate::command::{Command, Flags, Group, Handler, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{ByPosition, ELEMENT_HEAD};
use elements::Source;
use lookup::Lookup;
use options::Options;

/// The types whose keys these commands are about, besides all.
const CATEGORIES: &[&str] = &["set", "sortedset", "list"];
const COST: &str = "O(N+M*log(M)) where N is the number of elements and M the number of returned elements.";

/// From so many looks into other keys on a snapshot is taken.
const MANY_LOOKS: usize = 4096;
/// Up to so many the shards to be locked are found one by one; beyond, it is quicker to lock all.
const FEW_LOOKS: usize = 256;
/// How often a result is computed anew because its source has changed, before that is prevented.
const ATTEMPTS: usize = 3;

const fn row(name: &'static str, flags: Flags, stores: bool, handler: Handler) -> Command {
    Command::new(name, Group::Generic, -2, handler)
        .flags(flags.and(Flags::ALONE).and(Flags::DANGEROUS))
        .keys(Keys::Sorted { stores })
        .categories(CATEGORIES)
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    row("SORT", Flags::WRITE.and(Flags::DENYOOM), true, sort).doc(
        "1.0.0",
        COST,
        "Sorts the elements of a list, a set or a sorted set, and stores the result if wished.",
        "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
         [STORE destination]",
    ),
    row("SORT_RO", Flags::READONLY, false, sort_ro).doc(
        "7.0.0",
        COST,
        "Returns the sorted elements of a list, a set or a sorted set.",
        "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
    ),
];

fn sort(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(ctx, args, true)?;
    run(ctx, args, &options, reply)
}

fn sort_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(ctx, args, false)?;
    run(ctx, args, &options, reply)
}

fn run(ctx: &mut Context<'_, '_>, args: &Args<'_>, options: &Options<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.in_transaction {
        return under_locks(ctx, args, options, reply);
    }
    let key = ctx.key(args, 1);
    let source = ctx.with_key(&key, |ctx| {
        ctx.remember_keys(args);
        Source::of_key(ctx, &key)
    })?;
    let looks = source.len().saturating_mul(options.patterns());
    match options.target {
        None if looks == 0 => answer(&source, options, &mut Lookup::Nowhere, reply),
        None if looks > MANY_LOOKS => from_snapshot(ctx, &key, options, reply),
        Some(target) if looks == 0 => store_if_unchanged(ctx, args, options, (source, target), reply),
        _ => with_other_keys(ctx, args, options, (source, looks), reply),
    }
}

/// Does all at once. Whatever is read and written is locked.
fn under_locks(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: &Options<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let source = Source::of_key(ctx, &ctx.key(args, 1))?;
    let keyspace = &ctx.shared.keyspace;
    let Some(target) = options.target else {
        return answer(&source, options, &mut Lookup::Db(ctx.db(), keyspace), reply);
    };
    let result = list_of(&source, options, &mut Lookup::Db(ctx.db(), keyspace))?;
    store(ctx, &ctx.key(args, target), result, reply);
    Ok(())
}

/// Reads everything from a snapshot, without locks.
fn from_snapshot(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    options: &Options<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (database, keyspace) = (ctx.session.database, &ctx.shared.keyspace);
    let snapshot = ctx.access.snapshot(|_| ());
    let source = Source::of_value(snapshot.value(database, key))?;
    answer(&source, options, &mut Lookup::Snapshot(&snapshot, database, keyspace), reply)
}

/// Sorts without locks and stores the result if the source has not changed meanwhile.
fn store_if_unchanged(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: &Options<'_>,
    (mut source, target): (Source, usize),
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, target) = (ctx.key(args, 1), ctx.key(args, target));
    let mut shards = [ctx.access.shard_of(&key), ctx.access.shard_of(&target)];
    for _ in 0..ATTEMPTS {
        let result = list_of(&source, options, &mut Lookup::Nowhere)?;
        let changed = ctx.with_shards(&mut shards, |ctx| {
            let now = Source::of_key(ctx, &key)?;
            if !now.is_same(&source) {
                return Ok::<_, Error>(Some(now));
            }
            store(ctx, &target, result, reply);
            Ok(None)
        })?;
        let Some(now) = changed else { return Ok(()) };
        source = now;
    }
    ctx.with_shards(&mut shards, |ctx| under_locks(ctx, args, options, reply))
}

/// Locks the keys that the patterns make up of the source's elements, too.
fn with_other_keys(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: &Options<'_>,
    (source, looks): (Source, usize),
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = ctx.key(args, 1);
    let mut all: Vec<usize> = (0..ctx.shared.keyspace.shards()).collect();
    if looks > FEW_LOOKS {
        return ctx.with_shards(&mut all, |ctx| under_locks(ctx, args, options, reply));
    }
    let mut some = vec![ctx.access.shard_of(&key)];
    some.extend(options.target.map(|at| ctx.access.shard_of(&ctx.key(args, at))));
    options.for_each_key(&source, &mut |name| some.push(ctx.access.shard_of(&ctx.key_of(name))));
    let done = ctx.with_shards(&mut some, |ctx| {
        let is_same = Source::of_key(ctx, &key)?.is_same(&source);
        if is_same {
            under_locks(ctx, args, options, reply)?;
        }
        Ok::<bool, Error>(is_same)
    })?;
    if done { Ok(()) } else { ctx.with_shards(&mut all, |ctx| under_locks(ctx, args, options, reply)) }
}

/// Writes the sorted elements, or what is to be got for them.
fn answer(
    source: &Source,
    options: &Options<'_>,
    lookup: &mut Lookup<'_, '_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let sorted = order::sort(source, options, lookup)?;
    reply.array(sorted.len() * options.gets.len().max(1));
    if options.gets.is_empty() && reply.leaves(sorted.len()) {
        let (range, element_bytes) = (0..sorted.len(), sorted.element_bytes() + ELEMENT_HEAD);
        reply.produce(ByPosition::new(
            sorted,
            range,
            element_bytes,
            reply.protocol(),
            |sorted, range, reply| {
                range.for_each(|at| reply.bulk(sorted.get(at)));
            },
        ));
        return Ok(());
    }
    sorted.show(options, lookup, &mut |text| reply.optional(text));
    Ok(())
}

/// The sorted elements, or what is to be got for them, as a list; what is not there is empty.
fn list_of(
    source: &Source,
    options: &Options<'_>,
    lookup: &mut Lookup<'_, '_>,
) -> Result<list::Builder, Error> {
    let sorted = order::sort(source, options, lookup)?;
    let mut list = list::Builder::new();
    sorted.show(options, lookup, &mut |text| list.push(text.unwrap_or_default()));
    Ok(list)
}

/// Puts a result under a key, over whatever is there, or removes that. The key is locked.
fn store(ctx: &mut Context<'_, '_>, target: &Key<'_>, result: list::Builder, reply: &mut Reply<'_>) {
    let list: List = result.finish(ctx.shared.keyspace.settings().list);
    reply.integer(list.as_ref().len() as i64);
    if list.is_empty() {
        ctx.db().delete(target);
    } else {
        ctx.db().set_value(target, Value::List(list), None);
    }
}
