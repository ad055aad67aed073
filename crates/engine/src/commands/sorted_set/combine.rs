//! Combining sorted sets and sets: ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD.
//!
//! Inputs are clones, so nothing is locked while large ones are combined; see [`mod@crate::computing`].

use stdx::number::{parse_f64, parse_i64};

use super::combination::{Aggregate, Combination, Intersecting, Operation};
use super::input::Input;
use super::shown::Shown;
use super::store;
use crate::args::Args;
use crate::command::Outcome;
use crate::computing::{self, Answer, Read, Recorded, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

impl Aggregate {
    fn named(args: &Args<'_>, at: usize) -> Result<Self, Error> {
        let known = [("SUM", Self::Sum), ("MIN", Self::Min), ("MAX", Self::Max), ("COUNT", Self::Count)];
        let found = known.into_iter().find(|(word, _)| args.is(at, word));
        found.map(|(_, aggregate)| aggregate).ok_or(Error::Syntax)
    }
}

/// A combination as it was asked for.
#[derive(Debug)]
struct Query {
    combination: Combination,
    with_scores: bool,
}

impl Query {
    /// Reads the arguments from the number of keys on, and the keys.
    fn read(
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        operation: Operation,
        is_stored: bool,
    ) -> Result<Self, Error> {
        let (inputs, at) = read_inputs(ctx, args, if is_stored { 2 } else { 1 })?;
        let settings = ctx.shared.keyspace.settings().zset;
        let mut query =
            Self { combination: Combination::new(operation, inputs, settings), with_scores: false };
        let Combination { inputs, aggregate, .. } = &mut query.combination;
        let is_weighed = operation != Operation::Difference;
        let mut cursor = args.cursor(at);
        while !cursor.is_done() {
            if is_weighed && cursor.left() > inputs.len() && cursor.take("WEIGHTS") {
                for input in &mut *inputs {
                    input.weight = parse_f64(cursor.next_required()?)
                        .ok_or(Error::Static("ERR weight value is not a float"))?;
                }
            } else if is_weighed && cursor.left() > 1 && cursor.take("AGGREGATE") {
                *aggregate = Aggregate::named(args, cursor.position())?;
                cursor.next_required()?;
            } else if !is_stored && cursor.take("WITHSCORES") {
                query.with_scores = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        let is_counted = *aggregate == Aggregate::Count;
        inputs.iter_mut().for_each(|input| input.is_counted = is_counted);
        Ok(query)
    }
}

impl Answer for Query {
    fn step(&mut self) -> Progress {
        self.combination.step()
    }

    fn complete(&mut self) {
        self.combination.complete();
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        let zset = self.combination.finish();
        Shown::all(zset.as_ref(), self.with_scores).write(zset.as_ref(), reply);
        Ok(())
    }
}

impl Stored for Query {
    fn is_small(&self) -> bool {
        self.combination.is_small()
    }

    fn step(&mut self) -> Progress {
        self.combination.step()
    }

    fn complete(&mut self) {
        self.combination.complete();
    }

    fn is_same(&self, now: &Self) -> bool {
        let (before, now) = (&self.combination.inputs, &now.combination.inputs);
        before.iter().zip(now).all(|(before, now)| before.is_same(now))
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let target = ctx.key(args, 1);
        let recorded = Recorded::value_if(self.combination.aggregate == Aggregate::Count);
        reply.integer(store(ctx, args, &target, self.combination.finish(), recorded) as i64);
        Ok(())
    }
}

/// Reads the keys behind their number; returns them and the index behind them.
fn read_inputs(ctx: &mut Context<'_, '_>, args: &Args<'_>, at: usize) -> Result<(Vec<Input>, usize), Error> {
    let count = args.integer(at)?;
    if count < 1 {
        let name = ctx.row.command.name.to_ascii_lowercase();
        return Err(Error::Text(format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    let end = usize::try_from(count).ok().and_then(|count| count.checked_add(at + 1));
    let end = end.filter(|&end| end <= args.len()).ok_or(Error::Syntax)?;
    let inputs = (at + 1..end).map(|at| {
        let key = ctx.key(args, at);
        Input::read(&mut ctx.db(), &key)
    });
    Ok((inputs.collect::<Result<_, Error>>()?, end))
}

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let mut shards = ctx.shards_of(args);
    let query = ctx.with_shards(&mut shards, |ctx| {
        ctx.remember_keys(args);
        Query::read(ctx, args, operation, false)
    })?;
    let is_small = query.combination.is_small();
    reply.answer(query, is_small)
}

fn keep(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, read: Read<Query>) -> Outcome {
    computing::store(ctx, args, reply, read)
}

pub(super) fn zunion(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Operation::Union)
}

pub(super) fn zinter(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Operation::Intersection)
}

pub(super) fn zdiff(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Operation::Difference)
}

pub(super) fn zunionstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    keep(ctx, args, reply, |ctx, args| Query::read(ctx, args, Operation::Union, true))
}

pub(super) fn zinterstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    keep(ctx, args, reply, |ctx, args| Query::read(ctx, args, Operation::Intersection, true))
}

pub(super) fn zdiffstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    keep(ctx, args, reply, |ctx, args| Query::read(ctx, args, Operation::Difference, true))
}

pub(super) fn zintercard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut shards = ctx.shards_of(args);
    let (inputs, at) = ctx.with_shards(&mut shards, |ctx| {
        ctx.remember_keys(args);
        read_inputs(ctx, args, 1)
    })?;
    let mut limit = 0;
    let mut cursor = args.cursor(at);
    while !cursor.is_done() {
        if cursor.left() < 2 || !cursor.take("LIMIT") {
            return Err(Error::Syntax);
        }
        let number = parse_i64(cursor.next_required()?).and_then(|number| usize::try_from(number).ok());
        limit = number.ok_or(Error::Static("ERR LIMIT can't be negative"))?;
    }
    let counted = Intersecting::new(inputs, if limit == 0 { usize::MAX } else { limit });
    let is_small = counted.is_small();
    reply.answer(counted, is_small)
}

impl Answer for Intersecting {
    fn step(&mut self) -> Progress {
        self.step()
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.integer(self.count() as i64);
        Ok(())
    }
}
