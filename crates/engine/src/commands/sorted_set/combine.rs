//! Combining sorted sets and sets: ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD.
//!
//! Inputs are clones, so nothing is locked while large ones are combined. A result is stored if the inputs are still what
//! they were; if they change again and again, the work is done under their locks at last.

use std::collections::HashMap;

use stdx::number::{parse_f64, parse_i64};
use value::ZSet;
use value::set::Member;
use value::zset::{Builder, Settings};

use super::input::Input;
use super::shown::Shown;
use super::store;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// Up to so many members of all inputs together a result is made and stored in one hold.
const FEW_MEMBERS: usize = 1024;
/// How often a result is made anew because an input has changed, before that is prevented.
const ATTEMPTS: usize = 4;
/// The index of the first input of commands that store.
const FIRST_OF_STORED: usize = 3;

/// What is made of the inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores that a member has in several inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
    /// Scores do not matter: each input gives its weight.
    Count,
}

impl Aggregate {
    fn named(args: &Args<'_>, at: usize) -> Result<Self, Error> {
        let known = [("SUM", Self::Sum), ("MIN", Self::Min), ("MAX", Self::Max), ("COUNT", Self::Count)];
        let found = known.into_iter().find(|(word, _)| args.is(at, word));
        found.map(|(_, aggregate)| aggregate).ok_or(Error::Syntax)
    }

    /// The score of a member with one more score, which may be NaN.
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Min => left.min(right),
            Self::Max => left.max(right),
            Self::Sum | Self::Count => {
                let sum = left + right;
                // Infinities of both signs make zero, and so does NaN, whatever was there before.
                if sum.is_nan() { 0.0 } else { sum }
            }
        }
    }
}

/// A combination as it was asked for.
struct Query {
    inputs: Vec<Input>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Query {
    /// The arguments from the number of keys on.
    fn parse(
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        operation: Operation,
        is_stored: bool,
    ) -> Result<Self, Error> {
        let (inputs, at) = read_inputs(ctx, args, if is_stored { 2 } else { 1 })?;
        let mut query = Self { inputs, aggregate: Aggregate::Sum, with_scores: false };
        let is_weighed = operation != Operation::Difference;
        let mut cursor = args.cursor(at);
        while !cursor.is_done() {
            if is_weighed && cursor.left() > query.inputs.len() && cursor.take("WEIGHTS") {
                for input in &mut query.inputs {
                    input.weight = parse_f64(cursor.next_required()?)
                        .ok_or(Error::Static("ERR weight value is not a float"))?;
                }
            } else if is_weighed && cursor.left() > 1 && cursor.take("AGGREGATE") {
                query.aggregate = Aggregate::named(args, cursor.position())?;
                cursor.next_required()?;
            } else if !is_stored && cursor.take("WITHSCORES") {
                query.with_scores = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        let is_counted = query.aggregate == Aggregate::Count;
        query.inputs.iter_mut().for_each(|input| input.is_counted = is_counted);
        Ok(query)
    }

    /// Whether the combination takes no longer than other commands do.
    fn is_small(&self) -> bool {
        self.inputs.iter().map(Input::len).sum::<usize>() <= FEW_MEMBERS
    }

    /// Whether the keys, which are locked, hold what they held when they were read.
    fn is_up_to_date(&self, ctx: &mut Context<'_, '_>, args: &Args<'_>, first: usize) -> bool {
        self.inputs.iter().enumerate().all(|(index, input)| {
            let key = ctx.key(args, first + index);
            Input::read(&mut ctx.db(), &key).is_ok_and(|now| now.is_same(input))
        })
    }

    /// The combination.
    fn run(&self, operation: Operation, settings: Settings) -> ZSet {
        let mut inputs: Vec<&Input> = self.inputs.iter().collect();
        if operation != Operation::Difference {
            // From the smallest on; in this order scores are summed up, too.
            inputs.sort_by_key(|input| input.len());
        }
        let aggregate = self.aggregate;
        let builder: Builder = match operation {
            Operation::Union => {
                let mut scores: HashMap<Member<'_>, f64> = HashMap::new();
                for (member, score) in inputs.iter().flat_map(|input| input.iter()) {
                    scores
                        .entry(member)
                        .and_modify(|sum| *sum = aggregate.apply(*sum, score))
                        .or_insert(score);
                }
                scores.into_iter().collect()
            }
            Operation::Intersection => common(&inputs, aggregate).collect(),
            Operation::Difference => {
                let (first, others) = inputs.split_first().expect("there is an input");
                let is_kept = |(member, _): &(Member<'_>, f64)| {
                    others.iter().all(|other| other.score(member).is_none())
                };
                first.iter().filter(is_kept).collect()
            }
        };
        builder.finish(settings).expect("each member is found once")
    }
}

/// The members that are in all inputs, of which the first is the smallest.
fn common<'i>(
    inputs: &'i [&Input],
    aggregate: Aggregate,
) -> impl Iterator<Item = (Member<'i>, f64)> + use<'i> {
    let (smallest, others) = inputs.split_first().expect("there is an input");
    smallest.iter().filter_map(move |(member, score)| {
        let mut scores = others.iter().map(|other| other.score(&member));
        let score = scores.try_fold(score, |sum, score| Some(aggregate.apply(sum, score?)))?;
        Some((member, score))
    })
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

/// The shards of all keys that the arguments name.
fn shards_of(ctx: &Context<'_, '_>, args: &Args<'_>) -> Vec<usize> {
    let mut shards = Vec::new();
    ctx.row.command.for_each_key(args, |at, _| shards.push(ctx.access.shard_of(&ctx.key_of(args.get(at)))));
    shards
}

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let mut shards = shards_of(ctx, args);
    let query = ctx.with_shards(&mut shards, |ctx| {
        ctx.remember_keys(args);
        Query::parse(ctx, args, operation, false)
    })?;
    let zset = query.run(operation, ctx.shared.keyspace.settings().zset);
    Shown::all(zset.as_ref(), query.with_scores).write(zset.as_ref(), reply);
    Ok(())
}

fn keep(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let settings = ctx.shared.keyspace.settings().zset;
    let target = ctx.key(args, 1);
    let mut shards = shards_of(ctx, args);
    for attempt in 1..=ATTEMPTS {
        let is_last = attempt == ATTEMPTS || ctx.in_transaction;
        let query = ctx.with_shards(&mut shards, |ctx| {
            let query = Query::parse(ctx, args, operation, true)?;
            if !is_last && !query.is_small() {
                return Ok::<_, Error>(Some(query));
            }
            let zset = query.run(operation, settings);
            reply.integer(store(&mut ctx.db(), &target, zset) as i64);
            Ok(None)
        })?;
        let Some(query) = query else { break };
        let zset = query.run(operation, settings);
        let is_stored = ctx.with_shards(&mut shards, |ctx| {
            let is_stored = query.is_up_to_date(ctx, args, FIRST_OF_STORED);
            if is_stored {
                reply.integer(store(&mut ctx.db(), &target, zset) as i64);
            }
            is_stored
        });
        if is_stored {
            break;
        }
    }
    Ok(())
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
    keep(ctx, args, reply, Operation::Union)
}

pub(super) fn zinterstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    keep(ctx, args, reply, Operation::Intersection)
}

pub(super) fn zdiffstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    keep(ctx, args, reply, Operation::Difference)
}

pub(super) fn zintercard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut shards = shards_of(ctx, args);
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
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by_key(|input| input.len());
    let most = if limit == 0 { usize::MAX } else { limit };
    reply.integer(common(&inputs, Aggregate::Sum).take(most).count() as i64);
    Ok(())
}
