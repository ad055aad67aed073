//! How a worker waits for its sockets, reads them and sends to them: through epoll, or through io_uring.
//!
//! The reactor is written once. What it sees of either are sockets that may have bytes or room, which it reads and writes as far as
//! that goes. With io_uring the bytes of a socket have been received already when it is read, and short replies are sent with the wait
//! for what comes next.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use config::Config;
use node::{Mailbox, Unfinished};
use tracing::{debug, info};

use super::epoll::Epoll;
#[cfg(target_os = "linux")]
use super::rings::Rings;
use crate::shared::Letter;
use crate::socket::Stream;

/// What has happened at a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Happened {
    pub connection: usize,
    /// There may be bytes to read.
    pub is_readable: bool,
    /// The peer sends nothing any more, or the connection is broken.
    pub is_closed: bool,
    /// There may be room for bytes.
    pub is_writable: bool,
}

/// See the module's text.
pub enum Backend {
    Epoll(Epoll),
    #[cfg(target_os = "linux")]
    Rings(Box<Rings>),
}

/// A backend and the mailbox that wakes it.
pub type WithMailbox = (Backend, Arc<Mailbox<Letter>>);

impl Backend {
    /// Those of all workers, as the configuration wants them. Where the system has no io_uring, or does not let this process use it,
    /// epoll serves, of which the log tells those who have asked for the other.
    pub fn for_workers(config: &Config, workers: usize) -> io::Result<Vec<WithMailbox>> {
        #[cfg(target_os = "linux")]
        if let wanted @ ("auto" | "io-uring") = config.choice(config::Param::IoBackend) {
            match (0..workers).map(|_| Rings::with_mailbox()).collect() {
                Ok(all) => return Ok(all),
                Err(error) if wanted == "auto" => debug!("io_uring cannot be used here: {error}"),
                Err(error) => info!("io_uring cannot be used here ({error}); epoll is used"),
            }
        }
        (0..workers).map(|_| Epoll::with_mailbox()).collect()
    }

    /// What INFO calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Epoll(_) => "epoll",
            #[cfg(target_os = "linux")]
            Self::Rings(_) => "io_uring",
        }
    }

    /// From now on the calling thread uses it.
    pub fn start(&self) -> io::Result<()> {
        match self {
            Self::Epoll(_) => Ok(()),
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.start(),
        }
    }

    /// Begins to watch a connection's socket, for both directions.
    pub fn watch(&mut self, connection: usize, stream: &mut Stream) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.watch(connection, stream),
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.watch(connection, stream),
        }
    }

    /// Waits until something happens, for a time at most, unless something has happened already.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.wait(timeout),
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.exchange(&[], timeout),
        }
    }

    /// Whether short replies go with the next wait ([`Rings::exchange`]).
    pub fn sends_with_wait(&self) -> bool {
        match self {
            Self::Epoll(_) => false,
            #[cfg(target_os = "linux")]
            Self::Rings(_) => true,
        }
    }

    /// What has happened until the last wait.
    pub fn happened(&mut self) -> &mut Vec<Happened> {
        match self {
            Self::Epoll(epoll) => &mut epoll.happened,
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => &mut rings.happened,
        }
    }

    /// Reads a socket, like `read` itself.
    pub fn read(&mut self, connection: usize, stream: &mut Stream, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Epoll(_) => io::Read::read(stream, bytes),
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.read(connection, stream, bytes),
        }
    }

    /// Reads a socket behind the half request that its connection holds, at least so many bytes if there are as many.
    pub fn read_behind(
        &mut self,
        connection: usize,
        stream: &Stream,
        pending: &mut Unfinished,
        least: usize,
    ) -> io::Result<usize> {
        let (buffer, wanted) = pending.room(least);
        match self {
            Self::Epoll(_) => {
                // What is missing may be long and come in many pieces, so the room for it is not filled with zeros first.
                buffer.reserve(wanted);
                Ok(rustix::io::read(stream, rustix::buffer::spare_capacity(buffer))?)
            }
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.read_behind(connection, stream, buffer, wanted),
        }
    }

    /// A connection that may have bytes is not to be read for a while.
    pub fn put_aside(&mut self, connection: usize, stream: &Stream) {
        match self {
            Self::Epoll(_) => {} // they stay where they are
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.put_aside(connection, stream),
        }
    }

    /// A socket is full: tell when it has room.
    pub fn await_room(&mut self, connection: usize, stream: &Stream) {
        match self {
            Self::Epoll(_) => {} // it does
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.await_room(connection, stream),
        }
    }

    /// Closes a connection's socket.
    pub fn close(&mut self, connection: usize, stream: Stream) {
        match self {
            Self::Epoll(epoll) => epoll.close(stream),
            #[cfg(target_os = "linux")]
            Self::Rings(rings) => rings.close(connection, &stream),
        }
    }

    /// The rings, if it is them.
    #[cfg(target_os = "linux")]
    pub fn rings(&mut self) -> Option<&mut Rings> {
        match self {
            Self::Epoll(_) => None,
            Self::Rings(rings) => Some(rings),
        }
    }
}
