//! Parts of strings: GETRANGE, SUBSTR, SETRANGE, APPEND, STRLEN.

use std::ops::Range;

use value::StringRef;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// The part of `len` that `start` to `end` names, both included and counted from the end when negative. Empty where
/// they cross or lie outside.
pub(in crate::commands) fn clamp(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end { 0..0 } else { clamp_ends(start, end, len) }
}

/// The same, but two ends that both lie before the front mean the first element, even if they cross. BITPOS has no
/// other rule.
pub(in crate::commands) fn clamp_ends(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64; // a string is shorter than 2^63 bytes, or 2^63 bits
    let from_front = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let start = from_front(start).max(0);
    let end = from_front(end).max(0).min(len - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

pub(super) fn getrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, end) = (args.integer(2)?, args.integer(3)?);
    let key = ctx.key(args, 1);
    match ctx.db().string(&key)? {
        Some(value) => write_part(reply, value, clamp(start, end, value.len())),
        None => reply.bulk(""),
    }
    Ok(())
}

/// A part of a string as a bulk reply.
fn write_part(reply: &mut Reply<'_>, value: StringRef<'_>, range: Range<usize>) {
    match value {
        StringRef::Inline(bytes) => reply.bulk(&bytes[range]),
        StringRef::Blob(blob) => reply.blob(blob, range),
    }
}

pub(super) fn setrange(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (offset, bytes) = (args.integer(2)?, args.get(3));
    let Ok(offset) = usize::try_from(offset) else {
        return Err(Error::Static("ERR offset is out of range"));
    };
    let key = ctx.key(args, 1);
    let limit = super::max_length(ctx);
    let mut db = ctx.db();
    let length = db.string_to_change(&key)?.map_or(0, StringRef::len);
    if bytes.is_empty() {
        reply.integer(length as i64);
        return Ok(());
    }
    if offset.checked_add(bytes.len()).is_none_or(|end| end > limit) {
        return Err(Error::StringTooLong);
    }
    reply.integer(db.write_range(&key, offset, bytes)? as i64);
    Ok(())
}

pub(super) fn append(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let suffix = args.get(2);
    let limit = super::max_length(ctx);
    let mut db = ctx.db();
    let length = db.string_to_change(&key)?.map_or(0, StringRef::len);
    if length > 0 && length.saturating_add(suffix.len()) > limit {
        return Err(Error::StringTooLong);
    }
    reply.integer(db.append(&key, suffix)? as i64);
    Ok(())
}

pub(super) fn strlen(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let length = ctx.db().string(&key)?.map_or(0, StringRef::len);
    reply.integer(length as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::clamp;

    #[test]
    fn ranges_are_cut_as_redis_cuts_them() {
        for ((start, end), expected) in [
            ((0, 4), 0..5),
            ((0, -1), 0..11),
            ((-5, -1), 6..11),
            ((5, 3), 0..0),
            ((-3, -5), 0..0),
            ((-5000, 2), 0..3),
            ((-5000, -5000), 0..1),
            ((11, 20), 0..0),
            ((i64::MIN, i64::MAX), 0..11),
            ((i64::MAX, i64::MAX), 0..0),
            ((i64::MIN, i64::MIN), 0..1),
        ] {
            assert_eq!(clamp(start, end, 11), expected, "{start} {end}");
        }
        assert_eq!(clamp(0, -1, 0), 0..0);
        assert_eq!(clamp(-1, -1, 0), 0..0);
    }
}
