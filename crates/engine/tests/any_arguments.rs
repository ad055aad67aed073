//! Every command of the table with arguments of every kind, alone, in pipelines and in transactions: each is answered,
//! and none reaches a panic.
//!
//! The arguments are drawn from what breaks things (extreme numbers, empty and odd words, keys of other types) and
//! from the words of the command's own syntax, so that options are met in every combination. The seed is fixed.

mod machine;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::args::OwnedArgs;
use engine::execute::Lease;
use engine::table::table;
use engine::{Environment, Login, Prepared, Session, Shared, Worker};
use keyspace::{Access, WorkerId};
use machine::Nothing;
use stdx::rng::Rng;
use stdx::time::UnixMs;

/// Pipelines that are sent.
const PIPELINES: usize = 200_000;
/// The longest string, so that an extreme offset does not fill the memory.
const MAX_STRING: i64 = 64 * 1024;

/// Words that any argument may be.
const WORDS: &[&[u8]] = &[
    b"",
    b"0",
    b"1",
    b"-1",
    b"2",
    b"10",
    b"64",
    b"1000000",
    b"-1000000",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1.5",
    b"-0",
    b"inf",
    b"nan",
    b"1e400",
    b"a",
    b"b",
    b"c",
    b"{t}1",
    b"{t}2",
    b"f",
    b"g",
    b"*",
    b"[",
    b"\\",
    b"\r\n+OK",
    b"\x00\xff",
    b"u8",
    b"i64",
    b"u63",
    b"#9223372036854775807",
];

/// A request: a command of the table with words of its syntax and others.
fn request(rng: &mut Rng) -> OwnedArgs {
    let rows = table().rows();
    let row = rows[rng.below(rows.len() as u64) as usize];
    let mut words: Vec<Vec<u8>> = row.container.iter().map(|container| container.name.into()).collect();
    words.push(row.command.name.into());
    let syntax: Vec<&str> = row
        .command
        .syntax
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let arity = row.command.arity.unsigned_abs() as usize;
    let wanted = if rng.below(8) == 0 { rng.below(12) as usize } else { arity + rng.below(8) as usize };
    while words.len() < wanted {
        let word = match rng.below(10) {
            0..=2 if !syntax.is_empty() => syntax[rng.below(syntax.len() as u64) as usize].as_bytes(),
            // Keys, so that commands of all types meet each other.
            3..=5 => [&b"a"[..], b"b", b"c", b"{t}1"][rng.below(4) as usize],
            _ => WORDS[rng.below(WORDS.len() as u64) as usize],
        };
        words.push(word.to_vec());
    }
    words.into_iter().collect()
}

/// Runs a pipeline as a worker does: prepared together, leased together, run in order.
fn run(worker: &mut Worker<'_>, shared: &Shared, session: &mut Session, pipeline: &[OwnedArgs]) {
    let mut group = Vec::new();
    for request in pipeline {
        let mut prepared = Prepared::new(&shared.names, &request.as_args());
        let is_alone = prepared.is_alone();
        if is_alone {
            run_group(worker, shared, session, &mut group);
        }
        worker.want(&mut prepared, &request.as_args(), session.database, None);
        group.push((prepared, request));
        if is_alone {
            run_group(worker, shared, session, &mut group);
        }
    }
    run_group(worker, shared, session, &mut group);
}

fn run_group(
    worker: &mut Worker<'_>,
    shared: &Shared,
    session: &mut Session,
    group: &mut Vec<(Prepared, &OwnedArgs)>,
) {
    let is_alone = matches!(&group[..], [(only, _)] if only.is_alone());
    if !is_alone {
        assert_eq!(worker.lease(), Lease::Together, "nobody else is there");
    }
    for (prepared, request) in group.drain(..) {
        let mut out = Vec::new();
        let args = request.as_args();
        let environment = Environment { shared, host: &Nothing, meanwhile: None };
        worker.run(&prepared, &args, session, &mut out, environment, 0);
        let words: Vec<_> = args.from(0).map(String::from_utf8_lossy).collect();
        assert!(!out.windows(14).any(|text| text == b"internal error"), "{words:?}");
        session.closing = false;
        // The client goes on without an answer, and its place in the queues stays for others to serve.
        session.waiting = None;
        worker.feeder.take_answers();
    }
    if !is_alone {
        worker.release();
    }
    worker.feed_later(shared, &Nothing);
}

#[test]
fn no_command_panics_whatever_its_arguments_and_neighbours() {
    let shared = machine::shared();
    shared.hot.max_bulk_bytes.store(MAX_STRING, Ordering::Relaxed);
    let mut worker = Worker::new(Access::new(&shared.keyspace, WorkerId(0), 7), 0);
    let record = shared.clients.open(0, 0, "127.0.0.1:1", "127.0.0.1:2", false, UnixMs(0));
    let mut session = Session::new(record, Login::initial(&shared.accounts));
    let mut rng = Rng::from_seed(2024);
    let mut log = keyspace::log::Run::default();
    for turn in 0..PIPELINES {
        worker.access.begin(UnixMs(1_700_000_000_000 + turn as i64));
        let pipeline: Vec<OwnedArgs> = (0..=rng.below(6)).map(|_| request(&mut rng)).collect();
        run(&mut worker, &shared, &mut session, &pipeline);
        worker.access.end();
        shared.keyspace.log().take(&mut log);
        log.clear();
        drop(worker.access.take_reclaim());
        shared.clients.unpause();
    }
}

#[test]
fn a_command_behind_the_end_of_a_transaction_in_one_pipeline_has_its_locks() {
    let shared = machine::shared();
    shared.hot.max_bulk_bytes.store(MAX_STRING, Ordering::Relaxed);
    let mut worker = Worker::new(Access::new(&shared.keyspace, WorkerId(0), 7), 0);
    let record = shared.clients.open(0, 0, "127.0.0.1:1", "127.0.0.1:2", false, UnixMs(0));
    for end in ["DISCARD", "RESET"] {
        let mut session = Session::new(Arc::clone(&record), Login::initial(&shared.accounts));
        worker.access.begin(UnixMs(1));
        let words = |words: &[&str]| words.iter().copied().collect::<OwnedArgs>();
        run(&mut worker, &shared, &mut session, &[words(&["MULTI"])]);
        run(
            &mut worker,
            &shared,
            &mut session,
            &[words(&[end]), words(&["SET", "a", "1"]), words(&["GET", "a"])],
        );
        worker.access.end();
    }
}
