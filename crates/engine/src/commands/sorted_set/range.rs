//! Ranges of members: ZRANGE and the older commands that it replaces, ZRANGESTORE.
//!
//! Whatever a range is written in, it becomes a range of positions; only then are members looked at.

use std::ops::Range;

use value::zset::{Builder, LexRange, Rule, ScoreRange, Settings};
use value::{ZSet, ZSetRef};

use super::shown::Shown;
use super::{bounds, store};
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::list::positions;
use crate::computing::{self, FEW_ELEMENTS, Recorded, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

/// What the two ends of a range are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Position,
    Score,
    Member,
}

/// What a command leaves to its options.
#[derive(Clone, Copy)]
struct Form {
    /// The index of the key that is read.
    key: usize,
    /// `None`: options tell.
    by: Option<By>,
    /// `None`: an option tells.
    is_reverse: Option<bool>,
    /// Whether scores can be asked for.
    shows_scores: bool,
}

/// A range as it was asked for.
struct Query<'a> {
    ends: Ends<'a>,
    is_reverse: bool,
    with_scores: bool,
    /// Members to pass over; a negative number passes over all.
    offset: i64,
    /// The most members; a negative number is no limit.
    limit: i64,
}

enum Ends<'a> {
    Positions(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

/// The options, before it is known what they are about.
struct Options {
    by: By,
    is_reverse: bool,
    with_scores: bool,
    offset: i64,
    limit: i64,
}

impl Options {
    fn parse(args: &Args<'_>, form: Form) -> Result<Self, Error> {
        let mut options = Self {
            by: form.by.unwrap_or(By::Position),
            is_reverse: form.is_reverse.unwrap_or(false),
            with_scores: false,
            offset: 0,
            limit: -1,
        };
        let mut cursor = args.cursor(form.key + 3);
        let mut may_choose = form.by.is_none();
        let mut may_turn = form.is_reverse.is_none();
        while !cursor.is_done() {
            if form.shows_scores && cursor.take("WITHSCORES") {
                options.with_scores = true;
            } else if cursor.left() > 2 && cursor.take("LIMIT") {
                (options.offset, options.limit) = (cursor.integer()?, cursor.integer()?);
            } else if may_turn && cursor.take("REV") {
                (options.is_reverse, may_turn) = (true, false);
            } else if may_choose && cursor.take("BYLEX") {
                (options.by, may_choose) = (By::Member, false);
            } else if may_choose && cursor.take("BYSCORE") {
                (options.by, may_choose) = (By::Score, false);
            } else {
                return Err(Error::Syntax);
            }
        }
        if options.limit != -1 && options.by == By::Position {
            return Err(Error::Static(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if options.with_scores && options.by == By::Member {
            return Err(Error::Static(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        Ok(options)
    }
}

impl<'a> Query<'a> {
    fn parse(args: &Args<'a>, form: Form) -> Result<Self, Error> {
        let Options { by, is_reverse, with_scores, offset, limit } = Options::parse(args, form)?;
        let (first, second) = (form.key + 1, form.key + 2);
        // Scores and members in reverse order are given in that order too.
        let (min, max) = if is_reverse { (second, first) } else { (first, second) };
        let ends = match by {
            By::Position => Ends::Positions(args.integer(first)?, args.integer(second)?),
            By::Score => Ends::Scores(bounds::scores(args, min, max)?),
            By::Member => Ends::Members(bounds::members(args, min, max)?),
        };
        Ok(Self { ends, is_reverse, with_scores, offset, limit })
    }

    /// The positions, in ascending order, of the members that are asked for.
    fn positions(&self, zset: ZSetRef<'_>) -> Range<usize> {
        let length = zset.len();
        let found = match &self.ends {
            Ends::Positions(start, stop) if self.is_reverse => {
                let from_last = positions(*start, *stop, length);
                return length - from_last.end..length - from_last.start;
            }
            Ends::Positions(start, stop) => return positions(*start, *stop, length),
            Ends::Scores(range) => zset.positions_by_score(range),
            Ends::Members(range) => zset.positions_by_member(range, self.is_reverse),
        };
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX).min(found.len());
        let count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(found.len() - offset);
        if self.is_reverse {
            found.end - offset - count..found.end - offset
        } else {
            found.start + offset..found.start + offset + count
        }
    }
}

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, form: Form) -> Outcome {
    let query = Query::parse(args, form)?;
    let key = ctx.key(args, form.key);
    let mut db = ctx.db();
    let Some(zset) = db.zset(&key)? else {
        reply.array(0);
        return Ok(());
    };
    let positions = query.positions(zset);
    Shown { positions, is_reverse: query.is_reverse, with_scores: query.with_scores }.write(zset, reply);
    Ok(())
}

pub(super) fn zrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Form { key: 1, by: None, is_reverse: None, shows_scores: true })
}

pub(super) fn zrevrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, fixed(By::Position, true))
}

pub(super) fn zrangebyscore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, fixed(By::Score, false))
}

pub(super) fn zrevrangebyscore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, fixed(By::Score, true))
}

pub(super) fn zrangebylex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, fixed(By::Member, false))
}

pub(super) fn zrevrangebylex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, fixed(By::Member, true))
}

/// The form of a command whose name tells everything.
fn fixed(by: By, is_reverse: bool) -> Form {
    Form { key: 1, by: Some(by), is_reverse: Some(is_reverse), shows_scores: true }
}

pub(super) fn zrangestore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let query = Query::parse(args, Form { key: 2, by: None, is_reverse: None, shows_scores: false })?;
        let (source, settings) = (ctx.key(args, 2), ctx.shared.keyspace.settings().zset);
        let zset = ctx.db().zset(&source)?.map_or_else(ZSet::new, ZSetRef::to_owned);
        let positions = query.positions(zset.as_ref());
        // Where members have several scores their order is not that of the range, and what it finds depends on how they are kept.
        let recorded = Recorded::value_if(matches!(query.ends, Ends::Members(_)));
        Ok(Storing { zset, positions, result: ZSet::new(), recorded, settings, scratch: Vec::new() })
    })
}

/// A range of a sorted set that is stored.
#[derive(Debug)]
struct Storing {
    /// As it was read.
    zset: ZSet,
    /// What is not in the result yet.
    positions: Range<usize>,
    result: ZSet,
    recorded: Recorded,
    settings: Settings,
    scratch: Vec<u8>,
}

impl Stored for Storing {
    fn is_small(&self) -> bool {
        self.positions.len() <= FEW_ELEMENTS
    }

    fn step(&mut self) -> Progress {
        let end = self.positions.end.min(self.positions.start + STEP_ELEMENTS);
        let elements = self.zset.as_ref().range(self.positions.start..end);
        self.result.edit(&mut self.scratch, self.settings, |edit| {
            for element in elements {
                edit.add(element.member, element.score, Rule::default()).expect("a score is a number");
            }
        });
        self.positions.start = end;
        if self.positions.is_empty() { Progress::Done } else { Progress::More }
    }

    fn complete(&mut self) {
        if self.result.is_empty() {
            let elements = self.zset.as_ref().range(std::mem::take(&mut self.positions));
            let builder: Builder = elements.map(|element| (element.member, element.score)).collect();
            self.result = builder.finish(self.settings).expect("a sorted set has each member once");
        }
        while self.step() == Progress::More {}
    }

    fn is_same(&self, now: &Self) -> bool {
        self.zset.is_same(&now.zset)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let target = ctx.key(args, 1);
        let result = std::mem::take(&mut self.result);
        reply.integer(store(ctx, args, &target, result, self.recorded) as i64);
        Ok(())
    }
}
