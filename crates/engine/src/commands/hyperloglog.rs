//! HyperLogLog: PFADD, PFCOUNT, PFMERGE, and what Redis's own tests look inside with, PFDEBUG and PFSELFTEST.

use std::sync::atomic::Ordering;

use config::KeyspaceEvents;
use keyspace::{Expiry, Key, NotAdded};
use value::hyperloglog::{self, Encoding, Fault, REGISTERS, Registers};

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("PFADD", Group::HyperLogLog, -2, pfadd)
        .event(KeyspaceEvents::STRING, "pfadd").flags(GROW.and(Flags::FAST)).key(Access::Insert).doc(
        "2.8.9",
        "O(1) to add every element.",
        "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
        "key [element [element ...]]",
    ),
    Command::new("PFCOUNT", Group::HyperLogLog, -2, pfcount)
        .key_note("RW because it may change the internal representation of the key, and propagate to replicas")
        .flags(Flags::READONLY.and(Flags::MAY_REPLICATE))
        .keys(Keys::Range { first: 1, last: -1, step: 1, access: Access::Refresh })
        .doc(
            "2.8.9",
            "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of \
             keys, and much bigger constant times, when called with multiple keys.",
            "Estimates how many distinct elements HyperLogLogs have seen.",
            "key [key ...]",
        ),
    Command::new("PFMERGE", Group::HyperLogLog, -2, pfmerge).event(KeyspaceEvents::STRING, "pfadd")
        .flags(GROW)
        .keys(Keys::TargetAndSources { target: 1, access: Access::Absorb })
        .doc(
            "2.8.9",
            "O(N) to merge N HyperLogLogs, but with high constant times.",
            "Merges HyperLogLogs into one.",
            "destkey [sourcekey [sourcekey ...]]",
        ),
    Command::new("PFDEBUG", Group::HyperLogLog, 3, pfdebug)
        .flags(GROW.and(Flags::ADMIN))
        .keys(Keys::Range { first: 2, last: 2, step: 1, access: Access::Refresh })
        .doc("2.8.9", "N/A", "Looks inside a HyperLogLog.", "subcommand key")
.system(),
    Command::new("PFSELFTEST", Group::HyperLogLog, 1, pfselftest).flags(Flags::ADMIN.and(Flags::ALONE)).doc(
        "2.8.9",
        "N/A",
        "Checks that estimates are as exact as they should be.",
        "",
    )
.system(),
];

/// How far an estimate may be off in a self-test: more than six times the standard error of 0.81 %, and one in any case,
/// since two of ten elements share a register once in some hundred tests.
fn tolerance(added: u64) -> f64 {
    (0.05 * added as f64).max(1.0)
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Static(match fault {
            Fault::Foreign => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            Fault::Corrupt => "INVALIDOBJ Corrupted HLL object detected",
        })
    }
}

impl From<NotAdded> for Error {
    fn from(reason: NotAdded) -> Self {
        match reason {
            NotAdded::WrongType => Self::WrongType,
            NotAdded::Fault(fault) => fault.into(),
        }
    }
}

fn pfadd(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let elements: Vec<&[u8]> = args.from(2).collect();
    let changed = ctx.db().hyperloglog_add(&key, &elements)?;
    reply.integer(i64::from(changed));
    Ok(())
}

fn pfcount(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = if args.len() == 2 {
        let key = ctx.key(args, 1);
        count_one(ctx, &key)?
    } else {
        let mut registers = Box::new([0; REGISTERS]);
        for index in 1..args.len() {
            let key = ctx.key(args, index);
            join(ctx, &key, &mut registers)?;
        }
        hyperloglog::count_registers(&registers)
    };
    reply.integer(count as i64);
    Ok(())
}

/// The cardinality of one key, counted only if something has changed since it was counted last.
fn count_one(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Result<u64, Error> {
    let mut db = ctx.db();
    let Some(string) = db.string(key)? else { return Ok(0) };
    let bytes = string.contiguous();
    hyperloglog::encoding(&bytes)?;
    if let Some(count) = hyperloglog::cached(&bytes) {
        return Ok(count);
    }
    let count = hyperloglog::count(&bytes)?;
    let (offset, text) = hyperloglog::cache(count);
    db.write_range(key, offset, &text)?;
    Ok(count)
}

/// Joins what a key holds, if it is there; tells how it is kept.
fn join(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    registers: &mut Registers,
) -> Result<Option<Encoding>, Error> {
    let mut db = ctx.db();
    let Some(string) = db.string(key)? else { return Ok(None) };
    let bytes = string.contiguous();
    hyperloglog::join(registers, &bytes)?;
    Ok(Some(hyperloglog::encoding(&bytes)?))
}

fn pfmerge(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut registers = Box::new([0; REGISTERS]);
    let mut dense = false;
    for index in 1..args.len() {
        let key = ctx.key(args, index);
        dense |= join(ctx, &key, &mut registers)? == Some(Encoding::Dense);
    }
    let target = ctx.key(args, 1);
    let sparse_max = ctx.access.keyspace().limits().hyperloglog_sparse_bytes.load(Ordering::Relaxed);
    let mut db = ctx.db();
    let mut bytes = match db.string_to_change(&target)? {
        Some(string) => string.contiguous().into_owned(),
        None => hyperloglog::empty(),
    };
    if dense {
        hyperloglog::make_dense(&mut bytes)?;
    }
    hyperloglog::raise_all(&mut bytes, &registers, sparse_max)?;
    db.set_string(&target, &bytes, Expiry::Keep);
    reply.ok();
    Ok(())
}

fn pfdebug(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let mut db = ctx.db();
    let Some(string) = db.string_to_change(&key)? else {
        return Err(Error::Static("ERR The specified key does not exist"));
    };
    let mut bytes = string.contiguous().into_owned();
    let encoding = hyperloglog::encoding(&bytes)?;
    if args.is(1, "ENCODING") {
        reply.simple(match encoding {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        });
    } else if args.is(1, "DECODE") {
        match hyperloglog::describe_runs(&bytes)? {
            Some(runs) => reply.bulk(runs),
            None => return Err(Error::Static("ERR HLL encoding is not sparse")),
        }
    } else if args.is(1, "TODENSE") || args.is(1, "GETREG") {
        let converted = hyperloglog::make_dense(&mut bytes)?;
        if converted {
            db.set_string(&key, &bytes, Expiry::Keep);
        }
        if args.is(1, "TODENSE") {
            reply.integer(i64::from(converted));
        } else {
            let mut registers = Box::new([0; REGISTERS]);
            hyperloglog::join(&mut registers, &bytes)?;
            reply.array(REGISTERS);
            registers.iter().for_each(|value| reply.integer((*value).into()));
        }
    } else {
        let name = String::from_utf8_lossy(args.get(1));
        return Err(Error::Text(format!("ERR Unknown PFDEBUG subcommand '{name}'")));
    }
    Ok(())
}

/// Counts what it has added itself at every power of ten, sparse and dense.
fn pfselftest(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let seed = ctx.access.rng.next_u64();
    for dense in [false, true] {
        let mut bytes = hyperloglog::empty();
        if dense {
            hyperloglog::make_dense(&mut bytes)?;
        }
        let mut checkpoint = 1;
        for number in 1..=100_000_u64 {
            hyperloglog::add(&mut bytes, &(seed ^ number).to_le_bytes(), 3000)?;
            if number == checkpoint {
                let estimate = hyperloglog::count(&bytes)?;
                if estimate.abs_diff(number) as f64 > tolerance(number) {
                    let text =
                        format!("TESTFAILED {estimate} counted where {number} were added, seed {seed}");
                    return Err(Error::Text(text));
                }
                checkpoint *= 10;
            }
        }
    }
    reply.ok();
    Ok(())
}
