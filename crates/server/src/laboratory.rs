//! The crash laboratory: a whole server without threads on a disk that fails and loses power.
//!
//! ```text
//!   script ─► World: workers, persistence thread, saver ─► disk::Double ─► disaster ─► start ─► what is there?
//!                 │                                                                              │
//!                 └─ fingerprint of all data after each request, and when each was acknowledged ─┘
//! ```
//! A [`script`] of requests runs against the server's own parts: the node, the journal, rewrites, saves, recovery. Only sockets and
//! threads are missing: a test decides who goes on when, and a seed decides what chance decides, so the same disaster happens again.
//! At every call of the disk something may go wrong. After that a start must find the data as it was after one of the requests, and
//! after none that is older than what the server had promised ([`Promise`](record::Promise)); or it must refuse.

mod closed;
mod flips;
mod lane;
mod lives;
pub(crate) mod plant;
mod planted;
mod record;
mod script;
mod servant;
mod sweeps;
mod world;
