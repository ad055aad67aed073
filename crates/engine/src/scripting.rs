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
//! A script that runs for longer than `busy-reply-threshold` is *busy*. Its worker serves nobody meanwhile; new clients go to others. There,
//! commands whose keys are free run as ever, and those that want what the script holds are answered with BUSY instead of
//! waiting, so that every other worker can be asked to kill it.
//!
//! All effects of a script are one unit in the log. The clock stands still while it runs.

mod calls;
mod flags;
mod functions;
mod interpreters;
mod known;
mod library;
mod run;
mod running;

pub(crate) use flags::{ScriptFlags, declared};
pub(crate) use interpreters::Compiled;
pub use interpreters::Interpreters;
pub(crate) use known::Source;
pub use known::{ScriptFigures, Scripts};
pub use library::LibraryCompiler;
pub(crate) use library::{Loading, read_head};
pub(crate) use run::{Job, Program, run};
pub use running::Running;
pub(crate) use running::{BusyRun, Kind};
