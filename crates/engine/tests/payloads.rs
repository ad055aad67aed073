//! While long payloads are made or read, others have the key.

mod machine;

use std::cell::RefCell;
use std::rc::Rc;

use config::LogLevel;
use engine::args::OwnedArgs;
use engine::slices::{Part, Progress};
use engine::{Environment, Login, Prepared, Session, Shared, Worker};
use keyspace::{Access, WorkerId};
use machine::{AT_WORK, LOGGED, Nothing};
use stdx::time::UnixMs;

/// Runs a command of one worker as in a turn of its own, and what it leaves for later; the reply.
fn run(shared: &Shared, worker: &mut Worker<'_>, words: &[&[u8]]) -> String {
    let record = shared.clients.open(0, 0, "127.0.0.1:1", "127.0.0.1:2", false, UnixMs(0));
    let mut session = Session::new(record, Login::initial(&shared.accounts));
    let request: OwnedArgs = words.iter().collect();
    let (args, mut out) = (request.as_args(), Vec::new());
    worker.access.begin(UnixMs(1));
    let mut prepared = Prepared::new(&shared.names, &args);
    worker.want(&mut prepared, &args, session.database, None);
    worker.lease();
    let environment = Environment { shared, host: &Nothing, meanwhile: None };
    worker.run(&prepared, &args, &mut session, &mut out, environment, 0);
    worker.release();
    while let Some(computing) = &mut session.computing {
        while computing.work(|| 0) == Progress::More {}
        worker.finish_computing(&mut session, &mut out, (shared, &Nothing));
    }
    worker.access.end();
    for slice in worker.slices.take().into_iter().rev() {
        let Part::Later(mut producer) = slice.part else { continue };
        let rest = out.split_off(slice.at);
        while producer.produce(&mut out) == Progress::More {}
        out.extend(rest);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn long_values_and_payloads_are_worked_on_while_others_have_the_key() {
    let shared: &'static Shared = Box::leak(Box::new(machine::shared()));
    let mut worker = Worker::new(Access::new(&shared.keyspace, WorkerId(0), 7), 0);
    let long = vec![b'x'; 100_000];
    assert_eq!(run(shared, &mut worker, &[b"SET", b"k", &long]), "+OK\r\n");
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    AT_WORK.set(Some(Box::new(move || {
        let mut other = Access::new(&shared.keyspace, WorkerId(1), 8);
        other.begin(UnixMs(1));
        let shard = other.shard_of(&shared.keyspace.key(b"k"));
        noted.borrow_mut().push(other.try_hold(shard));
        other.unlock();
        other.end();
    })));
    assert_eq!(run(shared, &mut worker, &[b"DUMP", b"k"]), "$7\r\npayload\r\n");
    let reply = run(shared, &mut worker, &[b"RESTORE", b"k", b"0", &long, b"REPLACE"]);
    assert_eq!(reply, "-ERR Bad data format\r\n");
    let logged = (LogLevel::Verbose, "the payload of a RESTORE is refused: it is broken".to_owned());
    assert_eq!(LOGGED.take(), [logged], "what is wrong stands in the log");
    let reply = run(shared, &mut worker, &[b"RESTORE", b"k", b"0", &long]);
    assert!(reply.starts_with("-BUSYKEY"), "{reply}, and nobody looks at the payload");
    assert_eq!(seen.take(), [true, true], "the key is free");
}
