//! Fuzzes the IDs of streams; what must hold stands in `checks/stream_id.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/stream_id.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
