//! BITFIELD and BITFIELD_RO: a list of operations on integers within a string.

use value::StringRef;

use super::integer::{Encoding, Overflow};
use super::offset;
use crate::args::Args;
use crate::command::{Access, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// One operation.
#[derive(Debug, Clone, Copy)]
struct Operation {
    action: Action,
    encoding: Encoding,
    offset: usize,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Operation {
    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }

    /// The byte behind its last one.
    fn end(&self) -> usize {
        (self.offset + self.encoding.bits as usize).div_ceil(8)
    }
}

pub(super) fn bitfield(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(ctx, args, reply, &parse(ctx, args)?)
}

pub(super) fn bitfield_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operations = parse(ctx, args)?;
    if operations.iter().any(Operation::writes) {
        return Err(Error::Static("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    run(ctx, args, reply, &operations)
}

fn parse(ctx: &Context<'_, '_>, args: &Args<'_>) -> Result<Vec<Operation>, Error> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        let is_overflow = cursor.take("OVERFLOW");
        if is_overflow {
            overflow = parse_overflow(cursor.next_required()?)?;
            continue;
        }
        let word = cursor.next_required()?;
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let operands = if is("GET") {
            2
        } else if is("SET") || is("INCRBY") {
            3
        } else {
            return Err(Error::Syntax);
        };
        if cursor.left() < operands {
            return Err(Error::Syntax);
        }
        let encoding = Encoding::parse(cursor.next_required()?).ok_or(Error::Static(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        let offset = offset(ctx, cursor.next_required()?, Some(encoding.bits))?;
        let action = if is("GET") {
            Action::Get
        } else if is("SET") {
            Action::Set(cursor.integer()?, overflow)
        } else {
            Action::Increment(cursor.integer()?, overflow)
        };
        operations.push(Operation { action, encoding, offset });
    }
    Ok(operations)
}

/// With nothing but GET the key is only read.
pub(super) fn access(args: &Args<'_>) -> Access {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let writes = args.from(2).any(|word| is(word, "SET") || is(word, "INCRBY"));
    if writes { Access::Update } else { Access::Read }
}

fn parse_overflow(word: &[u8]) -> Result<Overflow, Error> {
    let ways = [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
    let found = ways.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, way)| *way).ok_or(Error::Static("ERR Invalid OVERFLOW type specified"))
}

fn run(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    operations: &[Operation],
) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let writes = operations.iter().any(Operation::writes);
    let string = if writes { db.string_to_change(&key)? } else { db.string(&key)? };
    let mut length = string.map_or(0, StringRef::len);
    reply.array(operations.len());
    for operation in operations {
        let Operation { action, encoding, offset } = *operation;
        let value = db.string_to_change(&key)?.unwrap_or(StringRef::Inline(b""));
        let before = encoding.read(value, offset);
        let (after, answer) = match action {
            Action::Get => {
                reply.integer(before);
                continue;
            }
            Action::Set(number, overflow) => (encoding.fit_value(number, overflow), before),
            Action::Increment(number, overflow) => {
                let after = encoding.fit(i128::from(before) + i128::from(number), overflow);
                (after, after.unwrap_or(0))
            }
        };
        let Some(after) = after else {
            reply.null();
            continue;
        };
        reply.integer(answer);
        if after != before {
            let (at, bytes, count) = encoding.write(value, offset, after);
            db.write_range(&key, at, &bytes[..count])?;
            length = length.max(at + count);
        }
    }
    // In the end the string is long enough for all writes, also for those that failed or changed nothing.
    let end = operations.iter().filter(|operation| operation.writes()).map(Operation::end).max().unwrap_or(0);
    if end > length {
        db.write_range(&key, end - 1, &[0])?;
    }
    Ok(())
}
