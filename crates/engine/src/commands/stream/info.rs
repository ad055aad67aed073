//! XINFO: what is known of a stream, its groups and their consumers.

use resp::write::Aggregate;
use value::Stream;
use value::stream::{Consumer, Entry, Group, Id, Names, Producers};

use super::range::write_entries;
use super::{find_group, no_group, write_entry, write_id};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// Entries that FULL shows of each list unless it is told.
const DEFAULT_COUNT: usize = 10;

pub(super) fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("xinfo".into()))
}

pub(super) fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("XINFO", super::super::help::XINFO);
    Ok(())
}

pub(super) fn consumers(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let now_ms = ctx.access.wall().0;
    let mut db = ctx.db();
    db.stream(&key)?.ok_or(Error::NoSuchKey)?;
    let (_, group) = find_group(&mut db, &key, args.get(3), no_group)?;
    let consumers = group.consumers();
    reply.array(consumers.len());
    for consumer in consumers {
        let inactive = if consumer.active_ms == -1 { -1 } else { now_ms.saturating_sub(consumer.active_ms) };
        reply.map(4);
        reply.bulk("name");
        reply.bulk(consumer.name);
        number(reply, "pending", group.pending.len_of(consumer.number) as i64);
        number(reply, "idle", now_ms.saturating_sub(consumer.seen_ms).max(0));
        number(reply, "inactive", inactive);
    }
    Ok(())
}

pub(super) fn groups(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let mut db = ctx.db();
    let stream = db.stream(&key)?.ok_or(Error::NoSuchKey)?;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups() {
        reply.map(6);
        reply.bulk("name");
        reply.bulk(name);
        number(reply, "consumers", group.consumer_count() as i64);
        number(reply, "pending", group.pending.len() as i64);
        write_progress(stream, group, reply);
    }
    Ok(())
}

/// How far a group has read: three pairs.
fn write_progress(stream: &Stream, group: &Group, reply: &mut Reply<'_>) {
    named_id(reply, "last-delivered-id", group.last_id);
    reply.bulk("entries-read");
    known(reply, group.entries_read.map(|read| read as i64));
    reply.bulk("lag");
    known(reply, stream.facts().lag(group));
}

fn known(reply: &mut Reply<'_>, value: Option<i64>) {
    match value {
        Some(value) => reply.integer(value),
        None => reply.null(),
    }
}

fn number(reply: &mut Reply<'_>, name: &str, value: i64) {
    reply.bulk(name);
    reply.integer(value);
}

fn named_id(reply: &mut Reply<'_>, name: &str, id: Id) {
    reply.bulk(name);
    write_id(reply, id);
}

/// How much FULL shows of each list; `None` without FULL.
fn parse_full(args: &Args<'_>) -> Result<Option<usize>, Error> {
    let bad = || Error::SubcommandArguments(String::from_utf8_lossy(args.get(1)).into_owned(), "XINFO");
    match args.len() {
        3 => Ok(None),
        4 | 6 if !args.is(3, "FULL") => Err(bad()),
        4 => Ok(Some(DEFAULT_COUNT)),
        6 if args.is(4, "COUNT") => Ok(Some(match usize::try_from(args.integer(5)?) {
            Ok(0) => usize::MAX,
            Ok(count) => count,
            Err(_) => DEFAULT_COUNT,
        })),
        _ => Err(bad()),
    }
}

pub(super) fn stream(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let now_ms = ctx.access.wall().0.max(0).cast_unsigned();
    let mut db = ctx.db();
    let stream = db.stream(&key)?.ok_or(Error::NoSuchKey)?;
    let full = parse_full(args)?;
    let facts = stream.facts();
    let producers = stream.producers();
    reply.map(if full.is_some() { 9 } else { 10 } + if producers.is_some() { 6 } else { 0 });
    number(reply, "length", facts.len as i64);
    // What stands for Redis's radix tree here: the nodes, and a tree over them.
    let nodes = stream.node_count() as i64;
    number(reply, "radix-tree-keys", nodes);
    number(reply, "radix-tree-nodes", nodes + 1);
    named_id(reply, "last-generated-id", facts.last_id);
    named_id(reply, "max-deleted-entry-id", facts.max_deleted_id);
    number(reply, "entries-added", facts.entries_added as i64);
    named_id(reply, "recorded-first-entry-id", facts.first_id);
    if let Some(producers) = producers {
        write_producers(producers, now_ms, reply);
    }
    if let Some(count) = full {
        reply.bulk("entries");
        write_entries(reply, stream.iter(), count);
        reply.bulk("groups");
        reply.array(stream.groups().len());
        for (name, group) in stream.groups() {
            write_group(stream, name, group, count, reply);
        }
    } else {
        number(reply, "groups", stream.groups().len() as i64);
        reply.bulk("first-entry");
        entry_or_null(reply, stream.iter().next());
        reply.bulk("last-entry");
        entry_or_null(reply, stream.range_back(Id::MIN, Id::MAX).next());
    }
    Ok(())
}

/// What is known of producers who name their entries: six pairs, shown from the first name or XCFGSET on.
fn write_producers(producers: &Producers, now_ms: u64, reply: &mut Reply<'_>) {
    number(reply, "idmp-duration", producers.limits.duration_s.into());
    number(reply, "idmp-maxsize", producers.limits.max_names.into());
    number(reply, "pids-tracked", producers.count(now_ms) as i64);
    number(reply, "iids-tracked", producers.len(now_ms) as i64);
    number(reply, "iids-added", producers.added as i64);
    number(reply, "iids-duplicates", producers.duplicates as i64);
}

fn entry_or_null(reply: &mut Reply<'_>, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => write_entry(reply, &entry),
        None => reply.null(),
    }
}

fn write_group(stream: &Stream, name: &[u8], group: &Group, count: usize, reply: &mut Reply<'_>) {
    reply.map(7);
    reply.bulk("name");
    reply.bulk(name);
    write_progress(stream, group, reply);
    number(reply, "pel-count", group.pending.len() as i64);
    reply.bulk("pending");
    let names: Names<'_> = group.names();
    let deferred = reply.defer();
    let mut shown = 0;
    for pending in group.pending.from(Id::MIN).take(count) {
        reply.array(4);
        write_id(reply, pending.id);
        reply.bulk(names.get(pending.consumer));
        reply.integer(pending.delivered_ms);
        reply.integer(pending.deliveries as i64);
        shown += 1;
    }
    reply.finish(deferred, Aggregate::Array, shown);
    reply.bulk("consumers");
    let consumers = group.consumers();
    reply.array(consumers.len());
    consumers.iter().for_each(|consumer| write_consumer(group, consumer, count, reply));
}

fn write_consumer(group: &Group, consumer: &Consumer<'_>, count: usize, reply: &mut Reply<'_>) {
    reply.map(5);
    reply.bulk("name");
    reply.bulk(consumer.name);
    number(reply, "seen-time", consumer.seen_ms);
    number(reply, "active-time", consumer.active_ms);
    number(reply, "pel-count", group.pending.len_of(consumer.number) as i64);
    reply.bulk("pending");
    let deferred = reply.defer();
    let mut shown = 0;
    let ids = group.pending.ids_of(consumer.number, Id::MIN).take(count);
    for pending in ids.filter_map(|id| group.pending.get(id)) {
        reply.array(3);
        write_id(reply, pending.id);
        reply.integer(pending.delivered_ms);
        reply.integer(pending.deliveries as i64);
        shown += 1;
    }
    reply.finish(deferred, Aggregate::Array, shown);
}
