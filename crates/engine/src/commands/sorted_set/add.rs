//! Giving members scores: ZADD, ZINCRBY.

use smallvec::SmallVec;
use value::zset::{Members, Rule, Scores};

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

const NOT_A_NUMBER: Error = Error::Static("ERR resulting score is not a number (NaN)");

/// The options of ZADD, as they were written.
#[derive(Default)]
struct Options {
    new: bool,
    known: bool,
    greater: bool,
    less: bool,
    counts_changes: bool,
    is_increment: bool,
}

impl Options {
    /// Reads the options; returns them and the index of the first score.
    fn parse(args: &Args<'_>) -> (Self, usize) {
        let mut options = Self::default();
        let mut cursor = args.cursor(2);
        // What begins like a number is none, and mostly the first word is one.
        while args
            .get_optional(cursor.position())
            .is_some_and(|word| word.first().is_some_and(u8::is_ascii_alphabetic))
        {
            let option = [
                ("NX", &mut options.new),
                ("XX", &mut options.known),
                ("GT", &mut options.greater),
                ("LT", &mut options.less),
                ("CH", &mut options.counts_changes),
                ("INCR", &mut options.is_increment),
            ];
            let Some((_, option)) = option.into_iter().find(|(word, _)| cursor.take(word)) else { break };
            *option = true;
        }
        (options, cursor.position())
    }

    fn rule(&self) -> Result<Rule, Error> {
        let members = match (self.new, self.known) {
            (true, true) => {
                return Err(Error::Static("ERR XX and NX options at the same time are not compatible"));
            }
            (true, false) => Members::New,
            (false, true) => Members::Known,
            (false, false) => Members::Any,
        };
        let scores = match (self.greater, self.less) {
            (false, false) => Scores::Any,
            (true, false) if !self.new => Scores::Greater,
            (false, true) if !self.new => Scores::Less,
            _ => {
                return Err(Error::Static(
                    "ERR GT, LT, and/or NX options at the same time are not compatible",
                ));
            }
        };
        Ok(Rule { members, scores, is_increment: self.is_increment })
    }
}

pub(super) fn zadd(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (options, first) = Options::parse(args);
    let words = args.len() - first;
    if words == 0 || !words.is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let rule = options.rule()?;
    if rule.is_increment {
        if words > 2 {
            return Err(Error::Static("ERR INCR option supports a single increment-element pair"));
        }
        return add_one(ctx, args, reply, first, rule);
    }
    let mut members: SmallVec<[(f64, &[u8]); 4]> = SmallVec::new();
    for at in (first..args.len()).step_by(2) {
        members.push((args.float(at)?, args.get(at + 1)));
    }
    let key = ctx.key(args, 1);
    let added = ctx.db().zset_add(&key, &members, rule)?;
    let count = added.new + if options.counts_changes { added.updated } else { 0 };
    reply.integer(count as i64);
    Ok(())
}

pub(super) fn zincrby(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add_one(ctx, args, reply, 2, Rule { is_increment: true, ..Rule::default() })
}

/// Adds the number at an index of the arguments to the score of the member behind it.
fn add_one(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    at: usize,
    rule: Rule,
) -> Outcome {
    let by = args.float(at)?;
    let key = ctx.key(args, 1);
    let outcome = ctx.db().zset_add_one(&key, args.get(at + 1), by, rule)?;
    match outcome.map_err(|_| NOT_A_NUMBER)?.score() {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}
