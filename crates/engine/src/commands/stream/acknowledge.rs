//! What a consumer has done with: XACK, XACKDEL.

use super::delete::{Fate, delete, parse_ids};
use super::ids;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;

pub(super) fn xack(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let group = args.get(2);
    if db.stream(&key)?.is_none_or(|stream| stream.group(group).is_none()) {
        reply.integer(0);
        return Ok(());
    }
    let acknowledged = db.stream_acknowledge(&key, group, &ids(args, 3)?)?;
    reply.integer(acknowledged as i64);
    Ok(())
}

pub(super) fn xackdel(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let group = args.get(2);
    let (references, ids) = parse_ids(args.cursor(3))?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    db.stream_to_change(&key)?;
    reply.array(ids.len());
    for id in ids {
        if db.stream_acknowledge(&key, group, &[id])? == 0 {
            Fate::Absent.write(reply);
            continue;
        }
        // An entry that is gone already is as good as deleted: it was pending, and now it is not.
        let fate = delete(&mut db, &key, id, references)?;
        if fate == Fate::Absent { Fate::Deleted } else { fate }.write(reply);
    }
    Ok(())
}
