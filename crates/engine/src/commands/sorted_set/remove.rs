//! Removing members: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use std::ops::Range;

use smallvec::SmallVec;
use value::zset::Settings;
use value::{ZSet, ZSetRef};

use super::bounds;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::list::positions;
use crate::computing::{self, FEW_ELEMENTS, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

pub(super) fn zrem(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let members: SmallVec<[&[u8]; 4]> = args.from(2).collect();
    let removed = ctx.db().zset_remove(&key, &members)?;
    reply.integer(removed as i64);
    Ok(())
}

pub(super) fn by_rank(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let (start, stop) = (args.integer(2)?, args.integer(3)?);
        Removing::read(ctx, args, |zset| positions(start, stop, zset.len()))
    })
}

pub(super) fn by_score(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let range = bounds::scores(args, 2, 3)?;
        Removing::read(ctx, args, |zset| zset.positions_by_score(&range))
    })
}

pub(super) fn by_member(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let range = bounds::members(args, 2, 3)?;
        Removing::read(ctx, args, |zset| zset.positions_by_member(&range, false))
    })
}

/// A sorted set from which a range of positions is removed: of few where it is, of many from a clone that takes its place.
#[derive(Debug)]
struct Removing {
    /// As it was read, if the range is long.
    before: Option<ZSet>,
    rest: ZSet,
    positions: Range<usize>,
    /// Those of them that are still in the rest.
    left: Range<usize>,
    settings: Settings,
    scratch: Vec<u8>,
}

impl Removing {
    /// Finds the positions.
    fn read(
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        find: impl FnOnce(ZSetRef<'_>) -> Range<usize>,
    ) -> Result<Self, Error> {
        let (key, settings, may_compute) =
            (ctx.key(args, 1), ctx.shared.keyspace.settings().zset, ctx.may_compute());
        let mut db = ctx.db();
        let zset = db.zset_to_change(&key)?;
        let positions = zset.map_or(0..0, find);
        let is_long = may_compute && positions.len() > FEW_ELEMENTS;
        // All of it goes with the key, whatever its length.
        let before = zset.filter(|zset| is_long && positions.len() < zset.len()).map(ZSetRef::to_owned);
        let rest = before.clone().unwrap_or_default();
        Ok(Self { before, rest, left: positions.clone(), positions, settings, scratch: Vec::new() })
    }
}

impl Stored for Removing {
    fn is_small(&self) -> bool {
        self.before.is_none()
    }

    fn step(&mut self) -> Progress {
        if self.before.is_some() {
            let start = self.left.start.max(self.left.end.saturating_sub(STEP_ELEMENTS));
            let part = start..self.left.end;
            self.rest.edit(&mut self.scratch, self.settings, |edit| edit.remove_range(part));
            self.left.end = start;
        } else {
            self.left = 0..0;
        }
        if self.left.is_empty() { Progress::Done } else { Progress::More }
    }

    fn is_same(&self, now: &Self) -> bool {
        let (Some(before), Some(now)) = (&self.before, &now.before) else { return false };
        before.is_same(now)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let (key, removed) = (ctx.key(args, 1), self.positions.len());
        let mut db = ctx.db();
        if self.before.is_some() {
            db.zset_leave(&key, self.positions.clone(), std::mem::take(&mut self.rest))?;
        } else {
            db.zset_remove_range(&key, self.positions.clone())?;
        }
        reply.integer(removed as i64);
        Ok(())
    }
}
