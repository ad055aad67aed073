//! Loading: the commands of an append-only file run again, before any client is served.
//!
//! Several loaders may share the work, each with the keys of its *lane*: a part of the shards, of which no other lane has one. Whoever
//! reads the file gives each command to the lane of its keys, in the order of the file, so what happens to a key happens in that
//! order. What concerns more than one lane waits until all have done what they have got, and is run by the reader.

use std::ops::Range;

use engine::execute::{GROUP, Lease};
use engine::table::table;
use engine::{Args, Environment, Login, Prepared, Session};
use keyspace::{Access, DbIndex, WorkerId};
use persist::Reason;
use stdx::number::parse_u64;
use stdx::time::UnixMs;

use crate::Now;
use crate::node::{Node, Side};

/// Runs commands without a client and without recording effects.
pub struct Loader<'n> {
    node: &'n Node,
    engine: engine::Worker<'n>,
    session: Session,
    reply: Vec<u8>,
    clock: u64,
    now: UnixMs,
}

/// A command of a lane.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// Its arguments.
    pub args: Args<'a>,
    /// The database that was selected.
    pub database: DbIndex,
}

/// Who runs a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// This lane, beside the others.
    Lane(usize, DbIndex),
    /// The reader, beside the lanes: it selects a database.
    Beside,
    /// The reader, when all lanes are done.
    Alone,
}

impl<'n> Loader<'n> {
    /// A loader. Nothing is due while it runs, since it was not when the commands were recorded: a key that was made
    /// persistent before its time must survive although that time has passed. What is due at `now` goes afterwards.
    pub fn new(node: &'n Node, side: Side, now: Now) -> Self {
        let mut loader = Self::of_access(node, node.side(side), now);
        loader.engine.access.begin_replay(now.unix);
        loader
    }

    /// The loader of a lane. No worker has begun to run. It is in no batch, and each call of it is one.
    pub fn of_lane(node: &'n Node, lane: usize, now: Now) -> Self {
        Self::of_access(node, WorkerId(lane), now)
    }

    fn of_access(node: &'n Node, worker: WorkerId, now: Now) -> Self {
        let shared = &node.shared;
        let engine = engine::Worker::new(Access::new(&shared.keyspace, worker, 1), worker.0);
        let record = shared.clients.open(worker.0, 0, "loader", "loader", true, now.unix);
        shared.clients.close(&record);
        let session = Session { is_loader: true, ..Session::new(record, Login::initial(&shared.accounts)) };
        Self { node, engine, session, reply: Vec::new(), clock: now.monotonic_ns, now: now.unix }
    }

    /// Another file begins, whose commands have selected no database.
    pub fn begin_file(&mut self) {
        self.session.database = DbIndex(0);
    }

    /// Who runs a command, if there are so many lanes. An error: it has no place in a file.
    pub fn route(&self, buffer: &[u8], ranges: &[Range<usize>], lanes: usize) -> Result<Route, Reason> {
        let args = Args::new(buffer, ranges);
        let prepared = prepare(&args)?;
        Ok(match prepared.lane(&args, &self.node.shared.keyspace, lanes) {
            Some(lane) => Route::Lane(lane, self.session.database),
            None if args.is(0, "SELECT") => Route::Beside,
            None => Route::Alone,
        })
    }

    /// Runs one command; an error reply is the error.
    pub fn apply(&mut self, buffer: &[u8], ranges: &[Range<usize>]) -> Result<(), Reason> {
        let args = Args::new(buffer, ranges);
        let mut prepared = prepare(&args)?;
        let lease = if prepared.is_alone() { Lease::Together } else { Lease::Apart };
        let result = self.run(&mut prepared, &args, lease);
        self.engine.release();
        result
    }

    /// Runs commands of a lane. An error: the place of one that is refused, and why; those behind it have run.
    pub fn apply_all<'a>(
        &mut self,
        mut commands: impl Iterator<Item = Command<'a>>,
    ) -> Result<(), (usize, Reason)> {
        self.engine.access.begin_replay(self.now);
        let mut outcome = Ok(());
        let mut done = 0;
        let mut group: Vec<(Command<'a>, Prepared)> = Vec::with_capacity(GROUP);
        loop {
            group.clear();
            group.extend(commands.by_ref().take(GROUP).map(|command| {
                let prepared = Prepared::new(table().names(), &command.args);
                (command, prepared)
            }));
            if group.is_empty() {
                break;
            }
            if let Err((place, reason)) = self.apply_group(&mut group)
                && outcome.is_ok()
            {
                outcome = Err((done + place, reason));
            }
            done += group.len();
        }
        self.engine.access.end();
        outcome
    }

    /// Commands that can be leased together are, up to the next one that takes its locks by itself.
    fn apply_group(&mut self, group: &mut [(Command<'_>, Prepared)]) -> Result<(), (usize, Reason)> {
        let mut outcome = Ok(());
        let mut at = 0;
        while at < group.len() {
            let others = group[at..].iter().take_while(|(_, prepared)| !prepared.is_alone()).count();
            let end = at + others.max(1);
            for (command, prepared) in &mut group[at..end] {
                self.engine.want(prepared, &command.args, command.database, None);
            }
            let lease = self.engine.lease();
            for (place, (command, prepared)) in group.iter_mut().enumerate().take(end).skip(at) {
                self.session.database = command.database;
                if let Err(reason) = self.run(prepared, &command.args, lease)
                    && outcome.is_ok()
                {
                    outcome = Err((place, reason));
                }
            }
            self.engine.release();
            at = end;
        }
        outcome
    }

    /// Runs one command of a lease.
    fn run(&mut self, prepared: &mut Prepared, args: &Args<'_>, lease: Lease) -> Result<(), Reason> {
        self.reply.clear();
        let environment = Environment { shared: &self.node.shared, host: self.node, meanwhile: None };
        let (session, reply) = (&mut self.session, &mut self.reply);
        self.clock = match lease {
            Lease::Together => self.engine.run(prepared, args, session, reply, environment, self.clock),
            Lease::Apart => self.engine.run_apart(prepared, args, session, reply, environment, self.clock),
        };
        if self.engine.access.has_reclaim() {
            drop(self.engine.access.take_reclaim());
        }
        if prepared.is_unknown() {
            // What Redis says then, so that whoever searches logs for it finds it.
            return Err(format!("Unknown command '{}' reading the append only file", name(args)).into());
        }
        if self.reply.first() == Some(&b'-') {
            let text = String::from_utf8_lossy(&self.reply[1..]);
            let text = text.trim_end().trim_end_matches('.');
            let refused = || format!("the command '{}' is refused: {text}", name(args)).into();
            return Err(self.missing_database(args).unwrap_or_else(refused));
        }
        Ok(())
    }

    /// What is said of a SELECT that is right elsewhere.
    fn missing_database(&self, args: &Args<'_>) -> Option<Reason> {
        let is_select = args.is(0, "SELECT") && args.len() == 2;
        let number = is_select.then(|| parse_u64(args.get(1)))??;
        let databases = self.node.shared.keyspace.databases();
        (number >= databases.into()).then_some(Reason::TooFewDatabases { number, databases })
    }

    /// Runs `body` as one batch of a lane, for what is loaded without commands.
    pub fn batch<R>(&mut self, body: impl FnOnce(&mut Access<'n>) -> R) -> R {
        let access = &mut self.engine.access;
        access.begin_replay(self.now);
        let result = body(access);
        access.end();
        result
    }

    /// The keyspace's access, for what is loaded without commands.
    pub fn access(&mut self) -> &mut Access<'n> {
        &mut self.engine.access
    }
}

/// A command that may stand in a file.
fn prepare(args: &Args<'_>) -> Result<Prepared, String> {
    let prepared = Prepared::new(table().names(), args);
    if !prepared.is_about_data() {
        return Err(format!("the command '{}' has no place in a file of data", name(args)));
    }
    Ok(prepared)
}

fn name(args: &Args<'_>) -> String {
    String::from_utf8_lossy(args.get(0)).into_owned()
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        self.engine.access.end();
    }
}
