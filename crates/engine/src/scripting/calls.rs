//! The commands that a script calls.

use std::sync::atomic::Ordering;

use keyspace::Attempt;
use resp::Protocol;
use script::{Called, Caller, Ended, Verdict, Words};

use super::flags::ScriptFlags;
use super::run::Job;
use crate::args::Args;
use crate::command::Flags;
use crate::context::Context;
use crate::execute::{account_called, call};
use crate::gate::OUT_OF_MEMORY;
use crate::permission;
use crate::reply::Reply;
use crate::table::{Row, Table, table};

/// The context of the command that runs the script, lent to the interpreter.
pub(super) struct Calls<'r, 'c, 'k> {
    ctx: &'r mut Context<'c, 'k>,
    job: &'r Job<'r>,
    read_only: bool,
    /// What is undone if the script turns out to need more than it holds.
    attempt: Option<Attempt>,
    /// The messages that had been published before.
    published: (usize, usize),
    /// What had been told of keys before.
    told: usize,
    /// Whether the script may use memory although there is no more.
    allows_oom: bool,
    /// Changes of data before it ran.
    changes: u64,
}

impl<'r, 'c, 'k> Calls<'r, 'c, 'k> {
    pub(super) fn new(ctx: &'r mut Context<'c, 'k>, job: &'r Job<'r>) -> Self {
        let never_writes = job.declares(ScriptFlags::NO_WRITES);
        let read_only = job.read_only || never_writes;
        let allows_oom = never_writes || job.declares(ScriptFlags::ALLOW_OOM);
        let (published, changes) = (ctx.desk.mark(), ctx.access.counters.changes);
        let told = ctx.access.told();
        ctx.shared.running.begin(ctx.access.worker().0, (ctx.shared.clock)());
        Self { ctx, job, read_only, attempt: None, published, told, allows_oom, changes }
    }

    /// The script has ended: what it did is final, or undone.
    pub(super) fn finish(self, ended: &Ended) {
        if self.ctx.shared.running.end(self.ctx.access.worker().0) {
            self.ctx.access.declare_busy(false);
        }
        if *ended == Ended::Abandoned {
            self.ctx.desk.rewind(self.published);
            if let Some(attempt) = self.attempt {
                self.ctx.access.undo(attempt);
            }
            self.ctx.access.forget_misses(self.told);
        }
    }

    /// The command that is meant, if the script may call it; else the error.
    fn admit(&mut self, args: &Args<'_>) -> Result<Row, String> {
        let Ok(row) = table().look_up(args) else {
            return Err("ERR Unknown Redis command called from script".to_owned());
        };
        let flags = row.command.flags;
        if !row.command.accepts(args.len()) {
            return Err("ERR Wrong number of args calling Redis command from script".to_owned());
        }
        if flags.has(Flags::NOSCRIPT) {
            return Err("ERR This Redis command is not allowed from script".to_owned());
        }
        self.permit(&row, args)?;
        if self.read_only && (flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE)) {
            return Err("ERR Write commands are not allowed from read-only scripts.".to_owned());
        }
        if flags.has(Flags::WRITE) && self.ctx.shared.writes_refused.load(Ordering::Relaxed) {
            return Err(self.ctx.shared.write_refusal().unwrap_or_default());
        }
        // A script that has changed something is not stopped half-way.
        if flags.has(Flags::DENYOOM)
            && self.ctx.out_of_memory
            && !self.allows_oom
            && self.ctx.access.counters.changes == self.changes
        {
            return Err(OUT_OF_MEMORY.to_owned());
        }
        Ok(row)
    }

    /// Whether the user may.
    fn permit(&mut self, row: &Row, args: &Args<'_>) -> Result<(), String> {
        let ctx = &*self.ctx;
        permission::check(ctx.session, ctx.shared, row, args).map_err(|denial| {
            let now = ctx.access.now();
            let text = denial.reply(ctx.session.login.user().name(), &Table::full_name(row));
            permission::note_refusal(ctx.session, ctx.shared, (row, args), denial, acl::Place::Lua, now);
            format!("ERR ACL failure in script: {text}")
        })
    }

    /// Whether everything that a command needs is locked.
    fn is_at_hand(&self, row: &Row, args: &Args<'_>) -> bool {
        let access = &*self.ctx.access;
        if access.is_exclusive() {
            return true;
        }
        let mut held = !row.command.needs_everything(args);
        row.command.for_each_key(args, |at, _| {
            held &= access.holds(access.shard_of(&self.ctx.key_of(args.get(at))));
        });
        held
    }

    fn run(&mut self, row: Row, args: &Args<'_>, protocol: Protocol, reply: &mut Vec<u8>) {
        let ctx = &mut *self.ctx;
        if row.command.flags.has(Flags::WRITE) {
            ctx.shared.running.wrote(ctx.access.worker().0);
            if self.attempt.is_none() && !ctx.access.is_exclusive() {
                self.attempt = Some(ctx.access.begin_attempt());
            }
        }
        ctx.row = row;
        ctx.first_key = None;
        ctx.session.protocol = protocol;
        let started = (ctx.shared.clock)();
        let failed = call(ctx, args, &mut Reply::new(reply, protocol));
        ctx.tell_observers();
        ctx.remember_keys(args);
        account_called(ctx, &row, args, (ctx.shared.clock)().saturating_sub(started), failed);
    }
}

impl Caller for Calls<'_, '_, '_> {
    fn call(&mut self, words: &Words, protocol: Protocol, reply: &mut Vec<u8>) -> Called {
        let args = Args::new(words.buffer(), words.ranges());
        match self.admit(&args) {
            Err(error) => Reply::new(reply, protocol).error(error),
            Ok(row) if self.is_at_hand(&row, &args) => self.run(row, &args, protocol, reply),
            Ok(_) => return Called::Abandon,
        }
        Called::Replied
    }

    fn may_run(&mut self, words: &Words) -> Option<bool> {
        let args = Args::new(words.buffer(), words.ranges());
        let row = table().look_up(&args).ok()?;
        if !row.command.accepts(args.len()) {
            return None;
        }
        Some(permission::check(self.ctx.session, self.ctx.shared, &row, &args).is_ok())
    }

    fn interrupt(&mut self) -> Verdict {
        let (shared, worker) = (self.ctx.shared, self.ctx.access.worker().0);
        let threshold_ns = shared.hot.busy_nanoseconds.load(Ordering::Relaxed);
        let (job, kind) = (self.job, self.job.kind());
        let times = ((shared.clock)(), threshold_ns);
        if let Some(took) = shared.running.becomes_busy(worker, times, (kind, job.name, job.command)) {
            self.ctx.access.declare_busy(true);
            let text = format!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the \
                 {} command. Script name is: {}.",
                took / 1_000_000,
                kind.killer(),
                job.name,
            );
            self.ctx.host.log_of_script(3, &text);
        }
        if shared.running.is_killed(worker) {
            return Verdict::Kill(kind.killed_text());
        }
        Verdict::GoOn
    }

    fn log(&mut self, level: u8, text: &[u8]) {
        self.ctx.host.log_of_script(level, &String::from_utf8_lossy(text));
    }
}
