//! Fuzzes lists of backups; what must hold stands in `checks/backup_list.rs`, which also replays the corpus as a test.

#![no_main]

#[path = "../checks/backup_list.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
