//! Replication, as a primary without replicas answers: ROLE, REPLICAOF, FAILOVER, and what replicas would send.

use stdx::number::parse_i64;

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const REPLICAOF: Flags = FLAGS.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);
const SYNC: Flags = FLAGS.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI);

/// The most that a port can be.
const MAX_PORT: i64 = 65_535;
/// What replicas tell of themselves.
const REPLICA_FACTS: &[&str] = &[
    "listening-port",
    "ip-address",
    "capa",
    "ack",
    "getack",
    "rdb-only",
    "rdb-filter-only",
    "version",
    "rdb-channel",
    "main-ch-client-id",
];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("ROLE", Group::Server, 1, role)
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST))
        .categories(&["admin", "dangerous"])
        .doc("2.8.12", "O(1)", "Returns the replication role.", ""),
    Command::new("REPLICAOF", Group::Server, 3, replicaof).flags(REPLICAOF).doc(
        "5.0.0",
        "O(1)",
        "Makes the server a replica of another, which it cannot be yet, or a primary.",
        "args=<host-port=<host port> | no-one=<NO ONE>>",
    ),
    Command::new("SLAVEOF", Group::Server, 3, replicaof)
        .flags(REPLICAOF)
        .doc(
            "1.0.0",
            "O(1)",
            "Makes the server a replica of another, which it cannot be yet, or a primary.",
            "args=<host-port=<host port> | no-one=<NO ONE>>",
        )
        .deprecated("5.0.0", "`REPLICAOF`"),
    Command::new("FAILOVER", Group::Server, -1, failover).flags(FLAGS.and(Flags::STALE)).doc(
        "6.2.0",
        "O(1)",
        "Hands the role of the primary over to a replica.",
        "[target=TO <host port [FORCE]>] [ABORT] [TIMEOUT milliseconds]",
    ),
    Command::new("REPLCONF", Group::Server, -1, replconf)
        .flags(FLAGS.and(Flags::LOADING).and(Flags::STALE).and(Flags::ALLOW_BUSY))
        .doc("3.0.0", "O(1)", "What a replica tells its primary of itself.", "")
        .system(),
    Command::new("PSYNC", Group::Server, -3, sync).flags(SYNC).doc(
        "2.8.0",
        "",
        "Asks for the stream of changes from an offset on.",
        "replicationid offset",
    ),
    Command::new("SYNC", Group::Server, 1, sync).flags(SYNC).doc(
        "1.0.0",
        "",
        "Asks for all data and the stream of changes.",
        "",
    ),
];

fn role(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(3);
    reply.bulk("master");
    reply.integer(0);
    reply.array(0);
    Ok(())
}

fn replicaof(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.is(1, "NO") && args.is(2, "ONE") {
        reply.ok();
        return Ok(());
    }
    if parse_i64(args.get(2)).is_none_or(|port| !(0..=MAX_PORT).contains(&port)) {
        return Err(Error::Static("ERR Invalid master port"));
    }
    Err(Error::Static("ERR this server cannot be a replica yet"))
}

fn failover(_: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let (mut aborts, mut has_target, mut has_timeout) = (false, false, false);
    let mut cursor = args.cursor(1);
    while !cursor.is_done() {
        if !has_timeout && cursor.left() > 1 && cursor.take("TIMEOUT") {
            if cursor.integer()? <= 0 {
                return Err(Error::Static("ERR FAILOVER timeout must be greater than 0"));
            }
            has_timeout = true;
        } else if !has_target && cursor.left() > 2 && cursor.take("TO") {
            cursor.next_required()?;
            if parse_i64(cursor.next_required()?).is_none() {
                return Err(Error::NotInteger);
            }
            cursor.take("FORCE");
            has_target = true;
        } else if args.len() == 2 && cursor.take("ABORT") {
            aborts = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    Err(Error::Static(if aborts {
        "ERR No failover in progress."
    } else {
        "ERR FAILOVER requires connected replicas."
    }))
}

fn replconf(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    for at in (1..args.len()).step_by(2) {
        if !REPLICA_FACTS.iter().any(|fact| args.is(at, fact)) {
            let name = String::from_utf8_lossy(args.get(at));
            return Err(Error::Text(format!("ERR Unrecognized REPLCONF option: {name}")));
        }
    }
    reply.ok();
    Ok(())
}

fn sync(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::Static("ERR this server cannot have replicas yet"))
}
