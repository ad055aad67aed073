//! Fuzzes what `checks/layout.rs` tells; it is also replayed as a test.

#![no_main]

#[path = "../checks/layout.rs"]
mod check;
#[path = "../checks/lua.rs"]
mod lua;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
