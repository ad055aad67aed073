//! Union, intersection and difference: SINTER, SUNION, SDIFF, and their forms that store or count.
//!
//! All of them clone the sets, which takes a counter each, and compute on the clones.

use resp::Protocol;
use smallvec::SmallVec;
use stdx::number::parse_i64;
use value::set::algebra::{self, Operation, Walk};
use value::{Set, SetRef, hyperloglog};

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{Producer, Progress};

/// Members that are looked at in one step: some tens of microseconds.
const STEP: usize = 256;
/// From so many members on, all sets together, a result that is stored is made without locks.
const MANY_MEMBERS: usize = 1024;
/// How often a result is made anew because a set has changed, before that is prevented.
const ATTEMPTS: usize = 3;

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
) -> Result<Vec<Set>, Error> {
    let operand = |at| {
        let key = ctx.key(args, at);
        Ok(ctx.db().set(&key)?.map_or_else(Set::new, SetRef::to_owned))
    };
    keys.map(operand).collect()
}

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let sets = operands(ctx, args, 1..args.len())?;
    let is_long = reply.leaves(sets.iter().map(Set::len).sum());
    let walk = Walk::new(operation, sets, ctx.shared.keyspace.settings().set);
    let mut shown = Shown { walk, protocol: reply.protocol(), found: Vec::new(), count: 0 };
    if is_long {
        reply.produce(shown);
    } else {
        while shown.produce(reply.buffer()) == Progress::More {}
    }
    Ok(())
}

/// The members of a result: they are gathered step by step, and written when it is known how many they are.
#[derive(Debug)]
struct Shown {
    walk: Walk,
    protocol: Protocol,
    /// The members found, as they are written.
    found: Vec<u8>,
    count: usize,
}

impl Producer for Shown {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let Self { walk, protocol, found, count } = self;
        let mut members = Reply::new(found, *protocol);
        let is_going_on = walk.step(STEP, &mut |member| {
            members.bulk(member);
            *count += 1;
        });
        if is_going_on {
            return Progress::More;
        }
        Reply::new(out, *protocol).set(*count);
        out.append(found);
        Progress::Done
    }

    fn remaining_bytes(&self) -> usize {
        self.found.len()
    }
}

/// Small sets are combined in one hold of the locks. Of large ones the result is made without locks, and stored if they
/// are still the same then.
fn store(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let settings = ctx.shared.keyspace.settings().set;
    let mut shards: Vec<usize> = (1..args.len()).map(|at| ctx.access.shard_of(&ctx.key(args, at))).collect();
    let mut prepared: Option<(Vec<Set>, Set)> = None;
    for attempt in 1.. {
        let large = ctx.with_shards(&mut shards, |ctx| {
            let sets = operands(ctx, args, 2..args.len())?;
            let result = match prepared.take() {
                Some((before, result)) if are_same(&before, &sets) => result,
                _ if attempt <= ATTEMPTS && sets.iter().map(Set::len).sum::<usize>() > MANY_MEMBERS => {
                    return Ok::<_, Error>(Some(sets));
                }
                _ => algebra::combine(operation, &sets, settings),
            };
            let sources: SmallVec<[&[u8]; 8]> = args.from(2).collect();
            let target = ctx.key(args, 1);
            reply.integer(ctx.db().set_store(&target, operation, &sources, result) as i64);
            Ok(None)
        })?;
        let Some(sets) = large else { break };
        let result = algebra::combine(operation, &sets, settings);
        prepared = Some((sets, result));
    }
    Ok(())
}

/// Whether nothing has changed between two looks at the same keys.
fn are_same(before: &[Set], now: &[Set]) -> bool {
    before.iter().zip(now).all(|(before, now)| before.is_same(now))
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
        let mut walk = Walk::new(operation, sets, ctx.shared.keyspace.settings().set);
        let mut count = 0;
        while count < limit && walk.step(STEP, &mut |_| count += 1) {}
        count.min(limit)
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
