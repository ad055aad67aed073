//! Fuzzes payloads of RESTORE; what must hold stands in `checks/restore.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/restore.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
