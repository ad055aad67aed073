//! The listening sockets, which `port` and `bind` may replace while the server runs.
//!
//! New sockets can rarely be opened beside the old ones: an address that is listened on, alone or as part of `*`, is taken.
//! So the old ones are closed first, and if one of the new ones cannot be opened the old ones are opened again. Clients that
//! connect in between are refused by the system.

use std::io;
use std::path::Path;

use config::{Config, Param};
use mio::{Interest, Poll, Registry, Token};
use parking_lot::{Mutex, MutexGuard};
use tracing::{error, info, warn};

use crate::socket::Listener;
use crate::threads::without_files;

/// See the module's text.
pub struct Listening {
    registry: Registry,
    sockets: Mutex<Sockets>,
    /// Held by whoever replaces them.
    replacing: Mutex<()>,
}

/// The sockets of now.
#[derive(Default)]
pub struct Sockets {
    listeners: Vec<Listener>,
    /// Listeners that may have connections waiting: edge-triggered events come once.
    waiting: Vec<bool>,
}

impl Sockets {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    /// One of them.
    pub fn get(&self, index: usize) -> &Listener {
        &self.listeners[index]
    }

    /// Notes that a socket may have connections waiting, or that it has none. A socket that was replaced is gone.
    pub fn set_waiting(&mut self, index: usize, waits: bool) {
        if let Some(waiting) = self.waiting.get_mut(index) {
            *waiting = waits;
        }
    }

    /// Whether a socket may have connections waiting.
    pub fn is_waiting(&self, index: usize) -> bool {
        self.waiting[index]
    }

    /// Whether some socket may have.
    pub fn is_any_waiting(&self) -> bool {
        self.waiting.contains(&true)
    }
}

impl Listening {
    /// Opens the sockets of a configuration, and the poll that tells of connections.
    pub fn open(config: &Config) -> Result<(Self, Poll), String> {
        let poll = Poll::new().map_err(|error| without_files("connections cannot be awaited", &error))?;
        let registry = poll
            .registry()
            .try_clone()
            .map_err(|error| without_files("connections cannot be awaited", &error))?;
        let listening = Self { registry, sockets: Mutex::default(), replacing: Mutex::default() };
        let mut listeners = tcp_listeners(config)?;
        listeners.extend(unix_listener(config)?);
        if listeners.is_empty() {
            return Err("nothing to listen on: set port, bind or unixsocket".to_owned());
        }
        listening
            .register(listeners)
            .map_err(|error| without_files("connections cannot be awaited", &error))?;
        Ok((listening, poll))
    }

    /// No sockets.
    #[cfg(test)]
    pub fn nowhere() -> Self {
        let poll = Poll::new().expect("a test can wait for events");
        let registry = poll.registry().try_clone().expect("a test can wait for events");
        Self { registry, sockets: Mutex::default(), replacing: Mutex::default() }
    }

    /// The sockets of now.
    pub fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock()
    }

    /// The TCP port, if there is one.
    pub fn port(&self) -> Option<u16> {
        self.sockets.lock().listeners.iter().find_map(Listener::port)
    }

    /// Listens as `new` says and no longer as `old` does; if that fails, as `old` does.
    pub fn replace(&self, old: &Config, new: &Config) -> Result<(), String> {
        let _alone = self.replacing.lock();
        let unix = self.close_tcp();
        let opened = tcp_listeners(new);
        let result = opened.as_ref().map(|_| ()).map_err(Clone::clone);
        let tcp = match opened {
            Ok(listeners) => listeners,
            Err(reason) => {
                warn!("{reason}; going on as before");
                // Nobody took the old addresses in this moment, or nothing can be done.
                tcp_listeners(old).unwrap_or_else(|reason| {
                    error!("{reason}");
                    Vec::new()
                })
            }
        };
        let registered = self.register(tcp.into_iter().chain(unix).collect());
        result.and(registered.map_err(|error| error.to_string()))
    }

    /// Closes all sockets.
    pub fn close(&self) {
        let _alone = self.replacing.lock();
        drop(std::mem::take(&mut *self.sockets.lock()));
    }

    /// Closes the TCP sockets; a unix socket stays.
    fn close_tcp(&self) -> Vec<Listener> {
        let sockets = std::mem::take(&mut *self.sockets.lock());
        let (mut unix, tcp): (Vec<_>, Vec<_>) =
            sockets.listeners.into_iter().partition(|listener| listener.path().is_some());
        for listener in &mut unix {
            // It is registered again under another number; an error would show there.
            let _ = self.registry.deregister(listener);
        }
        drop(tcp);
        unix
    }

    fn register(&self, mut listeners: Vec<Listener>) -> io::Result<()> {
        for (index, listener) in listeners.iter_mut().enumerate() {
            self.registry.register(listener, Token(index), Interest::READABLE)?;
        }
        let waiting = vec![true; listeners.len()];
        *self.sockets.lock() = Sockets { listeners, waiting };
        Ok(())
    }
}

/// The TCP sockets of a configuration. An address with a leading `-` may be missing on this machine.
fn tcp_listeners(config: &Config) -> Result<Vec<Listener>, String> {
    let port = config.integer(Param::Port) as u16;
    let backlog = config.integer(Param::TcpBacklog) as i32;
    let mut listeners = Vec::new();
    for word in config.words(Param::Bind).iter().filter(|_| port != 0) {
        let text = String::from_utf8_lossy(word);
        let (host, optional) = text.strip_prefix('-').map_or((&*text, false), |host| (host, true));
        let host = match host {
            "*" => "0.0.0.0",
            "::*" => "::",
            other => other,
        };
        match Listener::tcp(host, port, backlog) {
            Ok(listener) => listeners.push(listener),
            Err(error) if optional && error.kind() != io::ErrorKind::AddrInUse => {
                info!("not listening on {host}: {error}");
            }
            Err(error) => {
                let remedy = remedy(&error, host);
                return Err(format!("Failed listening on port {port} (tcp, {host}): {error}; {remedy}"));
            }
        }
    }
    Ok(listeners)
}

/// What to do about a socket that cannot be opened.
fn remedy(error: &io::Error, host: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "is another server running there? Stop it, or choose another `port`".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "no interface of this machine has this address; correct `bind`, or write -{host} if it may be missing"
            )
        }
        io::ErrorKind::PermissionDenied => {
            "choose a `port` from 1024 on, or allow the server to bind lower ones".to_owned()
        }
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput => {
            format!(
                "this machine does not speak the protocol of the address; remove it from `bind`, or write -{host}"
            )
        }
        _ => "correct `bind`: addresses of this machine, or names that lead to them".to_owned(),
    }
}

/// The unix socket of a configuration, if it names one.
fn unix_listener(config: &Config) -> Result<Option<Listener>, String> {
    let path = config.text_lossy(Param::Unixsocket);
    if path.is_empty() {
        return Ok(None);
    }
    let mode = config.integer(Param::Unixsocketperm) as u32;
    let backlog = config.integer(Param::TcpBacklog) as i32;
    Listener::unix(Path::new(&*path), (mode != 0).then_some(mode), backlog)
        .map(Some)
        .map_err(|error| {
            format!(
                "cannot listen on {path}: {error}; correct `unixsocket`: a short path in a folder that exists and may be written"
            )
        })
}
