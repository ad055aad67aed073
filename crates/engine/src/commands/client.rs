//! CLIENT: what clients know and may do about themselves and each other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client_filter::{Asker, Filter};
use super::connection::client_name;
use super::tracking;
use crate::args::Args;
use crate::blocking::End;
use crate::client::{ClientRecord, PauseMode};
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::session::ReplyMode;
use crate::tips;

const OPEN: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::SENTINEL);
const ADMIN: Flags = OPEN.and(Flags::ADMIN);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("CLIENT", Group::Connection, -2, container)
    .flags(Flags::SENTINEL)
    .doc("2.4.0", "Depends on subcommand.", "A container for client connection commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    row("ID", 2, id, OPEN).doc("5.0.0", "O(1)", "Returns the connection's number.", ""),
    row("INFO", 2, info, OPEN).tips(tips::OUTPUT_VARIES).doc("6.2.0", "O(1)", "Returns a line about the connection.", ""),
    row("LIST", -2, list, ADMIN).tips(tips::OUTPUT_VARIES).doc(
        "2.4.0",
        "O(N) in the number of connections",
        "Returns a line about each connection.",
        "[TYPE@5.0.0 client-type=<NORMAL | MASTER | REPLICA | PUBSUB>] [ID@6.2.0 client-id [client-id ...]] [USER \
         username] [ADDR addr=ip:port] [LADDR laddr=ip:port] [SKIPME <YES | NO>] [MAXAGE maxage] [IDLE idle] \
         [FLAGS flags] [NAME client-name] [LIB-NAME libname] [LIB-VER libver] [DB db] [CAPA capa] [IP ip]",
    )
    .history(&[
        ("2.8.12", "The field `id`."),
        ("5.0.0", "The filter `TYPE`."),
        ("6.0.0", "The field `user`."),
        ("6.2.0", "The fields `argv-mem`, `tot-mem`, `laddr` and `redir`, and the filter `ID`."),
        ("7.0.0", "The fields `resp`, `multi-mem`, `rbs` and `rbp`."),
        ("7.0.3", "The field `ssub`."),
        ("7.2.0", "The fields `lib-name` and `lib-ver`."),
        ("7.4.0", "The field `watch`."),
        ("8.0.0", "The field `io-thread`."),
    ]),
    row("GETNAME", 2, get_name, OPEN).doc("2.6.9", "O(1)", "Returns the name of the connection.", ""),
    row("SETNAME", 3, set_name, OPEN).tips(tips::ALL_NODES).doc("2.6.9", "O(1)", "Sets the name of the connection.", "connection-name"),
    row("SETINFO", 4, set_info, OPEN).tips(tips::ALL_NODES).doc(
        "7.2.0",
        "O(1)",
        "Sets what the connection says of its library.",
        "attr=<LIB-NAME libname | LIB-VER libver>",
    ),
    row("KILL", -3, kill, ADMIN).doc(
        "2.4.0",
        "O(N) in the number of connections",
        "Closes connections.",
        "filter=<old-format=ip:port!2.8.12 | new-format=<[ID@2.8.12 client-id [client-id ...]] | [TYPE@2.8.12 \
         client-type=<NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB>] | [USER username] | [ADDR addr=ip:port] | \
         [LADDR laddr=ip:port@6.2.0] | [SKIPME <YES | NO>] | [MAXAGE maxage@7.4.0] | [IDLE idle] | [FLAGS flags] \
         | [NAME client-name] | [LIB-NAME libname] | [LIB-VER libver] | [DB db] | [CAPA capa] | [IP ip] ...>>",
    )
    .history(&[
        ("2.8.12", "Connections are chosen by filters."),
        ("2.8.12", "The filter `ID`."),
        ("3.2.0", "The type `master`."),
        ("5.0.0", "The type `replica`, for which `slave` is still understood."),
        ("6.2.0", "The filter `LADDR`."),
        ("7.4.0", "The filter `MAXAGE`."),
    ]),
    row("PAUSE", -3, pause, ADMIN).doc(
        "3.0.0",
        "O(1)",
        "Holds commands of clients back for a while.",
        "timeout(integer) mode=[WRITE | ALL]@6.2.0",
    )
    .history(&[("6.2.0", "The mode, by which only writes may be held back.")]),
    row("UNPAUSE", 2, unpause, ADMIN).doc("6.2.0", "O(1)", "Ends a pause.", ""),
    row("REPLY", 3, reply_mode, OPEN).doc("3.2.0", "O(1)", "Switches replies on and off.", "action=<ON | OFF | SKIP>"),
    row("NO-EVICT", 3, no_evict, ADMIN).doc("7.0.0", "O(1)", "Protects the connection from eviction.", "enabled=<ON | OFF>"),
    row("NO-TOUCH", 3, no_touch, OPEN).doc(
        "7.2.0",
        "O(1)",
        "Lets the connection's reads leave the access clock alone.",
        "enabled=<ON | OFF>",
    ),
    row("TRACKING", -3, tracking::tracking, OPEN).doc(
        "6.0.0",
        "O(1)",
        "Tells the client when keys change that it may cache.",
        "status=<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] \
         [NOLOOP]",
    ),
    row("CACHING", 3, tracking::caching, OPEN).doc(
        "6.0.0",
        "O(1)",
        "Says whether the keys of the next command are tracked.",
        "mode=<YES | NO>",
    ),
    row("GETREDIR", 2, tracking::get_redirect, OPEN).doc(
        "6.0.0",
        "O(1)",
        "Returns where invalidations are sent.",
        "",
    ),
    row("TRACKINGINFO", 2, tracking::info, OPEN).doc("6.2.0", "O(1)", "Returns the state of tracking.", ""),
    row("CAPA", -3, capabilities, OPEN).doc("8.0.0", "O(1)", "Tells the server what the client can do.", "capability [capability ...]"),
    row("IMPORT-SOURCE", 3, import_source, OPEN).doc("8.1.0", "O(1)", "Marks the connection as a source of imported data.", "enabled=<ON | OFF>"),
    row("UNBLOCK", -3, unblock, ADMIN).doc("5.0.0", "O(1)", "Unblocks a blocked connection.", "client-id unblock-type=[TIMEOUT | ERROR]"),
    row("HELP", 2, help, Flags::LOADING.and(Flags::STALE)).doc("5.0.0", "O(1)", "Returns the subcommands.", ""),
];

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler, flags: Flags) -> Command {
    // A subcommand's arity counts the container's name as well.
    Command::new(name, Group::Connection, arity, handler).flags(flags)
}

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("client".into()))
}

fn id(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(ctx.session.record.id as i64);
    Ok(())
}

fn info(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let text = ctx.session.record.line(ctx.now()) + "\n";
    reply.verbatim(*b"txt", text);
    Ok(())
}

fn list(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let filter = Filter::parse(ctx, args, Asker::List)?;
    let (now, own) = (ctx.now(), ctx.session.record.id);
    let mut records = ctx.shared.clients.all();
    records.retain(|record| !record.is_gone() && filter.matches(record, now, own));
    let text: String = records.iter().map(|record| record.line(now) + "\n").collect();
    reply.verbatim(*b"txt", text);
    Ok(())
}

/// The refusal of too many arguments where a fixed arity does not refuse them.
fn too_many(args: &Args<'_>) -> Error {
    let name = String::from_utf8_lossy(args.get(1)).into_owned();
    Error::SubcommandArguments(name, "CLIENT")
}

fn get_name(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = ctx.session.record.names.lock().name.clone();
    reply.optional((!name.is_empty()).then_some(name.as_bytes()));
    Ok(())
}

fn set_name(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = client_name(args.get(2))?;
    ctx.session.record.names.lock().name = name;
    reply.ok();
    Ok(())
}

fn set_info(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let option = args.get(2).to_ascii_lowercase();
    let is_clean = args.get(3).iter().all(|byte| (b'!'..=b'~').contains(byte));
    let known = matches!(option.as_slice(), b"lib-name" | b"lib-ver");
    if !known {
        let option = String::from_utf8_lossy(args.get(2)).into_owned();
        return Err(Error::Text(format!("ERR Unrecognized option '{option}'")));
    }
    if !is_clean {
        let option = String::from_utf8_lossy(args.get(2)).into_owned();
        return Err(Error::Text(format!(
            "ERR {option} cannot contain spaces, newlines or special characters."
        )));
    }
    let value = String::from_utf8_lossy(args.get(3)).into_owned();
    let mut names = ctx.session.record.names.lock();
    if option == b"lib-name" {
        names.library = value;
    } else {
        names.library_version = value;
    }
    drop(names);
    reply.ok();
    Ok(())
}

fn kill(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() == 3 {
        let found =
            ctx.shared.clients.all().into_iter().find(|record| record.address.as_bytes() == args.get(2));
        let Some(record) = found else { return Err(Error::Static("ERR No such client")) };
        close(ctx, &record);
        reply.ok();
        return Ok(());
    }
    let filter = Filter::parse(ctx, args, Asker::Kill)?;
    let (now, own) = (ctx.now(), ctx.session.record.id);
    let mut closed = 0;
    for record in ctx.shared.clients.all() {
        if filter.matches(&record, now, own) {
            close(ctx, &record);
            closed += 1;
        }
    }
    reply.integer(closed);
    Ok(())
}

/// Closes a connection; the own one after its reply.
pub(super) fn close(ctx: &mut Context<'_, '_>, record: &Arc<ClientRecord>) {
    if record.id == ctx.session.record.id {
        ctx.session.closing = true;
    } else {
        record.killed.store(true, Ordering::Relaxed);
        ctx.host.wake_client(record);
    }
}

fn pause(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 4 {
        return Err(too_many(args));
    }
    let mode = match args.get_optional(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"all") => PauseMode::All,
        Some(b"write") => PauseMode::Write,
        Some(_) => return Err(Error::Static("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let Some(milliseconds) = stdx::number::parse_i64(args.get(2)) else {
        return Err(Error::Static("ERR timeout is not an integer or out of range"));
    };
    if milliseconds < 0 {
        return Err(Error::Static("ERR timeout is negative"));
    }
    let until = ctx.now().checked_add_millis(milliseconds);
    let Some(until) = until else { return Err(Error::Static("ERR timeout is out of range")) };
    ctx.shared.clients.pause(until, mode);
    ctx.shared.keyspace.limits().due_keys_stay_until.fetch_max(until.0, Ordering::Relaxed);
    ctx.access.look_at_pause();
    reply.ok();
    Ok(())
}

fn unpause(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.shared.clients.unpause();
    ctx.shared.keyspace.limits().due_keys_stay_until.store(0, Ordering::Relaxed);
    ctx.access.look_at_pause();
    ctx.host.wake_all();
    reply.ok();
    Ok(())
}

fn reply_mode(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let session = &mut *ctx.session;
    if session.is_replica {
        return Ok(()); // there is no place for replies in the stream
    }
    if args.is(2, "ON") {
        session.reply_mode = ReplyMode::On;
        reply.ok();
    } else if args.is(2, "OFF") {
        session.reply_mode = ReplyMode::Off;
    } else if args.is(2, "SKIP") {
        if session.reply_mode == ReplyMode::On {
            session.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(Error::Syntax);
    }
    Ok(())
}

/// An argument that must be ON or OFF.
fn on_or_off(args: &Args<'_>) -> Result<bool, Error> {
    match (args.is(2, "ON"), args.is(2, "OFF")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Error::Syntax),
    }
}

fn no_evict(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.session.record.no_evict.store(on_or_off(args)?, Ordering::Relaxed);
    reply.ok();
    Ok(())
}

fn no_touch(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.session.no_touch = on_or_off(args)?;
    ctx.session.record.no_touch.store(ctx.session.no_touch, Ordering::Relaxed);
    reply.ok();
    Ok(())
}

/// What a client can do changes nothing yet: there are no redirects to follow. It can be asked for.
fn capabilities(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if (2..args.len()).any(|at| args.is(at, "REDIRECT")) {
        ctx.session.record.follows_redirects.store(true, Ordering::Relaxed);
    }
    reply.ok();
    Ok(())
}

/// There is no mode of importing, so nobody can be its source.
fn import_source(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !args.is(2, "OFF") {
        return Err(Error::Static("ERR Server is not in import mode"));
    }
    reply.ok();
    Ok(())
}

fn unblock(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 4 {
        return Err(too_many(args));
    }
    let end = match args.len() {
        3 => End::Late,
        _ if args.is(3, "TIMEOUT") => End::Late,
        _ if args.is(3, "ERROR") => End::Refused,
        _ => return Err(Error::Static("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let record = u64::try_from(args.integer(2)?).ok().and_then(|id| ctx.shared.clients.get(id));
    let claimed = record.filter(|record| {
        let waiter = record.waiting.lock().upgrade();
        waiter.is_some_and(|waiter| waiter.claim(end))
    });
    if let Some(record) = &claimed {
        ctx.host.wake_client(record);
    }
    reply.integer(i64::from(claimed.is_some()));
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("CLIENT", super::help::CLIENT);
    Ok(())
}
