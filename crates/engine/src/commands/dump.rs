//! DUMP and RESTORE: a value as a payload that carries its own version and checksum. The format is the host's.
//!
//! What takes long is done with nothing locked and in steps, so that nobody has to wait for it: DUMP works on a clone of the value,
//! while its reply is due, and RESTORE makes the value before it locks the key, and has the command itself recorded.

mod restoration;

use config::{KeyspaceEvents, LogLevel};
use restoration::Restoration;
use smallvec::SmallVec;
use stdx::number::{parse_i64, write_i64};
use stdx::time::UnixMs;
use value::ValueRef;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Outcome};
use crate::computing::Answer;
use crate::context::Context;
use crate::error::Error;
use crate::host::{BadPayload, ForFiles, Restored};
use crate::reply::Reply;
use crate::slices::{Pieces, Producer, Progress};
use crate::tips;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("DUMP", Group::Generic, 2, dump)
        .tips(tips::OUTPUT_VARIES)
        .flags(Flags::READONLY.and(Flags::ALONE))
        .key(Access::Read)
        .doc(
            "2.6.0",
            "O(1) to access the key and O(N) to serialize it, where N is the size of the value.",
            "Returns a serialized representation of the value stored at a key.",
            "key",
        ),
    Command::new("RESTORE", Group::Generic, -4, restore)
        .event(KeyspaceEvents::GENERIC, "restore")
        .flags(RESTORES)
        .key(Access::Overwrite)
        .doc(
            "2.6.0",
            "O(1) to create the new key and O(N) to reconstruct the value, where N is its size.",
            "Creates a key from the serialized representation of a value.",
            RESTORE_SYNTAX,
        )
        .history(RESTORE_HISTORY),
    Command::new("RESTORE-ASKING", Group::Server, -4, restore)
        .event(KeyspaceEvents::GENERIC, "restore")
        .flags(RESTORES.and(Flags::ASKING))
        .categories(&["keyspace"])
        .key(Access::Overwrite)
        .system()
        .doc(
            "3.0.0",
            "O(1) to create the new key and O(N) to reconstruct the value, where N is its size.",
            "RESTORE behind ASKING, for keys that move between the nodes of a cluster.",
            RESTORE_SYNTAX,
        )
        .history(RESTORE_HISTORY),
];

const RESTORE_SYNTAX: &str = "key ttl serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds@5.0.0] [FREQ \
                              frequency@5.0.0]";

const RESTORE_HISTORY: &[(&str, &str)] = &[
    ("3.0.0", "The option `REPLACE`."),
    ("5.0.0", "The option `ABSTTL`."),
    ("5.0.0", "The options `IDLETIME` and `FREQ`."),
];

const RESTORES: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::DANGEROUS).and(Flags::ALONE);

/// Payloads of fewer bytes are worked on at once and under the lock, which is cheaper than to lock twice; payloads of values of
/// fewer are made at once.
const SHORT_BYTES: usize = 16 * 1024;

/// The options of RESTORE.
#[derive(Debug, Default)]
struct Options {
    replace: bool,
    /// Where the word stands.
    absolute: Option<usize>,
    idle_seconds: Option<i64>,
    frequency: Option<i64>,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut cursor = args.cursor(4);
        while !cursor.is_done() {
            let at = cursor.position();
            let (more, has_idle, has_frequency) =
                (cursor.left() > 1, options.idle_seconds.is_some(), options.frequency.is_some());
            if cursor.take("REPLACE") {
                options.replace = true;
            } else if cursor.take("ABSTTL") {
                options.absolute = Some(at);
            } else if more && !has_frequency && cursor.take("IDLETIME") {
                let seconds = parse_i64(cursor.next_required()?).ok_or(Error::NotInteger)?;
                if seconds < 0 {
                    return Err(Error::Static("ERR Invalid IDLETIME value, must be >= 0"));
                }
                options.idle_seconds = Some(seconds);
            } else if more && !has_idle && cursor.take("FREQ") {
                let frequency = parse_i64(cursor.next_required()?).ok_or(Error::NotInteger)?;
                if !(0..=255).contains(&frequency) {
                    return Err(Error::Static("ERR Invalid FREQ value, must be >= 0 and <= 255"));
                }
                options.frequency = Some(frequency);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

fn dump(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let host = ctx.host;
    let mut shards = ctx.shards_of(args);
    let value = ctx.with_shards(&mut shards, |ctx| {
        let key = ctx.key(args, 1);
        ctx.db().get(&key).map(ValueRef::to_owned)
    });
    let Some(value) = value else {
        reply.null();
        return Ok(());
    };
    let is_small = value.weight() < SHORT_BYTES;
    let payload = host.dump(value, ctx.now());
    reply.answer(Dumped { payload, pieces: Pieces::default() }, is_small)
}

/// What DUMP answers.
#[derive(Debug)]
struct Dumped {
    payload: Box<dyn Producer>,
    /// What there is of it.
    pieces: Pieces,
}

impl Answer for Dumped {
    fn step(&mut self) -> Progress {
        self.payload.produce(self.pieces.last())
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.bulk_head(self.pieces.remaining_bytes());
        self.pieces.write(reply);
        reply.buffer().extend_from_slice(b"\r\n");
        Ok(())
    }
}

fn restore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args)?;
    let mut shards = ctx.shards_of(args);
    if args.get(3).len() >= SHORT_BYTES && ctx.may_compute() {
        ctx.with_shards(&mut shards, |ctx| check(ctx, args, &options))?;
        let restoring = ctx.host.begin_restore(ctx.access.keyspace().is_recording());
        return ctx.compute(args, Restoration::new(options, restoring), reply);
    }
    ctx.with_shards(&mut shards, |ctx| {
        let ttl = check(ctx, args, &options)?;
        let restored = ctx.host.restore(args.get(3)).map_err(|bad| refuse(ctx, bad))?;
        install(ctx, args, &options, ttl, restored, reply)
    })
}

/// Whether the key, which is locked, may get a value; returns the time to live.
fn check(ctx: &mut Context<'_, '_>, args: &Args<'_>, options: &Options) -> Result<i64, Error> {
    let key = ctx.key(args, 1);
    if !options.replace && ctx.db().contains(&key) {
        return Err(Error::Static("BUSYKEY Target key name already exists."));
    }
    let ttl = args.integer(2)?;
    if ttl < 0 {
        return Err(Error::Static("ERR Invalid TTL value, must be >= 0"));
    }
    Ok(ttl)
}

/// What the client is told of a bad payload; what is wrong with its content stands in the log, as in Redis.
fn refuse(ctx: &Context<'_, '_>, bad: BadPayload) -> Error {
    match bad {
        BadPayload::Checksum => Error::Static("ERR DUMP payload version or checksum are wrong"),
        BadPayload::Format(reason) => {
            ctx.host.log(LogLevel::Verbose, &format!("the payload of a RESTORE is refused: {reason}"));
            Error::Static("ERR Bad data format")
        }
    }
}

/// Puts the value under its key, which is locked.
fn install(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    options: &Options,
    ttl: i64,
    Restored { value, for_files }: Restored,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = ctx.key(args, 1);
    let now = ctx.now();
    let expiry = match (ttl, options.absolute) {
        (0, _) => None,
        (at, Some(_)) => Some(UnixMs(at)),
        (millis, None) => Some(now.saturating_add_millis(millis)),
    };
    let mut db = ctx.db();
    if expiry.is_some_and(|at| at <= now) {
        db.delete(&key); // a time that has passed leaves no key
    } else {
        let words = Words::of(options, expiry);
        let payload = match &for_files {
            ForFiles::Same => Some(args.get(3)),
            ForFiles::Other(payload) => Some(&payload[..]),
            ForFiles::Missing => None,
        };
        let replaces = db.contains(&key).then_some(&b"REPLACE"[..]);
        let absolute = options.absolute.map_or(&b"ABSTTL"[..], |at| args.get(at));
        let command = payload.map(|payload| words.command(key.bytes, payload, replaces, absolute));
        db.restore(&key, value, expiry, command.as_deref());
        if let Some(seconds) = options.idle_seconds {
            db.set_idle_seconds(&key, seconds.min(i64::from(u32::MAX)) as u32);
        }
        if let Some(count) = options.frequency {
            db.set_frequency(&key, count as u8);
        }
    }
    reply.ok();
    Ok(())
}

/// What is recorded of a RESTORE, apart from the key and the payload: with an absolute time.
struct Words {
    time: Vec<u8>,
    /// The option that tells when or how often the key was used, and its value.
    used: Option<(&'static [u8], Vec<u8>)>,
}

impl Words {
    fn of(options: &Options, expiry: Option<UnixMs>) -> Self {
        let idle = options.idle_seconds.map(|seconds| (&b"IDLETIME"[..], text(seconds)));
        let frequency = options.frequency.map(|count| (&b"FREQ"[..], text(count)));
        Self { time: text(expiry.map_or(0, |at| at.0)), used: idle.or(frequency) }
    }

    fn command<'a>(
        &'a self,
        key: &'a [u8],
        payload: &'a [u8],
        replaces: Option<&'a [u8]>,
        absolute: &'a [u8],
    ) -> SmallVec<[&'a [u8]; 8]> {
        let words: [&[u8]; 4] = [b"RESTORE", key, &self.time, payload];
        let used = self.used.iter().flat_map(|(option, value)| [*option, value]);
        words.into_iter().chain(replaces).chain([absolute]).chain(used).collect()
    }
}

fn text(number: i64) -> Vec<u8> {
    let mut text = Vec::new();
    write_i64(&mut text, number);
    text
}
