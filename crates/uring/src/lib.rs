//! Sockets through io_uring, behind a safe face: what a server's event loop needs of it, and no more.
//!
//! A [`Ring`] belongs to one thread. It receives from sockets without being asked for each piece: the kernel puts
//! what comes into buffers that lie ready for it. Messages are given to the kernel all at once, in the same system
//! call that waits for what comes next ([`Ring::exchange`]). So a turn of an event loop costs one system call,
//! however many sockets take part in it.
//!
//! # Why this is sound
//! The kernel reads and writes memory that Rust knows nothing of. Three rules keep the two apart:
//! - Messages are only borrowed: `exchange` does not return before the kernel is done with every one of them. That
//!   takes no time, for they are sent without waiting (`MSG_DONTWAIT`): a socket that is full says so.
//! - Buffers for what comes belong to the ring. The kernel fills those that it was given and reports each; from then on
//!   it leaves one alone until it is given back, which only whoever has its [`Chunk`] can do, once, to that ring.
//! - The kernel works on requests of a ring only while its thread is in `exchange`, which has the ring for itself
//!   (`IORING_SETUP_DEFER_TASKRUN`), so no look at a buffer meets a write.
//!
//! A system that has no io_uring of at least Linux 6.1, or does not let the process use
//! it, says so when a ring is made.
#![cfg(target_os = "linux")]

mod buffers;
mod ring;

pub use buffers::Chunk;
pub use ring::{End, Event, Message, Ring, Sent, Token, Waker};
