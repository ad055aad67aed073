//! Walking and picking: SSCAN, SRANDMEMBER.

use std::collections::HashSet;

use stdx::rng::Rng;
use value::{Set, SetRef};

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::random_picks::{Choice, RandomPicks, Selection, with_rng};
use crate::commands::scan_options::{self, ScanOptions, Walked};
use crate::context::Context;
use crate::reply::Reply;
use crate::slices::{ByChance, ByCursor, ELEMENT_HEAD};

pub(super) fn sscan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = scan_options::cursor(args)?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(set) = db.set(&key)? else {
        scan_options::write_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args.cursor(3), Walked::Members)?;
    scan_options::write(reply, |reply| {
        let mut shown = 0;
        let next = set.scan(cursor, options.count, &mut |member| {
            if options.matches(member) {
                reply.bulk(member);
                shown += 1;
            }
        });
        (shown, next)
    });
    Ok(())
}

pub(super) fn srandmember(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    with_rng(ctx, |ctx, rng| pick(ctx, args, reply, rng))
}

fn pick(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, rng: &mut Rng) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 2 {
        let mut db = ctx.db();
        let member = db.set(&key)?.and_then(|set| set.random(rng));
        reply.optional(member.as_deref());
        return Ok(());
    }
    let picks = RandomPicks::parse(args, None)?;
    let mut db = ctx.db();
    let set = db.set(&key)?;
    if let Some(set) = set
        && let Some(times) = picks.repeated_in_slices(reply)
    {
        reply.array(times);
        let (bytes, own) = (element_bytes(set, rng), Rng::from_seed(rng.next_u64()));
        let write: fn(&mut Set, usize, &mut Rng, &mut Reply<'_>) -> usize = |set, count, rng, reply| {
            set.as_ref().random_repeated(count, rng).for_each(|member| reply.bulk(member));
            count
        };
        reply.produce(ByChance::new(set.to_owned(), times, bytes, own, reply.protocol(), write));
        return Ok(());
    }
    if let Some(set) = set
        && let Some((wanted, are_few)) = picks.distinct_in_slices(set.len(), reply)
    {
        reply.array(wanted);
        let own = Rng::from_seed(rng.next_u64());
        choose(set, (wanted, are_few), element_bytes(set, rng), own, reply);
        return Ok(());
    }
    let Some(set) = set else {
        reply.array(0);
        return Ok(());
    };
    match picks.at_once()? {
        Choice::Repeated(count) => {
            reply.array(count);
            set.random_repeated(count, rng).for_each(|member| reply.bulk(member));
        }
        Choice::Distinct(count) => {
            let chosen = set.random_distinct(count, rng);
            reply.array(chosen.len());
            chosen.iter().for_each(|member| reply.bulk(member));
        }
    }
    Ok(())
}

/// Writes many different members, in slices.
fn choose(set: SetRef<'_>, (wanted, are_few): (usize, bool), bytes: usize, rng: Rng, reply: &mut Reply<'_>) {
    let protocol = reply.protocol();
    if are_few {
        let seen: HashSet<Box<[u8]>> = HashSet::new();
        let value = (set.to_owned(), seen);
        reply.produce(ByChance::new(
            value,
            wanted,
            bytes,
            rng,
            protocol,
            |(set, seen), count, rng, reply| {
                let new =
                    set.as_ref().random_repeated(count, rng).filter(|member| seen.insert((**member).into()));
                new.map(|member| reply.bulk(member)).count()
            },
        ));
    } else {
        let value = (set.to_owned(), Selection::new(wanted, set.len(), rng));
        reply.produce(ByCursor::new(
            value,
            wanted * bytes,
            protocol,
            |(set, selection), cursor, count, reply| {
                set.as_ref().scan(cursor, count, &mut |member| {
                    if selection.takes() {
                        reply.bulk(member);
                    }
                })
            },
        ));
    }
}

/// About how many bytes a member takes in a reply.
fn element_bytes(set: SetRef<'_>, rng: &mut Rng) -> usize {
    ELEMENT_HEAD + set.random(rng).map_or(0, |member| member.len())
}
