//! XADD.

use smallvec::SmallVec;
use value::stream::{Facts, Id, NewId};

use super::trim::{Options, Wanted};
use super::{BAD_ID, write_id};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// The most bytes of all fields of an entry, as in Redis.
const MAX_ENTRY_BYTES: usize = 1 << 30;

/// What XADD is to do.
struct Addition<'a> {
    makes_stream: bool,
    trim: Option<Wanted>,
    id: NewId,
    /// Names and values in turn.
    fields: SmallVec<[&'a [u8]; 16]>,
}

impl<'a> Addition<'a> {
    fn parse(ctx: &Context<'_, '_>, args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut makes_stream = true;
        let mut cursor = args.cursor(2);
        let id = loop {
            if options.take(&mut cursor)? {
                continue;
            }
            if cursor.take("NOMKSTREAM") {
                makes_stream = false;
                continue;
            }
            // With options alone no ID is left, and no field either.
            let Some(text) = cursor.next_optional() else { return Err(wrong_arity()) };
            break NewId::parse(text).ok_or(BAD_ID)?;
        };
        let trim = options.finish(ctx)?;
        let fields: SmallVec<[&[u8]; 16]> = args.from(cursor.position()).collect();
        if fields.is_empty() || !fields.len().is_multiple_of(2) {
            return Err(wrong_arity());
        }
        if id == NewId::Exact(Id::MIN) {
            return Err(Error::Static("ERR The ID specified in XADD must be greater than 0-0"));
        }
        Ok(Self { makes_stream, trim, id, fields })
    }
}

fn wrong_arity() -> Error {
    Error::WrongArity("xadd".into())
}

pub(super) fn xadd(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let addition = Addition::parse(ctx, args)?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.access.wall().0.max(0).cast_unsigned();
    let mut db = ctx.db();
    let facts = db.stream_to_change(&key)?.map(value::Stream::facts);
    if facts.is_none() && !addition.makes_stream {
        reply.null();
        return Ok(());
    }
    let id = choose(addition.id, facts.unwrap_or_default(), now_ms)?;
    if addition.fields.iter().map(|text| text.len()).sum::<usize>() > MAX_ENTRY_BYTES {
        return Err(Error::Static("ERR Elements are too large to be stored"));
    }
    db.stream_add(&key, id, &addition.fields)?;
    if let Some(Wanted { trim, reach, references }) = addition.trim {
        db.stream_trim(&key, trim, reach, references)?;
    }
    write_id(reply, id);
    Ok(())
}

/// The ID that an entry gets.
fn choose(wanted: NewId, facts: Facts, now_ms: u64) -> Result<Id, Error> {
    if facts.last_id == Id::MAX {
        return Err(Error::Static(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let last = facts.last_id;
    let id = match wanted {
        NewId::Next => facts.next_id(now_ms),
        NewId::NextOf(ms) if ms == last.ms => last.next().filter(|next| next.ms == ms),
        NewId::NextOf(ms) => Some(Id::new(ms, 0)),
        NewId::Exact(id) => Some(id),
    };
    id.filter(|id| *id > last).ok_or(Error::Static(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    ))
}
