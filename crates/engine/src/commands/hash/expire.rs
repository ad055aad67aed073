//! When fields expire: HEXPIRE and its kin, HTTL and its kin, HPERSIST.

use std::collections::HashSet;

use stdx::time::UnixMs;
use value::HashRef;

use super::MAX_EXPIRY_MS;
use super::fields::Fields;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::expire::told;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// How the number of a request says when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    seconds: bool,
    absolute: bool,
}

impl Clock {
    pub(super) const EX: Self = Self { seconds: true, absolute: false };
    pub(super) const PX: Self = Self { seconds: false, absolute: false };
    pub(super) const EXAT: Self = Self { seconds: true, absolute: true };
    pub(super) const PXAT: Self = Self { seconds: false, absolute: true };

    /// The time that a number means, which may have passed.
    pub(super) fn time(self, number: i64, now: UnixMs, command: &'static str) -> Result<UnixMs, Error> {
        if number < 0 {
            return Err(Error::Static("ERR invalid expire time, must be >= 0"));
        }
        let millis = if self.seconds { number.checked_mul(1000) } else { Some(number) };
        let base = if self.absolute { 0 } else { now.0 };
        let at = millis.and_then(|millis| millis.checked_add(base)).filter(|at| *at <= MAX_EXPIRY_MS);
        at.map(UnixMs).ok_or(Error::InvalidExpire(command))
    }
}

/// When a new time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    Without,
    With,
    Greater,
    Less,
}

impl Condition {
    /// The condition that may stand at an argument, and where the request goes on.
    fn parse(args: &Args<'_>, at: usize) -> (Self, usize) {
        let words = [("NX", Self::Without), ("XX", Self::With), ("GT", Self::Greater), ("LT", Self::Less)];
        let found = words.iter().find(|(word, _)| args.is(at, word));
        found.map_or((Self::Always, at), |(_, condition)| (*condition, at + 1))
    }

    /// Whether the new time counts, given the one before; never is later than any time.
    fn holds(self, before: Option<UnixMs>, at: UnixMs) -> bool {
        match self {
            Self::Always => true,
            Self::Without => before.is_none(),
            Self::With => before.is_some(),
            Self::Greater => before.is_some_and(|before| at > before),
            Self::Less => before.is_none_or(|before| at < before),
        }
    }
}

pub(super) fn hexpire(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(ctx, args, reply, Clock::EX, "hexpire")
}

pub(super) fn hpexpire(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(ctx, args, reply, Clock::PX, "hpexpire")
}

pub(super) fn hexpireat(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(ctx, args, reply, Clock::EXAT, "hexpireat")
}

pub(super) fn hpexpireat(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(ctx, args, reply, Clock::PXAT, "hpexpireat")
}

fn expire(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    clock: Clock,
    command: &'static str,
) -> Outcome {
    let (key, now) = (ctx.key(args, 1), ctx.now());
    let mut db = ctx.db();
    let hash = db.hash_to_change(&key)?;
    let at = clock.time(args.integer(2)?, now, command)?;
    let (condition, next) = Condition::parse(args, 3);
    let bad_count = Error::Static("ERR Parameter `numFields` should be greater than 0");
    let fields = Fields::parse_or(args, next, bad_count)?;
    let has_passed = at <= now;
    let mut chosen: HashSet<&[u8]> = HashSet::new();
    reply.array(fields.len());
    for field in fields.iter() {
        let stored = hash.and_then(|hash| hash.entry(field));
        // The same field again meets what the first mention left.
        let before = match stored {
            None => None,
            Some(_) if chosen.contains(field) => (!has_passed).then_some(Some(at)),
            Some(entry) => Some(entry.expiry),
        };
        reply.integer(match before {
            None => -2,
            Some(before) if !condition.holds(before, at) => 0,
            Some(_) => {
                chosen.insert(field);
                if has_passed { 2 } else { 1 }
            }
        });
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let mut unseen = chosen.clone();
    let in_order: Vec<&[u8]> = fields.iter().filter(|field| unseen.remove(field)).collect();
    db.hash_set_expiry(&key, &in_order, at)?;
    Ok(())
}

pub(super) fn hpersist(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash_to_change(&key)?;
    let fields = Fields::parse(args, 2)?;
    let mut changed: Vec<&[u8]> = Vec::new();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    reply.array(fields.len());
    for field in fields.iter() {
        reply.integer(match hash.and_then(|hash| hash.entry(field)).map(|entry| entry.expiry) {
            None => -2,
            Some(Some(_)) if seen.insert(field) => {
                changed.push(field);
                1
            }
            Some(_) => -1,
        });
    }
    if !changed.is_empty() {
        db.hash_clear_expiry(&key, &changed)?;
    }
    Ok(())
}

pub(super) fn httl(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(ctx, args, reply, |at, now| seconds_up(at.0 - now.0))
}

pub(super) fn hpttl(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(ctx, args, reply, |at, now| at.0 - now.0)
}

pub(super) fn hexpiretime(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(ctx, args, reply, |at, _| seconds_up(at.0))
}

pub(super) fn hpexpiretime(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(ctx, args, reply, |at, _| at.0)
}

/// Whole seconds, a part of one counted as one.
fn seconds_up(millis: i64) -> i64 {
    millis / 1000 + i64::from(millis % 1000 > 0)
}

/// What `say` makes of each field's time and now.
fn tell(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    say: fn(UnixMs, UnixMs) -> i64,
) -> Outcome {
    let (key, now) = (ctx.key(args, 1), ctx.now());
    let mut db = ctx.db();
    let hash: Option<HashRef<'_>> = db.hash(&key)?;
    let fields = Fields::parse(args, 2)?;
    reply.array(fields.len());
    for field in fields.iter() {
        let entry = hash.and_then(|hash| hash.entry(field));
        reply.integer(told(entry.is_some(), entry.and_then(|entry| entry.expiry), now, say));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_cannot_be_stored_are_refused() {
        let now = UnixMs(1_000_000);
        let time = |clock: Clock, number| clock.time(number, now, "hexpire").ok();
        assert_eq!(time(Clock::EX, 0), Some(now));
        assert_eq!(time(Clock::PX, 5), Some(UnixMs(1_000_005)));
        assert_eq!(time(Clock::EXAT, 5), Some(UnixMs(5000)));
        assert_eq!(time(Clock::PXAT, MAX_EXPIRY_MS), Some(UnixMs(MAX_EXPIRY_MS)));
        for (clock, number) in [
            (Clock::EX, -1),
            (Clock::PXAT, i64::MIN),
            (Clock::PXAT, MAX_EXPIRY_MS + 1),
            (Clock::PXAT, i64::MAX),
            (Clock::PX, MAX_EXPIRY_MS),
            (Clock::PX, i64::MAX),
            (Clock::EX, i64::MAX / 1000),
            (Clock::EX, i64::MAX),
            (Clock::EXAT, i64::MAX / 1000 + 1),
        ] {
            assert_eq!(time(clock, number), None, "{clock:?} {number}");
        }
    }

    #[test]
    fn never_is_later_than_any_time() {
        assert!(!Condition::Greater.holds(None, UnixMs(i64::MAX)));
        assert!(Condition::Less.holds(None, UnixMs(5)));
        assert!(Condition::Greater.holds(Some(UnixMs(4)), UnixMs(5)));
        assert!(!Condition::Greater.holds(Some(UnixMs(5)), UnixMs(5)));
        assert!(!Condition::Less.holds(Some(UnixMs(5)), UnixMs(5)));
    }
}
