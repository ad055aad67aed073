//! What GET and SET cost from the bytes of a request to the bytes of its reply: turns of 16 connections that sent 16
//! requests each, on a million random keys, without the system's part.
//!
//! ```text
//! cargo run --release -p node --example hot_turn [keys [turns]]
//! ```
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a stopwatch is a program of its own"
)]
#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use acl::Users;
use config::Config;
use engine::accounts::setting;
use engine::table::Names;
use node::{Identity, Input, Node, Now, Settings, Worker};
use stdx::rng::Rng;
use stdx::time::UnixMs;

#[allow(dead_code, reason = "tests ask what it was told")]
#[path = "../tests/node/machine.rs"]
mod machine;

const CONNECTIONS: usize = 16;
const PIPELINE: usize = 16;
const ROUNDS: usize = 7;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn main() {
    let argument = |index| std::env::args().nth(index).and_then(|text| text.parse().ok());
    let keys: u64 = argument(1).unwrap_or(1_000_000);
    let turns = argument(2).unwrap_or(1000) as usize;
    let mut config = Config::default();
    config.set("appendonly", b"no").expect("it is a legal value");
    let identity = Identity { process_id: 1, threads: 1, ..Identity::default() };
    let clock = || START.elapsed().as_nanos() as u64;
    let users = Users::new(setting(false));
    let node = Node::new(
        Settings { config, names: Names::default(), users, identity, seed: 7, clock },
        Arc::new(machine::FakeMachine::default()),
    );
    let mut worker = Worker::new(&node, 0, 1);
    for _ in 0..CONNECTIONS {
        worker.open(now(), "127.0.0.1:1000", "127.0.0.1:6379", false);
    }
    let mut number = 0;
    while number < keys {
        let (arena, inputs) = requests(|out| {
            set(out, number.min(keys - 1));
            number += 1;
        });
        turn(&mut worker, &arena, &inputs);
    }
    println!("{keys} keys of 16 bytes, values of 64; ns a request, best of {ROUNDS} and median");
    for (name, command) in [("GET", get as fn(&mut Vec<u8>, u64)), ("SET", set)] {
        let mut rng = Rng::from_seed(9);
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| round(&mut worker, turns, || requests(|out| command(out, rng.below(keys)))))
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!("{name} {:4.0} {:4.0}", rounds[0], rounds[ROUNDS / 2]);
    }
}

/// The time of some turns, in ns a request.
fn round(worker: &mut Worker<'_>, turns: usize, mut requests: impl FnMut() -> (Vec<u8>, Vec<Input>)) -> f64 {
    let mut total = 0;
    for _ in 0..turns {
        let (arena, inputs) = requests();
        let start = Instant::now();
        turn(worker, &arena, &inputs);
        total += start.elapsed().as_nanos();
    }
    total as f64 / (turns * CONNECTIONS * PIPELINE) as f64
}

/// What all connections send in a turn.
fn requests(mut request: impl FnMut(&mut Vec<u8>)) -> (Vec<u8>, Vec<Input>) {
    let mut arena = Vec::with_capacity(CONNECTIONS * PIPELINE * 128);
    let inputs = (0..CONNECTIONS)
        .map(|connection| {
            let begin = arena.len();
            (0..PIPELINE).for_each(|_| request(&mut arena));
            Input { connection, range: Range { start: begin, end: arena.len() } }
        })
        .collect();
    (arena, inputs)
}

/// One turn, whose replies are thrown away.
fn turn(worker: &mut Worker<'_>, arena: &[u8], inputs: &[Input]) {
    worker.execute(now(), arena, inputs, &mut |_| now());
    for number in worker.take_writable() {
        let output = worker.output(number);
        assert!(output.bytes()[0] != b'-', "no request fails");
        output.consume(output.len());
        worker.written(number);
    }
}

fn get(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(format!("*2\r\n$3\r\nGET\r\n$16\r\nkey:{number:012}\r\n").as_bytes());
}

fn set(out: &mut Vec<u8>, number: u64) {
    let value = "v".repeat(64);
    out.extend_from_slice(
        format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{number:012}\r\n$64\r\n{value}\r\n").as_bytes(),
    );
}

fn now() -> Now {
    let elapsed = START.elapsed();
    Now {
        unix: UnixMs(1_700_000_000_000 + elapsed.as_millis() as i64),
        monotonic_ns: elapsed.as_nanos() as u64,
    }
}
