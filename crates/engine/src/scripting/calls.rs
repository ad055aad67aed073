//! The commands that a script calls.

use std::sync::atomic::Ordering;

use keyspace::Key;
use resp::Protocol;
use script::{Called, Caller, Ended, Verdict, Words};
use smallvec::SmallVec;

use super::flags::ScriptFlags;
use super::level_of;
use super::run::Job;
use crate::admission::OUT_OF_MEMORY;
use crate::args::Args;
use crate::command::Flags;
use crate::context::Context;
use crate::execute::{account_called, call};
use crate::permission;
use crate::pubsub::Mark;
use crate::reply::Reply;
use crate::table::{Row, Table};

/// Where keys stand among the arguments of a command, and the keys; few commands have more.
type Keys<'a> = SmallVec<[(usize, Key<'a>); 4]>;

/// The context of the command that runs the script, lent to the interpreter.
pub(super) struct Calls<'r, 'c, 'k> {
    ctx: &'r mut Context<'c, 'k>,
    job: &'r Job<'r>,
    /// Keys that its commands probably name, hashed.
    hashed: &'r [Key<'r>],
    read_only: bool,
    /// Where its messages begin among those that wait.
    published: Mark,
    /// What had been told of keys before.
    told: usize,
    /// Whether the script may use memory although there is no more.
    allows_oom: bool,
    /// Changes of data before it ran.
    changes: u64,
    /// The first look at the clock, by its first command or the first interrupt, whichever came first. So short scripts need none.
    began_ns: Option<u64>,
    /// When the worker's other clients are to be served next, if it is busy.
    serves_others_at_ns: u64,
}

/// The least between two turns of a worker's other clients, in which the script goes on.
const PAUSE_NS: u64 = 1_000_000;

impl<'r, 'c, 'k> Calls<'r, 'c, 'k> {
    pub(super) fn new(ctx: &'r mut Context<'c, 'k>, job: &'r Job<'r>, hashed: &'r [Key<'r>]) -> Self {
        let never_writes = job.declares(ScriptFlags::NO_WRITES);
        let read_only = job.read_only || never_writes;
        let allows_oom = never_writes || job.declares(ScriptFlags::ALLOW_OOM);
        let (published, changes) = (ctx.desk.mark(), ctx.access.counters.changes);
        let told = ctx.access.told();
        // One that ended in a panic may have left its own.
        ctx.access.keep();
        ctx.shared.running.begin(ctx.access.worker().0);
        let (began_ns, serves_others_at_ns) = (None, 0);
        Self {
            ctx,
            job,
            hashed,
            read_only,
            published,
            told,
            allows_oom,
            changes,
            began_ns,
            serves_others_at_ns,
        }
    }

    /// Looks at the clock.
    fn clock(&mut self) -> u64 {
        let now_ns = (self.ctx.shared.clock)();
        self.began_ns.get_or_insert(now_ns);
        now_ns
    }

    /// The script has ended: what it did is final, or undone.
    pub(super) fn finish(self, ended: &Ended) {
        if self.ctx.shared.running.end(self.ctx.access.worker().0) {
            self.ctx.access.declare_busy(false);
        }
        if *ended == Ended::Abandoned {
            self.ctx.desk.rewind(self.published);
        }
        match ended {
            Ended::Abandoned if self.ctx.access.is_attempting() => self.ctx.access.undo(),
            _ => self.ctx.access.keep(),
        }
        if *ended == Ended::Abandoned {
            self.ctx.access.forget_misses(self.told);
        }
    }

    /// The command that is meant, if the script may call it; else the error.
    fn admit(&mut self, args: &Args<'_>) -> Result<Row, String> {
        let Ok(row) = self.ctx.shared.names.look_up(args) else {
            return Err("ERR Unknown Redis command called from script".to_owned());
        };
        let flags = row.command.flags;
        if !row.command.accepts(args.len()) {
            return Err("ERR Wrong number of args calling Redis command from script".to_owned());
        }
        if flags.has(Flags::NOSCRIPT) && !self.ctx.shared.scripts_unbound.load(Ordering::Relaxed) {
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

    /// Counts a command that was refused, with its error.
    #[cold]
    fn count_refusal(&self, args: &Args<'_>, error: &[u8]) {
        let ctx = &*self.ctx;
        let Some(statistics) = ctx.shared.statistics.get(ctx.session.record.worker) else { return };
        if let Ok(row) = ctx.shared.names.look_up(args) {
            statistics.rejected(row.index);
        }
        statistics.answered_error(error);
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

    fn key_of<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        match self.hashed.iter().find(|key| key.bytes == bytes) {
            Some(key) => Key { bytes, ..*key },
            None => self.ctx.key_of(bytes),
        }
    }

    /// The keys of a command, if everything that it needs is locked.
    fn at_hand<'a>(&self, row: &Row, args: &Args<'a>) -> Option<Keys<'a>> {
        let (command, access) = (row.command, &*self.ctx.access);
        let is_exclusive = access.is_exclusive();
        if !is_exclusive && (command.needs_everything(args) || changes_other_databases(row, args)) {
            return None;
        }
        let mut keys = Keys::new();
        command.for_each_key(args, |at, _| keys.push((at, self.key_of(args.get(at)))));
        let is_held = |(_, key): &(usize, Key<'_>)| access.holds(access.shard_of(key));
        (is_exclusive || keys.iter().all(is_held)).then_some(keys)
    }

    fn run(
        &mut self,
        (row, keys): (Row, &[(usize, Key<'_>)]),
        args: &Args<'_>,
        protocol: Protocol,
        reply: &mut Vec<u8>,
    ) {
        let started = self.clock();
        let ctx = &mut *self.ctx;
        let flags = row.command.flags;
        if flags.has(Flags::WRITE) {
            ctx.shared.running.wrote(ctx.access.worker().0);
        }
        if (flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE)) && !ctx.access.is_exclusive() {
            if !ctx.access.is_attempting() {
                ctx.access.begin_attempt();
            }
            for (_, key) in keys {
                ctx.access.note(ctx.session.database, key);
            }
        }
        ctx.row = row;
        ctx.first_key = keys.first().filter(|(at, _)| *at == 1).map(|(_, key)| (key.hash, key.slot));
        ctx.hashed = &[];
        let (protocol_of_client, begin) =
            (std::mem::replace(&mut ctx.session.protocol, protocol), reply.len());
        let failed = call(ctx, args, &mut Reply::new(reply, protocol));
        ctx.tell_observers();
        ctx.remember_keys(args);
        ctx.session.protocol = protocol_of_client;
        let took = (ctx.shared.clock)().saturating_sub(started);
        account_called(ctx, &row, args, (took, failed), reply.len() - begin);
    }
}

/// Whether a command changes keys of a database that it names; these would not be noted.
fn changes_other_databases(row: &Row, args: &Args<'_>) -> bool {
    let mut names = false;
    if row.command.flags.has(Flags::WRITE) {
        row.command.for_each_database(args, |_| names = true);
    }
    names
}

impl Calls<'_, '_, '_> {
    /// The script may have run for so long that others need not wait for it any more.
    fn look_at_the_clock(&mut self, now_ns: u64) {
        let (job, kind) = (self.job, self.job.kind());
        let shared = self.ctx.shared;
        let began_ns = self.began_ns.unwrap_or(now_ns);
        let times = (began_ns, now_ns, shared.hot.busy_nanoseconds.load(Ordering::Relaxed));
        let worker = self.ctx.access.worker().0;
        let Some((took, name)) = shared.running.becomes_busy(worker, times, (kind, job.name, job.command))
        else {
            return;
        };
        self.ctx.access.declare_busy(true);
        let text = format!(
            "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the {} \
             command. Script name is: {}.",
            took / 1_000_000,
            kind.killer(),
            name,
        );
        self.ctx.host.warn(&text);
    }
}

impl Caller for Calls<'_, '_, '_> {
    fn call(&mut self, words: &Words, protocol: Protocol, reply: &mut Vec<u8>) -> Called {
        let args = Args::new(words.buffer(), words.ranges());
        match self.admit(&args) {
            Err(error) => {
                let begin = reply.len();
                Reply::new(reply, protocol).error(error);
                self.count_refusal(&args, &reply[begin..]);
            }
            Ok(row) => match self.at_hand(&row, &args) {
                Some(keys) => self.run((row, &keys), &args, protocol, reply),
                None => return Called::Abandon,
            },
        }
        Called::Replied
    }

    fn may_run(&mut self, words: &Words) -> Option<bool> {
        let args = Args::new(words.buffer(), words.ranges());
        // With too few arguments, too: of what is not named nothing is asked.
        let row = self.ctx.shared.names.look_up(&args).ok()?;
        Some(permission::check(self.ctx.session, self.ctx.shared, &row, &args).is_ok())
    }

    fn interrupt(&mut self) -> Verdict {
        let (worker, now_ns) = (self.ctx.access.worker().0, self.clock());
        self.look_at_the_clock(now_ns);
        let running = &self.ctx.shared.running;
        if running.is_busy(worker) && now_ns >= self.serves_others_at_ns {
            self.ctx.serve_others(&mut self.published);
            self.serves_others_at_ns = (self.ctx.shared.clock)() + PAUSE_NS;
        }
        if self.ctx.shared.running.is_killed(worker) {
            return Verdict::Kill(self.job.kind().killed_text());
        }
        Verdict::GoOn
    }

    fn log(&mut self, level: u8, text: &[u8]) {
        self.ctx.host.log(level_of(level), &String::from_utf8_lossy(text));
    }
}
