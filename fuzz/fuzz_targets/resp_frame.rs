//! Fuzzes the frame decoder; what must hold stands in `checks/resp_frame.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/resp_frame.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|stream: &[u8]| check::check(stream));
