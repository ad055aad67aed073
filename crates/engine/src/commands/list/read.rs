//! Reading: LLEN, LRANGE, LINDEX, LPOS.

use std::ops::Range;

use resp::write::Aggregate;
use stdx::number::parse_i64;
use value::list::ListRef;

use super::{position, positions};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{ByPosition, ELEMENT_HEAD};

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
    list.range(range).for_each(|element| reply.bulk(element));
}

pub(super) fn lindex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(list) = db.list(&key)? else {
        reply.null(); // the index of a list that is not there is not looked at
        return Ok(());
    };
    let index = args.integer(2)?;
    reply.optional(position(index, list.len()).and_then(|position| list.get(position)));
    Ok(())
}

/// What LPOS looks for.
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

    /// The positions of the elements that are found.
    fn run<'s>(&'s self, list: ListRef<'s>, wanted: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let length = list.len();
        let within = |limit: u64| if limit == 0 { length } else { usize::try_from(limit).unwrap_or(length) };
        let looked_at = within(self.limit).min(length);
        let range = if self.is_backward { length - looked_at..length } else { 0..looked_at };
        let mut elements = list.range(range);
        let all =
            std::iter::from_fn(move || if self.is_backward { elements.next_back() } else { elements.next() });
        all.enumerate()
            .filter(move |(_, element)| *element == wanted)
            .map(move |(at, _)| if self.is_backward { length - 1 - at } else { at })
            .skip(usize::try_from(self.skipped).unwrap_or(usize::MAX))
            .take(within(self.count.unwrap_or(1)))
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
    let mut db = ctx.db();
    let list = db.list(&key)?;
    let mut found = list.into_iter().flat_map(|list| search.run(list, args.get(2)));
    if search.count.is_none() {
        match found.next() {
            Some(position) => reply.integer(position as i64),
            None => reply.null(),
        }
        return Ok(());
    }
    let (deferred, mut count) = (reply.defer(), 0);
    for position in found {
        reply.integer(position as i64);
        count += 1;
    }
    reply.finish(deferred, Aggregate::Array, count);
    Ok(())
}
