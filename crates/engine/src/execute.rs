//! Running commands: a worker prepares requests, leases the shards of a group of them, and runs them in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use keyspace::{Access, Busy, DbIndex, Evictor, ExpiryBudget, Garbage, Rule, Target};
use stdx::quote::write_quoted;
use stdx::time::UnixMs;

use crate::args::{Args, OwnedArgs};
use crate::blocking::{Feeder, Waiter};
use crate::client::PauseMode;
use crate::command::{Flags, Group, Keys, Outcome};
use crate::commandlog::{Noted, Topic, Unfinished};
use crate::commands::{abandon, close};
use crate::computing::Computing;
use crate::context::{Context, Tools, again, tell_observers};
use crate::error::Error;
use crate::gate::{self, Request};
use crate::host::Host;
use crate::migration::Arrival;
use crate::permission;
use crate::pubsub::Desk;
use crate::reply::Reply;
use crate::scripting::{Interpreters, Lent, Meanwhile, ScriptFlags, declared};
use crate::secrets;
use crate::session::{ReplyMode, Session};
use crate::shared::Shared;
use crate::slices::{Progress, Slices};
use crate::statistics::{WorkerStatistics, add};
use crate::table::{Row, table};
use crate::tracking::{Invalidations, Notice};

/// What MIGRATE is answered when a key here is not any more what has arrived elsewhere.
const CHANGED_MEANWHILE: &str =
    "ERR a key has changed while it was on its way; it stays here, and the target instance has what it was";

/// Commands that are locked, prefetched and run together.
pub const GROUP: usize = 16;

/// A request that has been looked up.
#[derive(Debug)]
pub struct Prepared {
    row: Result<Row, Box<Error>>,
    /// Hash and slot of the first key.
    first_key: Option<(u64, u16)>,
    /// Whether it runs with nothing locked.
    alone: bool,
}

/// The keys of the requests that are leased next.
#[derive(Debug, Default)]
struct Wanted {
    shards: Vec<usize>,
    /// Those that are brought near.
    targets: Vec<Target>,
}

/// First words of lines that no HTTP request with a body can do without.
const HTTP_WORDS: [&[u8]; 2] = [b"post", b"host:"];

impl Prepared {
    /// Looks a request up.
    #[inline]
    pub fn new(args: &Args<'_>) -> Self {
        let row = table().look_up(args).map_err(Box::new);
        let alone = row.as_ref().is_ok_and(|row| row.command.runs_alone(args.len()));
        Self { row, first_key: None, alone }
    }

    /// Whether it is a line of an HTTP request that makes a browser's user send commands without knowing. Whoever sends one
    /// is no client of ours, and what follows must not be executed.
    pub fn is_http(&self, args: &Args<'_>) -> bool {
        self.row.is_err() && HTTP_WORDS.iter().any(|word| word.eq_ignore_ascii_case(args.get(0)))
    }

    /// Whether it must not be leased together with others.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether it may run a script, and so take long.
    pub fn may_run_scripts(&self) -> bool {
        self.row.as_ref().is_ok_and(|row| row.command.flags.has(Flags::RUNS_SCRIPTS))
    }

    /// Whether its connection may have to wait behind it.
    pub fn may_wait(&self) -> bool {
        self.row
            .as_ref()
            .is_ok_and(|row| row.command.flags.has(Flags::BLOCKING) || row.command.keys == Keys::Migrated)
    }

    /// Whether it may come out of a file: it is about data, and not about the server or the connection. What is unknown is
    /// refused when it runs.
    pub fn is_about_data(&self) -> bool {
        let Ok(row) = &self.row else { return true };
        let command = row.command;
        !command.flags.has(Flags::ADMIN)
            && command.group != Group::PubSub
            && (command.group != Group::Connection || command.name == "SELECT")
    }

    /// Whether a pause holds it back: not what is refused at once. Requests before it have run.
    pub fn is_paused(&self, mode: PauseMode, args: &Args<'_>, session: &Session, shared: &Shared) -> bool {
        let Ok(row) = &self.row else { return false };
        let writes = |row: &Row, args: &Args<'_>| may_write(shared, row, args);
        let is_held = mode == PauseMode::All
            || writes(row, args)
            || row.command.name == "EXEC"
                && session.transaction.commands().iter().any(|(row, args)| writes(row, &args.as_args()));
        is_held
            && gate::check(&Request {
                row,
                args,
                session,
                shared,
                out_of_memory: false,
                beside_script: false,
            })
            .is_ok()
    }

    /// Whether it may need memory.
    pub fn needs_memory(&self, session: &Session) -> bool {
        self.row.as_ref().is_ok_and(|row| gate::needs_memory(row, session))
    }
}

/// The engine of one worker.
pub struct Worker<'k> {
    /// The worker's access to the data.
    pub access: Access<'k>,
    index: usize,
    wanted: Wanted,
    invalidations: Invalidations,
    /// What the worker's clients are subscribed to, and what has been published.
    pub desk: Desk,
    interpreters: Interpreters,
    /// What is still to be written of the reply of the last command.
    pub slices: Slices,
    /// Keys that others wait for, and what they have got.
    pub feeder: Feeder,
    /// Whether more memory is used than may be, and no key may go to make room.
    pub out_of_memory: bool,
    /// Whether it serves the other clients of a worker while a script is busy.
    beside_script: bool,
    evictor: Evictor,
}

/// What a request finds around it.
pub struct Environment<'e> {
    /// What all workers share.
    pub shared: &'e Shared,
    /// The machine.
    pub host: &'e dyn Host,
    /// Serves other clients if the request runs a script that takes long.
    pub meanwhile: Option<Meanwhile<'e>>,
}

/// What became of an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// A key went.
    Done,
    /// The key that was chosen is in use again; another one may go.
    Missed,
    /// There is no key that may go.
    Impossible,
}

impl<'k> Worker<'k> {
    /// The engine of worker `index`.
    pub fn new(mut access: Access<'k>, index: usize) -> Self {
        let seed = access.rng.next_u64() as u32;
        Self {
            access,
            index,
            wanted: Wanted::default(),
            invalidations: Invalidations::default(),
            desk: Desk::default(),
            interpreters: Interpreters::new(seed),
            slices: Slices::default(),
            out_of_memory: false,
            beside_script: false,
            evictor: Evictor::default(),
            feeder: Feeder::default(),
        }
    }

    /// The second engine of a worker, for the time that a script of the first is busy. What there is but once it gets lent.
    pub fn beside_script(access: Access<'k>, index: usize) -> Self {
        Self { beside_script: true, ..Self::new(access, index) }
    }

    /// Whether it is one that serves beside a script.
    #[inline]
    pub fn is_beside_script(&self) -> bool {
        self.beside_script
    }

    /// Takes what it is lent, or gives it back.
    pub fn exchange(&mut self, lent: &mut Lent) {
        std::mem::swap(&mut self.desk, &mut lent.desk);
        std::mem::swap(&mut self.feeder, &mut lent.feeder);
        std::mem::swap(&mut self.invalidations, &mut lent.invalidations);
        std::mem::swap(&mut self.access.counters, &mut lent.counters);
    }

    /// What commands work with, and where parts of their replies are left for later.
    fn tools<'c>(&'c mut self, environment: &'c mut Environment<'_>) -> (Tools<'c, 'k>, &'c mut Slices) {
        let Self { access, invalidations, desk, interpreters, feeder, slices, out_of_memory, .. } = self;
        let Environment { shared, host, meanwhile } = environment;
        let (host, meanwhile, out_of_memory) = (*host, again(meanwhile), *out_of_memory);
        let tools = Tools {
            access,
            shared,
            host,
            invalidations,
            desk,
            interpreters,
            feeder,
            meanwhile,
            out_of_memory,
        };
        (tools, slices)
    }

    /// Removes one key to make room. Called inside a batch, with nothing locked.
    pub fn evict(&mut self, shared: &Shared, rule: Rule) -> Eviction {
        let access = &mut self.access;
        let Some(victim) = access.find_victim(&mut self.evictor, rule) else { return Eviction::Impossible };
        let key = shared.keyspace.key(&victim.name);
        if access.try_lock(&mut [access.shard_of(&key)]).is_err() {
            return Eviction::Impossible;
        }
        access.start_unit();
        access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        let gone = access.db(victim.database).evict(&key, &victim, rule);
        tell_observers(shared, access, (&mut self.invalidations, &mut self.feeder), None);
        access.unlock();
        if gone { Eviction::Done } else { Eviction::Missed }
    }

    /// Removes due keys and fields, up to the budget; whether there is more to do at once. Called inside a batch, with nothing
    /// locked.
    pub fn expire(&mut self, shared: &Shared, budget: &mut ExpiryBudget) -> bool {
        self.access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        let more = self.access.expire_some(budget);
        tell_observers(shared, &mut self.access, (&mut self.invalidations, &mut self.feeder), None);
        more
    }

    /// Whether there are keys that may go.
    pub fn may_evict(&self, rule: Rule) -> bool {
        self.access.evictable(rule) > 0
    }

    /// Hashes the keys of a request that will be leased with the next group, and asks for their shards.
    #[inline]
    pub fn want(&mut self, prepared: &mut Prepared, args: &Args<'_>, database: DbIndex) {
        let Ok(row) = &prepared.row else { return };
        let will_be_refused = !row.command.accepts(args.len())
            || self.beside_script && !row.command.flags.has(Flags::ALLOW_BUSY);
        if prepared.alone || will_be_refused {
            return; // it takes what it needs by itself, or nothing
        }
        // Inside a transaction too: a DISCARD before it in the group may end the transaction before it runs.
        let (access, wanted) = (&self.access, &mut self.wanted);
        row.command.for_each_key(args, |at, _| {
            let key = access.keyspace().key(args.get(at));
            if at == 1 {
                prepared.first_key = Some((key.hash, key.slot));
            }
            let shard = access.shard_of(&key);
            access.prefetch_shard(shard);
            wanted.shards.push(shard);
            if wanted.targets.len() < GROUP {
                wanted.targets.push(Target { database, shard, hash: key.hash });
            }
        });
    }

    /// Locks the shards of a group and brings their keys near. While a script is busy that may fail: then nothing is locked, and
    /// each request is leased alone.
    pub fn lease(&mut self) -> Result<(), Busy> {
        let Wanted { shards, targets } = &mut self.wanted;
        if shards.is_empty() {
            return Ok(());
        }
        let leased = self.access.try_lock(shards);
        if leased.is_ok() && targets.len() > 1 {
            self.access.prefetch(targets);
        }
        targets.clear();
        shards.clear();
        shards.shrink_to(2 * GROUP);
        leased
    }

    /// Runs one request of a group whose shards could not be locked together. Its own may be free.
    pub fn run_apart(
        &mut self,
        prepared: &mut Prepared,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        environment: Environment<'_>,
        started: u64,
    ) -> u64 {
        self.want(prepared, args, session.database);
        let ended = if self.lease().is_ok() {
            self.run(prepared, args, session, out, environment, started)
        } else {
            let (shared, begin) = (environment.shared, out.len());
            let error = Error::Static(shared.running.busy_text());
            let statistics = &shared.statistics[self.index];
            refuse(prepared.row.as_ref().ok().copied(), &error, session, out, begin, shared, statistics);
            started
        };
        self.release();
        ended
    }

    /// Drops the locks of a group.
    pub fn release(&mut self) {
        self.access.unlock();
    }

    /// Runs one request; its shards are locked. `started` is the clock before it; returns the clock after it.
    pub fn run(
        &mut self,
        prepared: &Prepared,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        mut environment: Environment<'_>,
        started: u64,
    ) -> u64 {
        let (shared, begin) = (environment.shared, out.len());
        session.record.active.store(self.access.now().0, Ordering::Relaxed);
        add(&session.record.commands, 1);
        let statistics = &shared.statistics[self.index];
        let row = match &prepared.row {
            Ok(row) => *row,
            Err(error) => {
                refuse(None, error, session, out, begin, shared, statistics);
                return started;
            }
        };
        if session.login.is_outdated(&shared.accounts) {
            session.login.refresh(&shared.accounts);
        }
        if self.is_refused(&row, args, session, out, begin, shared) {
            return started;
        }
        session.record.command.store(row.index + 1, Ordering::Relaxed);
        if session.transaction.is_open() && !is_transaction_command(&row) {
            session.transaction.push(row, args);
            session.record.queued_bytes.fetch_add(args.bytes(), Ordering::Relaxed);
            session.record.queued.store(session.transaction.queued().unwrap_or(0) as i64, Ordering::Relaxed);
            Reply::new(out, session.protocol).simple("QUEUED");
            finish(session, out, begin);
            return started;
        }
        self.access.start_unit();
        let (tools, slices) = self.tools(&mut environment);
        let mut context = Context { first_key: prepared.first_key, ..Context::new(tools, session, row) };
        let mut reply = Reply::sliced(out, context.session.protocol, slices);
        let failed = call(&mut context, args, &mut reply);
        // In this order: what the command has found due was read before, and what it has read is read from now on.
        context.tell_observers();
        context.remember_keys(args);
        if prepared.alone {
            context.access.unlock(); // a handler that panicked may have left locks behind
        }
        context.feed();
        let ended = (shared.clock)();
        let written = Written::since(begin, out.len(), slices, 0);
        let took = ended.saturating_sub(started);
        account(&context, &row, args, (took, failed), written);
        let reply_begin = if row.command.flags.has(Flags::PUSHES) { out.len() } else { begin };
        if !finish(session, out, reply_begin) {
            self.slices.truncate(reply_begin);
        }
        end_caching(session, Some(&row));
        self.invalidations.write_own(session, out, shared);
        ended
    }

    /// Whether the gate refuses a request; then it is answered.
    #[inline]
    fn is_refused(
        &self,
        row: &Row,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        begin: usize,
        shared: &Shared,
    ) -> bool {
        let Self { out_of_memory, beside_script, .. } = *self;
        let request = Request { row, args, session, shared, out_of_memory, beside_script };
        let Err(error) = gate::check(&request) else {
            return false;
        };
        if let Error::NoPermission(denial, _) = error {
            let place = permission::place_of(session);
            permission::note_refusal(session, shared, (row, args), denial, place, self.access.now());
        }
        refuse(Some(*row), &error, session, out, begin, shared, &shared.statistics[self.index]);
        true
    }

    /// Ends what a connection has computed, or lets it begin anew. Inside a batch, with nothing locked.
    pub fn finish_computing(
        &mut self,
        session: &mut Session,
        out: &mut Vec<u8>,
        (shared, host): (&Shared, &dyn Host),
    ) {
        let Some(mut computing) = session.computing.take() else { return };
        let (begin, started, row) = (out.len(), (shared.clock)(), computing.row);
        let Computing { computation, args, took, .. } = &mut *computing;
        let args = args.as_args();
        if session.login.is_outdated(&shared.accounts) {
            session.login.refresh(&shared.accounts);
        }
        let mut is_done = true;
        // Rules and circumstances may have changed since the command came.
        if !self.is_refused(&row, &args, session, out, begin, shared) {
            self.access.start_unit();
            let mut environment = Environment { shared, host, meanwhile: None };
            let (tools, slices) = self.tools(&mut environment);
            let mut context = Context::new(tools, session, row);
            let mut reply = Reply::sliced(out, context.session.protocol, slices);
            let failed = guarded(&mut context, &mut reply, |context, reply| {
                is_done = computation.finish(context, &args, reply)? == Progress::Done;
                Ok(())
            });
            context.tell_observers();
            context.access.unlock(); // it may have panicked
            context.feed();
            let took = *took + (shared.clock)().saturating_sub(started);
            if is_done {
                let written = Written::since(begin, out.len(), slices, 0);
                account_ended(&context, &row, &args, (took, failed), written);
            }
        }
        if !is_done {
            session.computing = Some(computing);
            return;
        }
        if computing.is_silent {
            out.truncate(begin);
            self.slices.truncate(begin);
        }
        self.access.free_later(Garbage::other(computing));
        self.invalidations.write_own(session, out, shared);
    }

    /// A connection has gone: what it began ends with it.
    pub fn forget(&mut self, session: &mut Session, shared: &Shared) {
        close(session, shared, &mut self.desk);
    }

    /// Serves those who could not be served behind the command that made their keys ready. Nothing is locked.
    pub fn feed_later(&mut self, shared: &Shared, host: &dyn Host) {
        self.access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        self.tools(&mut Environment { shared, host, meanwhile: None }).0.serve_later();
    }

    /// Looks at a client that waits, whom time may have made ready; returns when it is to be looked at again. Nothing is locked.
    pub fn look_again(&mut self, waiter: &Waiter, shared: &Shared, host: &dyn Host) -> Option<UnixMs> {
        self.tools(&mut Environment { shared, host, meanwhile: None }).0.look_again(waiter)
    }

    /// Removes what has arrived elsewhere and was to move, unless it has changed since. Gives what the client is told; `None`:
    /// a busy script holds something, so it has to be tried again. Called inside a batch, with nothing locked.
    pub fn end_migration(
        &mut self,
        arrival: &Arrival,
        shared: &Shared,
        host: &dyn Host,
    ) -> Option<Result<(), Error>> {
        let Arrival { migration, arrived, failure, .. } = arrival;
        let mut answer = failure.as_ref().map_or(Ok(()), |failure| Err(failure.to_error()));
        if migration.keeps {
            return Some(answer);
        }
        let access = &mut self.access;
        let here = migration.parcels.iter().zip(arrived).filter(|(_, arrived)| **arrived);
        let moved: Vec<_> = here.map(|(parcel, _)| (shared.keyspace.key(&parcel.key), parcel)).collect();
        let mut shards: Vec<usize> = moved.iter().map(|(key, _)| access.shard_of(key)).collect();
        access.try_lock(&mut shards).ok()?;
        access.start_unit();
        access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        let mut db = access.db(migration.from);
        for (key, parcel) in moved {
            let is_same = db.expiry(&key) == Some(parcel.expiry)
                && db.get(&key).is_some_and(|value| host.dump(&value) == parcel.payload);
            if is_same {
                db.delete(&key);
            } else if answer.is_ok() && db.contains(&key) {
                answer = Err(Error::Static(CHANGED_MEANWHILE));
            }
        }
        tell_observers(shared, access, (&mut self.invalidations, &mut self.feeder), None);
        access.unlock();
        Some(answer)
    }

    /// What clients on any worker have to be told since the last call.
    pub fn take_invalidations(&mut self, shared: &Shared) -> Vec<Notice> {
        if self.invalidations.is_empty() {
            return Vec::new();
        }
        self.invalidations.take(&shared.tracking)
    }

    /// Drops remembered keys that are too many.
    pub fn trim_remembered(&mut self, shared: &Shared) {
        let limit = shared.hot.tracking_keys.load(Ordering::Relaxed);
        self.invalidations.trim(&shared.tracking, limit, &mut self.access.rng);
    }
}

/// How much a command has written.
pub(crate) struct Written<'s> {
    /// What is there already.
    bytes: usize,
    /// Where the rest comes from, and the first of its own.
    later: Option<(&'s mut Slices, usize)>,
}

impl<'s> Written<'s> {
    /// What was written from `begin` to `end`, and what the slices from the first on will write.
    #[inline]
    pub(crate) fn since(begin: usize, end: usize, slices: &'s mut Slices, first: usize) -> Self {
        let later = (slices.len() > first).then_some((slices, first));
        Self { bytes: end.saturating_sub(begin), later }
    }

    /// All that is written at once.
    pub(crate) fn whole(bytes: usize) -> Self {
        Self { bytes, later: None }
    }
}

/// Calls a handler and writes its error, if it returns one. True if it failed.
///
/// A panic in a handler is our error. The client is told, the connection closed, and the server goes on: the shard's
/// table is changed in steps that each leave it whole, so other keys are not in danger.
pub(crate) fn call(context: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> bool {
    let handler = context.row.command.handler;
    guarded(context, reply, |context, reply| handler(context, args, reply))
}

/// The same for what a handler has put off.
fn guarded<'c, 'k>(
    context: &mut Context<'c, 'k>,
    reply: &mut Reply<'_>,
    body: impl FnOnce(&mut Context<'c, 'k>, &mut Reply<'_>) -> Outcome,
) -> bool {
    let begin = reply.buffer().len();
    let touching = !context.session.no_touch || context.row.command.name == "TOUCH";
    context.access.set_touching(touching);
    context.want_events();
    let outcome = catch_unwind(AssertUnwindSafe(|| body(context, reply)));
    let failed = match outcome {
        Ok(Ok(())) => reply.buffer().get(begin) == Some(&b'-'),
        Ok(Err(error)) => {
            reply.truncate(begin);
            reply.error(error.to_string());
            true
        }
        // No panic: the command wanted a lock that a busy script holds. It has done nothing.
        Err(payload) if payload.is::<Busy>() => {
            reply.truncate(begin);
            reply.error(context.shared.running.busy_text());
            true
        }
        Err(_) => {
            reply.truncate(begin);
            context.session.closing = true;
            reply.error("ERR internal error; the connection is closed");
            true
        }
    };
    if failed && let Some(statistics) = context.shared.statistics.get(context.access.worker().0) {
        statistics.answered_error(&reply.buffer()[begin..]);
    }
    failed
}

/// Whether a command may have an effect that a pause of writes is to hold back. A script that declares something says so itself.
fn may_write(shared: &Shared, row: &Row, args: &Args<'_>) -> bool {
    match declared(shared, row, args) {
        Some(flags) => !flags.has(ScriptFlags::NO_WRITES),
        None => row.command.flags.has(Flags::WRITE) || row.command.flags.has(Flags::MAY_REPLICATE),
    }
}

/// Commands that run although a transaction is open.
fn is_transaction_command(row: &Row) -> bool {
    matches!(row.command.name, "EXEC" | "DISCARD" | "MULTI" | "WATCH" | "QUIT" | "RESET")
        && row.container.is_none()
}

/// Answers a request that the look-up or the gate refused. A refused EXEC ends its transaction.
fn refuse(
    row: Option<Row>,
    error: &Error,
    session: &mut Session,
    out: &mut Vec<u8>,
    begin: usize,
    shared: &Shared,
    statistics: &WorkerStatistics,
) {
    let mut text = error.to_string();
    if row.is_some_and(|row| row.command.name == "EXEC") {
        abandon(session, shared);
        let reason = text.strip_prefix("ERR ").unwrap_or(&text);
        text = format!("EXECABORT Transaction discarded because of: {reason}");
    }
    session.transaction.break_it();
    if let Some(row) = row {
        statistics.rejected(row.index);
    }
    Reply::new(out, session.protocol).error(text);
    statistics.answered_error(&out[begin..]);
    finish(session, out, begin);
    end_caching(session, row.as_ref());
}

/// CLIENT CACHING holds for the command behind it, or for the transaction behind it.
#[inline]
fn end_caching(session: &mut Session, row: Option<&Row>) {
    if let Some(mode) = &mut session.tracking
        && !session.transaction.is_open()
        && row.is_none_or(|row| row.container.is_none_or(|container| container.name != "CLIENT"))
    {
        mode.caching_given = false;
    }
}

/// Takes the reply back if the client does not want it; then it is false.
#[inline]
fn finish(session: &mut Session, out: &mut Vec<u8>, begin: usize) -> bool {
    session.reply_mode = match session.reply_mode {
        ReplyMode::On => return true,
        ReplyMode::Off => ReplyMode::Off,
        ReplyMode::SkipNext => ReplyMode::Skip,
        ReplyMode::Skip => ReplyMode::On,
    };
    out.truncate(begin);
    false
}

/// What is noted of every command that has run, alone or in a transaction: figures, slowness, MONITOR. The commands of a
/// transaction come before their EXEC, which is the order in which Redis shows them.
#[inline]
pub(crate) fn account(
    context: &Context<'_, '_>,
    row: &Row,
    args: &Args<'_>,
    result: (u64, bool),
    written: Written<'_>,
) {
    if !context.session.is_suspended() {
        account_ended(context, row, args, result, written);
    }
    if !row.command.flags.has(Flags::SKIP_MONITOR) {
        show(context, row, args);
    }
}

/// What is noted of a command when it has an answer, which for one that waits is later than when it came.
#[inline]
pub(crate) fn account_ended(
    context: &Context<'_, '_>,
    row: &Row,
    args: &Args<'_>,
    (took, failed): (u64, bool),
    written: Written<'_>,
) {
    let (shared, session) = (context.shared, &*context.session);
    if let Some(statistics) = shared.statistics.get(context.access.worker().0) {
        statistics.ran(row.index, took, failed, shared.hot.latency_tracking.load(Ordering::Relaxed));
    }
    let time_s = context.access.now().0 / 1000;
    if !row.command.flags.has(Flags::SKIP_SLOWLOG) {
        if shared.hot_keys.is_on(context.access.now()) {
            note_hot_keys(context, row, args, took, &written);
        }
        note(shared, row, args, session, (time_s, took), written);
    }
    if took >= shared.hot.latency_nanoseconds.load(Ordering::Relaxed) {
        let event = if row.command.flags.has(Flags::FAST) { "fast-command" } else { "command" };
        shared.latency.lock().add(event, time_s, took / 1_000_000);
    }
}

/// Tells MONITOR clients of a command that they would not be told of behind it: a script comes before what it calls.
pub(crate) fn announce(context: &Context<'_, '_>, args: &Args<'_>) {
    show(context, &context.row, args);
}

/// Tells MONITOR clients of a client's command.
#[inline]
fn show(context: &Context<'_, '_>, row: &Row, args: &Args<'_>) {
    if context.shared.clients.monitors.load(Ordering::Relaxed) > 0 {
        let session = &*context.session;
        let source = if session.record.is_unix { "unix:" } else { "" };
        let origin = (session.database, source, &*session.record.address);
        feed_monitors(context.host, row, args, origin, context.access.now());
    }
}

/// What is noted of a command that a script has called. The script's own command is noted as slow, not its commands.
#[inline]
pub(crate) fn account_called(context: &Context<'_, '_>, row: &Row, args: &Args<'_>, took: u64, failed: bool) {
    let (shared, session) = (context.shared, &*context.session);
    if let Some(statistics) = shared.statistics.get(session.record.worker) {
        statistics.ran(row.index, took, failed, shared.hot.latency_tracking.load(Ordering::Relaxed));
    }
    if shared.clients.monitors.load(Ordering::Relaxed) > 0 {
        feed_monitors(context.host, row, args, (session.database, "", "lua"), context.access.now());
    }
}

/// Counts a command for its keys. Of a reply that is written later about as many bytes are counted as are still to come.
fn note_hot_keys(context: &Context<'_, '_>, row: &Row, args: &Args<'_>, took: u64, written: &Written<'_>) {
    if context.session.is_loader {
        return;
    }
    let later = written.later.as_ref().map_or(0, |(slices, first)| slices.remaining_bytes(*first));
    let bytes = (args.request_bytes() + written.bytes + later) as u64;
    let shared = context.shared;
    shared.hot_keys.note(context.access.worker().0, (took, bytes), |each| {
        row.command.for_each_key(args, |at, _| each(shared.keyspace.key(args.get(at)).hash, args.get(at)));
    });
}

/// Notes a command that took long or was large.
#[inline]
fn note(
    shared: &Shared,
    row: &Row,
    args: &Args<'_>,
    session: &Session,
    (time_s, took): (i64, u64),
    written: Written<'_>,
) {
    let [slow, request, answer] = Topic::ALL.map(|topic| shared.command_log.of(topic));
    let is_wanted = match session.reply_mode {
        ReplyMode::On => written.later.is_some() && answer.is_on() || answer.wants(written.bytes as u64),
        _ => false,
    };
    // The exact size of a request takes a look at each argument; most are far from any limit.
    let may_be_large = request.wants(args.most_request_bytes() as u64);
    if !slow.wants(took) && !is_wanted && !may_be_large {
        return;
    }
    let hidden = secrets::hide(row, args);
    let shown = hidden.as_ref().map_or(*args, OwnedArgs::as_args);
    let noted = || Noted::new(&shown, time_s, &session.record.address, &session.record.names.lock().name);
    if slow.wants(took) {
        slow.add(took / 1000, noted());
    }
    let request_bytes = args.request_bytes() as u64;
    if request.wants(request_bytes) {
        request.add(request_bytes, noted());
    }
    match written.later {
        _ if !is_wanted => {}
        None => answer.add(written.bytes as u64, noted()),
        Some((slices, first)) => {
            slices.count(
                first,
                &Unfinished::new(&shared.command_log, written.bytes, slices.len() - first, noted()),
            );
        }
    }
}

/// Tells MONITOR clients of a command. Commands of administrators and passwords are not shown.
fn feed_monitors(
    host: &dyn Host,
    row: &Row,
    args: &Args<'_>,
    (database, source, address): (DbIndex, &str, &str),
    now: UnixMs,
) {
    if row.command.flags.has(Flags::ADMIN) {
        return;
    }
    let mut line = format!("{}.{:06} [{} {source}{address}]", now.0 / 1000, now.0 % 1000 * 1000, database.0)
        .into_bytes();
    let hidden = secrets::hide(row, args);
    let args = &hidden.as_ref().map_or(*args, OwnedArgs::as_args);
    for argument in args.from(0) {
        line.push(b' ');
        write_quoted(&mut line, argument);
    }
    host.feed_monitors(&line);
}
