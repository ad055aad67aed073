//! Deleting entries, XDEL and XDELEX, and what a stream tells of those that are gone: XSETID.

use keyspace::{Db, Key};
use stdx::number::parse_i64;
use value::stream::{Id, References};

use super::trim::take_references;
use super::{id, ids};
use crate::args::{Args, Cursor};
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn xdel(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    if db.stream_to_change(&key)?.is_none() {
        reply.integer(0);
        return Ok(());
    }
    let deleted = db.stream_delete(&key, &ids(args, 2)?)?;
    reply.integer(deleted as i64);
    Ok(())
}

/// What became of an entry, as XDELEX and XACKDEL tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Absent,
    Deleted,
    /// A group refers to it.
    Kept,
}

impl Fate {
    pub(super) fn write(self, reply: &mut Reply<'_>) {
        reply.integer(match self {
            Self::Absent => -1,
            Self::Deleted => 1,
            Self::Kept => 2,
        });
    }
}

/// Reads `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]`.
pub(super) fn parse_ids(mut cursor: Cursor<'_>) -> Result<(References, Vec<Id>), Error> {
    let (mut references, mut found) = (None, None);
    while !cursor.is_done() {
        if let Some(word) = take_references(&mut cursor) {
            if references.replace(word).is_some() {
                return Err(Error::Syntax);
            }
        } else if found.is_none() && cursor.take("IDS") {
            found = Some(counted_ids(&mut cursor)?);
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok((references.unwrap_or_default(), found.ok_or(Error::Syntax)?))
}

/// Reads a number of IDs and as many IDs.
pub(super) fn counted_ids(cursor: &mut Cursor<'_>) -> Result<Vec<Id>, Error> {
    let count = parse_i64(cursor.next_required()?).filter(|&count| count > 0);
    let count = count.ok_or(Error::Static("ERR Number of IDs must be a positive integer"))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > cursor.left() {
        return Err(Error::Static("ERR The `numids` parameter must match the number of arguments"));
    }
    (0..count).map(|_| id(cursor.next_required()?)).collect()
}

pub(super) fn xdelex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (references, ids) = parse_ids(args.cursor(2))?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    db.stream_to_change(&key)?;
    reply.array(ids.len());
    for id in ids {
        delete(&mut db, &key, id, references)?.write(reply);
    }
    Ok(())
}

/// Deletes an entry, and references to it, or not if there are references.
pub(super) fn delete(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    id: Id,
    references: References,
) -> Result<Fate, Error> {
    let Some(stream) = db.stream_to_change(key)? else { return Ok(Fate::Absent) };
    let is_there = stream.contains(id);
    if is_there && references == References::Respect && stream.is_referenced(id) {
        return Ok(Fate::Kept);
    }
    if references == References::Remove {
        // Also those to an entry that has gone already.
        let groups: Vec<Vec<u8>> = stream.pending_in(id).map(<[u8]>::to_vec).collect();
        for group in groups {
            db.stream_acknowledge(key, &group, &[id])?;
        }
    }
    if !is_there {
        return Ok(Fate::Absent);
    }
    db.stream_delete(key, &[id])?;
    Ok(Fate::Deleted)
}

pub(super) fn xsetid(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let last_id = id(args.get(2))?;
    let (mut added, mut max_deleted) = (None, Id::MIN);
    let mut cursor = args.cursor(3);
    while !cursor.is_done() {
        if cursor.left() > 1 && cursor.take("ENTRIESADDED") {
            let number = cursor.integer()?;
            let number =
                u64::try_from(number).map_err(|_| Error::Static("ERR entries_added must be positive"))?;
            added = Some(number);
        } else if cursor.left() > 1 && cursor.take("MAXDELETEDID") {
            max_deleted = id(cursor.next_required()?)?;
            if last_id < max_deleted {
                return Err(Error::Static(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Error::Syntax);
        }
    }
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let stream = db.stream_to_change(&key)?.ok_or(Error::NoSuchKey)?;
    let facts = stream.facts();
    if last_id < facts.max_deleted_id {
        return Err(Error::Static(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    let last_entry = stream.range_back(Id::MIN, Id::MAX).next().map(|entry| entry.id());
    if last_entry.is_some_and(|entry| last_id < entry) {
        return Err(Error::Static(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| added < facts.len) {
        return Err(Error::Static(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    db.stream_set_past(&key, last_id, added, Some(max_deleted).filter(|id| !id.is_zero()))?;
    reply.ok();
    Ok(())
}
