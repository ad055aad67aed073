//! The whole product without I/O: input to output.
//!
//! A [`Node`] holds what all threads share; each worker thread has a [`Worker`]. The shell around it reads sockets into
//! an arena, calls [`Worker::execute`] once a turn, and sends what [`Worker::output`] holds. Whatever the node needs of
//! the machine it asks of the [`Machine`] it was given: time comes with the calls, bytes come and go as slices.
//!
//! ```text
//!    bytes ─► Worker::execute ─► decode ─► group of 16 ─► engine ─► Output ─► bytes
//!                  │                                        │
//!                  └────────► Machine::write_log ◄── log ◄──┘
//!                                  └─► at once, or Mail::Released later ─► outputs go
//! ```

mod connection;
mod eviction;
mod host;
mod loader;
mod machine;
mod mailbox;
mod measuring;
mod node;
mod output;
mod output_limit;
mod payload;
mod unfinished;
mod worker;

pub use connection::Connection;
pub use engine::host::{AllocatorValue, MemoryFigures, PersistenceFigures, Refusal, Reload, Shutdown};
pub use engine::shared::Identity;
pub use loader::{Command, Loader, Route};
pub use machine::{Dead, Image, Machine, Mail, Parcel};
pub use mailbox::Mailbox;
pub use node::{CANNOT_END, Node, Settings, Side};
pub use output::Output;
pub use output_limit::OutputLimit;
pub use unfinished::Unfinished;
pub use worker::{Input, TurnWithin, Worker};

use stdx::time::UnixMs;

/// The two times of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time.
    pub unix: UnixMs,
    /// Nanoseconds since some moment; never goes back.
    pub monotonic_ns: u64,
}
