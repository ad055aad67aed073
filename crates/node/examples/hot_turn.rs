//! What commands cost from the bytes of a request to the bytes of its reply: turns of 16 connections that sent 16
//! requests each, without the system's part. Each number in them is drawn from as many as there are keys.
//!
//! ```text
//! cargo run --release -p node --example hot_turn [keys [turns [command ...]]]
//! valgrind --tool=callgrind --toggle-collect='hot_turn::measured_turn' target/release/examples/hot_turn 100000 200 lpush
//! ```
//! Divide what Callgrind counts by the requests that are printed.
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

/// What can be measured. `#` stands for a number of twelve digits, `_` for a value.
const COMMANDS: &[(&str, &str)] = &[
    ("set", "SET key:# _"),
    ("get", "GET key:#"),
    ("incr", "INCR counter:#"),
    ("lpush", "LPUSH mylist _"),
    ("rpop", "RPOP mylist"),
    ("sadd", "SADD myset element:#"),
    ("hset", "HSET myhash element:# _"),
    ("zadd", "ZADD myzset 0 element:#"),
    ("zadd_random", "ZADD myranking # element:#"),
    ("xadd", "XADD mystream * myfield _"),
    ("mset", "MSET key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _"),
];

fn main() {
    let argument = |index| std::env::args().nth(index).and_then(|text| text.parse().ok());
    let keys: u64 = argument(1).unwrap_or(1_000_000);
    let turns = argument(2).unwrap_or(1000) as usize;
    let mut named: Vec<String> = std::env::args().skip(3).collect();
    if named.is_empty() {
        named = vec!["get".into(), "set".into()];
    }
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
    println!("numbers below {keys}, values of 64 bytes; ns a request, best of {ROUNDS} and median");
    for name in named {
        let text = COMMANDS.iter().find(|(known, _)| *known == name).expect("the command is known").1;
        prepare(&mut worker, &name, keys, turns);
        let mut rng = Rng::from_seed(9);
        let mut draw = || rng.below(keys);
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| round(&mut worker, turns, || requests(|out| request(out, text, &mut draw))))
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!(
            "{name} {:4.0} {:4.0} ({} requests)",
            rounds[0],
            rounds[ROUNDS / 2],
            ROUNDS * turns * CONNECTIONS * PIPELINE
        );
    }
}

/// Fills what a command works on: all keys or members, or a list that lasts.
fn prepare(worker: &mut Worker<'_>, name: &str, keys: u64, turns: usize) {
    let (text, count) = match name {
        "get" | "mset" => ("SET key:# _", keys),
        "rpop" => ("LPUSH mylist _", (ROUNDS * turns * CONNECTIONS * PIPELINE) as u64),
        "lpush" | "xadd" => return,
        _ => (COMMANDS.iter().find(|(known, _)| *known == name).expect("the command is known").1, keys),
    };
    let mut number = 0;
    while number < count {
        let (arena, inputs) = requests(|out| {
            request(out, text, &mut || number.min(count - 1));
            number += 1;
        });
        turn(worker, &arena, &inputs);
    }
}

/// The time of some turns, in ns a request.
fn round(worker: &mut Worker<'_>, turns: usize, mut requests: impl FnMut() -> (Vec<u8>, Vec<Input>)) -> f64 {
    let mut total = 0;
    for _ in 0..turns {
        let (arena, inputs) = requests();
        total += measured_turn(worker, &arena, &inputs);
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

/// The time of a turn, in ns. By its name Callgrind knows what to count.
#[inline(never)]
fn measured_turn(worker: &mut Worker<'_>, arena: &[u8], inputs: &[Input]) -> u128 {
    let start = Instant::now();
    turn(worker, arena, inputs);
    start.elapsed().as_nanos()
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

/// Appends a request; see [`COMMANDS`].
fn request(out: &mut Vec<u8>, text: &str, draw: &mut impl FnMut() -> u64) {
    out.extend_from_slice(format!("*{}\r\n", text.split(' ').count()).as_bytes());
    for word in text.split(' ') {
        let word = match (word, word.split_once('#')) {
            ("_", _) => "v".repeat(64),
            (_, Some((before, after))) => format!("{before}{:012}{after}", draw()),
            _ => word.to_owned(),
        };
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

fn now() -> Now {
    let elapsed = START.elapsed();
    Now {
        unix: UnixMs(1_700_000_000_000 + elapsed.as_millis() as i64),
        monotonic_ns: elapsed.as_nanos() as u64,
    }
}
