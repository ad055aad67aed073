//! The memory that several workers write: turns of two workers on one keyspace, one behind the other, between stores to a marker.
//! `scripts/shared-lines` lets Valgrind tell of all their stores and counts the cache lines that both have written.
//!
//! ```text
//! cargo run --release -p node --example shared_lines [command [keys [turns]]]
//! ```
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "its threads are a program of their own"
)]
#![allow(clippy::print_stdout, reason = "the marker's place is its output")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use node::Worker;
use stdx::rng::Rng;

mod turns;

use turns::{fill, node_with, now, request, requests, text, turn, worker};

/// Turns before those that count, in which a worker gets the memory that it then keeps.
const WARM_UP: u64 = 5;
const WORKERS: usize = 2;

/// A store to it begins what counts of a worker, and another one ends it.
static MARKER: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "get".to_owned());
    let number = |index| std::env::args().nth(index).and_then(|text| text.parse().ok());
    let (keys, turns) = (number(2).unwrap_or(5000), number(3).unwrap_or(10));
    println!("marker {:p}", &raw const MARKER);
    // Under Valgrind every request is slow.
    let node = node_with(WORKERS, &[("slowlog-log-slower-than", "-1")]);
    fill(&mut worker(&node, 0), keys);
    // Each has its turns while the other waits, so that whose stores are told is known, and lives as long as the other, which would
    // get its stack.
    let (node, barrier, command) = (&node, Barrier::new(WORKERS), text(&name));
    std::thread::scope(|scope| {
        for index in 0..WORKERS {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut worker = worker(node, index);
                for whose in 0..WORKERS {
                    if whose == index {
                        run(&mut worker, index as u64, command, keys, turns);
                    }
                    barrier.wait();
                }
            });
        }
    });
}

/// The turns of a worker.
fn run(worker: &mut Worker<'_>, seed: u64, command: &str, keys: u64, turns: u64) {
    let mut random = Rng::from_seed(seed);
    for number in 0..WARM_UP + turns {
        let (arena, inputs) = requests(|out| request(out, command, &mut || random.below(keys)));
        if number >= WARM_UP {
            MARKER.fetch_add(1, Ordering::Relaxed);
        }
        worker.begin_turn();
        turn(worker, &arena, &inputs);
        worker.tick(now());
        worker.end_turn();
        if number >= WARM_UP {
            MARKER.fetch_add(1, Ordering::Relaxed);
        }
    }
}
