//! Fuzzes rules of users; what must hold stands in `checks/acl_rules.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/acl_rules.rs"]
mod check;
#[path = "../checks/acl_commands.rs"]
mod commands;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
