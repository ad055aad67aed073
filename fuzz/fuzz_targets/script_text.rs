//! Fuzzes what `checks/script_text.rs` tells; it is also replayed as a test.

#![no_main]

#[path = "../checks/script_text.rs"]
mod check;
#[path = "../checks/lua.rs"]
mod lua;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
