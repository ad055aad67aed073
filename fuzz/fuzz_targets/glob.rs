//! Fuzzes glob patterns; what must hold stands in `checks/glob.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/glob.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
