//! XADD.
//!
//! A producer that may send an entry twice gives it a name (IDMP) or lets one be made of its content (IDMPAUTO). While the stream
//! remembers the name, the entry is not added again, and the answer is its ID.

use smallvec::SmallVec;
use value::stream::{Facts, Id, Named, NewId};
use xxhash_rust::xxh3::Xxh3Default;

use super::trim::{Options, Wanted};
use super::{BAD_ID, write_id};
use crate::args::{Args, Cursor};
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
    /// Who adds it, if the stream is to remember that.
    sender: Option<Sender<'a>>,
    /// Names and values in turn.
    fields: SmallVec<[&'a [u8]; 16]>,
}

/// Who adds an entry.
#[derive(Clone, Copy)]
struct Sender<'a> {
    producer: &'a [u8],
    /// The entry's name; `None`: it follows from the content.
    name: Option<&'a [u8]>,
}

impl<'a> Sender<'a> {
    /// Takes IDMP or IDMPAUTO if one of them is next.
    fn take(cursor: &mut Cursor<'a>) -> Result<Option<Self>, Error> {
        if cursor.left() > 2 && cursor.take("IDMP") {
            let producer = needed(cursor, "ERR IDMP requires a non-empty producer ID")?;
            let name = needed(cursor, "ERR IDMP requires a non-empty idempotent ID")?;
            return Ok(Some(Self { producer, name: Some(name) }));
        }
        if cursor.left() > 1 && cursor.take("IDMPAUTO") {
            let producer = needed(cursor, "ERR IDMPAUTO requires a non-empty producer ID")?;
            return Ok(Some(Self { producer, name: None }));
        }
        Ok(None)
    }

    /// The entry's name. One that follows from the content must be the same after a restart, so its hash has no secret.
    fn name_of(self, fields: &[&[u8]]) -> Vec<u8> {
        if let Some(name) = self.name {
            return name.to_vec();
        }
        let mut hasher = Xxh3Default::new();
        for text in fields {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        hasher.digest128().to_be_bytes().to_vec()
    }
}

fn needed<'a>(cursor: &mut Cursor<'a>, error: &'static str) -> Result<&'a [u8], Error> {
    cursor.next_optional().filter(|text| !text.is_empty()).ok_or(Error::Static(error))
}

impl<'a> Addition<'a> {
    fn parse(ctx: &Context<'_, '_>, args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut makes_stream = true;
        let mut sender = None;
        let mut cursor = args.cursor(2);
        let id = loop {
            if options.take(&mut cursor)? {
                continue;
            }
            if cursor.take("NOMKSTREAM") {
                makes_stream = false;
                continue;
            }
            if let Some(taken) = Sender::take(&mut cursor)? {
                if sender.replace(taken).is_some() {
                    return Err(Error::Static("ERR IDMP/IDMPAUTO specified multiple times"));
                }
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
        if sender.is_some() && id != NewId::Next {
            return Err(Error::Static("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"));
        }
        if id == NewId::Exact(Id::MIN) {
            return Err(Error::Static("ERR The ID specified in XADD must be greater than 0-0"));
        }
        Ok(Self { makes_stream, trim, id, sender, fields })
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
    let stream = db.stream_to_change(&key)?;
    let facts = stream.map(value::Stream::facts);
    if facts.is_none() && !addition.makes_stream {
        reply.null();
        return Ok(());
    }
    let named = addition.sender.map(|sender| (sender.producer, sender.name_of(&addition.fields)));
    if let (Some(producers), Some((producer, name))) = (stream.and_then(value::Stream::producers), &named)
        && let Some(id) = producers.find(producer, name, now_ms)
    {
        db.stream_count_duplicate(&key)?;
        write_id(reply, id);
        return Ok(());
    }
    let id = choose(addition.id, facts.unwrap_or_default(), now_ms)?;
    let names = named.as_ref().map_or(0, |(producer, name)| producer.len() + name.len());
    check_size(names + addition.fields.iter().map(|text| text.len()).sum::<usize>())?;
    db.stream_add(&key, id, &addition.fields)?;
    if let Some((producer, name)) = &named {
        db.stream_name_entry(&key, Named { producer, name, id })?;
    }
    if let Some(Wanted { trim, reach, references }) = addition.trim {
        db.stream_trim(&key, trim, reach, references)?;
    }
    write_id(reply, id);
    Ok(())
}

/// Refuses what takes more bytes than an entry may.
pub(super) fn check_size(bytes: usize) -> Outcome {
    if bytes > MAX_ENTRY_BYTES {
        return Err(Error::Static("ERR Elements are too large to be stored"));
    }
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
