//! Walking and picking: ZSCAN, ZRANDMEMBER.

use resp::write::Aggregate;
use stdx::glob::{self, Case};
use stdx::number::{parse_i64, write_f64, write_u64};
use stdx::rng::Rng;
use value::zset::Element;

use super::shown::write_chosen;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::scan::parse_cursor;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// How many members one call of ZSCAN may visit: a larger COUNT is no error, but does not hold up the others.
const MAX_SCANNED: i64 = 10_000_000;
/// How many members ZRANDMEMBER repeats at most. Redis has no such limit and fills the memory of the machine.
const MAX_REPEATED: i64 = 1_000_000;

/// What ZSCAN shows, and how much.
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Self { pattern: None, count: 10 };
        let mut cursor = args.cursor(3);
        while !cursor.is_done() {
            if cursor.take("COUNT") {
                let count = parse_i64(cursor.next_required()?).ok_or(Error::NotInteger)?;
                if count < 1 {
                    return Err(Error::Syntax);
                }
                options.count = count.min(MAX_SCANNED) as usize;
            } else if cursor.take("MATCH") {
                // `*` matches every member; no need to look.
                options.pattern = Some(cursor.next_required()?).filter(|pattern| *pattern != b"*");
            } else if cursor.take("NOVALUES") {
                return Err(Error::Static("ERR NOVALUES option can only be used in HSCAN"));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn zscan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(zset) = db.zset(&key)? else {
        reply.array(2); // the options of a key that is not there are not looked at
        reply.bulk("0");
        reply.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args)?;
    reply.array(2);
    let begin = reply.buffer().len();
    let deferred = reply.defer();
    let (mut shown, mut score) = (0, Vec::new());
    let next = zset.scan(cursor, options.count, &mut |element| {
        if options.pattern.is_none_or(|pattern| glob::matches(pattern, element.member, Case::Sensitive)) {
            reply.bulk(element.member);
            score.clear();
            write_f64(&mut score, element.score);
            reply.bulk(&score);
            shown += 2;
        }
    });
    reply.finish(deferred, Aggregate::Array, shown);
    // The cursor comes first but is known last: it is written behind the members and rotated to the front.
    let members_end = reply.buffer().len();
    let mut text = Vec::with_capacity(20);
    write_u64(&mut text, next);
    reply.bulk(text);
    reply.buffer()[begin..].rotate_left(members_end - begin);
    Ok(())
}

pub(super) fn zrandmember(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut rng = ctx.access.rng.clone();
    let result = pick(ctx, args, reply, &mut rng);
    ctx.access.rng = rng;
    result
}

fn pick(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, rng: &mut Rng) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 2 {
        let mut db = ctx.db();
        let member = db.zset(&key)?.and_then(|zset| zset.random(rng)).map(|element| element.member);
        reply.optional(member);
        return Ok(());
    }
    let count = args.integer(2)?;
    if count == i64::MIN {
        return Err(Error::Static(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_scores = args.is(3, "WITHSCORES");
    if args.len() > 4 || (args.len() == 4 && !with_scores) {
        return Err(Error::Syntax);
    }
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::OutOfRange);
    }
    let mut db = ctx.db();
    let chosen: Vec<Element<'_>> = match db.zset(&key)? {
        None => Vec::new(),
        Some(_) if count < -MAX_REPEATED => return Err(Error::OutOfRange),
        Some(zset) if count < 0 => zset.random_repeated(count.unsigned_abs() as usize, rng),
        Some(zset) => zset.random_distinct(usize::try_from(count).unwrap_or(usize::MAX), rng),
    };
    write_chosen(reply, &chosen, with_scores);
    Ok(())
}
