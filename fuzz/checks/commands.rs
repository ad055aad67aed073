//! Commands for checks: an engine of one worker, which keeps what it was given from one check to the next.

use std::cell::RefCell;

use engine::args::OwnedArgs;
use engine::execute::Lease;
use engine::{Environment, Login, Prepared, Session, Shared, Worker};
use keyspace::{Access, WorkerId};
use stdx::time::UnixMs;

use crate::machine::{self, Nothing};

/// A worker with a client.
struct Engine {
    shared: &'static Shared,
    worker: Worker<'static>,
    session: Session,
}

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new(Engine::new());
}

impl Engine {
    fn new() -> Self {
        // It lasts as long as the process.
        let shared: &'static Shared = Box::leak(Box::new(machine::shared()));
        let worker = Worker::new(Access::new(&shared.keyspace, WorkerId(0), 7), 0);
        let record = shared.clients.open(0, 0, "127.0.0.1:1", "127.0.0.1:2", false, UnixMs(0));
        let session = Session::new(record, Login::initial(&shared.accounts));
        Self { shared, worker, session }
    }

    fn run(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let request: OwnedArgs = words.iter().collect();
        let (args, mut out) = (request.as_args(), Vec::new());
        self.worker.access.begin(UnixMs(1));
        let mut prepared = Prepared::new(&self.shared.names, &args);
        let is_alone = prepared.is_alone();
        self.worker.want(&mut prepared, &args, self.session.database, None);
        if !is_alone {
            assert_eq!(self.worker.lease(), Lease::Together, "nobody else is there");
        }
        let environment = Environment { shared: self.shared, host: &Nothing, meanwhile: None };
        self.worker.run(&prepared, &args, &mut self.session, &mut out, environment, 0);
        if !is_alone {
            self.worker.release();
        }
        self.worker.access.end();
        // Nobody reads what the log has and what is no longer needed.
        let mut log = keyspace::log::Run::default();
        self.shared.keyspace.log().take(&mut log);
        drop(self.worker.access.take_reclaim());
        out
    }
}

/// The reply to a command.
pub(crate) fn run(words: &[&[u8]]) -> Vec<u8> {
    let reply = ENGINE.with_borrow_mut(|engine| engine.run(words));
    assert!(!reply.starts_with(b"-ERR internal error"), "{words:?}");
    reply
}
