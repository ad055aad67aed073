//! Optimistic locking on values: DIGEST, DELEX, DELIFEQ.

use std::borrow::Cow;

use value::StringRef;
use xxhash_rust::xxh3::Xxh3Default;

use super::condition::Condition;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// XXH3 (64 bits, no seed) of a value in lower-case hexadecimal digits.
pub(super) fn of(value: StringRef<'_>) -> [u8; 16] {
    let mut hasher = Xxh3Default::new();
    value.chunks(0..value.len()).for_each(|piece| hasher.update(piece));
    let hash = hasher.digest();
    std::array::from_fn(|place| b"0123456789abcdef"[(hash >> (60 - 4 * place) & 15) as usize])
}

pub(super) fn digest(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    match ctx.db().string(&key)? {
        Some(value) => reply.bulk(of(value)),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn delex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !matches!(args.len(), 2 | 4) {
        return Err(Error::WrongArity(Cow::Borrowed("delex")));
    }
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let may_delete = if args.len() == 2 {
        true
    } else {
        match db.string_to_change(&key) {
            Ok(None) => false, // whatever the condition is
            Ok(value) => {
                let condition = condition(args)?;
                condition.check()?;
                condition.holds(value)
            }
            Err(_) => {
                return Err(Error::Static("ERR Key should be of string type if conditions are specified"));
            }
        }
    };
    let deleted = may_delete && db.delete(&key);
    reply.integer(i64::from(deleted));
    Ok(())
}

fn condition<'a>(args: &Args<'a>) -> Result<Condition<'a>, Error> {
    let mut condition = Condition::Always;
    if condition.read_comparison(&mut args.cursor(2))? {
        Ok(condition)
    } else {
        Err(Error::Static("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"))
    }
}

pub(super) fn delifeq(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let may_delete = Condition::Equal(args.get(2)).holds(db.string_to_change(&key)?);
    let deleted = may_delete && db.delete(&key);
    reply.integer(i64::from(deleted));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_redis() {
        for (text, digest) in [
            ("Hello world", "b6acb9d84a38ff74"),
            ("test", "9ec9f7918d7dfc40"),
            ("hello", "9555e8555c62dcfd"),
            ("", "2d06800538d394c2"),
            ("v8", "0cc76dbb41381419"),
        ] {
            assert_eq!(of(StringRef::Inline(text.as_bytes())), digest.as_bytes(), "{text}");
        }
    }
}
