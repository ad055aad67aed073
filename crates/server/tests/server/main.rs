//! Tests of the running server: the binary in a folder of its own, driven over its sockets, killed and started again,
//! and compared with Debian's redis-server.
//!
//! One test binary with a module for each risk. No test sleeps: each waits for a line of the log, a reply or the end of
//! a connection.

mod appending;
mod backends;
mod background;
mod bad_inputs;
mod busy;
mod command_table;
mod content;
#[cfg(target_os = "linux")]
mod cores;
mod crash;
mod damage;
mod differential;
mod disk;
mod events;
mod faults;
mod figures;
mod formats;
mod functions;
mod harness;
mod hostile_sequences;
mod isolation;
mod lending;
mod limits;
mod listening;
mod loading;
mod logs;
mod memory_bounds;
mod migrate;
mod newer_commands;
mod pipelines;
mod pubsub;
mod renaming;
mod replication;
mod round_trips;
mod saving;
mod scripts;
mod sealing;
mod starts;
mod support;
mod titles;
mod tracking;
mod transcripts;
mod users;
mod waiters;
