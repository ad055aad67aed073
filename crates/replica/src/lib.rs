//! Replication without I/O: the half of a primary.
//!
//! ```text
//!   runs of the log ─► Encoder (SELECT, MULTI) ─► Stream: offset, Backlog ─► Primary: who gets it now, and who later ─► Notes
//! ```
//! A [`Primary`] is told who wants to follow, what the log holds, and what has become of snapshots; it answers with [`Note`]s, each a
//! thing to be sent to one follower. It knows no socket, file or clock, so what a follower receives can be tested byte by byte.
//!
//! The order of its calls is the order of the stream: the caller makes them under one lock, and gives each follower its notes in the
//! order in which they come.

mod backlog;
mod encoder;
mod primary;

pub use backlog::{Backlog, Window};
pub use encoder::Encoder;
pub use primary::{Asked, Note, Primary, Start, What};
