//! Walking and picking: HSCAN, HRANDFIELD.

use resp::Protocol;
use resp::write::Aggregate;
use stdx::glob::{self, Case};
use stdx::number::{parse_i64, write_u64};
use value::packed::Entry;

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::scan::parse_cursor;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// How many fields one call of HSCAN may visit: a larger COUNT is no error, but does not hold up the others.
const MAX_SCANNED: i64 = 10_000_000;
/// How many fields HRANDFIELD repeats at most. Redis has no such limit and fills the memory of the machine.
const MAX_REPEATED: i64 = 1_000_000;

/// What HSCAN shows, and how much.
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    values: bool,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Self { pattern: None, count: 10, values: true };
        let mut cursor = args.cursor(3);
        while !cursor.is_done() {
            if cursor.take("COUNT") {
                let count = parse_i64(cursor.next_required()?).ok_or(Error::NotInteger)?;
                if count < 1 {
                    return Err(Error::Syntax);
                }
                options.count = count.min(MAX_SCANNED) as usize;
            } else if cursor.take("MATCH") {
                // `*` matches every field; no need to look.
                options.pattern = Some(cursor.next_required()?).filter(|pattern| *pattern != b"*");
            } else if cursor.take("NOVALUES") {
                options.values = false;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn hscan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(hash) = db.hash(&key)? else {
        reply.array(2); // the options of a key that is not there are not looked at
        reply.bulk("0");
        reply.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args)?;
    reply.array(2);
    let begin = reply.buffer().len();
    let deferred = reply.defer();
    let mut shown = 0;
    let next = hash.scan(cursor, options.count, &mut |entry| {
        if options.pattern.is_none_or(|pattern| glob::matches(pattern, entry.field, Case::Sensitive)) {
            reply.bulk(entry.field);
            shown += 1;
            if options.values {
                reply.bulk(entry.value);
                shown += 1;
            }
        }
    });
    reply.finish(deferred, Aggregate::Array, shown);
    // The cursor comes first but is known last: it is written behind the fields and rotated to the front.
    let fields_end = reply.buffer().len();
    let mut text = Vec::with_capacity(20);
    write_u64(&mut text, next);
    reply.bulk(text);
    reply.buffer()[begin..].rotate_left(fields_end - begin);
    Ok(())
}

pub(super) fn hrandfield(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut rng = ctx.access.rng.clone();
    let result = pick(ctx, args, reply, &mut rng);
    ctx.access.rng = rng;
    result
}

fn pick(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    rng: &mut stdx::rng::Rng,
) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() == 2 {
        let mut db = ctx.db();
        let field = db.hash(&key)?.and_then(|hash| hash.random(rng)).map(|entry| entry.field);
        reply.optional(field);
        return Ok(());
    }
    let count = args.integer(2)?;
    if count == i64::MIN {
        return Err(Error::Static(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_values = args.is(3, "WITHVALUES");
    if args.len() > 4 || (args.len() == 4 && !with_values) {
        return Err(Error::Syntax);
    }
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::OutOfRange);
    }
    let mut db = ctx.db();
    let chosen: Vec<Entry<'_>> = match db.hash(&key)? {
        None => Vec::new(),
        Some(_) if count < -MAX_REPEATED => return Err(Error::OutOfRange),
        Some(hash) if count < 0 => hash.random_repeated(count.unsigned_abs() as usize, rng),
        Some(hash) => hash.random_distinct(usize::try_from(count).unwrap_or(usize::MAX), rng),
    };
    show(reply, &chosen, with_values);
    Ok(())
}

/// Fields alone, or with their values: pairs in RESP3, one flat list in RESP2.
fn show(reply: &mut Reply<'_>, chosen: &[Entry<'_>], with_values: bool) {
    let nested = with_values && reply.protocol() == Protocol::Resp3;
    let flat = with_values && !nested;
    reply.array(chosen.len() * if flat { 2 } else { 1 });
    for entry in chosen {
        if nested {
            reply.array(2);
        }
        reply.bulk(entry.field);
        if with_values {
            reply.bulk(entry.value);
        }
    }
}
