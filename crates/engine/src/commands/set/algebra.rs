//! Union, intersection and difference: SINTER, SUNION, SDIFF, and their forms that store or count.
//!
//! All of them clone the sets, which takes a counter each, and compute on the clones; see [`mod@crate::computing`].

use resp::Protocol;
use smallvec::SmallVec;
use stdx::number::parse_i64;
use value::set::algebra::{Combination, Operation, Walk};
use value::{Set, SetRef, hyperloglog};

use crate::args::Args;
use crate::command::Outcome;
use crate::computing::{self, Answer, FEW_ELEMENTS, Read, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{Producer, Progress};

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
    store(ctx, args, reply, |ctx, args| Combining::read(ctx, args, Operation::Intersection))
}

pub(super) fn sunionstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(ctx, args, reply, |ctx, args| Combining::read(ctx, args, Operation::Union))
}

pub(super) fn sdiffstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(ctx, args, reply, |ctx, args| Combining::read(ctx, args, Operation::Difference))
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
        let is_going_on = walk.step(STEP_ELEMENTS, &mut |member| {
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

fn store(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    read: Read<Combining>,
) -> Outcome {
    computing::store(ctx, args, reply, read)
}

/// A result that is stored.
#[derive(Debug)]
struct Combining {
    operation: Operation,
    /// The sets as they were read.
    sources: Vec<Set>,
    combination: Combination,
}

impl Combining {
    fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>, operation: Operation) -> Result<Self, Error> {
        let sources = operands(ctx, args, 2..args.len())?;
        let settings = ctx.shared.keyspace.settings().set;
        let combination = Combination::new(operation, sources.clone(), settings);
        Ok(Self { operation, sources, combination })
    }
}

impl Stored for Combining {
    fn is_small(&self) -> bool {
        self.sources.iter().map(Set::len).sum::<usize>() <= FEW_ELEMENTS
    }

    fn step(&mut self) -> Progress {
        if self.combination.step(STEP_ELEMENTS) { Progress::More } else { Progress::Done }
    }

    fn complete(&mut self) {
        while self.combination.step(usize::MAX) {}
    }

    fn is_same(&self, now: &Self) -> bool {
        self.sources.iter().zip(&now.sources).all(|(before, now)| before.is_same(now))
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let names: SmallVec<[&[u8]; 8]> = args.from(2).collect();
        let (target, result) = (ctx.key(args, 1), self.combination.finish());
        reply.integer(ctx.db().set_store(&target, self.operation, &names, result) as i64);
        Ok(())
    }
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
    let is_small = sets.iter().map(Set::len).sum::<usize>() <= FEW_ELEMENTS;
    if wanted.estimate {
        return reply.answer(Estimate::new(sets, limit), is_small);
    }
    let walk = Walk::new(operation, sets, ctx.shared.keyspace.settings().set);
    reply.answer(Counted { walk, count: 0, limit }, is_small)
}

/// How many members a result has.
#[derive(Debug)]
struct Counted {
    walk: Walk,
    count: usize,
    limit: usize,
}

impl Answer for Counted {
    fn step(&mut self) -> Progress {
        let is_going_on = self.walk.step(STEP_ELEMENTS, &mut |_| self.count += 1);
        if is_going_on && self.count < self.limit { Progress::More } else { Progress::Done }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.integer(self.count.min(self.limit) as i64);
        Ok(())
    }
}

/// About how many members a union has, from registers of a fixed size.
#[derive(Debug)]
struct Estimate {
    sets: Vec<Set>,
    /// The set that is walked, and how far.
    at: usize,
    cursor: u64,
    registers: Vec<u8>,
    limit: usize,
}

impl Estimate {
    fn new(sets: Vec<Set>, limit: usize) -> Self {
        let mut registers = hyperloglog::empty();
        hyperloglog::make_dense(&mut registers).expect("empty registers are whole");
        Self { sets, at: 0, cursor: 0, registers, limit }
    }
}

impl Answer for Estimate {
    fn step(&mut self) -> Progress {
        let Some(set) = self.sets.get(self.at) else { return Progress::Done };
        self.cursor = set.as_ref().scan(self.cursor, STEP_ELEMENTS, &mut |member| {
            hyperloglog::add_to_dense(&mut self.registers, member);
        });
        self.at += usize::from(self.cursor == 0);
        Progress::More
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        let count = hyperloglog::count(&self.registers).expect("registers stay whole") as usize;
        reply.integer(count.min(self.limit) as i64);
        Ok(())
    }
}
