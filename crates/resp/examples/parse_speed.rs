//! How long it takes to decode a request and to encode a reply, in nanoseconds:
//! `cargo run --release -p resp --example parse_speed`.
//!
//! Requests lie in a buffer of 16 as a pipelining client sends them; the figure is the best of several rounds, because on
//! a shared machine everything above the best is somebody else's work.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]
#![expect(clippy::disallowed_types, reason = "a stopwatch reads the clock")]

use resp::{Decoded, Encoder, Limits, Protocol, RequestDecoder, write_command};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 20;
const REPEATS: usize = 20_000;
const BATCH: usize = 16;

fn main() {
    let value = "v".repeat(64);
    for (name, args) in [
        ("GET, 16-byte key", vec!["GET", "key:000000012345"]),
        ("SET, 16-byte key, 64-byte value", vec!["SET", "key:000000012345", &value]),
        ("MSET, 10 keys", [&["MSET"][..], &["key:000000012345", "value"].repeat(10)].concat()),
    ] {
        let mut stream = Vec::new();
        for _ in 0..BATCH {
            write_command(&mut stream, &args);
        }
        println!("{:6.1} ns  decode {name}", best(|| decode_all(black_box(&stream))));
    }
    let mut out = Vec::new();
    let encode = || {
        out.clear();
        let mut encoder = Encoder::new(&mut out, Protocol::Resp2);
        for _ in 0..BATCH {
            encoder.bulk(black_box(&value));
        }
    };
    println!("{:6.1} ns  encode a bulk reply of 64 bytes", best(encode));
}

/// Decodes every request of a stream.
fn decode_all(stream: &[u8]) {
    let limits = Limits::default();
    let mut decoder = RequestDecoder::new();
    let mut args = Vec::with_capacity(32);
    let mut rest = stream;
    while let Ok(Decoded::Request { consumed }) = decoder.decode(rest, &limits, &mut args) {
        black_box(&args);
        args.clear();
        rest = &rest[consumed..];
    }
}

/// Nanoseconds for one of the `BATCH` operations that `run` performs, in the best round.
fn best(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..REPEATS {
            run();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (REPEATS * BATCH) as f64);
    }
    best
}
