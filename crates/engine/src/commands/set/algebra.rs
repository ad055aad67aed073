//! Union, intersection and difference: SINTER, SUNION, SDIFF, and their forms that store or count.
//!
//! All of them clone the sets, which takes a counter each, and compute on the clones.

use resp::write::Aggregate;
use smallvec::SmallVec;
use stdx::number::parse_i64;
use value::set::algebra::{self, Operation};
use value::{Set, SetRef, hyperloglog};

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn sinter(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Operation::Intersection)
}

pub(super) fn sunion(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Operation::Union)
}

pub(super) fn sdiff(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Operation::Difference)
}

pub(super) fn sinterstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(ctx, args, reply, Operation::Intersection)
}

pub(super) fn sunionstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(ctx, args, reply, Operation::Union)
}

pub(super) fn sdiffstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(ctx, args, reply, Operation::Difference)
}

pub(super) fn sintercard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(ctx, args, reply, Operation::Intersection)
}

pub(super) fn sunioncard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(ctx, args, reply, Operation::Union)
}

pub(super) fn sdiffcard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(ctx, args, reply, Operation::Difference)
}

/// The sets of some keys; a key that is not there has an empty one.
fn operands(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    keys: std::ops::Range<usize>,
) -> Result<SmallVec<[Set; 4]>, Error> {
    let operand = |at| {
        let key = ctx.key(args, at);
        Ok(ctx.db().set(&key)?.map_or_else(Set::new, SetRef::to_owned))
    };
    keys.map(operand).collect()
}

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let sets = operands(ctx, args, 1..args.len())?;
    let settings = ctx.shared.keyspace.settings().set;
    let deferred = reply.defer();
    let mut shown = 0;
    algebra::walk(operation, &sets, settings, &mut |member| {
        reply.bulk(member);
        shown += 1;
        true
    });
    reply.finish(deferred, Aggregate::Set, shown);
    Ok(())
}

fn store(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let sets = operands(ctx, args, 2..args.len())?;
    let target = ctx.key(args, 1);
    let sources: SmallVec<[&[u8]; 8]> = args.from(2).collect();
    let length = ctx.db().set_store(&target, operation, &sources, &sets);
    reply.integer(length as i64);
    Ok(())
}

/// What the counting forms are asked.
struct Count {
    keys: usize,
    /// Where counting may end; 0: nowhere.
    limit: usize,
    /// Whether an estimate will do.
    estimate: bool,
}

impl Count {
    fn parse(args: &Args<'_>, operation: Operation) -> Result<Self, Error> {
        let keys = parse_i64(args.get(1))
            .filter(|&keys| keys > 0)
            .ok_or(Error::Static("ERR numkeys should be greater than 0"))?;
        let keys = usize::try_from(keys)
            .ok()
            .filter(|&keys| keys <= args.len() - 2)
            .ok_or(Error::Static("ERR Number of keys can't be greater than number of args"))?;
        let mut count = Self { keys, limit: 0, estimate: false };
        let mut cursor = args.cursor(2 + keys);
        while !cursor.is_done() {
            if cursor.left() > 1 && cursor.take("LIMIT") {
                let limit = parse_i64(cursor.next_required()?).and_then(|limit| usize::try_from(limit).ok());
                count.limit = limit.ok_or(Error::Static("ERR LIMIT can't be negative"))?;
            } else if operation == Operation::Union && cursor.take("APPROX") {
                count.estimate = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(count)
    }
}

fn count(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let wanted = Count::parse(args, operation)?;
    let sets = operands(ctx, args, 2..2 + wanted.keys)?;
    let limit = if wanted.limit == 0 { usize::MAX } else { wanted.limit };
    let count = if wanted.estimate {
        estimate_union(&sets).min(limit)
    } else {
        let settings = ctx.shared.keyspace.settings().set;
        let mut count = 0;
        algebra::walk(operation, &sets, settings, &mut |_| {
            count += 1;
            count < limit
        });
        count
    };
    reply.integer(count as i64);
    Ok(())
}

/// About how many members the union has, from registers of a fixed size.
fn estimate_union(sets: &[Set]) -> usize {
    let mut registers = hyperloglog::empty();
    hyperloglog::make_dense(&mut registers).expect("empty registers are whole");
    for member in sets.iter().flat_map(|set| set.as_ref().iter()) {
        hyperloglog::add_to_dense(&mut registers, &member);
    }
    hyperloglog::count(&registers).expect("registers stay whole") as usize
}
