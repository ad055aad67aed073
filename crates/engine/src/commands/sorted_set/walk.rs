//! Walking and picking: ZSCAN, ZRANDMEMBER.

use std::collections::HashSet;

use stdx::number::write_f64;
use stdx::rng::Rng;
use value::zset::Element;
use value::{ZSet, ZSetRef};

use super::shown::{write_chosen, write_element, write_head};
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::random_picks::{Choice, RandomPicks, Selection, with_rng};
use crate::commands::scan_options::{self, ScanOptions, Walked};
use crate::context::Context;
use crate::reply::Reply;
use crate::slices::{ByChance, ByPosition, ELEMENT_HEAD};

pub(super) fn zscan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = scan_options::cursor(args)?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(zset) = db.zset(&key)? else {
        scan_options::write_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args.cursor(3), Walked::Scored)?;
    scan_options::write(reply, |reply| {
        let (mut shown, mut score) = (0, Vec::new());
        let next = zset.scan(cursor, options.count, &mut |element| {
            if options.matches(element.member) {
                reply.bulk(element.member);
                shown += 1;
                if options.values {
                    score.clear();
                    write_f64(&mut score, element.score);
                    reply.bulk(&score);
                    shown += 1;
                }
            }
        });
        (shown, next)
    });
    Ok(())
}

pub(super) fn zrandmember(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    with_rng(ctx, |ctx, rng| pick(ctx, args, reply, rng))
}

fn pick(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, rng: &mut Rng) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 2 {
        let mut db = ctx.db();
        let member = db.zset(&key)?.and_then(|zset| zset.random(rng)).map(|element| element.member);
        reply.optional(member);
        return Ok(());
    }
    let picks = RandomPicks::parse(args, Some("WITHSCORES"))?;
    let with_scores = picks.with_more;
    let mut db = ctx.db();
    let zset = db.zset(&key)?;
    if let Some(zset) = zset
        && let Some((wanted, are_few)) = picks.distinct_in_slices(zset.len(), reply)
    {
        write_head(reply, wanted, with_scores);
        choose(zset, (wanted, are_few), with_scores, Rng::from_seed(rng.next_u64()), reply);
        return Ok(());
    }
    if let Some(zset) = zset
        && let Some(times) = picks.repeated_in_slices(reply)
    {
        write_head(reply, times, with_scores);
        let element_bytes = ELEMENT_HEAD + zset.data_bytes() / zset.len();
        let (value, own) = ((zset.to_owned(), with_scores), Rng::from_seed(rng.next_u64()));
        let write: fn(&mut (ZSet, bool), usize, &mut Rng, &mut Reply<'_>) -> usize =
            |value, count, rng, reply| {
                let chosen = value.0.as_ref().random_repeated(count, rng);
                chosen.into_iter().for_each(|element| write_element(reply, element, value.1));
                count
            };
        reply.produce(ByChance::new(value, times, element_bytes, own, reply.protocol(), write));
        return Ok(());
    }
    let chosen: Vec<Element<'_>> = match zset {
        None => Vec::new(),
        Some(zset) => match picks.at_once()? {
            Choice::Repeated(count) => zset.random_repeated(count, rng),
            Choice::Distinct(count) => zset.random_distinct(count, rng),
        },
    };
    write_chosen(reply, &chosen, with_scores);
    Ok(())
}

/// Writes many different members, in slices.
fn choose(
    zset: ZSetRef<'_>,
    (wanted, are_few): (usize, bool),
    with_scores: bool,
    rng: Rng,
    reply: &mut Reply<'_>,
) {
    let protocol = reply.protocol();
    let bytes = ELEMENT_HEAD + zset.data_bytes() / zset.len();
    if are_few {
        let seen: HashSet<Box<[u8]>> = HashSet::new();
        let value = (zset.to_owned(), with_scores, seen);
        reply.produce(ByChance::new(value, wanted, bytes, rng, protocol, |value, count, rng, reply| {
            let (zset, with_scores, seen) = value;
            let mut chosen = zset.as_ref().random_repeated(count, rng);
            chosen.retain(|element| seen.insert(element.member.into()));
            chosen.iter().for_each(|&element| write_element(reply, element, *with_scores));
            chosen.len()
        }));
    } else {
        let value = (zset.to_owned(), with_scores, Selection::new(wanted, zset.len(), rng));
        let positions = 0..zset.len();
        reply.produce(ByPosition::new(value, positions, bytes, protocol, |value, positions, reply| {
            let (zset, with_scores, selection) = value;
            let chosen = zset.as_ref().range(positions).filter(|_| selection.takes());
            chosen.for_each(|element| write_element(reply, element, *with_scores));
        }));
    }
}
