//! The service manager: `supervised systemd` (or `auto`) tells it when clients are served and when the server ends, over the
//! socket that the manager names in the environment.

use std::io;
use std::os::unix::net::UnixDatagram;

use config::{Config, Param};
use tracing::{info, warn};

/// How the manager names its socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Whoever waits to be told; nobody, if there is no socket.
pub struct ServiceManager {
    socket: Option<String>,
}

impl ServiceManager {
    /// The one that the configuration means.
    pub fn find(config: &Config) -> Self {
        let wanted = config.choice(Param::Supervised);
        let named = std::env::var(SOCKET).ok().filter(|name| !name.is_empty());
        Self { socket: named.filter(|_| ["systemd", "auto"].contains(&wanted)) }
    }

    /// Whether somebody waits.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Notes in the log who will be told, and whom the configuration expects in vain.
    pub fn introduce(&self, config: &Config) {
        match (&self.socket, config.choice(Param::Supervised)) {
            (Some(_), _) => info!("supervised by systemd, which will be told when clients are served"),
            (None, "systemd") => {
                warn!(
                    "supervised systemd: {SOCKET} is not set, so nobody is told; set Type=notify in the unit"
                );
            }
            (None, "upstart") => {
                warn!("supervised upstart: there is nobody to tell; set supervised to systemd or no");
            }
            (None, _) => {}
        }
    }

    /// Clients are served.
    pub fn tell_ready(&self) {
        self.tell("READY=1\nSTATUS=Ready to accept connections\n");
    }

    /// The server ends.
    pub fn tell_stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    fn tell(&self, text: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, text.as_bytes()) {
            warn!("the service manager cannot be told at {socket}: {error}");
        }
    }
}

/// Sends to a path, or, behind an `@`, to a name that is in no folder.
fn send(socket: &str, bytes: &[u8]) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return datagram.send_to_addr(bytes, &address).map(drop);
    }
    datagram.send_to(bytes, socket).map(drop)
}
