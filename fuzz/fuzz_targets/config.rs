//! Fuzzes the readers of configuration; what must hold stands in `checks/config.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/config.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
