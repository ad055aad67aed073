//! One run of a script or a function: its locks, its end.

use std::sync::atomic::{AtomicBool, Ordering};

use keyspace::{Key, Target};
use resp::Protocol;
use script::{Callback, Ended, Failure, Interpreter, Script};
use smallvec::SmallVec;

use super::calls::Calls;
use super::flags::ScriptFlags;
use super::running::Kind;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::execute::GROUP;
use crate::reply::Reply;

/// Keys of a script, hashed.
type Keys<'a> = SmallVec<[Key<'a>; 2]>;

/// The shards of a script's keys.
type Shards = SmallVec<[usize; GROUP]>;

/// What is to be run.
pub(crate) struct Job<'a> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) program: Program<'a>,
    /// The function's name, or the digest of the script's text.
    pub(crate) name: &'a [u8],
    /// What it declares, if it does.
    pub(crate) flags: Option<ScriptFlags>,
    /// It is known to want keys that it is not given.
    pub(crate) needs_everything: &'a AtomicBool,
    /// The command that runs it.
    pub(crate) command: &'a Args<'a>,
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) arguments: &'a [&'a [u8]],
    /// The command is one of those that change nothing.
    pub(crate) read_only: bool,
}

/// What runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program<'a> {
    /// A script.
    Script(&'a Script),
    /// A function of a library.
    Function(&'a Callback),
}

impl Job<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self.program {
            Program::Script(_) => Kind::Script,
            Program::Function(_) => Kind::Function,
        }
    }

    /// Whether a flag is declared.
    pub(super) fn declares(&self, flag: ScriptFlags) -> bool {
        self.flags.is_some_and(|flags| flags.has(flag))
    }
}

/// Runs a script and answers with what it returns.
pub(crate) fn run(ctx: &mut Context<'_, '_>, job: &Job<'_>, reply: &mut Reply<'_>) -> Outcome {
    super::flags::admit(ctx, job.flags, job.read_only)?;
    let protocol = ctx.session.protocol;
    let out = reply.buffer();
    let mut ended = Ended::Abandoned;
    if !job.needs_everything.load(Ordering::Relaxed) && !ctx.in_transaction {
        ended = with_declared_keys(ctx, job, (protocol, out));
    }
    if ended == Ended::Abandoned {
        if !ctx.in_transaction {
            job.needs_everything.store(true, Ordering::Relaxed);
        }
        ended = ctx.exclusively(|ctx| once(ctx, job, &[], (protocol, out)));
    }
    match ended {
        Ended::Replied => Ok(()),
        Ended::PassedOn => {
            ctx.error_is_counted = true;
            Ok(())
        }
        Ended::Failed(failure) => {
            ctx.error_is_counted = failure.is_counted;
            reply.error(describe(&failure, job.name));
            Ok(())
        }
        Ended::Abandoned => unreachable!("nothing is out of reach with everything locked"),
    }
}

fn with_declared_keys(ctx: &mut Context<'_, '_>, job: &Job<'_>, out: (Protocol, &mut Vec<u8>)) -> Ended {
    let (mut shards, mut targets) = (Shards::new(), SmallVec::<[Target; GROUP]>::new());
    let mut keys = Keys::new();
    for key in job.keys {
        let key = ctx.key_of(key);
        let shard = ctx.access.shard_of(&key);
        shards.push(shard);
        if targets.len() < GROUP {
            targets.push(Target { database: ctx.session.database, shard, hash: key.hash });
            keys.push(key);
        }
    }
    ctx.access.lock(&mut shards);
    // The keys come near while the script is made ready.
    ctx.access.prefetch(&targets);
    let ended = once(ctx, job, &keys, out);
    ctx.access.unlock();
    ended
}

/// Runs the script with the locks that are held. What it selected ends with it. Some keys are hashed.
fn once(
    ctx: &mut Context<'_, '_>,
    job: &Job<'_>,
    hashed: &[Key<'_>],
    out: (Protocol, &mut Vec<u8>),
) -> Ended {
    let (database, row) = (ctx.session.database, ctx.row);
    let was_in_transaction = std::mem::replace(&mut ctx.in_transaction, true);
    if !was_in_transaction {
        ctx.session.time_us = None;
    }
    let mut calls = Calls::new(ctx, job, hashed);
    let ended = match job.program {
        Program::Script(script) => job.interpreter.run(script, job.keys, job.arguments, &mut calls, out),
        Program::Function(function) => {
            job.interpreter.call(function, job.keys, job.arguments, &mut calls, out)
        }
    };
    calls.finish(&ended);
    ctx.in_transaction = was_in_transaction;
    ctx.row = row;
    ctx.session.database = database;
    ctx.session.record.database.store(database.0, Ordering::Relaxed);
    if !was_in_transaction && ended != Ended::Abandoned {
        ctx.feed();
    }
    ended
}

/// The error of a script: what went wrong, in which script, and where.
fn describe(failure: &Failure, name: &[u8]) -> Vec<u8> {
    let (mut text, name) = (failure.text.clone(), String::from_utf8_lossy(name));
    if let Some((source, line)) = &failure.place {
        text.extend_from_slice(format!(" script: {name}, on {source}:{line}.").as_bytes());
    }
    text
}
