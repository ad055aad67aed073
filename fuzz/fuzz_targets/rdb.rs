//! Fuzzes the RDB decoder; what must hold stands in `checks/rdb.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/rdb.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
