//! Pending entries change their owner: XCLAIM, XAUTOCLAIM.
//!
//! An entry that is pending and not in the stream any more goes from the list as soon as somebody claims it.

use keyspace::{Db, Key};
use value::stream::{ConsumerNumber, Id, Pending};

use super::{find_group, id, integer, no_key_or_group, range_first, write_entry, write_id};
use crate::args::{Args, Cursor};
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// Pending entries that XAUTOCLAIM looks at for each one that it may claim.
const ATTEMPTS: usize = 10;
/// The most entries that XAUTOCLAIM claims unless it is told.
const DEFAULT_COUNT: usize = 100;
/// The most that it can be told, which is Redis's limit.
const MAX_COUNT: i64 = i64::MAX / 16;

/// How entries are claimed.
#[derive(Debug, Default)]
struct Options {
    min_idle_ms: i64,
    /// When they count as delivered; now, unless it is told.
    delivered_ms: Option<i64>,
    deliveries: Option<u64>,
    is_forced: bool,
    ids_only: bool,
    last_id: Id,
}

impl Options {
    /// Reads what stands behind the IDs.
    fn parse(cursor: &mut Cursor<'_>, min_idle_ms: i64, now_ms: i64) -> Result<Self, Error> {
        let mut options = Self { min_idle_ms, ..Self::default() };
        let mut delivered_ms = -1;
        while !cursor.is_done() {
            let has_more = cursor.left() > 1;
            if cursor.take("FORCE") {
                options.is_forced = true;
            } else if cursor.take("JUSTID") {
                options.ids_only = true;
            } else if has_more && cursor.take("IDLE") {
                let idle = integer(cursor.next_required()?, "ERR Invalid IDLE option argument for XCLAIM")?;
                delivered_ms = now_ms.wrapping_sub(idle);
            } else if has_more && cursor.take("TIME") {
                delivered_ms =
                    integer(cursor.next_required()?, "ERR Invalid TIME option argument for XCLAIM")?;
            } else if has_more && cursor.take("RETRYCOUNT") {
                let count =
                    integer(cursor.next_required()?, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.deliveries = u64::try_from(count).ok();
            } else if has_more && cursor.take("LASTID") {
                options.last_id = id(cursor.next_required()?)?;
            } else {
                let option = String::from_utf8_lossy(cursor.next_required()?).into_owned();
                return Err(Error::Text(format!("ERR Unrecognized XCLAIM option '{option}'")));
            }
        }
        // Clients compute with clocks of their own, so a time that cannot be is no error.
        options.delivered_ms = Some(delivered_ms).filter(|at| (0..=now_ms).contains(at));
        Ok(options)
    }
}

/// A claim in the making.
struct Claim<'c, 'k> {
    key: &'c Key<'k>,
    group: &'c [u8],
    consumer: &'c [u8],
    number: ConsumerNumber,
    options: Options,
    now_ms: i64,
    claimed: Vec<Id>,
    deleted: Vec<Id>,
}

impl<'c, 'k> Claim<'c, 'k> {
    /// The consumer is made if he is not there.
    fn begin(
        db: &mut Db<'_, '_>,
        key: &'c Key<'k>,
        (group, consumer): (&'c [u8], &'c [u8]),
        options: Options,
        now_ms: i64,
    ) -> Result<Self, Error> {
        if !db.consumer_create(key, group, consumer)? {
            db.consumer_note(key, group, consumer, false)?;
        }
        let (_, found) = find_group(db, key, group, no_key_or_group)?;
        let number = found.consumer(consumer).map_or(ConsumerNumber::NOBODY, |consumer| consumer.number);
        Ok(Self { key, group, consumer, number, options, now_ms, claimed: Vec::new(), deleted: Vec::new() })
    }

    /// Claims an entry, if that is possible.
    fn take(&mut self, db: &mut Db<'_, '_>, id: Id) -> Result<(), Error> {
        let Some(stream) = db.stream_to_change(self.key)? else { return Ok(()) };
        let before = stream.group(self.group).and_then(|group| group.pending.get(id));
        if !stream.contains(id) {
            if before.is_some() {
                db.stream_acknowledge(self.key, self.group, &[id])?;
                self.deleted.push(id);
            }
            return Ok(());
        }
        let is_too_fresh = |before: Pending| {
            self.options.min_idle_ms > 0
                && self.now_ms.saturating_sub(before.delivered_ms) < self.options.min_idle_ms
        };
        if before.is_some_and(is_too_fresh) || before.is_none() && !self.options.is_forced {
            return Ok(());
        }
        let delivered = before.map_or(1, |before| before.deliveries);
        let more = u64::from(!self.options.ids_only);
        let pending = Pending {
            id,
            consumer: self.number,
            delivered_ms: self.options.delivered_ms.unwrap_or(self.now_ms),
            deliveries: self.options.deliveries.unwrap_or(delivered.saturating_add(more)),
        };
        db.stream_claim(self.key, self.group, self.consumer, &[pending])?;
        self.claimed.push(id);
        Ok(())
    }

    /// Writes what was claimed.
    fn finish(&self, db: &mut Db<'_, '_>, reply: &mut Reply<'_>) -> Outcome {
        if !self.claimed.is_empty() {
            db.consumer_note(self.key, self.group, self.consumer, true)?;
        }
        reply.array(self.claimed.len());
        let Some(stream) = db.stream_to_change(self.key)? else { return Ok(()) };
        for &id in &self.claimed {
            match stream.get(id).filter(|_| !self.options.ids_only) {
                Some(entry) => write_entry(reply, &entry),
                None => write_id(reply, id),
            }
        }
        Ok(())
    }
}

pub(super) fn xclaim(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let now_ms = ctx.access.wall().0;
    let mut db = ctx.db();
    let names = (args.get(2), args.get(3));
    let last_id = find_group(&mut db, &key, names.0, no_key_or_group)?.1.last_id;
    let min_idle_ms = integer(args.get(4), "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
    // The first argument that is no ID begins the options.
    let ids: Vec<Id> = args.from(5).map_while(|text| Id::parse(text, 0)).collect();
    let options = Options::parse(&mut args.cursor(5 + ids.len()), min_idle_ms, now_ms)?;
    let new_last_id = Some(options.last_id).filter(|new| *new > last_id);
    if let Some(new) = new_last_id {
        let (_, group) = find_group(&mut db, &key, names.0, no_key_or_group)?;
        let read = group.entries_read;
        db.group_set(&key, names.0, new, read)?;
    }
    let mut claim = Claim::begin(&mut db, &key, names, options, now_ms)?;
    for id in ids {
        claim.take(&mut db, id)?;
    }
    claim.finish(&mut db, reply)
}

pub(super) fn xautoclaim(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let min_idle_ms = integer(args.get(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let first = range_first(args.get(5))?;
    let mut options = Options { min_idle_ms, ..Options::default() };
    let mut count = DEFAULT_COUNT;
    let mut cursor = args.cursor(6);
    while !cursor.is_done() {
        if cursor.left() > 1 && cursor.take("COUNT") {
            let number = integer(cursor.next_required()?, "ERR COUNT must be > 0")?;
            if !(1..=MAX_COUNT).contains(&number) {
                return Err(Error::Static("ERR COUNT must be > 0"));
            }
            count = number as usize;
        } else if cursor.take("JUSTID") {
            options.ids_only = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    let key = ctx.key(args, 1);
    let now_ms = ctx.access.wall().0;
    let mut db = ctx.db();
    let names = (args.get(2), args.get(3));
    let (_, group) = find_group(&mut db, &key, names.0, no_key_or_group)?;
    // One more than may be looked at, to tell where to go on.
    let mut candidates: Vec<Id> =
        group.pending.from(first).take(count.saturating_mul(ATTEMPTS) + 1).map(|one| one.id).collect();
    let beyond = if candidates.len() > count.saturating_mul(ATTEMPTS) { candidates.pop() } else { None };
    let mut claim = Claim::begin(&mut db, &key, names, options, now_ms)?;
    let mut next = beyond;
    for id in candidates {
        if claim.claimed.len() + claim.deleted.len() == count {
            next = Some(id);
            break;
        }
        claim.take(&mut db, id)?;
    }
    reply.array(3);
    write_id(reply, next.unwrap_or(Id::MIN));
    claim.finish(&mut db, reply)?;
    reply.array(claim.deleted.len());
    claim.deleted.iter().for_each(|id| write_id(reply, *id));
    Ok(())
}
