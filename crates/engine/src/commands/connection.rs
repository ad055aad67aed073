//! The connection: PING, ECHO, SELECT, AUTH, HELLO, RESET, QUIT.

use std::sync::atomic::Ordering;

use keyspace::DbIndex;
use resp::Protocol;
use stdx::number::parse_i64;

use super::transactions::abandon;
use crate::accounts::Login;
use crate::args::Args;
use crate::command::{Command, Databases, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::permission;
use crate::reply::Reply;
use crate::session::ReplyMode;
use crate::tips;

/// Before the log-in, and whatever state the server is in.
const LOGIN: Flags = Flags::NOSCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::NO_AUTH)
    .and(Flags::SENTINEL)
    .and(Flags::ALLOW_BUSY);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("PING", Group::Connection, -1, ping)
        .tips(tips::ALL_SHARDS)
        .flags(Flags::FAST.and(Flags::SENTINEL).and(Flags::SUBSCRIBED))
        .doc("1.0.0", "O(1)", "Returns the server's liveliness response.", "[message]"),
    Command::new("ECHO", Group::Connection, 2, echo)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .doc("1.0.0", "O(1)", "Returns the given string.", "message"),
    Command::new("SELECT", Group::Connection, 2, select)
        .databases(Databases::At(&[1]))
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .doc("1.0.0", "O(1)", "Changes the selected database.", "index"),
    Command::new("AUTH", Group::Connection, -2, auth)
        .flags(LOGIN)
        .doc(
            "1.0.0",
            "O(N) in the number of passwords of the user",
            "Authenticates the connection.",
            "[username@6.0.0] password",
        )
        .history(&[("6.0.0", "A user may be named.")]),
    Command::new("HELLO", Group::Connection, -1, hello)
        .flags(LOGIN)
        .doc(
            "6.0.0",
            "O(1)",
            "Handshakes with the server.",
            "arguments=[protover [AUTH username password] [SETNAME clientname]]",
        )
        .history(&[("6.2.0", "Without a version it tells of the connection as it is.")]),
    Command::new("RESET", Group::Connection, 1, reset)
        .flags(LOGIN.and(Flags::SUBSCRIBED).and(Flags::NOT_QUEUED))
        .doc("6.2.0", "O(1)", "Resets the connection.", ""),
    Command::new("QUIT", Group::Connection, -1, quit)
        .flags(LOGIN.and(Flags::SUBSCRIBED).and(Flags::NOT_QUEUED))
        .doc("1.0.0", "O(1)", "Closes the connection.", "")
        .deprecated("7.2.0", "just closing the connection"),
];

fn ping(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let among_messages = !ctx.session.subscriptions.is_empty() && ctx.session.protocol == Protocol::Resp2;
    match args.len() {
        1 | 2 if among_messages => {
            reply.array(2);
            reply.bulk("pong");
            reply.bulk(args.get_optional(1).unwrap_or_default());
        }
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.get(1)),
        _ => return Err(Error::WrongArity("ping".into())),
    }
    Ok(())
}

fn echo(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(args.get(1));
    Ok(())
}

fn select(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let index = database_argument(ctx, args.get(1))?;
    ctx.session.database = index;
    ctx.session.record.database.store(index.0, Ordering::Relaxed);
    reply.ok();
    Ok(())
}

/// The database that an argument names.
pub(crate) fn database_argument(ctx: &Context<'_, '_>, text: &[u8]) -> Result<DbIndex, Error> {
    let number = parse_i64(text).ok_or(Error::NotInteger)?;
    if i32::try_from(number).is_err() {
        return Err(Error::Static(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    database_index(ctx, number)
}

/// A database by its number.
pub(crate) fn database_index(ctx: &Context<'_, '_>, number: i64) -> Result<DbIndex, Error> {
    match u16::try_from(number) {
        Ok(index) if index < ctx.shared.keyspace.databases() => Ok(DbIndex(index)),
        _ => Err(Error::Static("ERR DB index is out of range")),
    }
}

fn auth(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        2 if ctx.shared.accounts.default_has_no_password() => {
            return Err(Error::Static(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
            ));
        }
        2 => log_in(ctx, args, acl::DEFAULT, args.get(1))?,
        3 => log_in(ctx, args, args.get(1), args.get(2))?,
        _ => return Err(Error::Syntax),
    }
    reply.ok();
    Ok(())
}

/// Logs a connection in, for a command that is asked to.
fn log_in(ctx: &mut Context<'_, '_>, args: &Args<'_>, user: &[u8], password: &[u8]) -> Outcome {
    let accounts = &ctx.shared.accounts;
    let Some(user) = accounts.log_in(user, password) else {
        permission::note_login(ctx.session, ctx.shared, args.get(0), user, ctx.access.now());
        return Err(Error::Static("WRONGPASS invalid username-password pair or user is disabled."));
    };
    ctx.session.record.names.lock().user = user.name().to_vec();
    ctx.session.login.set(user, accounts);
    Ok(())
}

fn hello(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut cursor = args.cursor(1);
    let mut protocol = ctx.session.protocol;
    if !cursor.is_done() {
        protocol = match cursor.integer() {
            Ok(2) => Protocol::Resp2,
            Ok(3) => Protocol::Resp3,
            Ok(_) => return Err(Error::Static("NOPROTO unsupported protocol version")),
            Err(_) => return Err(Error::Static("ERR Protocol version is not an integer or out of range")),
        };
    }
    let (mut credentials, mut name) = (None, None);
    while !cursor.is_done() {
        let at = cursor.position();
        if cursor.left() >= 3 && cursor.take("AUTH") {
            credentials = Some((cursor.next_required()?, cursor.next_required()?));
        } else if cursor.left() >= 2 && cursor.take("SETNAME") {
            name = Some(client_name(cursor.next_required()?)?);
        } else {
            let option = String::from_utf8_lossy(args.get(at)).into_owned();
            return Err(Error::Text(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = credentials {
        log_in(ctx, args, user, password)?;
    }
    if ctx.session.login.is_needed(&ctx.shared.accounts) {
        return Err(Error::Static(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        ctx.session.record.names.lock().name = name;
    }
    ctx.session.protocol = protocol;
    let number = if protocol == Protocol::Resp3 { 3 } else { 2 };
    ctx.session.record.protocol.store(number, Ordering::Relaxed);
    let mut reply = Reply::new(reply.buffer(), protocol);
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", crate::REDIS_VERSION)] {
        reply.bulk(field);
        reply.bulk(value);
    }
    for (field, value) in [("proto", i64::from(number)), ("id", ctx.session.record.id as i64)] {
        reply.bulk(field);
        reply.integer(value);
    }
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(field);
        reply.bulk(value);
    }
    reply.bulk("modules");
    reply.array(0);
    Ok(())
}

/// A client name, which must be printable and without spaces.
pub(crate) fn client_name(name: &[u8]) -> Result<String, Error> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(String::from_utf8_lossy(name).into_owned());
    }
    Err(Error::Static("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn reset(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.session.is_replica {
        return Err(Error::Static("ERR can only reset normal client connections"));
    }
    abandon(ctx.session, ctx.shared);
    crate::tracking::disable(ctx.shared, ctx.session);
    crate::pubsub::forget(ctx.shared, ctx.desk, ctx.session);
    let session = &mut *ctx.session;
    session.protocol = Protocol::Resp2;
    session.database = DbIndex(0);
    session.reply_mode = ReplyMode::On;
    session.login = Login::initial(&ctx.shared.accounts);
    session.no_touch = false;
    session.fieldsets.clear();
    if std::mem::take(&mut session.monitoring) {
        ctx.shared.clients.monitors.fetch_sub(1, Ordering::Relaxed);
    }
    let record = &session.record;
    {
        let mut names = record.names.lock();
        names.name.clear();
        names.user = acl::DEFAULT.to_vec();
    }
    record.database.store(0, Ordering::Relaxed);
    record.protocol.store(2, Ordering::Relaxed);
    for flag in [&record.monitoring, &record.no_evict, &record.no_touch] {
        flag.store(false, Ordering::Relaxed);
    }
    Reply::new(reply.buffer(), Protocol::Resp2).simple("RESET");
    Ok(())
}

fn quit(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.session.closing = true;
    ctx.session.record.has_quit.store(true, Ordering::Relaxed);
    reply.ok();
    Ok(())
}
