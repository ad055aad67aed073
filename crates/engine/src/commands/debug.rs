//! DEBUG: what tests need to look inside. Allowed by `enable-debug-command` only.

use std::sync::atomic::Ordering;

use config::Appended;
use keyspace::Expiry;

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::errand::Errand;
use crate::error::Error;
use crate::host::{AllocatorValue, Reload};
use crate::reply::Reply;

mod digest;
mod inside;

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
/// Matches that STRINGMATCH-TEST makes, and the longest text and pattern of them.
const MATCHES: usize = 20_000;
const LONGEST_MATCH: u64 = 40;

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
        (b"OBJECT", 3) => inside::object(ctx, args, reply)?,
        (b"LISTPACK", 3) => inside::collection(ctx, args, "listpack", reply)?,
        (b"QUICKLIST", 3..=4) => inside::collection(ctx, args, "quicklist", reply)?,
        (b"SDSLEN", 3) => inside::string_lengths(ctx, args, reply)?,
        (b"CLIENT-EVICTION", 2) => inside::client_classes(ctx, reply)?,
        (b"DIGEST", 2) => reply.simple(digest::digest(ctx)),
        (b"DIGEST-VALUE", _) => digest::digest_values(ctx, args, reply),
        (b"MALLCTL" | b"MALLCTL-STR", 3..) => allocator_value(ctx, args, reply)?,
        (b"LEAK", 3) => {
            Box::leak(Box::<[u8]>::from(args.get(2)));
            reply.ok();
        }
        (b"POPULATE", 3..=5) => populate(ctx, args, reply)?,
        (b"PROTOCOL", 3) => protocol(args.get(2), reply)?,
        (b"STRINGMATCH-TEST", 2) => match_patterns(ctx, reply),
        (b"STRUCTSIZE", 2) => reply.simple(format!("bits:{}", usize::BITS)),
        (
            b"CHANGE-REPL-ID"
            | b"REPLYBUFFER"
            | b"DICT-RESIZING"
            | b"PAUSE-CRON"
            | b"REPLICATE"
            | b"DROP-CLUSTER-PACKET-FILTER"
            | b"QUICKLIST-PACKED-THRESHOLD",
            _,
        ) => reply.ok(),
        (b"RELOAD", _) => reload(ctx, args, reply)?,
        (b"LOADAOF", 2) => load_aof(ctx, args)?,
        (b"CONFIG-REWRITE-FORCE-ALL", 2) => {
            super::config::rewrite_file(ctx, Appended::All)?;
            reply.ok();
        }
        (b"SLEEP", 3) => sleep(ctx, args, reply)?,
        (b"AOF-FLUSH-SLEEP", 3) => delay_appends(ctx, args, reply)?,
        (b"ERROR", 3) => {
            let text = String::from_utf8_lossy(args.get(2)).replace(['\r', '\n'], " ");
            return Err(Error::Text(text));
        }
        (b"LOG", 3) => {
            ctx.host.warn(&format!("DEBUG LOG: {}", String::from_utf8_lossy(args.get(2))));
            reply.ok();
        }
        (b"HTSTATS", 3..) => {
            let databases = i64::from(ctx.shared.keyspace.databases());
            if !(0..databases).contains(&args.integer(2)?) {
                return Err(Error::Static("ERR Out of range database"));
            }
            reply.verbatim(*b"txt", "[linear hashing: no rehashing in progress]\n");
        }
        (b"HTSTATS-KEY", 3..) => {
            inside::expect_table(ctx, args.get(2))?;
            reply.verbatim(*b"txt", "[linear hashing: no rehashing in progress]\n");
        }
        (b"HELP", 2) => reply.help("DEBUG", HELP),
        _ => {
            if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| refused.as_bytes() == name) {
                return Err(Error::Static(reason));
            }
            let name = String::from_utf8_lossy(args.get(1)).into_owned();
            return Err(Error::SubcommandArguments(name, "DEBUG"));
        }
    }
    Ok(())
}

/// The longest time that appends are made to wait: an hour.
const MAX_DELAY_US: i64 = 3_600_000_000;

/// Subcommands of Redis that cannot do here what they do there, and why.
const REFUSED: &[(&str, &str)] = &[
    ("ASSERT", CRASH),
    ("CRASH-AND-RECOVER", CRASH),
    ("OOM", CRASH),
    ("PANIC", CRASH),
    ("RESTART", CRASH),
    ("SEGFAULT", CRASH),
    ("CLUSTERLINK", "ERR Debug option only available for cluster mode enabled setup!"),
    ("INTERNAL_SECRET", "ERR Internal secret is missing"),
    ("MARK-INTERNAL-CLIENT", "ERR there are no internal connections without a cluster"),
    ("REPL-PAUSE", "ERR there is no replication yet that could pause"),
    ("SCRIPT", "ERR scripts are not listed; SCRIPT EXISTS tells which are known"),
];
const CRASH: &str =
    "ERR the server is not made to crash by a command; end its process with a signal, such as kill -9";

const HELP: &[&str] = &[
    "AOF-FLUSH-SLEEP <microseconds>",
    "    Makes whoever writes the append-only file wait before each append.",
    "CLIENT-EVICTION",
    "    How much memory clients take, by powers of two (maxmemory-clients).",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Like CONFIG REWRITE but writes all configuration options, including",
    "    keywords not listed in original configuration file or default values.",
    "DIGEST",
    "    A hash of all data.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    A hash of each value.",
    "ERROR <string>",
    "    Answers with this error.",
    "HTSTATS <database>",
    "    A word on the tables, which are never rehashed.",
    "LEAK <string>",
    "    Takes the memory of a string and never gives it back.",
    "LISTPACK <key>",
    "    How many elements and bytes a packed value holds.",
    "LOADAOF",
    "    Forgets all data and loads the append-only file.",
    "LOG <message>",
    "    Writes a message to the log.",
    "MALLCTL <key>",
    "    A number that the allocator knows, such as stats.allocated.",
    "MALLCTL-STR <key>",
    "    A text that the allocator knows, such as version.",
    "OBJECT <key>",
    "    How a value is kept.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Makes keys.",
    "PROTOCOL <type>",
    "    A reply of each type of the protocol.",
    "QUICKLIST <key>",
    "    How many elements and bytes a long list holds.",
    "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
    "    Saves all data, forgets it and loads it again, or less of that.",
    "SDSLEN <key>",
    "    How long a key and its string are.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Switches the search for due keys.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Lets scripts call what they otherwise may not.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Lets RESTORE take payloads with wrong checksums.",
    "SLEEP <seconds>",
    "    Makes the server wait.",
    "STRINGMATCH-TEST",
    "    Matches random texts against random patterns.",
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

/// Other clients are told meanwhile that the server is loading.
fn load_aof(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Outcome {
    if !ctx.may_wait() {
        return Err(Error::Static("ERR DEBUG LOADAOF cannot be run inside a transaction"));
    }
    ctx.run_errand(args, Errand::LoadAof);
    Ok(())
}

/// Waits by reading the clock, as long as the client wants, and everybody waits with it, as in a server that does one thing at a time.
fn sleep(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let seconds = args.float(2)?.clamp(0.0, 3600.0);
    let until = (ctx.shared.clock)() + (seconds * 1e9) as u64;
    let clock = ctx.shared.clock;
    ctx.with_everything(|_| {
        while clock() < until {
            std::hint::spin_loop();
        }
    });
    reply.ok();
    Ok(())
}

/// Makes whoever writes the append-only file wait before each append, from now on.
fn delay_appends(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.host.delay_appends(args.integer(2)?.clamp(0, MAX_DELAY_US).cast_unsigned());
    reply.ok();
    Ok(())
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

/// MALLCTL and MALLCTL-STR, with the errors of the C library in Redis's words.
fn allocator_value(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(Error::Static(
            "ERR the allocator's settings are fixed at the start; they can only be read",
        ));
    }
    let wants_text = args.get(1).eq_ignore_ascii_case(b"MALLCTL-STR");
    match (ctx.host.allocator_value(args.get(2)), wants_text) {
        (Some(AllocatorValue::Number(number)), false) => reply.integer(number as i64),
        (Some(AllocatorValue::Text(text)), true) => reply.bulk(text),
        (Some(_), _) => return Err(Error::Static("ERR Invalid argument")),
        (None, _) => return Err(Error::Static("ERR No such file or directory")),
    }
    Ok(())
}

/// Matches random texts of a few letters against random patterns of the same letters and all special ones.
fn match_patterns(ctx: &mut Context<'_, '_>, reply: &mut Reply<'_>) {
    let random = &mut ctx.access.rng;
    for _ in 0..MATCHES {
        let mut draw = |letters: &[u8]| -> Vec<u8> {
            let length = random.below(LONGEST_MATCH);
            (0..length).map(|_| letters[random.below(letters.len() as u64) as usize]).collect()
        };
        let (pattern, text) = (draw(b"ab*?[]^-\\\\"), draw(b"ab]^-\\"));
        stdx::glob::matches(&pattern, &text, stdx::glob::Case::Insensitive);
    }
    reply.simple("Apparently Redis did not crash: test passed");
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
