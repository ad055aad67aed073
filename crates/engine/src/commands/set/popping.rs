//! SPOP with a count.
//!
//! A few members are chosen and removed at once, and so is a small set. All members of a large one go with the key, and are
//! written in slices. Many, but not all, are chosen of a clone, in steps; what stays takes the set's place in a moment.

use keyspace::Count;
use resp::Protocol;
use stdx::number::parse_i64;
use stdx::rng::Rng;
use value::set::{Encoding, Settings};
use value::{Set, SetRef};

use super::read::write_members;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::random_picks::Selection;
use crate::computing::{self, FEW_ELEMENTS, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{Pieces, Progress};

pub(super) fn pop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, Popping::read)
}

/// Many members of a large set on their way out.
#[derive(Debug)]
struct Popping {
    count: usize,
    /// As it was read, if it takes steps.
    before: Option<Set>,
    /// Where in it the walk goes on; none at the end.
    cursor: Option<u64>,
    selection: Selection,
    /// What stays: a clone from which members are removed, or a new set if few stay.
    rest: Set,
    is_rebuilt: bool,
    gone: Vec<Box<[u8]>>,
    /// The same as it is written.
    shown: Pieces,
    protocol: Protocol,
    settings: Settings,
    scratch: Vec<u8>,
}

impl Popping {
    fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Result<Self, Error> {
        if args.len() != 3 {
            return Err(Error::Syntax);
        }
        let count = parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or(Error::Static("ERR value is out of range, must be positive"))?;
        let (key, protocol, may_compute) = (ctx.key(args, 1), ctx.session.protocol, ctx.may_compute());
        let (settings, rng) = (ctx.shared.keyspace.settings().set, Rng::from_seed(ctx.access.rng.next_u64()));
        let mut db = ctx.db();
        let set = db.set_to_change(&key)?;
        let length = set.map_or(0, SetRef::len);
        let count = count.min(length);
        let takes_steps = may_compute && count > FEW_ELEMENTS && count < length;
        let before = set.filter(|_| takes_steps).map(SetRef::to_owned);
        let before = before.filter(|set| matches!(set, Set::Large(_)));
        let is_rebuilt = keyspace::is_set_rebuilt(length, count);
        Ok(Self {
            count,
            cursor: before.is_some().then_some(0),
            selection: Selection::new(count, length, rng),
            rest: before.clone().filter(|_| !is_rebuilt).unwrap_or_else(Set::new),
            before,
            is_rebuilt,
            gone: Vec::new(),
            shown: Pieces::default(),
            protocol,
            settings,
            scratch: Vec::new(),
        })
    }
}

impl Stored for Popping {
    fn is_small(&self) -> bool {
        self.before.is_none()
    }

    fn step(&mut self) -> Progress {
        let Self {
            before,
            cursor,
            selection,
            rest,
            is_rebuilt,
            gone,
            shown,
            protocol,
            settings,
            scratch,
            ..
        } = self;
        let (Some(before), Some(from)) = (before, *cursor) else { return Progress::Done };
        let mut reply = Reply::new(shown.last(), *protocol);
        let next = rest.edit(scratch, *settings, |edit| {
            if *is_rebuilt && from == 0 {
                let is_intset = before.as_ref().encoding() == Encoding::Intset;
                edit.begin_as(if is_intset { Encoding::Intset } else { Encoding::Listpack });
            }
            before.as_ref().scan(from, STEP_ELEMENTS, &mut |member| {
                if selection.takes() {
                    reply.bulk(member);
                    gone.push(member.into());
                    if !*is_rebuilt {
                        edit.remove(member);
                    }
                } else if *is_rebuilt {
                    edit.add(member);
                }
            })
        });
        *cursor = (next > 0).then_some(next);
        if next > 0 { Progress::More } else { Progress::Done }
    }

    fn is_same(&self, now: &Self) -> bool {
        let (Some(before), Some(now)) = (&self.before, &now.before) else { return false };
        before.is_same(now)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let (key, count) = (ctx.key(args, 1), self.count);
        let mut db = ctx.db();
        reply.set(count);
        if self.before.is_some() {
            db.set_leave(&key, &self.gone, std::mem::replace(&mut self.rest, Set::new()))?;
            self.shown.write(reply);
        } else if let Some(all) = db.set_take(&key, count)? {
            write_members(all.as_ref(), reply);
        } else {
            db.set_pop(&key, Count::UpTo(count), &mut |member| reply.bulk(member))?;
        }
        Ok(())
    }
}
