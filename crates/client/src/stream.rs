//! A socket of either family behind one type.

use crate::{Address, Error};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// Over the network.
    Tcp(TcpStream),
    /// Within the machine.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    /// Connects; a host with several addresses is tried address by address.
    pub fn connect(address: &Address, timeout: Option<Duration>) -> Result<Self, Error> {
        let connected = match address {
            Address::Tcp { host, port } => connect_tcp(host, *port, timeout).map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        connected.map_err(|source| Error::Connect { address: address.clone(), source })
    }

    /// How long a read waits; `None` for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        // The system refuses a zero timeout, which here can only mean the shortest.
        let timeout = timeout.map(|timeout| timeout.max(Duration::from_micros(1)));
        let set = match self {
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(timeout),
        };
        Ok(set?)
    }

    /// How long a write waits for room; `None` for ever.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let timeout = timeout.map(|timeout| timeout.max(Duration::from_micros(1)));
        let set = match self {
            Self::Tcp(stream) => stream.set_write_timeout(timeout),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_write_timeout(timeout),
        };
        Ok(set?)
    }

    /// Whether it is open and there is nothing to read. A byte that there is gets lost, for whoever asks wants none.
    pub(crate) fn is_silent(&mut self) -> bool {
        let is_open = self.set_nonblocking(true).is_ok();
        let read = self.read(&mut [0]);
        let waits = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_open && waits && self.set_nonblocking(false).is_ok()
    }

    fn set_nonblocking(&self, is_wanted: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(is_wanted),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_nonblocking(is_wanted),
        }
    }

    /// A second handle to the same socket, so that one thread can write while another reads.
    pub fn try_clone(&self) -> Result<Self, Error> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            #[cfg(unix)]
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }
}

fn connect_tcp(host: &str, port: u16, timeout: Option<Duration>) -> io::Result<TcpStream> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in (host, port).to_socket_addrs()? {
        let connected = match timeout {
            Some(timeout) => TcpStream::connect_timeout(&address, timeout.max(Duration::from_micros(1))),
            None => TcpStream::connect(address),
        };
        match connected {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Tcp(stream) => stream.read(buffer),
                #[cfg(unix)]
                Self::Unix(stream) => stream.read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.flush(),
        }
    }
}
