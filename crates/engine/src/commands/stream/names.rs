//! How a stream remembers the names that producers give to entries: XCFGSET, and XIDMPRECORD, which stands in files.

use value::stream::{Limits, Named};

use super::{add, id};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn xcfgset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut duration_s, mut max_names) = (None, None);
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        let (place, most, refusal) = if cursor.take("IDMP-DURATION") {
            let refusal = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
            (&mut duration_s, Limits::MAX_DURATION_S, refusal)
        } else if cursor.take("IDMP-MAXSIZE") {
            let refusal = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
            (&mut max_names, Limits::MAX_NAMES, refusal)
        } else {
            return Err(Error::Syntax);
        };
        let number = u32::try_from(cursor.integer()?).ok().filter(|number| (1..=most).contains(number));
        *place = Some(number.ok_or(Error::Static(refusal))?);
    }
    if duration_s.is_none() && max_names.is_none() {
        return Err(Error::Syntax);
    }
    let key = ctx.key(args, 1);
    let is_there = ctx.db().stream_limit_names(&key, |before| Limits {
        duration_s: duration_s.unwrap_or(before.duration_s),
        max_names: max_names.unwrap_or(before.max_names),
    })?;
    if !is_there {
        return Err(Error::NoSuchKey);
    }
    reply.ok();
    Ok(())
}

/// Notes that an entry has a name. A file may name an entry that is gone by now, for the name still holds.
pub(super) fn xidmprecord(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let named = Named { producer: args.get(2), name: args.get(3), id: id(args.get(4))? };
    if named.producer.is_empty() {
        return Err(Error::Static("ERR IDMP requires a non-empty producer ID"));
    }
    if named.name.is_empty() {
        return Err(Error::Static("ERR IDMP requires a non-empty idempotent ID"));
    }
    add::check_size(named.producer.len() + named.name.len())?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.access.wall().0.max(0).cast_unsigned();
    let comes_from_file = ctx.session.is_loader;
    let mut db = ctx.db();
    let stream = db.stream_to_change(&key)?.ok_or(Error::NoSuchKey)?;
    if !comes_from_file {
        if !stream.contains(named.id) {
            return Err(Error::Static("ERR The stream has no entry with this ID"));
        }
        let producers = stream.producers();
        match producers.and_then(|producers| producers.find(named.producer, named.name, now_ms)) {
            Some(other) if other != named.id => {
                return Err(Error::Static("ERR The idempotent ID belongs to another entry of this producer"));
            }
            Some(_) => {
                reply.ok();
                return Ok(());
            }
            None => {}
        }
    }
    db.stream_name_entry(&key, named)?;
    reply.ok();
    Ok(())
}
