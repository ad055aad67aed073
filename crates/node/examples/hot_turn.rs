//! What commands cost from the bytes of a request to the bytes of its reply: turns of 16 connections that sent 16
//! requests each, without the system's part. Each number in them is drawn from as many as there are keys.
//!
//! ```text
//! cargo run --release -p node --example hot_turn [keys [turns [command ...]]]
//! valgrind --tool=callgrind --toggle-collect='hot_turn::measured_turn' target/release/examples/hot_turn 100000 200 lpush
//! ```
//! Divide what Callgrind counts by the requests that are printed; `scripts/instructions` does so.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a stopwatch is a program of its own"
)]
#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::time::Instant;

use node::{Input, Worker};
use stdx::rng::Rng;

mod turns;

use turns::{REQUESTS, request, requests, text, turn};

const ROUNDS: usize = 7;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let argument = |index| std::env::args().nth(index).and_then(|text| text.parse().ok());
    let keys: u64 = argument(1).unwrap_or(1_000_000);
    let turns = argument(2).unwrap_or(1000) as usize;
    let mut named: Vec<String> = std::env::args().skip(3).collect();
    if named.is_empty() {
        named = vec!["get".into(), "set".into()];
    }
    let node = turns::node(1);
    let mut worker = turns::worker(&node, 0);
    println!("numbers below {keys}, values of 64 bytes; ns a request, best of {ROUNDS} and median");
    for name in named {
        let command = text(&name);
        prepare(&mut worker, &name, keys, turns);
        let mut rng = Rng::from_seed(9);
        let mut draw = || rng.below(keys);
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| round(&mut worker, turns, || requests(|out| request(out, command, &mut draw))))
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!(
            "{name} {:4.0} {:4.0} ({} requests)",
            rounds[0],
            rounds[ROUNDS / 2],
            ROUNDS * turns * REQUESTS
        );
    }
}

/// Fills what a command works on: all keys or members, or a list that lasts.
fn prepare(worker: &mut Worker<'_>, name: &str, keys: u64, turns: usize) {
    let (command, count) = match name {
        "get" | "mset" | "eval" => ("SET key:# _", keys),
        "rpop" => ("LPUSH mylist _", (ROUNDS * turns * REQUESTS) as u64),
        "hget" => (text("hset"), keys),
        "lpush" | "xadd" => return,
        _ => (text(name), keys),
    };
    let mut number = 0;
    while number < count {
        let (arena, inputs) = requests(|out| {
            request(out, command, &mut || number.min(count - 1));
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
    total as f64 / (turns * REQUESTS) as f64
}

/// The time of a turn, in ns. By its name Callgrind knows what to count.
#[inline(never)]
fn measured_turn(worker: &mut Worker<'_>, arena: &[u8], inputs: &[Input]) -> u128 {
    let start = Instant::now();
    turn(worker, arena, inputs);
    start.elapsed().as_nanos()
}
