//! INCREX: a counter with bounds and an expiry, for rate limits and quotas.
//!
//! The reply is the value and what was really added. A sum outside the bounds (or the type) leaves the key and its
//! expiry alone and adds 0, unless SATURATE asks for the bound itself. So does a key that is there with NX, or is not with XX.

use keyspace::{Db, Expiry, Key};
use stdx::long_double::LongDouble;
use stdx::number::parse_i64;

use super::condition::Condition;
use super::increment::number;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::expiry_option::{ExpiryOption, Wish};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// The options; numbers are judged once it is known whether they are integers.
#[derive(Debug, Default)]
struct Options<'a> {
    /// NX or XX.
    presence: Condition<'a>,
    integer: Option<&'a [u8]>,
    float: Option<&'a [u8]>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturate: bool,
    /// Set the expiry only if the key has none.
    only_new_expiry: bool,
    expiry: ExpiryOption<'a>,
}

/// What counting comes to.
enum Sum<N> {
    /// The key gets this value, to which this much was added.
    Stored { value: N, added: N },
    /// Nothing changes.
    Refused,
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut cursor = args.cursor(2);
        while !cursor.is_done() {
            let number = [
                ("BYINT", &mut options.integer),
                ("BYFLOAT", &mut options.float),
                ("LBOUND", &mut options.lower),
                ("UBOUND", &mut options.upper),
            ]
            .into_iter()
            .find_map(|(word, place)| cursor.take(word).then_some(place));
            if let Some(place) = number {
                *place = Some(cursor.next_required()?);
            } else if cursor.take("SATURATE") {
                options.saturate = true;
            } else if cursor.take("ENX") {
                options.only_new_expiry = true;
            } else if !options.presence.read_presence(&mut cursor)?
                && !options.expiry.read(&mut cursor, &[ExpiryOption::Persist])?
            {
                return Err(Error::Syntax);
            }
        }
        if options.integer.is_some() && options.float.is_some() {
            return Err(Error::Syntax);
        }
        match options.expiry {
            ExpiryOption::Persist if options.only_new_expiry => Err(Error::Syntax),
            ExpiryOption::Absent if options.only_new_expiry => {
                Err(Error::Static("ERR ENX flag requires an expiration"))
            }
            _ => Ok(options),
        }
    }
}

pub(super) fn increx(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args)?;
    let key = ctx.key(args, 1);
    let wish = options.expiry.resolve(ctx.now(), "increx")?;
    let mut db = ctx.db();
    if options.float.is_some() {
        count_floats(&mut db, &key, &options, wish, reply)
    } else {
        count_integers(&mut db, &key, &options, wish, reply)
    }
}

fn count_integers(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    options: &Options<'_>,
    wish: Wish,
    reply: &mut Reply<'_>,
) -> Outcome {
    let parse = |text: Option<&[u8]>, default: i64, error: &'static str| match text {
        Some(text) => parse_i64(text).ok_or(Error::Static(error)),
        None => Ok(default),
    };
    let increment = parse(options.integer, 1, "ERR value is not an integer or out of range")?;
    let lower = parse(options.lower, i64::MIN, "ERR LBOUND is not an integer or out of range")?;
    let upper = parse(options.upper, i64::MAX, "ERR UBOUND is not an integer or out of range")?;
    if lower > upper {
        return Err(Error::Static("ERR LBOUND can't be greater than UBOUND"));
    }
    let value = db.string_to_change(key)?;
    let before = match value {
        Some(value) => value.integer().ok_or(Error::NotInteger)?,
        None => 0,
    };
    let sum = if options.presence.holds(value) {
        add_integers(before, increment, lower, upper, options.saturate)?
    } else {
        Sum::Refused
    };
    reply.array(2);
    match sum {
        Sum::Refused => {
            reply.integer(before);
            reply.integer(0);
        }
        Sum::Stored { value, added } => {
            let mut text = Vec::new();
            stdx::number::write_i64(&mut text, value);
            store(db, key, &text, options, wish);
            reply.integer(value);
            reply.integer(added);
        }
    }
    Ok(())
}

fn add_integers(
    before: i64,
    increment: i64,
    lower: i64,
    upper: i64,
    saturate: bool,
) -> Result<Sum<i64>, Error> {
    let exact = i128::from(before) + i128::from(increment);
    let held = exact.clamp(i128::from(lower), i128::from(upper));
    if held != exact && !saturate {
        return Ok(Sum::Refused);
    }
    // A start far outside the bounds may move by more than 64 bits can say.
    let added = i64::try_from(held - i128::from(before))
        .map_err(|_| Error::Static("ERR applied increment would overflow"))?;
    Ok(Sum::Stored { value: held as i64, added })
}

fn count_floats(
    db: &mut Db<'_, '_>,
    key: &Key<'_>,
    options: &Options<'_>,
    wish: Wish,
    reply: &mut Reply<'_>,
) -> Outcome {
    let parse = |text: Option<&[u8]>, error: &'static str| match text {
        Some(text) => LongDouble::parse(text).map(Some).ok_or(Error::Static(error)),
        None => Ok(None),
    };
    let increment =
        parse(options.float, "ERR value is not a valid float")?.filter(|increment| increment.is_finite());
    let increment = increment.ok_or(Error::NotFinite)?;
    let lower = parse(options.lower, "ERR LBOUND is not a valid float")?;
    let upper = parse(options.upper, "ERR UBOUND is not a valid float")?;
    if let (Some(lower), Some(upper)) = (lower, upper)
        && is_less(upper, lower)
    {
        return Err(Error::Static("ERR LBOUND can't be greater than UBOUND"));
    }
    let value = db.string_to_change(key)?;
    let before = match value {
        Some(value) => number(value)?,
        None => LongDouble::ZERO,
    };
    let sum = if options.presence.holds(value) {
        add_floats(before, increment, lower, upper, options.saturate)?
    } else {
        Sum::Refused
    };
    reply.array(2);
    match sum {
        Sum::Refused => {
            reply.long_double(before);
            reply.long_double(LongDouble::ZERO);
        }
        Sum::Stored { value, added } => {
            let mut text = Vec::new();
            value.write(&mut text);
            store(db, key, &text, options, wish);
            reply.long_double(value);
            reply.long_double(added);
        }
    }
    Ok(())
}

fn add_floats(
    before: LongDouble,
    increment: LongDouble,
    lower: Option<LongDouble>,
    upper: Option<LongDouble>,
    saturate: bool,
) -> Result<Sum<LongDouble>, Error> {
    let exact = before.plus(increment);
    let (lower, upper) = (lower.unwrap_or(-LongDouble::MAX), upper.unwrap_or(LongDouble::MAX));
    let bound = if is_less(exact, lower) { Some(lower) } else { is_less(upper, exact).then_some(upper) };
    Ok(match bound {
        None if exact.is_finite() => Sum::Stored { value: exact, added: increment },
        Some(bound) if saturate && bound.is_finite() => {
            let added = bound.plus(-before);
            if !added.is_finite() {
                return Err(Error::NotFinite);
            }
            Sum::Stored { value: bound, added }
        }
        _ => Sum::Refused,
    })
}

fn is_less(left: LongDouble, right: LongDouble) -> bool {
    left != right && left.plus(-right).to_f64() < 0.0
}

/// Writes the counter. A time that has passed leaves no key.
fn store(db: &mut Db<'_, '_>, key: &Key<'_>, text: &[u8], options: &Options<'_>, wish: Wish) {
    let has_expiry = matches!(db.expiry(key), Some(Some(_)));
    if options.float.is_some() {
        db.set_float(key, text);
    } else {
        db.set_string(key, text, Expiry::Keep);
    }
    match wish {
        Wish::At(_) if options.only_new_expiry && has_expiry => {}
        Wish::At(at) => {
            db.set_expiry(key, at);
        }
        Wish::Persist => {
            db.clear_expiry(key);
        }
        Wish::Absent | Wish::Keep => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: i64, increment: i64, bounds: (i64, i64), saturate: bool, expected: Option<(i64, i64)>) {
        let sum = match add_integers(before, increment, bounds.0, bounds.1, saturate) {
            Ok(Sum::Stored { value, added }) => Some((value, added)),
            Ok(Sum::Refused) => None,
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(sum, expected);
    }

    #[test]
    fn sums_stay_within_bounds_and_type() {
        let all = (i64::MIN, i64::MAX);
        check(1, 2, all, false, Some((3, 2)));
        check(i64::MAX - 1, 5, all, false, None);
        check(i64::MAX - 1, 5, all, true, Some((i64::MAX, 1)));
        check(99, 5, (0, 100), false, None);
        check(99, 5, (0, 100), true, Some((100, 1)));
        check(5, -10, (0, 100), true, Some((0, -5)));
        check(i64::MIN, 0, (-1, i64::MAX), true, Some((-1, i64::MAX)));
        assert!(add_integers(i64::MIN, 0, 0, i64::MAX, true).is_err(), "moved by 2^63");
    }
}
