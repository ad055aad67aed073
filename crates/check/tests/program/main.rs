//! The program with real files: those of the server of this workspace and, where it is there, of redis-server 7.0,
//! whose checkers say what they think of the same files.
#![allow(clippy::print_stdout, reason = "all of this is a test")]

mod backups;
mod cutting;
mod foreign;
mod inputs;
mod salvaging;
mod starting;
mod support;
