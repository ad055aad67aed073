//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::sync::atomic::Ordering;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::execute::{Ran, account, call};
use crate::permission;
use crate::reply::Reply;
use crate::session::Session;
use crate::shared::Shared;
use crate::table::Row;
use crate::transaction::{Queued, WatchedKey};

const FLAGS: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::ALLOW_BUSY);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("MULTI", Group::Transactions, 1, multi).flags(FLAGS.and(Flags::NOT_QUEUED)).doc(
        "1.2.0",
        "O(1)",
        "Starts a transaction.",
        "",
    ),
    Command::new("EXEC", Group::Transactions, 1, exec)
        .flags(
            Flags::NOSCRIPT
                .and(Flags::LOADING)
                .and(Flags::STALE)
                .and(Flags::SKIP_SLOWLOG)
                .and(Flags::ALONE)
                .and(Flags::RUNS_SCRIPTS)
                .and(Flags::NOT_QUEUED),
        )
        .doc("1.2.0", "Depends on the commands in the transaction", "Executes all queued commands.", ""),
    Command::new("DISCARD", Group::Transactions, 1, discard).flags(FLAGS.and(Flags::NOT_QUEUED)).doc(
        "2.0.0",
        "O(N) in the number of queued commands",
        "Discards a transaction.",
        "",
    ),
    Command::new("WATCH", Group::Transactions, -2, watch)
        .flags(FLAGS.and(Flags::ALONE).and(Flags::NOT_QUEUED))
        .keys(Keys::Range { first: 1, last: -1, step: 1, access: Access::Look })
        .doc(
            "2.2.0",
            "O(1) for every key",
            "Makes EXEC conditional on keys staying as they are.",
            "key [key ...]",
        ),
    Command::new("UNWATCH", Group::Transactions, 1, unwatch).flags(FLAGS).doc(
        "2.2.0",
        "O(1)",
        "Forgets the watched keys.",
        "",
    ),
];

fn multi(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.session.transaction.is_open() {
        return Err(Error::Static("ERR MULTI calls can not be nested"));
    }
    ctx.session.transaction.open();
    ctx.session.record.queued.store(0, Ordering::Relaxed);
    reply.ok();
    Ok(())
}

fn discard(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !ctx.session.transaction.is_open() {
        return Err(Error::Static("ERR DISCARD without MULTI"));
    }
    abandon(ctx.session, ctx.shared);
    reply.ok();
    Ok(())
}

fn watch(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.session.transaction.is_open() {
        return Err(Error::Static("ERR WATCH inside MULTI is not allowed"));
    }
    (1..args.len()).for_each(|at| watch_key(ctx, args.get(at)));
    ctx.session.record.watching.store(ctx.session.transaction.watched().len(), Ordering::Relaxed);
    reply.ok();
    Ok(())
}

/// Watches a key, whose shard is locked meanwhile so that no change is missed. A busy script that holds it is not waited for: it
/// tells of what it changes from now on, and whether the key is there remains unknown.
fn watch_key(ctx: &mut Context<'_, '_>, name: &[u8]) {
    let (key, database) = (ctx.shared.keyspace.key(name), ctx.session.database);
    let shard = ctx.access.shard_of(&key);
    let is_locked = ctx.access.lock_to_watch(shard);
    let was_there = is_locked.then(|| ctx.access.db(database).contains(&key));
    let watched = WatchedKey { database, key: name.to_vec(), was_there };
    if ctx.shared.watchers.watch(&mut ctx.session.transaction, watched) {
        ctx.access.add_observer();
    }
    // If the script has ended meanwhile, whoever holds the shard now may not know: what he does counts as done before.
    if is_locked || ctx.access.lock_to_watch(shard) {
        ctx.tell_observers();
        ctx.feed();
        ctx.access.unlock();
    }
}

fn unwatch(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    forget_watched(ctx.session, ctx.shared);
    reply.ok();
    Ok(())
}

/// Ends a session's transaction without running it, and its watches.
pub(crate) fn abandon(session: &mut Session, shared: &Shared) {
    session.transaction.take();
    session.record.queued.store(-1, Ordering::Relaxed);
    session.record.queued_bytes.store(0, Ordering::Relaxed);
    forget_watched(session, shared);
}

fn forget_watched(session: &mut Session, shared: &Shared) {
    for _ in 0..shared.watchers.unwatch(&mut session.transaction) {
        shared.keyspace.remove_observer();
    }
    session.record.watching.store(0, Ordering::Relaxed);
}

fn exec(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !ctx.session.transaction.is_open() {
        return Err(Error::Static("ERR EXEC without MULTI"));
    }
    if ctx.session.transaction.is_broken() {
        abandon(ctx.session, ctx.shared);
        return Err(Error::Static("EXECABORT Transaction discarded because of previous errors."));
    }
    let needs_everything = ctx
        .session
        .transaction
        .commands()
        .iter()
        .any(|queued| queued.row.command.needs_everything(&queued.args.as_args()));
    let run = |ctx: &mut Context<'_, '_>, reply: &mut Reply<'_>| {
        if a_watched_key_came_or_went(ctx) || ctx.session.transaction.is_touched() {
            abandon(ctx.session, ctx.shared);
            return false;
        }
        let commands = ctx.session.transaction.take();
        abandon(ctx.session, ctx.shared);
        run_all(ctx, &commands, reply);
        true
    };
    let ran = if needs_everything {
        ctx.exclusively(|ctx| {
            ctx.in_transaction = true;
            let ran = run(ctx, reply);
            ctx.feed();
            ran
        })
    } else {
        let mut shards = shards_of(ctx);
        if !shards.is_empty() {
            ctx.access.lock(&mut shards);
        }
        ctx.in_transaction = true;
        let ran = run(ctx, reply);
        ctx.feed();
        ctx.access.unlock();
        ran
    };
    if !ran {
        reply.null_array();
    }
    Ok(())
}

/// Whether a watched key that was there at WATCH is not, or the other way round. Its shard is locked. Of those of which that is
/// not known it is told if they are due only now.
fn a_watched_key_came_or_went(ctx: &mut Context<'_, '_>) -> bool {
    let (access, shared) = (&mut *ctx.access, ctx.shared);
    let came_or_went = ctx.session.transaction.watched().iter().any(|watched| {
        let is_there = access.db(watched.database).contains(&shared.keyspace.key(&watched.key));
        watched.was_there.is_some_and(|was_there| was_there != is_there)
    });
    ctx.tell_observers();
    came_or_went
}

/// The shards of all keys of the queued commands and of the watched keys.
fn shards_of(ctx: &Context<'_, '_>) -> Vec<usize> {
    let mut shards = Vec::new();
    let transaction = &ctx.session.transaction;
    for Queued { row, args, first_key } in transaction.commands() {
        let args = args.as_args();
        row.command.for_each_key(&args, |at, _| {
            shards.push(match first_key {
                Some((_, slot)) if at == 1 => ctx.shared.keyspace.shard_of_slot(*slot),
                _ => ctx.access.shard_of(&ctx.key_of(args.get(at))),
            });
        });
    }
    for watched in transaction.watched() {
        shards.push(ctx.access.shard_of(&ctx.key_of(&watched.key)));
    }
    shards
}

/// Runs the queued commands, each with its own reply.
fn run_all(ctx: &mut Context<'_, '_>, commands: &[Queued], reply: &mut Reply<'_>) {
    reply.array(commands.len());
    let exec = ctx.row;
    ctx.session.time_us = None;
    let mut started = (ctx.shared.clock)();
    for Queued { row, args, first_key } in commands {
        ctx.row = *row;
        ctx.first_key = *first_key;
        ctx.hashed = &[];
        if let Err(denial) = check_again(ctx, row, &args.as_args()) {
            reply.error(denial);
            continue;
        }
        let before = reply.mark();
        let failed = call(ctx, &args.as_args(), &mut reply.inner(ctx.session.protocol));
        ctx.tell_observers();
        ctx.remember_keys(&args.as_args());
        let ended = (ctx.shared.clock)();
        let took = ended.saturating_sub(std::mem::replace(&mut started, ended));
        account(ctx, row, &args.as_args(), Ran::alone(took, failed), reply.written(before));
    }
    ctx.row = exec;
}

/// Whether a queued command is still allowed: rules may have changed since, and the user with an AUTH among the commands.
fn check_again(ctx: &mut Context<'_, '_>, row: &Row, args: &Args<'_>) -> Result<(), String> {
    let (session, shared) = (&mut *ctx.session, ctx.shared);
    if session.login.is_outdated(&shared.accounts) {
        session.login.refresh(&shared.accounts);
    }
    permission::check(session, shared, row, args).map_err(|denial| {
        let now = ctx.access.now();
        permission::note_refusal(session, shared, (row, args), denial, acl::Place::Transaction, now);
        format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
             is no longer allowed for the following reason: {}",
            denial.since_queued()
        )
    })
}
