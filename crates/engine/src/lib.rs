//! Commands: the table, admission, sessions and execution, without I/O.
//!
//! ```text
//!   args ─► Worker::prepare (look up, hash keys) ─► Worker::lease (lock shards, prefetch) ─► Worker::run
//!                                                                                             │ admission
//!                                                                                             ▼
//!                                                              reply bytes ◄─ handler(ctx, args, reply)
//! ```
//! A command is a row of plain data beside its function ([`command::Command`]); the [`table`] joins the rows of all
//! `commands/*` files. Whatever needs the machine goes through [`host::Host`]. The engine knows no socket, file,
//! thread or clock: a batch comes with its time.

pub mod accounts;
mod admission;
pub mod args;
pub mod blocking;
pub mod client;
pub mod command;
pub mod commandlog;
pub mod commands;
pub mod computing;
pub mod context;
pub mod ending;
pub mod errand;
pub mod error;
pub mod execute;
pub mod fieldset;
pub mod host;
pub mod hotkeys;
pub mod latency;
mod lookout;
pub mod meter;
pub mod migration;
pub mod notifications;
pub mod permission;
pub mod pubsub;
pub mod rates;
pub mod replication;
pub mod reply;
pub mod scripting;
pub mod sealing;
mod secrets;
pub mod session;
pub mod shared;
mod shortlist;
pub mod slices;
pub mod statistics;
pub mod table;
pub mod tips;
pub mod tracking;
mod transaction;

pub use accounts::Login;
pub use args::Args;
pub use command::{Command, Outcome};
pub use context::Context;
pub use error::Error;
pub use execute::{Environment, Eviction, Prepared, Worker};
pub use host::Host;
pub use reply::Reply;
pub use session::Session;
pub use shared::Shared;

/// The version of Redis whose commands and texts this server answers with.
pub const REDIS_VERSION: &str = "8.0.6";
/// This server's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
