//! What can go wrong between a client and a server, in words for people.

use crate::Address;
use resp::FrameError;
use std::{fmt, io};

/// Why a connection failed. Only after `Timeout` can it be used further.
#[derive(Debug)]
pub enum Error {
    /// The connection could not be made.
    Connect {
        /// Where to.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// The server refused a command of the handshake.
    Refused {
        /// Which one.
        command: &'static str,
        /// The server's words.
        text: String,
    },
    /// No byte came within the read timeout.
    Timeout,
    /// The server closed the connection.
    Closed,
    /// Reading or writing failed.
    Io(io::Error),
    /// The server's bytes are no reply.
    Protocol(FrameError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, source } => write!(f, "could not connect to {address}: {source}"),
            Self::Refused { command, text } => write!(f, "{command} failed: {text}"),
            Self::Timeout => f.write_str("no reply within the timeout"),
            Self::Closed => f.write_str("server closed the connection"),
            Self::Io(source) => write!(f, "connection failed: {source}"),
            Self::Protocol(source) => write!(f, "protocol error: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect { source, .. } | Self::Io(source) => Some(source),
            Self::Protocol(source) => Some(source),
            Self::Refused { .. } | Self::Timeout | Self::Closed => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            // Which of the two a read timeout gives depends on the platform.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
                Self::Closed
            }
            _ => Self::Io(source),
        }
    }
}

impl From<FrameError> for Error {
    fn from(source: FrameError) -> Self {
        Self::Protocol(source)
    }
}
