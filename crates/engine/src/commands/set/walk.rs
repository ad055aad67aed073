//! Walking and picking: SSCAN, SRANDMEMBER.

use stdx::rng::Rng;
use value::Set;

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::scan_options::{self, ScanOptions, times};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{ByChance, ELEMENT_HEAD};

/// How many members SRANDMEMBER repeats at most where its reply is needed at once, in scripts.
const MAX_REPEATED: i64 = 1_000_000;

pub(super) fn sscan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = scan_options::cursor(args)?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(set) = db.set(&key)? else {
        scan_options::write_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args, false)?;
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
    let mut rng = ctx.access.rng.clone();
    let result = pick(ctx, args, reply, &mut rng);
    ctx.access.rng = rng;
    result
}

fn pick(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, rng: &mut Rng) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 2 {
        let mut db = ctx.db();
        let member = db.set(&key)?.and_then(|set| set.random(rng));
        reply.optional(member.as_deref());
        return Ok(());
    }
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let count = args.integer(2)?;
    if count == i64::MIN {
        return Err(Error::Static(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let mut db = ctx.db();
    let set = db.set(&key)?;
    if let Some(set) = set
        && let Some(times) = times(count, reply)
    {
        reply.array(times);
        let element_bytes = ELEMENT_HEAD + set.random(rng).map_or(0, |member| member.len());
        let own = Rng::from_seed(rng.next_u64());
        let write: fn(&Set, usize, &mut Rng, &mut Reply<'_>) = |set, count, rng, reply| {
            set.as_ref().random_repeated(count, rng).for_each(|member| reply.bulk(member));
        };
        reply.produce(ByChance::new(set.to_owned(), times, element_bytes, own, reply.protocol(), write));
        return Ok(());
    }
    match set {
        None => reply.array(0),
        Some(_) if count < -MAX_REPEATED => return Err(Error::OutOfRange),
        Some(set) if count < 0 => {
            let count = count.unsigned_abs() as usize;
            reply.array(count);
            set.random_repeated(count, rng).for_each(|member| reply.bulk(member));
        }
        Some(set) => {
            let chosen = set.random_distinct(usize::try_from(count).unwrap_or(usize::MAX), rng);
            reply.array(chosen.len());
            chosen.iter().for_each(|member| reply.bulk(member));
        }
    }
    Ok(())
}
