//! Sockets: one stream type for TCP and unix connections, one listener type for their listening ends.
//!
//! The reactor does not care which kind of socket it serves, so the two are enums behind `Read`, `Write`
//! and mio's `Source`. Everything that is set on a socket (backlog, no delay, keep-alive) is set here.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token, event::Source};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// The most seconds that Linux waits before it probes a silent connection.
const MAX_KEEPALIVE_S: u64 = 32_767;

/// A client's end of a connection, without blocking.
#[derive(Debug)]
pub enum Stream {
    /// Over IPv4 or IPv6.
    Tcp(TcpStream),
    /// Over a unix domain socket.
    Unix(UnixStream),
}

/// Where a connection comes from and where it arrived, as CLIENT LIST prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `ip:port` of the client, or `path:0` over a unix socket.
    pub peer: String,
    /// `ip:port` the client connected to, or `path:0`.
    pub local: String,
    /// Whether the client is on this machine: loopback or a unix socket.
    pub is_local: bool,
    /// Whether it came over a unix socket.
    pub is_unix: bool,
}

impl Stream {
    /// The two ends in text; a peer that is gone already has the address `?:0`.
    pub fn endpoints(&self, unix_path: Option<&Path>) -> Endpoints {
        match self {
            Self::Tcp(stream) => {
                let peer = stream.peer_addr().ok();
                Endpoints {
                    peer: peer.map_or_else(|| "?:0".to_owned(), text),
                    local: stream.local_addr().map_or_else(|_| "?:0".to_owned(), text),
                    is_local: peer.is_some_and(|peer| is_loopback(peer.ip())),
                    is_unix: false,
                }
            }
            Self::Unix(_) => {
                let path = unix_path.map_or_else(String::new, |path| path.display().to_string());
                let name = format!("{path}:0");
                Endpoints { peer: name.clone(), local: name, is_local: true, is_unix: true }
            }
        }
    }

    /// Sets what every client connection has: no Nagle delay, and keep-alive probes after `keepalive_s`
    /// seconds of silence (0 = none), at a third of that between probes, as Redis does it. Who asks for longer than the system
    /// can wait gets the longest.
    pub fn prepare(&self, keepalive_s: u64) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(true)?;
        let keepalive_s = keepalive_s.min(MAX_KEEPALIVE_S);
        if keepalive_s > 0 {
            let probe = TcpKeepalive::new()
                .with_time(Duration::from_secs(keepalive_s))
                .with_interval(Duration::from_secs((keepalive_s / 3).max(1)))
                .with_retries(3);
            SockRef::from(stream).set_tcp_keepalive(&probe)?;
        }
        Ok(())
    }
}

/// An address as Redis prints it: IPv6 without brackets.
fn text(address: SocketAddr) -> String {
    format!("{}:{}", plain(address.ip()), address.port())
}

/// IPv4 addresses mapped into IPv6 are shown and judged as the IPv4 address they are.
fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn is_loopback(ip: IpAddr) -> bool {
    plain(ip).is_loopback()
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(pieces),
            Self::Unix(stream) => stream.write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interest),
            Self::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(registry, token, interest),
            Self::Unix(stream) => stream.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream) => stream.deregister(registry),
        }
    }
}

/// A socket that accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// On an IPv4 or IPv6 address.
    Tcp(TcpListener),
    /// On a path; the file is removed when the listener is dropped.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens on `host` (a name or an address) and `port`.
    pub fn tcp(host: &str, port: u16, backlog: i32) -> io::Result<Self> {
        let address = (host, port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address"))?;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        Ok(Self::Tcp(TcpListener::from_std(socket.into())))
    }

    /// Listens on a unix socket. A stale socket file is replaced. With `mode`, the file gets those
    /// permission bits before anyone can connect: between `bind` and `listen`.
    pub fn unix(path: &Path, mode: Option<u32>, backlog: i32) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&socket2::SockAddr::unix(path)?)?;
        if let Some(mode) = mode {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        socket.listen(backlog)?;
        Ok(Self::Unix(UnixListener::from_std(socket.into()), path.to_owned()))
    }

    /// The next waiting connection; `WouldBlock` when there is none.
    pub fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Self::Unix(listener, _) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    /// The path of a unix listener.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(_, path) => Some(path),
        }
    }

    /// The bound TCP port (of interest when port 0 was asked for in a test).
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(..) => None,
        }
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.register(registry, token, interest),
            Self::Unix(listener, _) => listener.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.reregister(registry, token, interest),
            Self::Unix(listener, _) => listener.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.deregister(registry),
            Self::Unix(listener, _) => listener.deregister(registry),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Nothing is lost when the file stays: the next start replaces it.
            let _ = std::fs::remove_file(path);
        }
    }
}
