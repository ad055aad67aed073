//! Transcripts: commands and the replies they must get, in plain text, and the judge that compares them with a server's.
//!
//! ```text
//!   text ─► Transcript ─► judge ─► Stand ─► a server: in process, over TCP, ours or a peer
//!                           │        │
//!                       Verdict ◄─ reply, printed as redis-cli prints it
//! ```
//!
//! The format is told in `tests/transcripts/README.md`. There is one parser and one judge; what differs between the
//! servers that are judged is the [`Stand`]: how a command reaches the server, and whether time can be turned.
//!
//! Only tests and tools use this crate.

mod document;
mod folder;
mod judge;
mod peer;
mod print;
mod remote;
mod words;

pub use document::{Action, Section, Step, SyntaxError, Transcript};
pub use folder::all;
pub use judge::{Difference, Judge, Reply, Stand, Verdict};
pub use peer::Peer;
pub use remote::Remote;
