//! DEBUG: what tests need to look inside. Allowed by `enable-debug-command` only.

use std::sync::atomic::Ordering;

use config::Appended;
use keyspace::{DbIndex, Expiry, Key};
use value::{Stream, ValueRef};

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::host::Reload;
use crate::reply::Reply;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("DEBUG", Group::Server, -2, debug)
    .flags(
        Flags::ADMIN
            .and(Flags::NOSCRIPT)
            .and(Flags::LOADING)
            .and(Flags::STALE)
            .and(Flags::PROTECTED)
            .and(Flags::ALONE),
    )
    .doc(
        "1.0.0",
        "Depends on subcommand.",
        "A container for debugging commands.",
        "subcommand [argument [argument ...]]",
    )
    .system()];

/// Keys that POPULATE makes at most, so that a slip does not fill the memory.
const MAX_POPULATE: i64 = 100_000_000;

fn debug(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = args.get(1).to_ascii_uppercase();
    match (name.as_slice(), args.len()) {
        (b"SET-ACTIVE-EXPIRE", 3) => {
            ctx.shared.keyspace.set_active_expiry(args.get(2) != b"0");
            reply.ok();
        }
        (b"SET-SKIP-CHECKSUM-VALIDATION", 3) => {
            ctx.shared.checksums_skipped.store(args.get(2) != b"0", Ordering::Relaxed);
            reply.ok();
        }
        (b"SET-DISABLE-DENY-SCRIPTS", 3) => {
            ctx.shared.scripts_unbound.store(args.get(2) != b"0", Ordering::Relaxed);
            reply.ok();
        }
        (b"OBJECT", 3) => object(ctx, args, reply)?,
        (b"DIGEST", 2) => reply.simple(hexadecimal(digest(ctx))),
        (b"DIGEST-VALUE", _) => digest_values(ctx, args, reply),
        (b"POPULATE", 3..=5) => populate(ctx, args, reply)?,
        (b"PROTOCOL", 3) => protocol(args.get(2), reply)?,
        (b"STRINGMATCH-LEN", 4) => string_match(args, reply)?,
        (
            b"CHANGE-REPL-ID"
            | b"JMAP"
            | b"REPLYBUFFER"
            | b"DICT-RESIZING"
            | b"PAUSE-CRON"
            | b"REPLICATE"
            | b"STRUCTSIZE"
            | b"QUICKLIST-PACKED-THRESHOLD",
            _,
        ) => reply.ok(),
        (b"RELOAD", _) => reload(ctx, args, reply)?,
        (b"LOADAOF", 2) => {
            ctx.host.load_aof(ctx.access).map_err(|reason| Error::Text(format!("ERR {reason}")))?;
            reply.ok();
        }
        (b"CONFIG-REWRITE-FORCE-ALL", 2) => {
            super::config::rewrite_file(ctx, Appended::All)?;
            reply.ok();
        }
        (b"SLEEP", 3) => sleep(ctx, args, reply)?,
        (b"ERROR", 3) => {
            let text = String::from_utf8_lossy(args.get(2)).replace(['\r', '\n'], " ");
            return Err(Error::Text(text));
        }
        (b"LOG", 3) => {
            ctx.host.warn(&format!("DEBUG LOG: {}", String::from_utf8_lossy(args.get(2))));
            reply.ok();
        }
        (b"HTSTATS", 3..=4) => {
            args.integer(2)?;
            reply.verbatim(*b"txt", "[linear hashing: no rehashing in progress]\n");
        }
        (b"HTSTATS-KEY", _) => {
            reply.verbatim(*b"txt", "[linear hashing: no rehashing in progress]\n");
        }
        (b"HELP", 2) => reply.help("DEBUG", HELP),
        _ => {
            let name = String::from_utf8_lossy(args.get(1)).into_owned();
            return Err(Error::SubcommandArguments(name, "DEBUG"));
        }
    }
    Ok(())
}

const HELP: &[&str] = &[
    "CONFIG-REWRITE-FORCE-ALL",
    "    Like CONFIG REWRITE but writes all configuration options, including",
    "    keywords not listed in original configuration file or default values.",
    "DIGEST",
    "    A hash of all data.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    A hash of each value.",
    "LOADAOF",
    "    Forgets all data and loads the append-only file.",
    "OBJECT <key>",
    "    How a value is kept.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Makes keys.",
    "PROTOCOL <type>",
    "    A reply of each type of the protocol.",
    "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
    "    Saves all data, forgets it and loads it again, or less of that.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Switches the search for due keys.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Lets scripts call what they otherwise may not.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Lets RESTORE take payloads with wrong checksums.",
    "SLEEP <seconds>",
    "    Makes this client's worker wait.",
];

fn reload(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut what = Reload { save: true, flush: true, merge: false };
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        if cursor.take("NOSAVE") {
            what.save = false;
        } else if cursor.take("NOFLUSH") {
            what.flush = false;
        } else if cursor.take("MERGE") {
            // Keys of the file replace those that are there without it too; libraries do not.
            what.merge = true;
        } else {
            return Err(Error::Static(
                "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            ));
        }
    }
    ctx.host.reload(ctx.access, what).map_err(|reason| Error::Text(format!("ERR {reason}")))?;
    reply.ok();
    Ok(())
}

/// Waits by reading the clock, as long as the client wants; only this worker's clients wait with it.
fn sleep(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let seconds = args.float(2)?.clamp(0.0, 3600.0);
    let until = (ctx.shared.clock)() + (seconds * 1e9) as u64;
    while (ctx.shared.clock)() < until {
        std::hint::spin_loop();
    }
    reply.ok();
    Ok(())
}

fn object(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key_of(args.get(2));
    let (idle, found) = ctx.with_key(&key, |ctx| {
        let idle = ctx.db().idle_seconds(&key);
        (idle, describe(ctx, &key))
    });
    let Some((encoding, length)) = found else { return Err(Error::NoSuchKey) };
    reply.simple(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:0 lru_seconds_idle:{}",
        idle.unwrap_or(0)
    ));
    Ok(())
}

/// The encoding of a value and the bytes of its content.
fn describe(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Option<(&'static str, usize)> {
    let changed = ctx.db().string_is_changed(key);
    Some(match ctx.db().peek(key)? {
        ValueRef::String(string) => (string.encoding(changed).name(), string.len()),
        ValueRef::Hash(hash) => {
            (hash.encoding().name(), hash.iter().map(|entry| entry.field.len() + entry.value.len()).sum())
        }
        ValueRef::List(list) => (list.encoding().name(), list.data_bytes()),
        ValueRef::Set(set) => (set.encoding().name(), set.data_bytes()),
        ValueRef::ZSet(zset) => (zset.encoding().name(), zset.data_bytes()),
        ValueRef::Stream(stream) => ("stream", stream.allocated_bytes()),
    })
}

/// A hash of a value that depends on neither the order of fields and members nor the encoding.
fn digest_value(value: &ValueRef<'_>) -> u64 {
    match value {
        ValueRef::String(string) => stdx::checksum::crc64(&string.contiguous()),
        ValueRef::Hash(hash) => hash.iter().fold(1, |sum, entry| {
            let mut pair = (entry.field.len() as u64).to_le_bytes().to_vec();
            pair.extend_from_slice(entry.field);
            pair.extend_from_slice(entry.value);
            sum ^ mix(stdx::checksum::crc64(&pair))
        }),
        ValueRef::List(list) => {
            list.iter().fold(2, |sum, element| mix(sum ^ mix(stdx::checksum::crc64(element))))
        }
        ValueRef::Set(set) => set.iter().fold(3, |sum, member| sum ^ mix(stdx::checksum::crc64(&member))),
        ValueRef::ZSet(zset) => zset.iter().fold(4, |sum, element| {
            let mut pair = element.score.to_le_bytes().to_vec();
            pair.extend_from_slice(element.member);
            sum ^ mix(stdx::checksum::crc64(&pair))
        }),
        ValueRef::Stream(stream) => digest_stream(stream),
    }
}

/// A hash of a stream's entries, as Redis hashes them: groups and the past have no part in it.
fn digest_stream(stream: &Stream) -> u64 {
    stream.iter().fold(5, |sum, entry| {
        let mut text = entry.id().to_string().into_bytes();
        for (name, value) in entry.fields() {
            text.extend_from_slice(&(name.len() as u64).to_le_bytes());
            text.extend_from_slice(name);
            text.extend_from_slice(&(value.len() as u64).to_le_bytes());
            text.extend_from_slice(value);
        }
        mix(sum ^ mix(stdx::checksum::crc64(&text)))
    })
}

/// Spreads a checksum's bits, so that sums of many do not cancel out.
fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (value ^ value >> 27).wrapping_mul(0x81da_def4_bc2d_d44d)
}

/// A hash of all data that does not depend on the order of keys.
fn digest(ctx: &mut Context<'_, '_>) -> u64 {
    let mut sum = 0;
    for index in 0..ctx.shared.keyspace.databases() {
        ctx.access.for_each_key(DbIndex(index), &mut |seen| {
            let mut head = index.to_le_bytes().to_vec();
            head.extend_from_slice(&seen.expiry.map_or(0, |at| at.0).to_le_bytes());
            head.extend_from_slice(&digest_value(&seen.value).to_le_bytes());
            head.extend_from_slice(seen.key);
            sum ^= mix(stdx::checksum::crc64(&head));
        });
    }
    sum
}

/// Forty digits, as a SHA-1 has; all zeros for no data.
fn hexadecimal(value: u64) -> String {
    format!(
        "{:016x}{:016x}{:08x}",
        value,
        if value == 0 { 0 } else { mix(value) },
        if value == 0 { 0 } else { mix(!value) as u32 }
    )
}

fn digest_values(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) {
    reply.array(args.len() - 2);
    for name in args.from(2) {
        let key = ctx.key_of(name);
        let digest = ctx.with_key(&key, |ctx| ctx.db().peek(&key).map_or(0, |value| digest_value(&value)));
        reply.simple(hexadecimal(digest));
    }
}

fn populate(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let not_positive = Error::Static("ERR value is out of range, must be positive");
    let count = args.integer(2).map_err(|_| not_positive.clone())?;
    if !(0..=MAX_POPULATE).contains(&count) {
        return Err(not_positive);
    }
    let prefix = args.get_optional(3).unwrap_or(b"key").to_vec();
    let size = if args.len() > 4 { Some(args.integer(4)?.clamp(0, 1 << 29) as usize) } else { None };
    for number in 0..count {
        let name = [&prefix[..], format!(":{number}").as_bytes()].concat();
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        let key = ctx.key_of(&name);
        ctx.access.start_unit();
        ctx.with_key(&key, |ctx| {
            if !ctx.db().contains(&key) {
                ctx.db().set_string(&key, &value, Expiry::Clear);
            }
        });
    }
    reply.ok();
    Ok(())
}

fn string_match(args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let length = args.integer(2)?.clamp(0, 1 << 24) as usize;
    let text = vec![b'a'; length];
    let matches = stdx::glob::matches(args.get(3), &text, stdx::glob::Case::Sensitive);
    reply.integer(i64::from(matches));
    Ok(())
}

/// One reply of each type, as the tests of client libraries expect them.
fn protocol(kind: &[u8], reply: &mut Reply<'_>) -> Outcome {
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk("Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(314.1 / 100.0),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if reply.attribute(1) {
                reply.bulk("key-popularity");
                reply.array(2);
                reply.bulk("key:123");
                reply.integer(90);
            }
            reply.bulk("Some real reply following the attribute");
        }
        b"push" => {
            reply.push(2);
            reply.bulk("server-cpu-usage");
            reply.integer(42);
        }
        b"verbatim" => reply.verbatim(*b"txt", "This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        _ => {
            return Err(Error::Static(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}
