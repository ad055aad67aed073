//! Reading: LLEN, LRANGE, LINDEX, LPOS.

use std::ops::Range;

use resp::Protocol;
use stdx::number::parse_i64;
use value::List;
use value::list::ListRef;

use super::{STEP_COMPARED, position, positions};
use crate::args::Args;
use crate::command::Outcome;
use crate::computing::Answer;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{ByPosition, ELEMENT_HEAD, Pieces, Progress};

pub(super) fn llen(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let length = db.list(&key)?.map_or(0, ListRef::len);
    reply.integer(length as i64);
    Ok(())
}

pub(super) fn lrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(list) = db.list(&key)? else {
        reply.array(0);
        return Ok(());
    };
    let range = positions(start, stop, list.len());
    reply.array(range.len());
    if reply.leaves(range.len()) {
        let element_bytes = list.data_bytes() / list.len() + ELEMENT_HEAD;
        let list = list.to_owned();
        reply.produce(ByPosition::new(list, range, element_bytes, reply.protocol(), |list, range, reply| {
            write_elements(list.as_ref(), range, reply);
        }));
    } else {
        write_elements(list, range, reply);
    }
    Ok(())
}

fn write_elements(list: ListRef<'_>, range: Range<usize>, reply: &mut Reply<'_>) {
    list.visit(range, |element| reply.bulk(element));
}

pub(super) fn lindex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(list) = db.list(&key)? else {
        reply.null(); // the index of a list that is not there is not looked at
        return Ok(());
    };
    let index = args.integer(2)?;
    reply.optional(position(index, list.len()).and_then(|position| list.get(position)).as_deref());
    Ok(())
}

/// What LPOS looks for.
#[derive(Debug)]
struct Search {
    /// Matches before the first that is shown.
    skipped: u64,
    is_backward: bool,
    /// How many are shown, as an array; 0 = all.
    count: Option<u64>,
    /// How many elements are looked at; 0 = all.
    limit: u64,
}

impl Search {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut search = Self { skipped: 0, is_backward: false, count: None, limit: 0 };
        let mut cursor = args.cursor(3);
        while !cursor.is_done() {
            if cursor.take("RANK") {
                let rank = cursor.integer()?;
                if rank == 0 {
                    return Err(RANK_ZERO);
                }
                if rank == i64::MIN {
                    return Err(RANK_RANGE);
                }
                search.is_backward = rank < 0;
                search.skipped = rank.unsigned_abs() - 1;
            } else if cursor.take("COUNT") {
                search.count = Some(natural(cursor.next_required()?, "ERR COUNT can't be negative")?);
            } else if cursor.take("MAXLEN") {
                search.limit = natural(cursor.next_required()?, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(search)
    }

    /// How many elements of so many are looked at, and how many matches shown at most.
    fn limits(&self, length: usize) -> (usize, usize) {
        let within = |limit: u64| if limit == 0 { length } else { usize::try_from(limit).unwrap_or(length) };
        (within(self.limit).min(length), within(self.count.unwrap_or(1)))
    }
}

/// Elements that equal one, in the making.
#[derive(Debug)]
struct Locating {
    list: List,
    wanted: Vec<u8>,
    search: Search,
    protocol: Protocol,
    /// Elements that have been looked at.
    seen: usize,
    /// Matches to pass over.
    skipped: u64,
    /// Positions as they are written, and how many.
    found: Pieces,
    count: usize,
}

impl Locating {
    /// Looks at so many elements more.
    fn look_at(&mut self, count: usize) -> Progress {
        let length = self.list.as_ref().len();
        let (looked_at, most) = self.search.limits(length);
        let end = looked_at.min(self.seen.saturating_add(count));
        let is_backward = self.search.is_backward;
        let range = if is_backward { length - end..length - self.seen } else { self.seen..end };
        let mut elements = self.list.as_ref().range(range);
        let mut reply = Reply::new(self.found.last(), self.protocol);
        while self.seen < end && self.count < most {
            let next = if is_backward { elements.next_back() } else { elements.next() };
            if next.is_some_and(|element| element == self.wanted) {
                if self.skipped > 0 {
                    self.skipped -= 1;
                } else {
                    self.count += 1;
                    let at = if is_backward { length - 1 - self.seen } else { self.seen };
                    reply.integer(at as i64);
                }
            }
            self.seen += 1;
        }
        if self.seen < looked_at && self.count < most { Progress::More } else { Progress::Done }
    }
}

impl Answer for Locating {
    fn step(&mut self) -> Progress {
        self.look_at(STEP_COMPARED)
    }

    fn complete(&mut self) {
        self.look_at(usize::MAX);
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        if self.search.count.is_some() {
            reply.array(self.count);
        } else if self.count == 0 {
            reply.null();
        }
        self.found.write(reply);
        Ok(())
    }
}

fn natural(text: &[u8], error: &'static str) -> Result<u64, Error> {
    parse_i64(text).and_then(|number| u64::try_from(number).ok()).ok_or(Error::Static(error))
}

const RANK_ZERO: Error = Error::Static(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from \
     the end of the list",
);
const RANK_RANGE: Error = Error::Static(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);

pub(super) fn lpos(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let search = Search::parse(args)?;
    let key = ctx.key(args, 1);
    let list = ctx.db().list(&key)?.map_or_else(List::new, ListRef::to_owned);
    let is_small = search.limits(list.as_ref().len()).0 <= STEP_COMPARED;
    let (wanted, skipped, protocol) = (args.get(2).to_vec(), search.skipped, reply.protocol());
    let found = Pieces::default();
    reply.answer(Locating { list, wanted, search, protocol, seen: 0, skipped, found, count: 0 }, is_small)
}
