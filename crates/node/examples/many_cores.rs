//! What workers cost each other: turns of several workers at a time on one keyspace, and of as many that share nothing, each with
//! its part of the keys. Where both take the same time, nothing that is written is shared. Without sockets and the system.
//!
//! ```text
//! cargo run --release -p node --example many_cores [keys [turns [command ...]]]
//! ```
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a stopwatch and its threads are a program of their own"
)]
#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::sync::Barrier;
use std::time::Instant;

use node::{Input, Node, Worker};
use stdx::rng::Rng;

mod turns;

use turns::{REQUESTS, fill, node, request, requests, text, turn, worker};

const ROUNDS: usize = 3;
/// Different turns of a worker, which it repeats.
const PREPARED: usize = 64;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is measured.
struct Load {
    command: &'static str,
    keys: u64,
    turns: usize,
}

fn main() {
    let argument = |index| std::env::args().nth(index).and_then(|text| text.parse().ok());
    let (keys, turns) = (argument(1).unwrap_or(1_000_000), argument(2).unwrap_or(2000) as usize);
    let mut named: Vec<String> = std::env::args().skip(3).collect();
    if named.is_empty() {
        named = vec!["get".into(), "set".into()];
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let counts: Vec<usize> = (0..16).map(|power| 1 << power).filter(|&count| count <= cores).collect();
    println!("numbers below {keys}, values of 64 bytes; ns a request of each worker, median of {ROUNDS};");
    println!("million requests a second of all, and how many times those of one worker");
    for name in named {
        let load = Load { command: text(&name), keys, turns };
        let mut alone = None;
        for &count in &counts {
            let (shared, apart) = (together(&load, count), apart(&load, count));
            let rate = count as f64 * 1000.0 / shared;
            let first = *alone.get_or_insert(rate);
            println!(
                "{name:8} {count:2} workers: together {shared:5.0} ns, apart {apart:5.0} ns ({:.2}); {rate:6.1} M/s ({:.1}x)",
                shared / apart,
                rate / first
            );
        }
    }
}

/// Workers of one node.
fn together(load: &Load, count: usize) -> f64 {
    let node = node(count);
    fill(&mut worker(&node, 0), load.keys);
    measure(load, load.keys, &(0..count).map(|index| (&node, index)).collect::<Vec<_>>())
}

/// Nodes of one worker, each with its part of the keys.
fn apart(load: &Load, count: usize) -> f64 {
    let keys = (load.keys / count as u64).max(1);
    let nodes: Vec<_> = (0..count).map(|_| node(1)).collect();
    nodes.iter().for_each(|node| fill(&mut worker(node, 0), keys));
    measure(load, keys, &nodes.iter().map(|node| (node, 0)).collect::<Vec<_>>())
}

/// Runs a worker of each node at the same time; returns ns a request, as the slowest takes.
fn measure(load: &Load, keys: u64, workers: &[(&Node, usize)]) -> f64 {
    let barrier = Barrier::new(workers.len());
    let mut rounds = [0.0_f64; ROUNDS];
    std::thread::scope(|scope| {
        let barrier = &barrier;
        let threads: Vec<_> = workers
            .iter()
            .enumerate()
            .map(|(seed, &(node, index))| {
                scope.spawn(move || {
                    let mut worker = worker(node, index);
                    let prepared = prepare(load.command, keys, seed as u64);
                    (0..ROUNDS)
                        .map(|_| round(&mut worker, &prepared, load.turns, barrier))
                        .collect::<Vec<f64>>()
                })
            })
            .collect();
        for thread in threads {
            let times = thread.join().expect("a worker ends well");
            rounds.iter_mut().zip(times).for_each(|(slowest, time)| *slowest = slowest.max(time));
        }
    });
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The time of some turns that begin when those of the others do, in ns a request.
fn round(
    worker: &mut Worker<'_>,
    prepared: &[(Vec<u8>, Vec<Input>)],
    turns: usize,
    barrier: &Barrier,
) -> f64 {
    barrier.wait();
    let start = Instant::now();
    for (arena, inputs) in prepared.iter().cycle().take(turns) {
        turn(worker, arena, inputs);
    }
    start.elapsed().as_nanos() as f64 / (turns * REQUESTS) as f64
}

/// Turns with random numbers.
fn prepare(command: &str, keys: u64, seed: u64) -> Vec<(Vec<u8>, Vec<Input>)> {
    let mut rng = Rng::from_seed(seed);
    (0..PREPARED).map(|_| requests(|out| request(out, command, &mut || rng.below(keys)))).collect()
}
