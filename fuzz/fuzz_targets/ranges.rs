//! Fuzzes the ends of ranges of sorted sets; what must hold stands in `checks/ranges.rs`, which also replays the corpus as a
//! test.

#![no_main]

#[path = "../checks/ranges.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
