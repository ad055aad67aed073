//! The server as a whole: sizes, flushing, saving, the end.

use std::sync::atomic::Ordering;

use config::Param;
use keyspace::{Access, DbIndex};

use super::connection::database_index;
use crate::args::Args;
use crate::command::{Command, Databases, Flags, Group, Outcome};
use crate::context::Context;
use crate::errand::Errand;
use crate::error::Error;
use crate::host::Shutdown;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::tips;

const SAVING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING).and(Flags::ALONE);
const FLUSHING: Flags = Flags::WRITE.and(Flags::ALONE).and(Flags::DANGEROUS);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("DBSIZE", Group::Server, 1, dbsize)
        .categories(&["keyspace"])
        .tips(tips::ALL_SHARDS_SUM)
        .flags(Flags::READONLY.and(Flags::FAST).and(Flags::ALONE))
        .doc("1.0.0", "O(1)", "Returns the number of keys in the database.", ""),
    Command::new("FLUSHDB", Group::Server, -1, flush_database)
        .categories(&["keyspace"])
        .tips(tips::ALL_SHARDS)
        .flags(FLUSHING)
        .doc(
            "1.0.0",
            "O(N) in the number of keys, which are freed elsewhere",
            "Removes all keys from the database.",
            "[ASYNC@4.0.0 | SYNC@6.2.0]",
        )
        .history(&[("4.0.0", "The option `ASYNC`."), ("6.2.0", "The option `SYNC`.")]),
    Command::new("FLUSHALL", Group::Server, -1, flush_all)
        .categories(&["keyspace"])
        .tips(tips::ALL_SHARDS)
        .flags(FLUSHING)
        .databases(Databases::All)
        .doc(
            "1.0.0",
            "O(N) in the number of keys, which are freed elsewhere",
            "Removes all keys from all databases.",
            "[ASYNC@4.0.0 | SYNC@6.2.0]",
        )
        .history(&[("4.0.0", "The option `ASYNC`."), ("6.2.0", "The option `SYNC`.")]),
    Command::new("SWAPDB", Group::Server, 3, swap)
        .categories(&["keyspace"])
        .flags(FLUSHING.and(Flags::FAST))
        .databases(Databases::At(&[1, 2]))
        .doc("4.0.0", "O(1)", "Exchanges two databases.", "index1(integer) index2(integer)"),
    Command::new("TIME", Group::Server, 1, time)
        .tips(tips::OUTPUT_VARIES)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .doc("2.6.0", "O(1)", "Returns the server's time.", ""),
    Command::new("LOLWUT", Group::Server, -1, lolwut).flags(Flags::READONLY.and(Flags::FAST)).doc(
        "5.0.0",
        "",
        "Displays computer art and the version.",
        "[VERSION version]",
    ),
    Command::new("SHUTDOWN", Group::Server, -1, shutdown)
        .flags(
            Flags::ADMIN
                .and(Flags::NOSCRIPT)
                .and(Flags::ALONE)
                .and(Flags::LOADING)
                .and(Flags::STALE)
                .and(Flags::NO_MULTI)
                .and(Flags::ALLOW_BUSY),
        )
        .doc(
            "1.0.0",
            "O(1)",
            "Writes what is to be kept and ends the server.",
            "save-selector=[NOSAVE | SAVE] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
        )
        .history(&[("7.0.0", "The options `NOW`, `FORCE` and `ABORT`.")]),
    Command::new("SAVE", Group::Server, 1, save).flags(SAVING.and(Flags::NO_MULTI)).doc(
        "1.0.0",
        "O(N) in the number of keys",
        "Saves the data to disk and waits for it.",
        "",
    ),
    Command::new("BGSAVE", Group::Server, -1, background_save)
        .flags(SAVING)
        .doc("1.0.0", "O(1)", "Saves the data to disk in the background.", "[SCHEDULE@3.2.2]")
        .history(&[("3.2.2", "The option `SCHEDULE`.")]),
    Command::new("LASTSAVE", Group::Server, 1, last_save)
        .tips(tips::OUTPUT_VARIES)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(&["admin", "dangerous"])
        .doc("1.0.0", "O(1)", "Returns when data was last saved.", ""),
    Command::new("BGREWRITEAOF", Group::Server, 1, rewrite_aof).flags(SAVING).doc(
        "1.0.0",
        "O(1)",
        "Rewrites the append-only file in the background.",
        "",
    ),
    Command::new("MONITOR", Group::Server, 1, monitor)
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE))
        .doc("1.0.0", "", "Shows what all clients send.", ""),
];

fn dbsize(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let database = ctx.session.database;
    reply.integer(ctx.shared.keyspace.len(database) as i64);
    Ok(())
}

/// SYNC and ASYNC are the same here: the keys go at once, and their memory is freed elsewhere.
fn check_flush_mode(args: &Args<'_>) -> Outcome {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "SYNC") || args.is(1, "ASYNC") => Ok(()),
        _ => Err(Error::Syntax),
    }
}

fn flush_database(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_flush_mode(args)?;
    let database = ctx.session.database;
    ctx.with_everything(|access| access.db(database).flush());
    reply.ok();
    Ok(())
}

fn flush_all(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_flush_mode(args)?;
    let database = ctx.session.database;
    ctx.with_everything(|access| access.db(database).flush_all());
    if !ctx.session.is_loader {
        ctx.host.flushed(ctx.access);
    }
    reply.ok();
    Ok(())
}

fn swap(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let index = |at, otherwise| match args.integer(at) {
        Ok(index) if i32::try_from(index).is_ok() => Ok(index),
        _ => Err(Error::Static(otherwise)),
    };
    let (first, second) = (index(1, "ERR invalid first DB index")?, index(2, "ERR invalid second DB index")?);
    let (first, second) = (database_index(ctx, first)?, database_index(ctx, second)?);
    let shared = ctx.shared;
    ctx.with_everything(|access| {
        if first != second {
            mark_what_comes(shared, access, [first, second]);
        }
        access.db(first).swap(first, second);
    });
    reply.ok();
    Ok(())
}

/// Marks those who watch a key that is not there and that an exchange of databases brings. EXEC would see that it is there, but not
/// that it came and went.
fn mark_what_comes(shared: &Shared, access: &mut Access<'_>, databases: [DbIndex; 2]) {
    for name in shared.watchers.absent(databases) {
        let key = shared.keyspace.key(&name.1);
        if databases.iter().any(|&database| access.db(database).contains(&key)) {
            shared.watchers.mark(&name);
        }
    }
}

fn time(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now = ctx.unix_us();
    reply.array(2);
    reply.bulk((now / 1_000_000).to_string());
    reply.bulk((now % 1_000_000).to_string());
    Ok(())
}

fn lolwut(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    const ART: &str = concat!(
        "        .-''''-.\n      .'  o     '.\n     /      .  o  \\\n    |  .  o        |\n    |    o    .  o |\n",
        "     \\  .   o     /\n      '.   .  o .'\n        '-....-'\n\nRustyPotato ver. ",
    );
    if args.len() > 2 && args.is(1, "VERSION") {
        args.integer(2)?; // there is one piece of art for all of them
    }
    reply.verbatim(*b"txt", format!("{ART}{} (Redis ver. {})\n", crate::VERSION, crate::REDIS_VERSION));
    Ok(())
}

fn shutdown(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut how = Shutdown::default();
    let (mut cursor, mut abort) = (args.cursor(1), false);
    while !cursor.is_done() {
        if cursor.take("NOSAVE") && how.save.is_none() {
            how.save = Some(false);
        } else if cursor.take("SAVE") && how.save.is_none() {
            how.save = Some(true);
        } else if cursor.take("NOW") {
            how.now = true;
        } else if cursor.take("FORCE") {
            how.force = true;
        } else if cursor.take("ABORT") {
            abort = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    if abort {
        return if args.len() > 2 { Err(Error::Syntax) } else { call_off(ctx, reply) };
    }
    if how.save != Some(false) && ctx.shared.running.busy().is_some() {
        return Err(Error::Static(ctx.shared.running.busy_text())); // what it has locked cannot be saved
    }
    if await_replicas(ctx, args, how) {
        return Ok(());
    }
    // A server that ends answers nothing.
    ctx.host.shutdown(ctx.access, how).map_err(|reason| Error::Text(format!("ERR {reason}")))
}

/// SHUTDOWN ABORT.
fn call_off(ctx: &mut Context<'_, '_>, reply: &mut Reply<'_>) -> Outcome {
    if !ctx.shared.ending.call_off() {
        return Err(Error::Static("ERR No shutdown in progress."));
    }
    ctx.shared.clients.hold_writes(false);
    ctx.host.wake_all();
    reply.ok();
    Ok(())
}

/// Lets the end wait for replicas that lag, and the client for the end; false if there is nothing to wait for.
fn await_replicas(ctx: &mut Context<'_, '_>, args: &Args<'_>, how: Shutdown) -> bool {
    let shared = ctx.shared;
    let timeout_ms = shared.config.read().integer(Param::ShutdownTimeout).saturating_mul(1000);
    let lags = || !shared.replicas.lagging(shared.keyspace.position()).is_empty();
    let waits = shared.ending.current().is_some() || !how.now && timeout_ms > 0 && lags();
    if !waits || !ctx.may_wait() || shared.running.busy().is_some() {
        return false;
    }
    let wait = shared.ending.begin(how, ctx.now().saturating_add_millis(timeout_ms));
    shared.clients.hold_writes(true);
    ctx.run_errand(args, Errand::End { wait });
    true
}

fn save(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.host.save(ctx.access).map_err(|reason| Error::Text(format!("ERR {reason}")))?;
    reply.ok();
    Ok(())
}

fn background_save(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 2 || args.len() == 2 && !args.is(1, "SCHEDULE") {
        return Err(Error::Syntax);
    }
    let schedule = args.len() == 2;
    let begun = ctx
        .host
        .save_in_background(ctx.access, schedule)
        .map_err(|reason| Error::Text(format!("ERR {reason}")))?;
    reply.simple(if begun { "Background saving started" } else { "Background saving scheduled" });
    Ok(())
}

fn last_save(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let saved = ctx.host.persistence().last_save;
    let shown = if saved.0 == 0 { ctx.shared.identity.started } else { saved };
    reply.integer(shown.0 / 1000);
    Ok(())
}

fn rewrite_aof(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let begun = ctx.host.rewrite_aof().map_err(|reason| Error::Text(format!("ERR {reason}")))?;
    reply.simple(if begun {
        "Background append only file rewriting started"
    } else {
        "Background append only file rewriting scheduled"
    });
    Ok(())
}

fn monitor(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.in_transaction {
        return Err(Error::Static("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !std::mem::replace(&mut ctx.session.monitoring, true) {
        ctx.shared.clients.monitors.fetch_add(1, Ordering::Relaxed);
        ctx.session.record.monitoring.store(true, Ordering::Relaxed);
    }
    reply.ok();
    Ok(())
}
