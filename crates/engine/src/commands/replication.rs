//! Replication, as a primary answers: ROLE, and what replicas send: REPLCONF, PSYNC, SYNC. It follows nobody, so REPLICAOF and
//! FAILOVER are refused.
//!
//! Who follows gets no replies any more: what it is sent are a snapshot and the stream ([`replication`](crate::replication)).

use stdx::number::parse_i64;

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::replication::{Content, Phase};
use crate::reply::Reply;
use crate::session::ReplyMode;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const REPLICAOF: Flags = FLAGS.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);
const SYNC: Flags = FLAGS.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI).and(Flags::ALONE);

/// The most that a port can be.
const MAX_PORT: i64 = 65_535;
/// The longest address that a replica may tell.
const MAX_ADDRESS_BYTES: usize = 255;
/// What replicas of newer versions tell of themselves that makes no difference here.
const WITHOUT_EFFECT: &[&str] = &["version", "rdb-channel", "main-ch-client-id"];

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
    Command::new("PSYNC", Group::Server, -3, psync).flags(SYNC).doc(
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

fn role(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let replicas = ctx.shared.replicas.all();
    let online = replicas.iter().filter(|replica| replica.phase() == Phase::Online);
    reply.array(3);
    reply.bulk("master");
    reply.integer(ctx.shared.replicas.history().offset.cast_signed());
    reply.array(online.clone().count());
    for replica in online {
        let (address, port) = replica.address();
        reply.array(3);
        reply.bulk(address);
        reply.bulk(port.to_string());
        reply.bulk(replica.acknowledged().to_string());
    }
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
    let (mut aborts, mut has_target, mut has_timeout, mut forces) = (false, false, false, false);
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
            has_target = true;
        } else if !forces && cursor.take("FORCE") {
            forces = true;
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

fn replconf(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    for at in (1..args.len()).step_by(2) {
        if args.is(at, "ACK") {
            acknowledge(ctx, args.get(at + 1));
            return Ok(()); // which gets no reply
        }
        if args.is(at, "GETACK") {
            return Ok(()); // only replicas are asked for that
        }
        tell(ctx, args, at)?;
    }
    reply.ok();
    Ok(())
}

/// A replica says up to where it has the stream.
fn acknowledge(ctx: &mut Context<'_, '_>, offset: &[u8]) {
    let offset = parse_i64(offset).and_then(|offset| u64::try_from(offset).ok());
    let (id, now) = (ctx.session.record.id, ctx.now());
    if let Some(offset) = offset.filter(|_| ctx.session.is_replica)
        && ctx.shared.replicas.acknowledge(id, offset, now)
    {
        ctx.host.tell_acknowledged();
    }
}

/// A replica to be tells one thing of itself.
fn tell(ctx: &mut Context<'_, '_>, args: &Args<'_>, at: usize) -> Outcome {
    let facts = ctx.session.replica_facts.get_or_insert_default();
    let value = args.get(at + 1);
    if args.is(at, "listening-port") {
        facts.port = args.integer(at + 1)? as u16;
    } else if args.is(at, "ip-address") {
        if value.len() > MAX_ADDRESS_BYTES {
            let text = "ERR REPLCONF ip-address provided by replica instance is too long";
            return Err(Error::Text(format!("{text}: {} bytes", value.len())));
        }
        let address = String::from_utf8_lossy(value).into_owned();
        facts.address = Some(address).filter(|address| !address.is_empty());
    } else if args.is(at, "capa") {
        // Others are for what is not done here.
        facts.knows_names |= value.eq_ignore_ascii_case(b"psync2");
    } else if args.is(at, "rdb-only") {
        facts.snapshot_only = match args.integer(at + 1)? {
            0 => false,
            1 => true,
            _ => return Err(Error::Static("ERR value is out of range, value must between 0 and 1")),
        };
    } else if args.is(at, "rdb-filter-only") {
        facts.content = content(value)?;
    } else if !WITHOUT_EFFECT.iter().any(|name| args.is(at, name)) {
        let name = String::from_utf8_lossy(args.get(at));
        return Err(Error::Text(format!("ERR Unrecognized REPLCONF option: {name}")));
    }
    Ok(())
}

/// The data that a filter of names, with spaces between them, lets pass.
fn content(filter: &[u8]) -> Result<Content, Error> {
    let mut content = Content::Nothing;
    for name in filter.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()) {
        if !name.eq_ignore_ascii_case(b"functions") {
            let name = String::from_utf8_lossy(name);
            return Err(Error::Text(format!("ERR Unsupported rdb-filter-only option: {name}")));
        }
        content = Content::Libraries;
    }
    Ok(content)
}

fn sync(ctx: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    attach(ctx, false, None);
    Ok(())
}

fn psync(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let place = args.integer(2)?;
    let place = u64::try_from(place).ok().filter(|_| args.get(1) != b"?");
    attach(ctx, true, place.map(|place| (args.get(1).to_vec(), place)));
    Ok(())
}

/// The client follows from now on. One that does already has asked for it before.
fn attach(ctx: &mut Context<'_, '_>, acknowledges: bool, from: Option<(Vec<u8>, u64)>) {
    let now = ctx.now();
    let session = &mut *ctx.session;
    if std::mem::replace(&mut session.is_replica, true) {
        return;
    }
    session.reply_mode = ReplyMode::Off;
    let facts = session.replica_facts.take().map(|facts| *facts).unwrap_or_default();
    let replica = ctx.shared.replicas.join(&session.record, facts, acknowledges, now);
    ctx.host.attach_replica(&replica, from);
}
