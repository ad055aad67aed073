//! Scripts: which are known, and how one runs.
//!
//! ```text
//!   EVAL  ─► Scripts (shared: text by name) ───────┬─► Interpreters (a worker's: compiled) ─► run ─► script::Interpreter
//!   FCALL ─► keyspace::Libraries (shared: texts) ──┘                                                │ redis.call
//!                                                                                                   ▼
//!                                                                   the command's handler, under the same locks
//! ```
//! Libraries of functions belong to the data: they live in the keyspace, are in its snapshots and in its log.
//!
//! A script holds the shards of the keys that it declares. If it wants another key, or a command that needs everything, what it
//! has done is undone (`keyspace::Access::undo`) and it runs again with the gate closed; the script is remembered as one that
//! does so, and the next time it closes the gate at once. Scripts that declare their keys run beside each other on all
//! workers; those that do not have the keyspace to themselves.
//!
//! A script that runs for longer than `busy-reply-threshold` is *busy*. Its own worker goes on serving clients in turns within its turn
//! (`meanwhile`), where all that is not allowed while a script is busy is answered with BUSY, as Redis does it. Other workers
//! run commands whose keys are free as ever, and answer those that want what the script holds with BUSY instead of waiting. So
//! every client can ask for the script to be killed.
//!
//! All effects of a script are one unit in the log. The clock stands still while it runs.

mod calls;
mod flags;
mod functions;
mod interpreters;
mod known;
mod library;
mod meanwhile;
mod run;
mod running;

use config::LogLevel;

pub(crate) use flags::{ScriptFlags, declared};
pub(crate) use interpreters::Compiled;
pub use interpreters::Interpreters;
pub(crate) use known::Source;
pub use known::{ScriptFigures, Scripts};
pub use library::LibraryCompiler;
pub(crate) use library::{Loading, read_head};
pub use meanwhile::{Lent, Meanwhile};
pub(crate) use run::{Job, Program, run};
pub use running::Running;
pub(crate) use running::{BusyRun, Kind};

/// The level behind a number of `redis.log`.
fn level_of(number: u8) -> LogLevel {
    match number {
        0 => LogLevel::Debug,
        1 => LogLevel::Verbose,
        2 => LogLevel::Notice,
        _ => LogLevel::Warning,
    }
}
