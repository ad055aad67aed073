//! Where to connect and how.

use resp::{FrameLimits, Protocol};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host name or address, and a port.
    Tcp {
        /// Name, IPv4 or IPv6 address without brackets.
        host: String,
        /// Port number.
        port: u16,
    },
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// How to connect.
#[derive(Clone)]
pub struct Options {
    /// Where the server listens.
    pub address: Address,
    /// How long to wait for the connection, for each address of a host; `None` leaves it to the system.
    pub connect_timeout: Option<Duration>,
    /// How long to wait for bytes of a reply; `None` waits for ever.
    pub read_timeout: Option<Duration>,
    /// The user to authenticate; without one the default user.
    pub username: Option<String>,
    /// The password; without one the handshake does not authenticate.
    pub password: Option<Vec<u8>>,
    /// The protocol to speak; RESP3 is negotiated with `HELLO 3`.
    pub protocol: Protocol,
    /// The database to select.
    pub database: u32,
    /// The name to set with `CLIENT SETNAME`.
    pub client_name: Option<String>,
    /// How much of a reply is believed.
    pub limits: FrameLimits,
}

impl Options {
    /// The defaults, for a server at a host and port.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self { address: Address::Tcp { host: host.into(), port }, ..Self::default() }
    }

    /// The defaults, for a server at a unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { address: Address::Unix(path.into()), ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: Address::Tcp { host: "127.0.0.1".to_owned(), port: 6379 },
            connect_timeout: None,
            read_timeout: None,
            username: None,
            password: None,
            protocol: Protocol::Resp2,
            database: 0,
            client_name: None,
            limits: FrameLimits::default(),
        }
    }
}

impl fmt::Debug for Options {
    /// All but the password, which must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("address", &self.address)
            .field("username", &self.username)
            .field("has_password", &self.password.is_some())
            .field("protocol", &self.protocol)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
