//! What the commands that matter most allocate in a turn, from the bytes of their requests to those of their replies: nothing.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the turns read a clock")]

#[path = "../examples/turns/mod.rs"]
#[allow(dead_code, reason = "the examples draw and measure more")]
mod turns;

use tikv_jemalloc_ctl::thread;
use turns::{request, requests, text, turn};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Keys, so that each turn asks for all of them.
const KEYS: u64 = turns::REQUESTS as u64;

#[test]
fn reading_values_and_replacing_them_by_values_as_long_allocates_nothing() {
    for command in ["get", "set", "incr"] {
        assert_eq!(allocated(command), 0, "bytes in a turn of {command}");
    }
}

#[test]
fn what_grows_is_seen_to_allocate() {
    assert!(allocated("lpush") > 0);
}

/// Bytes that a turn of a command allocates when there have been such turns before.
fn allocated(command: &str) -> u64 {
    let node = turns::node(1);
    let mut worker = turns::worker(&node, 0);
    let mut number = 0;
    let mut next = || {
        number = (number + 1) % KEYS;
        number
    };
    for command in ["set", command, command] {
        let (arena, inputs) = requests(|out| request(out, text(command), &mut next));
        turn(&mut worker, &arena, &inputs);
    }
    let (arena, inputs) = requests(|out| request(out, text(command), &mut next));
    let allocated = thread::allocatedp::read().expect("the allocator counts for each thread");
    let before = allocated.get();
    turn(&mut worker, &arena, &inputs);
    allocated.get() - before
}
