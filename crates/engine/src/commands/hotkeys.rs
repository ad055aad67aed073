//! HOTKEYS, as Redis 8.6 documents it.

use crate::args::{Args, Cursor};
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::hotkeys::Wanted;
use crate::reply::Reply;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);

/// Keys that are shown: unless it is said, and at most.
const COUNT: i64 = 10;
const MAX_COUNT: i64 = 64;
/// The longest session, in seconds.
const MAX_DURATION_S: i64 = 1_000_000;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("HOTKEYS", Group::Server, -2, container)
    .doc("8.6.0", "Depends on subcommand.", "A container for commands that find hot keys.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", Group::Server, 2, get).flags(FLAGS).doc(
        "8.6.0",
        "O(K) where K is the number of keys returned.",
        "Returns the keys that took most time or most of the network.",
        "",
    ),
    Command::new("RESET", Group::Server, 2, reset).flags(FLAGS).doc(
        "8.6.0",
        "O(1)",
        "Forgets what was found.",
        "",
    ),
    Command::new("START", Group::Server, -2, start).flags(FLAGS).doc(
        "8.6.0",
        "O(1)",
        "Begins to look for hot keys.",
        "metrics=<METRICS count [CPU] [NET]> [COUNT k(integer)] [DURATION seconds] [SAMPLE ratio(integer)] [SLOTS count slot \
         [slot ...]]",
    ),
    Command::new("STOP", Group::Server, 2, stop).flags(FLAGS).doc(
        "8.6.0",
        "O(1)",
        "Ends to look for hot keys, and keeps what was found.",
        "",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "8.6.1",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

const HELP: &[&str] = &[
    "START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]",
    "    Begin to look for the keys whose commands take most time (CPU) or most bytes (NET).",
    "STOP",
    "    Stop looking, and keep what was found.",
    "GET",
    "    Return what was found.",
    "RESET",
    "    Forget what was found.",
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("hotkeys".into()))
}

fn start(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = parse(args.cursor(2))?;
    let (now, processor_us) = (ctx.now(), ctx.host.processor_us());
    if !ctx.shared.hot_keys.start(wanted, now, processor_us, &mut ctx.access.rng) {
        return Err(Error::Static("ERR hotkey tracking session already in progress"));
    }
    reply.ok();
    Ok(())
}

fn parse(mut cursor: Cursor<'_>) -> Result<Wanted, Error> {
    let mut metrics = None;
    let mut wanted = Wanted { time: false, bytes: false, count: COUNT as usize, ratio: 1, duration_ms: None };
    while !cursor.is_done() {
        if cursor.take("METRICS") {
            metrics = Some(parse_metrics(&mut cursor, &mut wanted)?);
        } else if cursor.take("COUNT") {
            let count = within(&mut cursor, 1..=MAX_COUNT, "ERR COUNT must be between 1 and 64")?;
            wanted.count = count as usize;
        } else if cursor.take("DURATION") {
            let text = "ERR DURATION must be between 1 and 1000000";
            wanted.duration_ms = Some(within(&mut cursor, 1..=MAX_DURATION_S, text)? * 1000);
        } else if cursor.take("SAMPLE") {
            let ratio = within(&mut cursor, 1..=i64::MAX, "ERR SAMPLE ratio must be positive")?;
            wanted.ratio = ratio.unsigned_abs();
        } else if cursor.take("SLOTS") {
            return Err(Error::Static("ERR SLOTS parameter cannot be used in non-cluster mode"));
        } else {
            return Err(Error::Syntax);
        }
    }
    metrics.ok_or(Error::Static("ERR METRICS parameter is required"))?;
    Ok(wanted)
}

/// The names behind METRICS, of which there are as many as it says.
fn parse_metrics(cursor: &mut Cursor<'_>, wanted: &mut Wanted) -> Result<(), Error> {
    let count = within(cursor, 1..=i64::MAX, "ERR METRICS count must be positive")?;
    loop {
        if !wanted.time && cursor.take("CPU") {
            wanted.time = true;
        } else if !wanted.bytes && cursor.take("NET") {
            wanted.bytes = true;
        } else {
            break;
        }
    }
    if i64::from(wanted.time) + i64::from(wanted.bytes) != count {
        return Err(Error::Static("ERR METRICS count does not match number of metric types provided"));
    }
    Ok(())
}

fn within(
    cursor: &mut Cursor<'_>,
    range: std::ops::RangeInclusive<i64>,
    error: &'static str,
) -> Result<i64, Error> {
    Some(cursor.integer()?).filter(|number| range.contains(number)).ok_or(Error::Static(error))
}

fn stop(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.shared.hot_keys.stop(ctx.now(), ctx.host.processor_us()) {
        reply.ok();
    } else {
        reply.null();
    }
    Ok(())
}

fn reset(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !ctx.shared.hot_keys.reset(ctx.now()) {
        return Err(Error::Static("ERR hotkey tracking session in progress, stop tracking first"));
    }
    reply.ok();
    Ok(())
}

fn get(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(report) = ctx.shared.hot_keys.report(ctx.now(), ctx.host.processor_us()) else {
        reply.null();
        return Ok(());
    };
    let wanted = report.wanted;
    // The list of one is for the nodes of a cluster, whose replies are joined.
    reply.array(1);
    reply.map(7 + 3 * usize::from(wanted.time) + 2 * usize::from(wanted.bytes));
    number(reply, "tracking-active", report.is_active.into());
    number(reply, "sample-ratio", wanted.ratio);
    reply.bulk("selected-slots");
    reply.array(0);
    number(reply, "all-commands-all-slots-us", report.nanoseconds / 1000);
    number(reply, "net-bytes-all-commands-all-slots", report.bytes);
    number(reply, "collection-start-time-unix-ms", report.started.0.max(0).unsigned_abs());
    number(reply, "collection-duration-ms", report.duration_ms.unsigned_abs());
    let (system_us, user_us) = report.processor_us;
    if wanted.time {
        number(reply, "total-cpu-time-user-ms", user_us / 1000);
        number(reply, "total-cpu-time-sys-ms", system_us / 1000);
    }
    if wanted.bytes {
        number(reply, "total-net-bytes", report.bytes);
    }
    if wanted.time {
        keys(reply, "by-cpu-time-us", report.by_time.iter().map(|(key, time)| (&key[..], time / 1000)));
    }
    if wanted.bytes {
        keys(reply, "by-net-bytes", report.by_bytes.iter().map(|(key, bytes)| (&key[..], *bytes)));
    }
    Ok(())
}

fn number(reply: &mut Reply<'_>, name: &str, value: u64) {
    reply.bulk(name);
    reply.integer(value as i64);
}

fn keys<'k>(reply: &mut Reply<'_>, name: &str, keys: impl ExactSizeIterator<Item = (&'k [u8], u64)>) {
    reply.bulk(name);
    reply.array(2 * keys.len());
    for (key, value) in keys {
        reply.bulk(key);
        reply.integer(value as i64);
    }
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("HOTKEYS", HELP);
    Ok(())
}
