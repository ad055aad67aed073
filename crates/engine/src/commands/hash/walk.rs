//! Walking and picking: HSCAN, HRANDFIELD.

use std::collections::HashSet;

use resp::Protocol;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::HashRef;
use value::packed::Entry;

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::random_picks::{Choice, RandomPicks, Selection, with_rng};
use crate::commands::scan_options::{self, ScanOptions, Walked};
use crate::context::Context;
use crate::reply::Reply;
use crate::slices::{ByChance, ByCursor, ELEMENT_HEAD};

pub(super) fn hscan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = scan_options::cursor(args)?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(hash) = db.hash(&key)? else {
        scan_options::write_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args.cursor(3), Walked::Fields)?;
    scan_options::write(reply, |reply| {
        let mut shown = 0;
        let next = hash.scan(cursor, options.count, &mut |entry| {
            if options.matches(entry.field) {
                reply.bulk(entry.field);
                shown += 1;
                if options.values {
                    reply.bulk(entry.value);
                    shown += 1;
                }
            }
        });
        (shown, next)
    });
    Ok(())
}

pub(super) fn hrandfield(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    with_rng(ctx, |ctx, rng| pick(ctx, args, reply, rng))
}

fn pick(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, rng: &mut Rng) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 2 {
        let mut db = ctx.db();
        let field = db.hash(&key)?.and_then(|hash| hash.random(rng)).map(|entry| entry.field);
        reply.optional(field);
        return Ok(());
    }
    let picks = RandomPicks::parse(args, Some("WITHVALUES"))?;
    let with_values = picks.with_more;
    let now = ctx.now();
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    let whole = hash.filter(|hash| !hash.is_empty() && !hash.has_expired());
    if let Some(hash) = whole
        && let Some((wanted, are_few)) = picks.distinct_in_slices(hash.len(), reply)
    {
        write_head(reply, wanted, with_values);
        let own = Rng::from_seed(rng.next_u64());
        choose(hash, (wanted, are_few), (now, with_values), own, reply);
        return Ok(());
    }
    if let Some(hash) = whole
        && let Some(times) = picks.repeated_in_slices(reply)
    {
        write_head(reply, times, with_values);
        let element_bytes = 2 * ELEMENT_HEAD + hash.random(rng).map_or(0, |entry| entry.field.len());
        let value = (hash.to_owned(), now, with_values);
        let own = Rng::from_seed(rng.next_u64());
        reply.produce(ByChance::new(
            value,
            times,
            element_bytes,
            own,
            reply.protocol(),
            |value, count, rng, reply| {
                let (hash, now, with_values) = value;
                let chosen = hash.at(*now).random_repeated(count, rng);
                chosen.iter().for_each(|entry| write_entry(reply, entry, *with_values));
                count
            },
        ));
        return Ok(());
    }
    let chosen: Vec<Entry<'_>> = match hash {
        None => Vec::new(),
        Some(hash) => match picks.at_once()? {
            Choice::Repeated(count) => hash.random_repeated(count, rng),
            Choice::Distinct(count) => hash.random_distinct(count, rng),
        },
    };
    show(reply, &chosen, with_values);
    Ok(())
}

/// Writes many different fields, in slices.
fn choose(
    hash: HashRef<'_>,
    (wanted, are_few): (usize, bool),
    (now, with_values): (UnixMs, bool),
    mut rng: Rng,
    reply: &mut Reply<'_>,
) {
    let protocol = reply.protocol();
    let bytes = 2 * ELEMENT_HEAD + hash.random(&mut rng).map_or(0, |entry| entry.field.len());
    if are_few {
        let seen: HashSet<Box<[u8]>> = HashSet::new();
        let value = (hash.to_owned(), now, with_values, seen);
        reply.produce(ByChance::new(value, wanted, bytes, rng, protocol, |value, count, rng, reply| {
            let (hash, now, with_values, seen) = value;
            let mut chosen = hash.at(*now).random_repeated(count, rng);
            chosen.retain(|entry| seen.insert(entry.field.into()));
            chosen.iter().for_each(|entry| write_entry(reply, entry, *with_values));
            chosen.len()
        }));
    } else {
        let value = (hash.to_owned(), now, with_values, Selection::new(wanted, hash.len(), rng));
        reply.produce(ByCursor::new(value, wanted * bytes, protocol, |value, cursor, count, reply| {
            let (hash, now, with_values, selection) = value;
            hash.at(*now).scan(cursor, count, &mut |entry| {
                if selection.takes() {
                    write_entry(reply, &entry, *with_values);
                }
            })
        }));
    }
}

/// Fields alone, or with their values: pairs in RESP3, one flat list in RESP2.
fn show(reply: &mut Reply<'_>, chosen: &[Entry<'_>], with_values: bool) {
    write_head(reply, chosen.len(), with_values);
    chosen.iter().for_each(|entry| write_entry(reply, entry, with_values));
}

fn write_head(reply: &mut Reply<'_>, count: usize, with_values: bool) {
    let is_flat = with_values && reply.protocol() == Protocol::Resp2;
    reply.array(count * if is_flat { 2 } else { 1 });
}

fn write_entry(reply: &mut Reply<'_>, entry: &Entry<'_>, with_values: bool) {
    if with_values && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(entry.field);
    if with_values {
        reply.bulk(entry.value);
    }
}
