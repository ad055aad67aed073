//! Changing a list where elements equal one: LINSERT and LREM.
//!
//! A short list is walked and changed at once. In a long one the elements are looked for in a clone, in steps, and when they
//! are many, what is left of the list is built in steps as well; the change itself takes a moment.

use value::List;
use value::list::{Builder, ListRef, Side};

use super::STEP_COMPARED;
use crate::args::Args;
use crate::command::Outcome;
use crate::computing::{FEW_ELEMENTS, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

/// What becomes of the elements that are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Another is put on a side of the first one.
    Insert(Side),
    /// So many of them are removed, counted from a side.
    Remove(Side, usize),
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Looking {
    change: Change,
    /// As it was read; none if it is short, or not there.
    list: Option<List>,
    wanted: Vec<u8>,
    /// Elements that have been looked at.
    seen: usize,
    /// Where the wanted ones are, in ascending order when all have been looked at.
    positions: Vec<usize>,
    /// What is left of the list, up to a position of it and a number of the wanted ones.
    rest: Builder,
    built: (usize, usize),
}

impl Looking {
    /// The key and the element that is looked for are the first and the third argument.
    pub(super) fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>, change: Change) -> Result<Self, Error> {
        let (key, may_compute) = (ctx.key(args, 1), ctx.may_compute());
        let mut db = ctx.db();
        let list = db.list_to_change(&key)?;
        let list = list.filter(|list| may_compute && list.len() > STEP_COMPARED).map(ListRef::to_owned);
        let wanted = if list.is_some() { args.get(3).to_vec() } else { Vec::new() };
        Ok(Self { change, list, wanted, seen: 0, positions: Vec::new(), rest: Builder::new(), built: (0, 0) })
    }

    /// Looks at some elements; all have been seen when those that are left do not matter.
    fn look(&mut self, list: ListRef<'_>) {
        let (is_backward, most) = match self.change {
            Change::Insert(_) => (false, 1),
            Change::Remove(side, limit) => (side == Side::Right, limit),
        };
        let end = list.len().min(self.seen + STEP_COMPARED);
        let range = if is_backward { list.len() - end..list.len() - self.seen } else { self.seen..end };
        let mut elements = list.range(range);
        while self.seen < end && self.positions.len() < most {
            let next = if is_backward { elements.next_back() } else { elements.next() };
            if next.is_some_and(|element| element == self.wanted) {
                self.positions.push(if is_backward { list.len() - 1 - self.seen } else { self.seen });
            }
            self.seen += 1;
        }
        if self.seen == list.len() || self.positions.len() == most {
            self.seen = list.len();
            if is_backward {
                self.positions.reverse();
            }
        }
    }

    /// Whether the list is built anew.
    fn is_rebuilt(&self) -> bool {
        self.positions.len() > FEW_ELEMENTS
    }

    /// Builds a part of what is left.
    fn build(&mut self, list: ListRef<'_>) {
        let (start, mut gone) = self.built;
        let end = list.len().min(start + STEP_ELEMENTS);
        for (at, element) in (start..end).zip(list.range(start..end)) {
            if self.positions.get(gone) == Some(&at) {
                gone += 1;
            } else {
                self.rest.push(&element);
            }
        }
        self.built = (end, gone);
    }

    fn insert(&self, ctx: &mut Context<'_, '_>, args: &Args<'_>, side: Side) -> Result<i64, Error> {
        let (key, pivot, element) = (ctx.key(args, 1), args.get(3), args.get(4));
        let mut db = ctx.db();
        let length = match (&self.list, self.positions.first()) {
            (Some(_), None) => None,
            (Some(_), Some(&at)) => Some(db.list_insert_at(&key, (at, side), pivot, element)?),
            (None, _) if db.list_to_change(&key)?.is_none() => Some(0),
            (None, _) => db.list_insert(&key, side, pivot, element)?,
        };
        Ok(length.map_or(-1, |length| length as i64))
    }

    fn remove(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        side: Side,
        limit: usize,
    ) -> Result<usize, Error> {
        let (key, element, settings) = (ctx.key(args, 1), args.get(3), ctx.shared.keyspace.settings().list);
        let mut db = ctx.db();
        if self.list.is_none() {
            return Ok(db.list_remove(&key, side, limit, element)?);
        }
        if self.is_rebuilt() {
            let rest = std::mem::take(&mut self.rest).finish(settings);
            db.list_leave(&key, (side, self.positions.len()), element, rest)?;
        } else {
            db.list_remove_at(&key, side, &self.positions, element)?;
        }
        Ok(self.positions.len())
    }
}

impl Stored for Looking {
    fn is_small(&self) -> bool {
        self.list.is_none()
    }

    fn step(&mut self) -> Progress {
        let Some(list) = self.list.take() else { return Progress::Done };
        if self.seen < list.as_ref().len() {
            self.look(list.as_ref());
        } else if self.is_rebuilt() {
            self.build(list.as_ref());
        }
        let length = list.as_ref().len();
        let is_done = self.seen == length && (!self.is_rebuilt() || self.built.0 == length);
        self.list = Some(list);
        if is_done { Progress::Done } else { Progress::More }
    }

    fn is_same(&self, now: &Self) -> bool {
        let (Some(before), Some(now)) = (&self.list, &now.list) else { return false };
        before.is_same(now)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let answer = match self.change {
            Change::Insert(side) => self.insert(ctx, args, side)?,
            Change::Remove(side, limit) => self.remove(ctx, args, side, limit)? as i64,
        };
        reply.integer(answer);
        Ok(())
    }
}
