//! Combining sorted sets and sets: ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD.

use std::collections::HashMap;

use stdx::number::parse_f64;
use value::ZSet;
use value::set::Member;
use value::zset::{Builder, Settings};

use super::input::Input;
use super::{store, write_elements};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

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
        Ok(query)
    }

    /// The combination.
    fn run(mut self, operation: Operation, settings: Settings) -> ZSet {
        if operation != Operation::Difference {
            // From the smallest on; in this order scores are summed up, too.
            self.inputs.sort_by_key(Input::len);
        }
        let aggregate = self.aggregate;
        self.inputs.iter_mut().for_each(|input| input.is_counted = aggregate == Aggregate::Count);
        let builder: Builder = match operation {
            Operation::Union => {
                let mut scores: HashMap<Member<'_>, f64> = HashMap::new();
                for (member, score) in self.inputs.iter().flat_map(Input::iter) {
                    scores
                        .entry(member)
                        .and_modify(|sum| *sum = aggregate.apply(*sum, score))
                        .or_insert(score);
                }
                scores.into_iter().collect()
            }
            Operation::Intersection => common(&self.inputs, aggregate).collect(),
            Operation::Difference => {
                let (first, others) = self.inputs.split_first().expect("there is an input");
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
fn common(inputs: &[Input], aggregate: Aggregate) -> impl Iterator<Item = (Member<'_>, f64)> {
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

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let query = Query::parse(ctx, args, operation, false)?;
    let with_scores = query.with_scores;
    let zset = query.run(operation, ctx.shared.keyspace.settings().zset);
    write_elements(reply, zset.as_ref().iter(), with_scores);
    Ok(())
}

fn keep(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Outcome {
    let query = Query::parse(ctx, args, operation, true)?;
    let zset = query.run(operation, ctx.shared.keyspace.settings().zset);
    let target = ctx.key(args, 1);
    reply.integer(store(&mut ctx.db(), &target, zset) as i64);
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
    let (mut inputs, at) = read_inputs(ctx, args, 1)?;
    let mut limit = 0;
    let mut cursor = args.cursor(at);
    while !cursor.is_done() {
        if cursor.left() < 2 || !cursor.take("LIMIT") {
            return Err(Error::Syntax);
        }
        let number =
            stdx::number::parse_i64(cursor.next_required()?).and_then(|number| usize::try_from(number).ok());
        limit = number.ok_or(Error::Static("ERR LIMIT can't be negative"))?;
    }
    inputs.sort_by_key(Input::len);
    let most = if limit == 0 { usize::MAX } else { limit };
    reply.integer(common(&inputs, Aggregate::Sum).take(most).count() as i64);
    Ok(())
}
