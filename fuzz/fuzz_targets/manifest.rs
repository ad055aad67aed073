//! Fuzzes the manifest; what must hold stands in `checks/manifest.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/manifest.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
