//! One connection of the load: requests out, replies counted, latency recorded.
//!
//! A connection keeps `pipeline` requests in flight as one batch, as redis-benchmark does: it sends a batch,
//! waits for all its replies, and sends the next. In open-loop mode batches are due at times fixed in
//! advance, and the latency of a batch counts from when it was due, so that a stall of the server is charged
//! to every request that would have been sent meanwhile.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use mio::net::{TcpStream, UnixStream};

use crate::replies::{Errors, ReplyCounter};

/// Where to connect.
#[derive(Debug, Clone)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(std::path::PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// The socket of a connection.
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Begins to connect.
    pub fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(*address)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => UnixStream::connect::<&Path>(path).map(Self::Unix),
        }
    }

    /// The socket for the poll.
    pub fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    /// Writes what it takes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }
}

/// Bytes on their way to a server.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// Where more of them are appended.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            match socket.write(&self.bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A connection and the batch it has in flight.
pub struct Connection {
    pub socket: Socket,
    replies: ReplyCounter,
    requests: Outgoing,
    /// Replies of the log-in that come before the first batch's.
    greeting: u64,
    /// Replies still to come for the batch in flight.
    awaited: u64,
    /// Replies to each of its requests.
    replies_each: u64,
    /// When the batch counts as sent, in nanoseconds.
    pub started_ns: u64,
}

/// What a read brought.
pub struct Progress {
    /// Requests of the load that were answered whole.
    pub requests: u64,
    /// Whether the batch is complete.
    pub batch_done: bool,
    /// The errors among them.
    pub errors: Errors,
}

impl Connection {
    /// A connection that first sends `greeting`, which gets `greeting_replies` replies.
    pub fn new(socket: Socket, greeting: &[u8], greeting_replies: u64) -> Self {
        Self {
            socket,
            replies: ReplyCounter::default(),
            requests: Outgoing { bytes: greeting.to_vec(), sent: 0 },
            greeting: greeting_replies,
            awaited: 0,
            replies_each: 1,
            started_ns: 0,
        }
    }

    /// Whether a batch is on its way.
    pub fn is_busy(&self) -> bool {
        self.awaited > 0
    }

    /// Begins a batch of `count` requests that `append` writes, each with so many replies.
    pub fn begin(
        &mut self,
        count: u64,
        replies_each: u64,
        started_ns: u64,
        append: impl FnOnce(&mut Vec<u8>),
    ) {
        debug_assert!(!self.is_busy(), "one batch at a time");
        append(self.requests.room());
        self.awaited = count * replies_each;
        self.replies_each = replies_each;
        self.started_ns = started_ns;
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        self.requests.flush(&mut self.socket)
    }

    /// Reads once; `None` when there is nothing to read.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Progress>> {
        let count = match self.socket.read(buffer) {
            Ok(0) => {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut replies =
            self.replies.count(&buffer[..count]).map_err(|broken| io::Error::other(broken.to_string()))?;
        let greeted = replies.min(self.greeting);
        let errors = self.replies.take_errors();
        if greeted > 0
            && let Some(error) = &errors.first
        {
            return Err(io::Error::other(format!("the server refused the log-in: {error}")));
        }
        self.greeting -= greeted;
        replies -= greeted;
        let was_busy = self.is_busy();
        let unanswered = self.unanswered();
        self.awaited = self
            .awaited
            .checked_sub(replies)
            .ok_or_else(|| io::Error::other("more replies than requests"))?;
        let requests = unanswered - self.unanswered();
        Ok(Some(Progress { requests, batch_done: was_busy && self.awaited == 0, errors }))
    }

    /// Requests of the batch that were not answered whole.
    fn unanswered(&self) -> u64 {
        self.awaited.div_ceil(self.replies_each)
    }
}
