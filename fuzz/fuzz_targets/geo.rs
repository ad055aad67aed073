//! Fuzzes the arguments of searches for places; what must hold stands in `checks/geo.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/geo.rs"]
mod check;
#[path = "../checks/commands.rs"]
mod commands;
#[path = "../../crates/engine/tests/machine/mod.rs"]
mod machine;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
