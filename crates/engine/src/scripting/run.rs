//! One run of a script: its locks, its end.

use std::sync::atomic::Ordering;

use resp::Protocol;
use script::{Ended, Failure, Interpreter};

use super::calls::Calls;
use super::interpreters::Compiled;
use crate::command::Outcome;
use crate::context::Context;
use crate::reply::Reply;

/// What is to be run.
pub(crate) struct Job<'a> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) compiled: &'a Compiled,
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) arguments: &'a [&'a [u8]],
    /// The command is one of those that change nothing.
    pub(crate) read_only: bool,
}

/// Runs a script and answers with what it returns.
pub(crate) fn run(ctx: &mut Context<'_, '_>, job: &Job<'_>, reply: &mut Reply<'_>) -> Outcome {
    let source = &job.compiled.source;
    super::flags::admit(ctx, source.flags, job.read_only)?;
    source.touch();
    let protocol = ctx.session.protocol;
    let out = reply.buffer();
    let mut ended = Ended::Abandoned;
    if !source.needs_everything.load(Ordering::Relaxed) && !ctx.in_transaction {
        ended = with_declared_keys(ctx, job, (protocol, out));
    }
    if ended == Ended::Abandoned {
        if !ctx.in_transaction {
            source.needs_everything.store(true, Ordering::Relaxed);
        }
        ended = ctx.exclusively(|ctx| once(ctx, job, (protocol, out)));
    }
    match ended {
        Ended::Replied => Ok(()),
        Ended::Failed(failure) => {
            reply.error(describe(&failure, &source.name));
            Ok(())
        }
        Ended::Abandoned => unreachable!("nothing is out of reach with everything locked"),
    }
}

fn with_declared_keys(ctx: &mut Context<'_, '_>, job: &Job<'_>, out: (Protocol, &mut Vec<u8>)) -> Ended {
    let mut shards: Vec<usize> = job.keys.iter().map(|key| ctx.access.shard_of(&ctx.key_of(key))).collect();
    ctx.access.lock(&mut shards);
    let ended = once(ctx, job, out);
    ctx.access.unlock();
    ended
}

/// Runs the script with the locks that are held. What it selected and how it wants replies end with it.
fn once(ctx: &mut Context<'_, '_>, job: &Job<'_>, out: (Protocol, &mut Vec<u8>)) -> Ended {
    let (database, protocol, row) = (ctx.session.database, ctx.session.protocol, ctx.row);
    let was_in_transaction = std::mem::replace(&mut ctx.in_transaction, true);
    let flags = job.compiled.source.flags;
    let read_only = job.read_only || flags.is_some_and(|flags| flags.has(super::ScriptFlags::NO_WRITES));
    let allows_oom = flags.is_some_and(|flags| {
        flags.has(super::ScriptFlags::ALLOW_OOM) || flags.has(super::ScriptFlags::NO_WRITES)
    });
    let name = std::str::from_utf8(&job.compiled.source.name).unwrap_or_default();
    let mut calls = Calls::new(ctx, name, read_only, allows_oom);
    let ended = job.interpreter.run(&job.compiled.script, job.keys, job.arguments, &mut calls, out);
    calls.finish(&ended);
    ctx.in_transaction = was_in_transaction;
    ctx.row = row;
    ctx.session.protocol = protocol;
    ctx.session.database = database;
    ctx.session.record.database.store(database.0, Ordering::Relaxed);
    if !was_in_transaction && ended != Ended::Abandoned {
        ctx.feed();
    }
    ended
}

/// The error of a script: what went wrong, in which script, and where.
fn describe(failure: &Failure, name: &[u8]) -> Vec<u8> {
    let mut text = failure.text.clone();
    if let Some((source, line)) = &failure.place {
        text.extend_from_slice(b" script: ");
        text.extend_from_slice(name);
        text.extend_from_slice(format!(", on {source}:{line}.").as_bytes());
    }
    text
}
