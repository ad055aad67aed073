//! Places of members: GEOADD, GEOPOS, GEOHASH, GEODIST.

use smallvec::SmallVec;
use value::zset::{Members, Rule};

use super::arguments::{Unit, point};
use super::cell::{Cell, MAX_STEPS, place_of, text_of};
use super::sphere::{Point, distance};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub(super) fn geoadd(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut cursor = args.cursor(2);
    let (mut new, mut known, mut counts_changes) = (false, false, false);
    loop {
        let option = [("NX", &mut new), ("XX", &mut known), ("CH", &mut counts_changes)];
        let Some((_, option)) = option.into_iter().find(|(word, _)| cursor.take(word)) else { break };
        *option = true;
    }
    if !cursor.left().is_multiple_of(3) || (new && known) {
        return Err(Error::Syntax);
    }
    let mut members: SmallVec<[(f64, &[u8]); 4]> = SmallVec::new();
    while !cursor.is_done() {
        let score = Cell::of(point(&mut cursor)?, MAX_STEPS).score();
        members.push((score, cursor.next_required()?));
    }
    if members.is_empty() {
        return Err(Error::Syntax);
    }
    let which = match (new, known) {
        (true, _) => Members::New,
        (_, true) => Members::Known,
        _ => Members::Any,
    };
    let key = ctx.key(args, 1);
    let added = ctx.db().zset_add(&key, &members, Rule { members: which, ..Rule::default() })?;
    reply.integer((added.new + if counts_changes { added.updated } else { 0 }) as i64);
    Ok(())
}

/// Answers for each member what a function writes of its place, and null for those that are not there.
fn for_each_member(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    mut write: impl FnMut(&mut Reply<'_>, Option<Point>),
) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let zset = db.zset(&key)?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members {
        write(reply, zset.and_then(|zset| zset.score(member)).map(place_of));
    }
    Ok(())
}

pub(super) fn geopos(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    for_each_member(ctx, args, reply, |reply, place| match place {
        Some(place) => write_point(reply, place),
        None => reply.null_array(),
    })
}

pub(super) fn geohash(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    for_each_member(ctx, args, reply, |reply, place| match place {
        Some(place) => reply.bulk(text_of(place)),
        None => reply.null(),
    })
}

pub(super) fn geodist(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let unit = match args.len() {
        4 => Unit::METRE,
        5 => Unit::parse(args.get(4))?,
        _ => return Err(Error::Syntax),
    };
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let zset = db.zset(&key)?;
    let place = |at| zset.and_then(|zset| zset.score(args.get(at))).map(place_of);
    match place(2).zip(place(3)) {
        Some((one, other)) => write_distance(reply, distance(one, other) / unit.0),
        None => reply.null(),
    }
    Ok(())
}

/// A place as longitude and latitude.
pub(super) fn write_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    reply.double(point.longitude);
    reply.double(point.latitude);
}

/// A distance with as many digits as make sense: of a kilometre the last is a decimetre.
pub(super) fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}"));
}
