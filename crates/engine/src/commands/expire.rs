//! When keys are due: EXPIRE and its kin, TTL and its kin, PERSIST.

use stdx::time::UnixMs;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Handler, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// A command that sets a time, of a version.
const fn set_row(
    name: &'static str,
    since: &'static str,
    (summary, syntax): (&'static str, &'static str),
    handler: Handler,
) -> Command {
    Command::new(name, Group::Generic, -3, handler)
        .flags(Flags::WRITE.and(Flags::FAST))
        .key(Access::Touch)
        .doc(since, "O(1)", summary, syntax)
        .history(&[("7.0.0", "The conditions `NX`, `XX`, `GT` and `LT`.")])
}

const fn ask_row(name: &'static str, handler: Handler) -> Command {
    Command::new(name, Group::Generic, 2, handler).flags(Flags::READONLY.and(Flags::FAST)).key(Access::Read)
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    set_row(
        "EXPIRE",
        "1.0.0",
        ("Sets the expiration time of a key in seconds.", "key seconds [NX | XX | GT | LT]@7.0.0"),
        |ctx, args, reply| expire(ctx, args, reply, Unit::Seconds, true, "expire"),
    ),
    set_row(
        "PEXPIRE",
        "2.6.0",
        ("Sets the expiration time of a key in milliseconds.", "key milliseconds [NX | XX | GT | LT]@7.0.0"),
        |ctx, args, reply| expire(ctx, args, reply, Unit::Millis, true, "pexpire"),
    ),
    set_row(
        "EXPIREAT",
        "1.2.0",
        (
            "Sets the expiration time of a key to a Unix timestamp.",
            "key unix-time-seconds [NX | XX | GT | LT]@7.0.0",
        ),
        |ctx, args, reply| expire(ctx, args, reply, Unit::Seconds, false, "expireat"),
    ),
    set_row(
        "PEXPIREAT",
        "2.6.0",
        (
            "Sets the expiration time of a key to a Unix milliseconds timestamp.",
            "key unix-time-milliseconds [NX | XX | GT | LT]@7.0.0",
        ),
        |ctx, args, reply| expire(ctx, args, reply, Unit::Millis, false, "pexpireat"),
    ),
    Command::new("PERSIST", Group::Generic, 2, persist)
        .flags(Flags::WRITE.and(Flags::FAST))
        .key(Access::Touch)
        .doc("2.2.0", "O(1)", "Removes the expiration time of a key.", "key"),
    ask_row("TTL", |ctx, args, reply| {
        tell(ctx, args, reply, |at, now| (at.millis_since(now).saturating_add(500)) / 1000)
    })
    .tips(crate::tips::OUTPUT_VARIES)
    .doc("1.0.0", "O(1)", "Returns the expiration time in seconds of a key.", "key")
    .history(&[("2.8.0", "The reply -2 for a key that is not there.")]),
    ask_row("PTTL", |ctx, args, reply| tell(ctx, args, reply, UnixMs::millis_since))
        .tips(crate::tips::OUTPUT_VARIES)
        .doc("2.6.0", "O(1)", "Returns the expiration time in milliseconds of a key.", "key")
        .history(&[("2.8.0", "The reply -2 for a key that is not there.")]),
    ask_row("EXPIRETIME", |ctx, args, reply| tell(ctx, args, reply, |at, _| at.as_secs_rounded())).doc(
        "7.0.0",
        "O(1)",
        "Returns the expiration time of a key as a Unix timestamp.",
        "key",
    ),
    ask_row("PEXPIRETIME", |ctx, args, reply| tell(ctx, args, reply, |at, _| at.as_millis())).doc(
        "7.0.0",
        "O(1)",
        "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        "key",
    ),
];

/// The unit of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
}

/// When the new time counts.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions {
    without: bool,
    with: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut conditions = Self::default();
        for (index, word) in args.from(3).enumerate() {
            match () {
                () if args.is(index + 3, "NX") => conditions.without = true,
                () if args.is(index + 3, "XX") => conditions.with = true,
                () if args.is(index + 3, "GT") => conditions.greater = true,
                () if args.is(index + 3, "LT") => conditions.less = true,
                () => {
                    let word = String::from_utf8_lossy(word);
                    return Err(Error::Text(format!("ERR Unsupported option {word}")));
                }
            }
        }
        if conditions.without && (conditions.with || conditions.greater || conditions.less) {
            return Err(Error::Static("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if conditions.greater && conditions.less {
            return Err(Error::Static("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// Whether the new time counts, given the one before; never due is later than any time.
    fn hold(self, before: Option<UnixMs>, at: UnixMs) -> bool {
        let refused = match before {
            None => self.with || self.greater,
            Some(before) => self.without || (self.greater && at <= before) || (self.less && at >= before),
        };
        !refused
    }
}

fn expire(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    unit: Unit,
    relative: bool,
    command: &'static str,
) -> Outcome {
    let conditions = Conditions::parse(args)?;
    let number = args.integer(2)?;
    let at = match unit {
        Unit::Seconds => UnixMs::from_secs_checked(number),
        Unit::Millis => Some(UnixMs(number)),
    };
    let at = if relative { at.and_then(|at| ctx.now().checked_add_millis(at.0)) } else { at };
    let at = at.ok_or(Error::InvalidExpire(command))?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let changed = match db.expiry(&key) {
        Some(before) if conditions.hold(before, at) => db.set_expiry(&key, at), // a passed time deletes
        _ => false,
    };
    reply.integer(i64::from(changed));
    Ok(())
}

fn persist(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let changed = ctx.db().clear_expiry(&key);
    reply.integer(i64::from(changed));
    Ok(())
}

/// What `say` makes of the key's time and now.
fn tell(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    say: fn(UnixMs, UnixMs) -> i64,
) -> Outcome {
    let key = ctx.key(args, 1);
    let now = ctx.now();
    let mut db = ctx.db();
    let is_there = db.exists(&key);
    reply.integer(told(is_there, db.expiry(&key).flatten(), now, say));
    Ok(())
}

/// What TTL and its kin say of a key or field: -2 if it is not there, -1 if it is never due.
pub(super) fn told(is_there: bool, due: Option<UnixMs>, now: UnixMs, say: fn(UnixMs, UnixMs) -> i64) -> i64 {
    match due {
        Some(at) => say(at, now),
        None if is_there => -1,
        None => -2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_later_than_any_time() {
        let greater = Conditions { greater: true, ..Conditions::default() };
        let less = Conditions { less: true, ..Conditions::default() };
        assert!(!greater.hold(None, UnixMs::MAX));
        assert!(less.hold(None, UnixMs(5)));
        assert!(greater.hold(Some(UnixMs(4)), UnixMs(5)));
        assert!(!greater.hold(Some(UnixMs(5)), UnixMs(5)));
        assert!(!less.hold(Some(UnixMs(5)), UnixMs(5)));
    }
}
