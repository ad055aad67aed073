//! SORT and SORT_RO: the elements of a collection in another order, or what other keys hold for them.
//!
//! The elements come from a clone of the value, so that no lock is held while they are put in order, in steps if they are
//! many; see [`mod@crate::computing`]. What patterns make up are keys that nobody has declared: a few of them are locked
//! together with the source, which must not have changed since; for many a snapshot is taken, and nothing is locked at all.
//! A result that is stored must fit what it is stored beside: all keys that it depends on are watched meanwhile
//! ([`mod@watched`]).

mod answer;
mod elements;
mod lookup;
mod options;
mod order;
mod pattern;
mod stored;
mod watched;

use std::sync::Arc;

use config::KeyspaceEvents;
use value::list;

use crate::args::Args;
use crate::command::{Command, Flags, Group, Handler, Keys, Outcome};
use crate::computing::{self, Awaited, FEW_ELEMENTS};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use answer::{Answering, Looks};
use elements::Source;
use lookup::Lookup;
use options::Options;
use order::Sorting;
use stored::{SortedList, store};
use watched::Watched;

/// The types whose keys these commands are about, besides all.
const CATEGORIES: &[&str] = &["set", "sortedset", "list"];
const COST: &str = "O(N+M*log(M)) where N is the number of elements and M the number of returned elements.";

/// From so many looks into other keys on a snapshot is taken.
const MANY_LOOKS: usize = 4096;
/// What is gathered for each, about: an element, its weight, their places, and the hash of a key.
const BYTES_PER_LOOK: usize = 128;
/// Up to so many keys are watched, at twenty bytes each.
const MOST_WATCHED: usize = 1 << 23;
/// Up to so many the shards to be locked are found one by one; beyond, it is quicker to lock all.
const FEW_LOOKS: usize = 256;

const fn row(name: &'static str, flags: Flags, stores: bool, handler: Handler) -> Command {
    Command::new(name, Group::Generic, -2, handler)
        .flags(flags.and(Flags::ALONE).and(Flags::DANGEROUS))
        .keys(Keys::Sorted { stores })
        .categories(CATEGORIES)
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    row("SORT", Flags::WRITE.and(Flags::DENYOOM), true, sort).event(KeyspaceEvents::LIST, "sortstore").doc(
        "1.0.0",
        COST,
        "Sorts the elements of a list, a set or a sorted set, and stores the result if wished.",
        "key [BY by-pattern=pattern#1] [LIMIT offset count] [GET get-pattern=pattern#1 [GET get-pattern=pattern#1 \
         ...]] [ASC | DESC] [sorting=ALPHA] [STORE destination#2]",
    ),
    row("SORT_RO", Flags::READONLY, false, sort_ro).doc(
        "7.0.0",
        COST,
        "Returns the sorted elements of a list, a set or a sorted set.",
        "key [BY by-pattern=pattern#1] [LIMIT offset count] [GET get-pattern=pattern#1 [GET get-pattern=pattern#1 \
         ...]] [ASC | DESC] [sorting=ALPHA]",
    ),
];

fn sort(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(ctx, args, true)?;
    run(ctx, args, options, reply)
}

fn sort_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(ctx, args, false)?;
    run(ctx, args, options, reply)
}

fn run(ctx: &mut Context<'_, '_>, args: &Args<'_>, options: Options, reply: &mut Reply<'_>) -> Outcome {
    let has_patterns = options.patterns() > 0;
    if options.target.is_some() && !has_patterns {
        return computing::store(ctx, args, reply, SortedList::read);
    }
    if ctx.in_transaction && has_patterns {
        return under_locks(ctx, args, options, reply);
    }
    let key = ctx.key(args, 1);
    let source = ctx.with_key(&key, |ctx| {
        ctx.remember_keys(args);
        Source::of_key(ctx, &key)
    })?;
    let looks = source.len().saturating_mul(options.patterns());
    if looks == 0 && options.target.is_none() {
        let is_small = source.len() <= FEW_ELEMENTS;
        return reply.answer(Answering::new(source, options, Looks::Nowhere, reply.protocol()), is_small);
    }
    let from_afar = looks > MANY_LOOKS && has_room(ctx, looks);
    if from_afar && options.target.is_none() {
        return from_snapshot(ctx, args, options, reply);
    }
    if from_afar && looks <= MOST_WATCHED && ctx.may_compute() {
        let watched = Watched::new(ctx, source, options);
        return ctx.compute(args, watched, reply);
    }
    with_other_keys(ctx, args, options, (source, looks), reply)
}

/// Whether so much may be gathered, and a snapshot be held meanwhile, far from the limit of memory: keys that are evicted while a
/// snapshot has them free nothing, so many more would go.
fn has_room(ctx: &Context<'_, '_>, looks: usize) -> bool {
    let meter = &ctx.shared.meter;
    meter.limit().is_none_or(|limit| {
        let gathered = i64::try_from(looks.saturating_mul(BYTES_PER_LOOK)).unwrap_or(i64::MAX);
        meter.used(&ctx.shared.statistics).saturating_add(gathered) <= limit - limit / 8
    })
}

/// Does all at once. Whatever is read and written is locked.
fn under_locks(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: Options,
    reply: &mut Reply<'_>,
) -> Outcome {
    let source = Source::of_key(ctx, &ctx.key(args, 1))?;
    let target = options.target;
    let keyspace = &ctx.shared.keyspace;
    let mut sorting = Sorting::new(source, options);
    sorting.complete(&mut Lookup::Db(ctx.db(), keyspace));
    let count = sorting.len()?;
    let mut lookup = Lookup::Db(ctx.db(), keyspace);
    let Some(target) = target else {
        reply.array(count * sorting.options.gets.len().max(1));
        sorting.show(0..count, &mut lookup, &mut |text| reply.optional(text));
        return Ok(());
    };
    let mut list = list::Builder::new();
    sorting.show(0..count, &mut lookup, &mut |text| list.push(text.unwrap_or_default()));
    // What is got for the elements may depend on the time: fields of hashes are due one day.
    store(ctx, &ctx.key(args, target), list, reply, |ctx, target, list| {
        ctx.db().set_value(target, list, None);
    });
    Ok(())
}

/// Reads everything from a snapshot, without locks.
fn from_snapshot(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: Options,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (database, keyspace) = (ctx.session.database, Arc::clone(&ctx.shared.keyspace));
    let snapshot = ctx.access.snapshot(|_| ());
    let source = Source::of_value(snapshot.value(database, &ctx.key(args, 1)))?;
    let looks = Looks::Snapshot(Box::new(snapshot), database, keyspace);
    let answering = Answering::new(source, options, looks, reply.protocol());
    if ctx.session.tracking.is_some() {
        // A client that caches must not get a reply that is older than what it hears of a later change.
        return reply.answer(answering, true);
    }
    ctx.compute(args, Awaited(answering), reply)
}

/// Does all at once with all shards locked.
fn under_all_locks(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: Options,
    reply: &mut Reply<'_>,
) -> Outcome {
    let mut all: Vec<usize> = (0..ctx.shared.keyspace.shards()).collect();
    ctx.with_shards(&mut all, |ctx| under_locks(ctx, args, options, reply))
}

/// Locks the keys that the patterns make up of the source's elements, too.
fn with_other_keys(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: Options,
    (source, looks): (Source, usize),
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = ctx.key(args, 1);
    if looks > FEW_LOOKS {
        return under_all_locks(ctx, args, options, reply);
    }
    let mut some = vec![ctx.access.shard_of(&key)];
    some.extend(options.target.map(|at| ctx.access.shard_of(&ctx.key(args, at))));
    options.for_each_key(&source, &mut |name| some.push(ctx.access.shard_of(&ctx.key_of(name))));
    let changed = ctx.with_shards(&mut some, |ctx| {
        if !Source::again(ctx, &key)?.is_same(&source) {
            return Ok::<_, Error>(Some(options));
        }
        under_locks(ctx, args, options, reply)?;
        Ok(None)
    })?;
    let Some(options) = changed else { return Ok(()) };
    under_all_locks(ctx, args, options, reply)
}
