//! Fuzzes the reader of append-only files; what must hold stands in `checks/aof.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/aof.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
