//! Reading: SCARD, SISMEMBER, SMISMEMBER, SMEMBERS.

use value::SetRef;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;
use crate::slices::{ByCursor, ELEMENT_HEAD};

/// Members that are looked at to estimate how long the reply will be.
const SAMPLE: usize = 64;

pub(super) fn scard(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    reply.integer(db.set(&key)?.map_or(0, SetRef::len) as i64);
    Ok(())
}

pub(super) fn sismember(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let set = db.set(&key)?;
    reply.integer(i64::from(set.is_some_and(|set| set.contains(args.get(2)))));
    Ok(())
}

pub(super) fn smismember(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let set = db.set(&key)?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members {
        reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

pub(super) fn smembers(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let set = db.set(&key)?;
    reply.set(set.map_or(0, SetRef::len));
    if let Some(set) = set {
        write_members(set, reply);
    }
    Ok(())
}

/// Writes all members behind the head of a reply, in slices if they are many.
pub(super) fn write_members(set: SetRef<'_>, reply: &mut Reply<'_>) {
    if reply.leaves(set.len()) {
        let sampled: usize = set.iter().take(SAMPLE).map(|member| member.len()).sum();
        let bytes = set.len() * (sampled / SAMPLE + ELEMENT_HEAD);
        let producer = ByCursor::new(set.to_owned(), bytes, reply.protocol(), |set, cursor, count, reply| {
            set.as_ref().scan(cursor, count, &mut |member| reply.bulk(member))
        });
        reply.produce(producer);
    } else {
        set.iter().for_each(|member| reply.bulk(member));
    }
}
