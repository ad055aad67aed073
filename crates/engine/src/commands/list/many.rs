//! Moves of several elements: LMOVEM, BLMOVEM.
//!
//! `OBO` moves one element after the other, `BULK` all of them as they stand. Of the four ways from end to end the two
//! differ where both ends are the same: elements that go one by one from the left to the left come out in reverse.
//!
//! ```text
//!   source 1 2 3     LEFT LEFT COUNT 2 OBO   ─► 2 1 ..      BULK ─► 1 2 ..
//!                    LEFT RIGHT, either way  ─► .. 1 2
//! ```
//! The reply has the elements in the order in which they stand at their new place.

use keyspace::{Count, Db, Key};
use value::list::{ListRef, Side};

use super::super::many_keys::positive;
use super::block::wait_until;
use super::side;
use crate::args::Args;
use crate::blocking::timeout_seconds;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// What is to be moved.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    from: Side,
    to: Side,
    count: usize,
    /// Nothing is moved if there are fewer.
    is_exact: bool,
    one_by_one: bool,
}

impl Wanted {
    /// Reads the sides, and what stands from an argument on: `[<COUNT count | EXACTLY exactly> <OBO | BULK>]`.
    fn parse(args: &Args<'_>, options_at: usize) -> Result<Self, Error> {
        let (from, to) = (side(args, 3)?, side(args, 4)?);
        let mut wanted = Self { from, to, count: 1, is_exact: false, one_by_one: true };
        let mut cursor = args.cursor(options_at);
        if cursor.is_done() {
            return Ok(wanted);
        }
        wanted.is_exact = cursor.take("EXACTLY");
        if !wanted.is_exact && !cursor.take("COUNT") {
            return Err(Error::Syntax);
        }
        wanted.count = positive(cursor.next_required()?, "ERR count should be greater than 0")?;
        wanted.one_by_one = cursor.take("OBO");
        if !wanted.one_by_one && !cursor.take("BULK") {
            return Err(Error::Syntax);
        }
        cursor.finish()?;
        Ok(wanted)
    }

    /// How many elements a list gives; `None`: it is not there, or too short.
    fn count_of(&self, list: Option<ListRef<'_>>) -> Option<usize> {
        let length = list?.len();
        (!self.is_exact || length >= self.count).then_some(self.count.min(length))
    }

    /// Whether elements stand in reverse at their new place.
    fn reverses(&self) -> bool {
        self.one_by_one && self.from == self.to
    }

    /// Moves what can be moved and writes it; false if that is nothing.
    fn run(&self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<bool, Error> {
        let (source, target) = (ctx.key(args, 1), ctx.key(args, 2));
        let mut db = ctx.db();
        let Some(count) = self.count_of(db.list_to_change(&source)?) else { return Ok(false) };
        db.list_to_change(&target)?;
        let moved = self.elements(&mut db, &source, count)?;
        reply.array(moved.len());
        moved.iter().for_each(|element| reply.bulk(element));
        let moved: Vec<&[u8]> = moved.iter().map(Vec::as_slice).collect();
        if source.bytes == target.bytes {
            self.turn(&mut db, &source, &moved)?;
        } else {
            db.list_pop(&source, self.from, Count::UpTo(count), &mut |_| ())?;
            self.push(&mut db, &target, &moved)?;
        }
        Ok(true)
    }

    /// The elements that go, as they will stand.
    fn elements(&self, db: &mut Db<'_, '_>, source: &Key<'_>, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        let Some(list) = db.list_to_change(source)? else { return Ok(Vec::new()) };
        let range = match self.from {
            Side::Left => 0..count,
            Side::Right => list.len() - count..list.len(),
        };
        let mut elements: Vec<Vec<u8>> = list.range(range).map(|element| element.to_vec()).collect();
        if self.reverses() {
            elements.reverse();
        }
        Ok(elements)
    }

    fn push(&self, db: &mut Db<'_, '_>, target: &Key<'_>, moved: &[&[u8]]) -> Result<(), Error> {
        match self.to {
            Side::Right => db.list_push(target, Side::Right, moved)?,
            Side::Left => {
                let inwards: Vec<&[u8]> = moved.iter().rev().copied().collect();
                db.list_push(target, Side::Left, &inwards)?
            }
        };
        Ok(())
    }

    /// Moves within one list, which never becomes empty meanwhile and so keeps its key and expiry.
    fn turn(&self, db: &mut Db<'_, '_>, key: &Key<'_>, moved: &[&[u8]]) -> Result<(), Error> {
        if self.from != self.to {
            self.push(db, key, moved)?;
            db.list_pop(key, self.from, Count::UpTo(moved.len()), &mut |_| ())?;
        } else if self.one_by_one {
            let length = db.list_to_change(key)?.map_or(0, ListRef::len);
            let first = if self.from == Side::Left { 0 } else { length - moved.len() };
            for (at, element) in (first..).zip(moved) {
                db.list_set(key, at, element)?;
            }
        }
        Ok(())
    }
}

pub(super) fn lmovem(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = Wanted::parse(args, 5)?;
    if !wanted.run(ctx, args, reply)? {
        if wanted.is_exact { reply.null_array() } else { reply.array(0) }
    }
    Ok(())
}

pub(super) fn blmovem(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = Wanted::parse(args, 6)?;
    let timeout_ms = timeout_seconds(args.get(5), ctx.now())?;
    if wanted.run(ctx, args, reply)? {
        return Ok(());
    }
    if ctx.may_wait() {
        wait_until(ctx, args, 1..2, timeout_ms, Some(is_long_enough));
    } else {
        reply.null_array();
    }
    Ok(())
}

/// Whether the list of a key has as many elements as a waiting BLMOVEM wants.
fn is_long_enough(ctx: &mut Context<'_, '_>, args: &Args<'_>, at: usize) -> bool {
    let key = ctx.key(args, at);
    let mut db = ctx.db();
    match (Wanted::parse(args, 6), db.list_to_change(&key)) {
        (Ok(wanted), Ok(list)) => wanted.count_of(list).is_some(),
        _ => false,
    }
}
