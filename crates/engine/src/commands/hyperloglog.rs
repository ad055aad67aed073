//! HyperLogLog: PFADD, PFCOUNT, PFMERGE, and what Redis's own tests look inside with, PFDEBUG and PFSELFTEST.
//!
//! Many are joined one by one without locks, as clones; see [`mod@crate::computing`].

use std::sync::atomic::Ordering;

use config::KeyspaceEvents;
use keyspace::{Expiry, Key, NotAdded};
use value::StringRef;
use value::hyperloglog::{self, Encoding, Fault, REGISTERS, Registers};

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Keys, Outcome};
use crate::commands::string::Texts;
use crate::computing::{self, Answer, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
/// Up to so many are joined at once: each takes some ten microseconds.
const FEW_SOURCES: usize = 16;

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
        .flags(GROW.and(Flags::ALONE))
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
    if args.len() == 2 {
        let key = ctx.key(args, 1);
        reply.integer(count_one(ctx, &key)? as i64);
        return Ok(());
    }
    let joining = Joining::read(ctx, args);
    let is_small = joining.is_small();
    reply.answer(joining, is_small)
}

/// The cardinality of one key, counted only if something has changed since it was counted last.
fn count_one(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Result<u64, Error> {
    let mut db = ctx.db();
    let Some(string) = db.string(key)? else { return Ok(0) };
    hyperloglog::encoding_of(string)?;
    if let Some(count) = hyperloglog::cached(string) {
        return Ok(count);
    }
    let count = hyperloglog::count(&hyperloglog::whole(string)?)?;
    let (offset, text) = hyperloglog::cache(count);
    db.write_range(key, offset, &text)?;
    Ok(count)
}

/// The joined registers of some keys in the making, one key a step.
#[derive(Debug)]
struct Joining {
    /// As they were read. Joining one of them again would change nothing.
    sources: Texts,
    /// How many of them are joined, each once.
    done: usize,
    registers: Box<Registers>,
    /// Whether one of them is dense.
    is_dense: bool,
    fault: Option<Fault>,
    /// Why the key behind the sources is refused. A source that is corrupt is told first, since it comes first.
    refusal: Option<Error>,
}

impl Joining {
    /// Reads all keys, which are locked, up to one that is refused.
    fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Self {
        let mut sources = Texts::default();
        let check = |string: StringRef<'_>| Ok(hyperloglog::encoding_of(string).map(drop)?);
        let refusal = sources.read(ctx, args, 1, check).err();
        let registers = Box::new([0; REGISTERS]);
        Self { sources, done: 0, registers, is_dense: false, fault: None, refusal }
    }

    /// What was wrong, when all are joined.
    fn outcome(&mut self) -> Outcome {
        match (self.fault, self.refusal.take()) {
            (Some(fault), _) => Err(fault.into()),
            (None, Some(refusal)) => Err(refusal),
            (None, None) => Ok(()),
        }
    }

    fn is_small(&self) -> bool {
        self.sources.distinct().len() <= FEW_SOURCES
    }

    /// Joins the next one; false when there is none.
    fn advance(&mut self) -> bool {
        let Self { sources, done, registers, is_dense, fault, .. } = self;
        let Some(source) = sources.distinct().get(*done).filter(|_| fault.is_none()) else { return false };
        if let Some(source) = source {
            *fault = join(registers, is_dense, source.as_ref()).err();
        }
        *done += 1;
        true
    }
}

fn join(registers: &mut Registers, is_dense: &mut bool, source: StringRef<'_>) -> Result<(), Fault> {
    let bytes = hyperloglog::whole(source)?;
    *is_dense |= hyperloglog::encoding(&bytes)? == Encoding::Dense;
    hyperloglog::join(registers, &bytes)
}

impl Answer for Joining {
    fn step(&mut self) -> Progress {
        if self.advance() { Progress::More } else { Progress::Done }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        self.outcome()?;
        reply.integer(hyperloglog::count_registers(&self.registers) as i64);
        Ok(())
    }
}

fn pfmerge(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| {
        let joining = Joining::read(ctx, args);
        let sparse_max = ctx.access.keyspace().limits().hyperloglog_sparse_bytes.load(Ordering::Relaxed);
        Ok(Merging { joining, sparse_max, merged: None })
    })
}

/// The target of PFMERGE in the making. It is the first of what is joined.
#[derive(Debug)]
struct Merging {
    joining: Joining,
    sparse_max: usize,
    merged: Option<Vec<u8>>,
}

impl Merging {
    fn merge(&self) -> Result<Vec<u8>, Fault> {
        let Joining { sources, registers, is_dense, .. } = &self.joining;
        let mut bytes = match sources.distinct().first() {
            Some(Some(target)) => target.as_ref().contiguous().into_owned(),
            _ => hyperloglog::empty(),
        };
        if *is_dense {
            hyperloglog::make_dense(&mut bytes)?;
        }
        hyperloglog::raise_all(&mut bytes, registers, self.sparse_max)?;
        Ok(bytes)
    }
}

impl Stored for Merging {
    fn is_small(&self) -> bool {
        self.joining.is_small()
    }

    fn step(&mut self) -> Progress {
        if self.joining.advance() {
            return Progress::More;
        }
        if self.joining.fault.is_none() && self.joining.refusal.is_none() {
            match self.merge() {
                Ok(merged) => self.merged = Some(merged),
                Err(fault) => self.joining.fault = Some(fault),
            }
        }
        Progress::Done
    }

    fn is_same(&self, now: &Self) -> bool {
        self.joining.sources.is_same(&now.joining.sources)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        self.joining.outcome()?;
        let merged = self.merged.take().expect("the last step has made it");
        let target = ctx.key(args, 1);
        ctx.db().set_string(&target, &merged, Expiry::Keep);
        reply.ok();
        Ok(())
    }
}

fn pfdebug(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 2);
    let mut db = ctx.db();
    let Some(string) = db.string_to_change(&key)? else {
        return Err(Error::Static("ERR The specified key does not exist"));
    };
    let encoding = hyperloglog::encoding_of(string)?;
    if args.is(1, "ENCODING") {
        reply.simple(match encoding {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        });
        return Ok(());
    }
    let mut bytes = hyperloglog::whole(string)?.into_owned();
    if args.is(1, "DECODE") {
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
