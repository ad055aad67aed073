//! Loading: the commands of an append-only file run again, before any client is served.

use std::ops::Range;

use engine::table::table;
use engine::{Args, Environment, Login, Prepared, Session};
use keyspace::{Access, DbIndex};

use crate::Now;
use crate::node::{Node, Side};

/// Runs commands without a client and without recording effects.
pub struct Loader<'n> {
    node: &'n Node,
    engine: engine::Worker<'n>,
    session: Session,
    reply: Vec<u8>,
    clock: u64,
}

impl<'n> Loader<'n> {
    /// A loader. Nothing is due while it runs, since it was not when the commands were recorded: a key that was made
    /// persistent before its time must survive although that time has passed. What is due at `now` goes afterwards.
    pub fn new(node: &'n Node, side: Side, now: Now) -> Self {
        let shared = &node.shared;
        let worker = node.side(side);
        let mut engine = engine::Worker::new(Access::new(&shared.keyspace, worker, 1), worker.0);
        engine.access.begin_replay(now.unix);
        let record = shared.clients.open(worker.0, 0, "loader", "loader", true, now.unix);
        shared.clients.close(&record);
        let session = Session { is_loader: true, ..Session::new(record, Login::initial(&shared.accounts)) };
        Self { node, engine, session, reply: Vec::new(), clock: now.monotonic_ns }
    }

    /// Another file begins, whose commands have selected no database.
    pub fn begin_file(&mut self) {
        self.session.database = DbIndex(0);
    }

    /// Runs one command; an error reply is the error.
    pub fn apply(&mut self, buffer: &[u8], ranges: &[Range<usize>]) -> Result<(), String> {
        let args = Args::new(buffer, ranges);
        let mut prepared = Prepared::new(table().names(), &args);
        if !prepared.is_about_data() {
            return Err(format!("the command '{}' has no place in a file of data", name(&args)));
        }
        self.reply.clear();
        let environment = Environment { shared: &self.node.shared, host: self.node, meanwhile: None };
        let (session, reply) = (&mut self.session, &mut self.reply);
        self.clock = if prepared.is_alone() {
            self.engine.run(&prepared, &args, session, reply, environment, self.clock)
        } else {
            self.engine.run_apart(&mut prepared, &args, session, reply, environment, self.clock)
        };
        self.engine.release();
        drop(self.engine.access.take_reclaim());
        if self.reply.first() == Some(&b'-') {
            let text = String::from_utf8_lossy(&self.reply[1..]);
            let text = text.trim_end().trim_end_matches('.');
            return Err(format!("the command '{}' is refused: {text}", name(&args)));
        }
        Ok(())
    }

    /// The keyspace's access, for what is loaded without commands.
    pub fn access(&mut self) -> &mut Access<'n> {
        &mut self.engine.access
    }
}

fn name(args: &Args<'_>) -> String {
    String::from_utf8_lossy(args.get(0)).into_owned()
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        self.engine.access.end();
    }
}
