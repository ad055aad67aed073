//! Waiting until what a client has changed is safe: WAIT, for replicas, and WAITAOF, for files.
//!
//! The client is answered by its worker: when replicas have acknowledged what it has changed, or the log has been synced
//! (`node::worker::waiting`). What replicas have synced is not known, for those that could tell do not exist yet: whoever waits for that waits
//! until the time is up.

use config::Param;
use keyspace::LogPosition;
use stdx::number::parse_i64;

use crate::args::{Args, OwnedArgs};
use crate::blocking::{Acknowledged, LOG_IS_OFF, Late, Synced, Wait, timeout_milliseconds};
use crate::command::{Command, Flags, Group, Handler, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

const fn row(name: &'static str, arity: i32, handler: Handler) -> Command {
    Command::new(name, Group::Generic, arity, handler)
        .flags(Flags::BLOCKING)
        .categories(&["connection"])
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    // Both have to run behind what was written before them in the same turn.
    row("WAIT", 3, wait).flags(Flags::ALONE).doc(
        "3.0.0",
        "O(1)",
        "Waits until so many replicas have acknowledged the connection's writes, or the time is up.",
        "numreplicas timeout(integer)",
    ),
    row("WAITAOF", 4, waitaof).flags(Flags::ALONE).doc(
        "7.2.0",
        "O(1)",
        "Waits until the connection's writes are synced in the append-only files of this server and of so many replicas, or \
         the time is up.",
        "numlocal numreplicas timeout(integer)",
    ),
];

fn wait(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = args.integer(1)?;
    let timeout_ms = timeout_milliseconds(args.get(2), ctx.now())?;
    let position = changed_up_to(ctx);
    let there = ctx.shared.replicas.acknowledged(position);
    if there as i64 >= wanted || !ctx.may_wait() {
        reply.integer(there as i64);
        return Ok(());
    }
    let awaited = Acknowledged { position, replicas: usize::try_from(wanted).unwrap_or(usize::MAX) };
    wait_without_keys(ctx, args, timeout_ms, Late::Replicas(awaited));
    Ok(())
}

fn waitaof(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let here = match args.integer(1)? {
        0 => false,
        1 => true,
        _ => return Err(Error::Static("ERR value is out of range, value must between 0 and 1")),
    };
    let replicas = parse_i64(args.get(2)).filter(|&replicas| replicas >= 0);
    let replicas = replicas.ok_or(Error::Static("ERR value is out of range, must be positive"))?;
    let timeout_ms = timeout_milliseconds(args.get(3), ctx.now())?;
    if here && !ctx.shared.config.read().yes(Param::Appendonly) {
        return Err(Error::Static(LOG_IS_OFF));
    }
    let awaited = Synced { position: changed_up_to(ctx), here, elsewhere: replicas > 0 };
    let synced = ctx.host.synced();
    let is_done = !awaited.elsewhere && (!here || awaited.is_reached(synced));
    if is_done || !ctx.may_wait() {
        awaited.write(synced, reply);
    } else {
        wait_without_keys(ctx, args, timeout_ms, Late::Synced(awaited));
    }
    Ok(())
}

/// The place in the log behind what the client has changed. What it has changed in this turn is among what this worker has.
fn changed_up_to(ctx: &Context<'_, '_>) -> LogPosition {
    if ctx.session.has_changed { ctx.access.last_effect() } else { ctx.session.changed_before }
}

fn wait_without_keys(ctx: &mut Context<'_, '_>, args: &Args<'_>, timeout_ms: u64, late: Late) {
    ctx.wait(OwnedArgs::copy(args), Wait::without_keys(timeout_ms, late));
}
