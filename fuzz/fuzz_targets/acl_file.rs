//! Fuzzes files of users; what must hold stands in `checks/acl_file.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/acl_file.rs"]
mod check;
#[path = "../checks/acl_commands.rs"]
mod commands;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
