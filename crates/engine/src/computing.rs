//! Results that take many turns of a worker to compute.
//!
//! A command over large values clones them, which takes a counter each, and computes on the clones without locks, a step
//! at a time; between two steps the worker serves its other clients. What is small is computed at once, and so is
//! everything inside transactions, scripts and files, where nobody else may come between.
//!
//! ```text
//!   read only   Answer ─► Deferred, a producer in the reply's place: later commands run, their replies come behind it
//!   storing     Stored ─► Attempt, a Computation: the connection waits, its later commands do
//!                           read under the locks ─► step, step, step ─► under the locks: are the sources what was read?
//!                                 ▲                                        │ yes: install and answer
//!                                 └──────────────── no, read anew ─────────┘ no, again and again: compute here and now
//! ```
//! **As if at one moment.** A result is installed while the shards of its target and of all its sources are locked, and only
//! if each source is still the very value that was read: the clone in the attempt keeps that value's pages alive, so a
//! source that equals it by pointer has not changed in between. So the command has done what it would have done at once at
//! the moment of its installation. Whoever changes a source meanwhile makes the attempt void; after `ATTEMPTS` of them
//! the result is computed under the locks, so a command ends however often its sources change.

use std::fmt;

use keyspace::{Counters, Garbage, Key};
use resp::Protocol;
use smallvec::SmallVec;
use value::Value;

use crate::args::{Args, OwnedArgs};
use crate::command::{Flags, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::session::{ReplyMode, Session};
use crate::slices::{Producer, Progress, Slice, Slices};
use crate::table::Row;

/// Up to so many elements a result is computed at once: some hundred microseconds at most.
pub const FEW_ELEMENTS: usize = 1024;
/// How many elements a step looks at, about, if each takes a look-up or two: some tens of microseconds.
pub const STEP_ELEMENTS: usize = 64;
/// For so many nanoseconds a worker takes steps of a computation before it serves others.
const WORK_NS: u64 = 200_000;
/// How often a result is computed from sources that change meanwhile, before they are locked.
pub(crate) const ATTEMPTS: usize = 3;

/// What a connection computes instead of reading on.
pub trait Computation: Send + fmt::Debug {
    /// Works for some tens of microseconds, without locks.
    fn step(&mut self, args: &Args<'_>) -> Progress;

    /// Brings the result where it belongs and answers; called inside a batch with nothing locked. [`Progress::More`]: it has
    /// to be computed anew.
    fn finish(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Progress, Error>;
}

/// A command whose result is being computed. Dropping it may take long.
#[derive(Debug)]
pub struct Computing {
    pub(crate) computation: Box<dyn Computation>,
    pub(crate) row: Row,
    pub(crate) args: OwnedArgs,
    /// The client does not want the reply.
    pub(crate) is_silent: bool,
    /// Nanoseconds so far.
    pub(crate) took: u64,
}

impl Computing {
    /// Takes steps until the result is there or others are to be served; `clock` tells nanoseconds.
    pub fn work(&mut self, clock: fn() -> u64) -> Progress {
        let started = clock();
        let Self { computation, args, .. } = self;
        let args = args.as_args();
        loop {
            let progress = computation.step(&args);
            let took = clock().saturating_sub(started);
            if progress == Progress::Done || took >= WORK_NS {
                self.took += took;
                return progress;
            }
        }
    }

    /// Whether its command changes data.
    pub fn writes(&self) -> bool {
        self.row.command.flags.has(Flags::WRITE)
    }
}

/// What a command answers that only reads.
pub(crate) trait Answer: Send + fmt::Debug + 'static {
    /// Works for some tens of microseconds.
    fn step(&mut self) -> Progress;

    /// Does what is left to do.
    fn complete(&mut self) {
        while self.step() == Progress::More {}
    }

    /// Writes the reply, when the last step is done.
    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome;
}

/// What a command makes of some keys and stores in another.
pub(crate) trait Stored: Send + fmt::Debug + 'static {
    /// Whether it is computed at once.
    fn is_small(&self) -> bool;

    /// Works for some tens of microseconds.
    fn step(&mut self) -> Progress;

    /// Does what is left to do.
    fn complete(&mut self) {
        while self.step() == Progress::More {}
    }

    /// Whether a look at the same keys, now, has found the same.
    fn is_same(&self, now: &Self) -> bool;

    /// Puts the result under its key, which is locked, and answers.
    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome;
}

/// How the log tells what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// By the command, whose words Redis 7.0 knows, and which makes the same of the same values every time.
    Command,
    /// As it is.
    Value,
}

impl Recorded {
    /// As it is, if the command has newer words or leaves a choice.
    pub(crate) fn value_if(is_special: bool) -> Self {
        if is_special { Self::Value } else { Self::Command }
    }
}

/// Reads the sources of a result. All keys of the command are locked.
pub(crate) type Read<S> = fn(&mut Context<'_, '_>, &Args<'_>) -> Result<S, Error>;

impl Context<'_, '_> {
    /// Whether the command's connection may wait until a result is computed.
    pub(crate) fn may_compute(&self) -> bool {
        self.may_wait() && !self.is_served
    }

    /// Computes, at once or from now on, and answers then. The command has written no reply and runs with nothing locked, or
    /// in a transaction.
    pub(crate) fn compute(
        &mut self,
        args: &Args<'_>,
        mut computation: impl Computation + 'static,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        if self.may_compute() {
            self.session.computing = Some(Box::new(Computing {
                computation: Box::new(computation),
                row: self.row,
                args: OwnedArgs::copy(args),
                is_silent: self.session.reply_mode != ReplyMode::On,
                took: 0,
            }));
            return Ok(());
        }
        loop {
            while computation.step(args) == Progress::More {}
            if computation.finish(self, args, reply)? == Progress::Done {
                return Ok(());
            }
        }
    }

    /// Puts what the command has made of nothing but the values of its keys under a key, over whatever is there. It is locked.
    pub(crate) fn store_result(&mut self, args: &Args<'_>, key: &Key<'_>, result: Value, recorded: Recorded) {
        if recorded == Recorded::Value {
            return self.db().set_value(key, result, None);
        }
        // Under the command's own name: the client may know it by another.
        let name = self.row.command.name.as_bytes();
        let command: SmallVec<[&[u8]; 16]> = std::iter::once(name).chain(args.from(1)).collect();
        self.db().store_result(key, result, &command);
    }

    /// The shards of all keys that the arguments name.
    pub(crate) fn shards_of(&self, args: &Args<'_>) -> Vec<usize> {
        let mut shards = Vec::new();
        self.row.command.for_each_key(args, |at, _| {
            shards.push(self.access.shard_of(&self.key_of(args.get(at))));
        });
        shards
    }
}

/// Makes what is stored: at once if it is small, else in steps.
pub(crate) fn store<S: Stored>(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    read: Read<S>,
) -> Outcome {
    let mut shards = ctx.shards_of(args);
    let large = ctx.with_shards(&mut shards, |ctx| {
        let mut made = read(ctx, args)?;
        if ctx.may_compute() && !made.is_small() {
            return Ok::<_, Error>(Some(made));
        }
        made.complete();
        made.install(ctx, args, reply)?;
        Ok(None)
    })?;
    let Some(made) = large else { return Ok(()) };
    ctx.compute(args, Attempt { made, read, shards, left: ATTEMPTS - 1 }, reply)
}

/// A result in the making, from sources that may change meanwhile.
#[derive(Debug)]
struct Attempt<S> {
    made: S,
    read: Read<S>,
    shards: Vec<usize>,
    /// How often it may begin anew.
    left: usize,
}

impl<S: Stored> Computation for Attempt<S> {
    fn step(&mut self, _: &Args<'_>) -> Progress {
        self.made.step()
    }

    fn finish(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Progress, Error> {
        let Self { made, read, shards, left } = self;
        ctx.access.tell_no_misses(); // they were told and counted when the command came
        ctx.with_shards(shards, |ctx| {
            let Counters { hits, misses, .. } = ctx.access.counters;
            let now = read(ctx, args);
            (ctx.access.counters.hits, ctx.access.counters.misses) = (hits, misses);
            let now = now?;
            if !made.is_same(&now) {
                let void = std::mem::replace(made, now);
                ctx.access.free_later(Garbage::other(Box::new(void)));
                if *left > 0 && !made.is_small() {
                    *left -= 1;
                    return Ok(Progress::More);
                }
                made.complete();
            }
            made.install(ctx, args, reply)?;
            Ok(Progress::Done)
        })
    }
}

/// An answer that its connection waits for.
#[derive(Debug)]
pub(crate) struct Awaited<A>(pub(crate) A);

impl<A: Answer> Computation for Awaited<A> {
    fn step(&mut self, _: &Args<'_>) -> Progress {
        self.0.step()
    }

    fn finish(
        &mut self,
        _: &mut Context<'_, '_>,
        _: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Progress, Error> {
        self.0.write(reply)?;
        Ok(Progress::Done)
    }
}

impl Reply<'_> {
    /// Leaves the whole reply to an answer, which computes it when its turn to be sent comes; where the bytes are needed at
    /// once, or `at_once`, it does so now.
    pub(crate) fn answer(&mut self, mut answer: impl Answer, at_once: bool) -> Outcome {
        if at_once || !self.is_sliced() {
            answer.complete();
            return answer.write(self);
        }
        self.produce(Deferred { answer, protocol: self.protocol(), written: None });
        Ok(())
    }
}

/// A reply that has to be computed before its head can be written.
#[derive(Debug)]
struct Deferred<A> {
    answer: A,
    protocol: Protocol,
    written: Option<Written>,
}

/// A reply, parts of which are again written later.
#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    /// How many of them have gone.
    sent: usize,
    /// Kept to the end, to be freed with everything else.
    slices: Vec<Slice>,
    /// The slice that is written next.
    next: usize,
}

impl Written {
    fn of(answer: &mut impl Answer, protocol: Protocol) -> Self {
        let (mut bytes, mut slices) = (Vec::new(), Slices::default());
        let mut reply = Reply::sliced(&mut bytes, protocol, &mut slices);
        if let Err(error) = answer.write(&mut reply) {
            reply.truncate(0);
            reply.error(error.to_string());
        }
        Self { bytes, sent: 0, slices: slices.take(), next: 0 }
    }

    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let slice = self.slices.get_mut(self.next);
        let until = slice.as_ref().map_or(self.bytes.len(), |slice| slice.at);
        out.extend_from_slice(&self.bytes[self.sent..until]);
        self.sent = until;
        if slice.is_some_and(|slice| slice.part.produce(out) == Progress::Done) {
            self.next += 1;
        }
        let is_done = self.next == self.slices.len() && self.sent == self.bytes.len();
        if is_done { Progress::Done } else { Progress::More }
    }
}

impl<A: Answer> Producer for Deferred<A> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        if let Some(written) = &mut self.written {
            return written.produce(out);
        }
        if self.answer.step() == Progress::Done {
            self.written = Some(Written::of(&mut self.answer, self.protocol));
        }
        Progress::More
    }

    fn remaining_bytes(&self) -> usize {
        let Some(written) = &self.written else { return 0 };
        let later: usize =
            written.slices[written.next..].iter().map(|slice| slice.part.remaining_bytes()).sum();
        written.bytes.len() - written.sent + later
    }

    fn error(&self) -> Option<&[u8]> {
        let written = self.written.as_ref()?;
        written.bytes.starts_with(b"-").then_some(&written.bytes)
    }
}

/// A client is gone: nobody wants what it computes. What is given back is to be freed where nobody waits.
pub fn abandon(session: &mut Session) -> Option<Garbage> {
    session.computing.take().map(|computing| Garbage::other(computing))
}
