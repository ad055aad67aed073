//! XPENDING: what a group has pending.

use resp::write::Aggregate;
use value::stream::{ConsumerNumber, Group, Id, Pending};

use super::{find_group, no_key_or_group, range_first, range_last, write_id};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// Which pending entries are wanted.
struct Wanted<'a> {
    min_idle_ms: i64,
    first: Id,
    last: Id,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// Reads `[IDLE min-idle-time] start end count [consumer]`; what stands behind is not looked at, as in Redis.
    fn parse(args: &Args<'a>) -> Result<Self, Error> {
        let mut at = 3;
        let mut min_idle_ms = 0;
        if args.is(3, "IDLE") {
            min_idle_ms = args.integer(4)?;
            if args.len() < 8 {
                return Err(Error::Syntax);
            }
            at = 5;
        }
        let count = usize::try_from(args.integer(at + 2)?.max(0)).unwrap_or(usize::MAX);
        Ok(Self {
            min_idle_ms,
            first: range_first(args.get(at))?,
            last: range_last(args.get(at + 1))?,
            count,
            consumer: args.get_optional(at + 3),
        })
    }
}

pub(super) fn xpending(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = match args.len() {
        3 => None,
        6..=9 => Some(Wanted::parse(args)?),
        _ => return Err(Error::Syntax),
    };
    let key = ctx.key(args, 1);
    let now_ms = ctx.access.wall().0;
    let mut db = ctx.db();
    let (_, group) = find_group(&mut db, &key, args.get(2), no_key_or_group)?;
    match wanted {
        None => write_summary(group, reply),
        Some(wanted) => write_entries(group, &wanted, now_ms, reply),
    }
    Ok(())
}

fn write_summary(group: &Group, reply: &mut Reply<'_>) {
    reply.array(4);
    reply.integer(group.pending.len() as i64);
    let (Some(first), Some(last)) = (group.pending.first(), group.pending.last()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first.id);
    write_id(reply, last.id);
    let deferred = reply.defer();
    let mut shown = 0;
    for consumer in group.consumers() {
        let pending = group.pending.len_of(consumer.number);
        if pending > 0 {
            reply.array(2);
            reply.bulk(consumer.name);
            reply.bulk_integer(pending as i64);
            shown += 1;
        }
    }
    reply.finish(deferred, Aggregate::Array, shown);
}

fn write_entries(group: &Group, wanted: &Wanted<'_>, now_ms: i64, reply: &mut Reply<'_>) {
    let pending: Vec<Pending> = match wanted.consumer {
        None => choose(group.pending.from(wanted.first), wanted, now_ms),
        Some(name) => {
            let Some(consumer) = group.consumer(name) else { return reply.array(0) };
            let ids = group.pending.ids_of(consumer.number, wanted.first);
            choose(ids.filter_map(|id| group.pending.get(id)), wanted, now_ms)
        }
    };
    let names = group.names();
    reply.array(pending.len());
    for one in pending {
        reply.array(4);
        write_id(reply, one.id);
        reply.bulk(names.get(one.consumer));
        let is_given_back = one.consumer == ConsumerNumber::NOBODY;
        reply.integer(if is_given_back { -1 } else { now_ms.saturating_sub(one.delivered_ms).max(0) });
        reply.integer(one.deliveries as i64);
    }
}

fn choose(pending: impl Iterator<Item = Pending>, wanted: &Wanted<'_>, now_ms: i64) -> Vec<Pending> {
    let is_idle = |one: &Pending| {
        wanted.min_idle_ms == 0 || now_ms.saturating_sub(one.delivered_ms) >= wanted.min_idle_ms
    };
    pending.take_while(|one| one.id <= wanted.last).filter(is_idle).take(wanted.count).collect()
}
