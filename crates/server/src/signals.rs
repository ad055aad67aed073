//! Signals: SIGTERM and SIGINT end the server in order; SIGPIPE and SIGHUP are ignored as Redis ignores them, and so is
//! SIGXFSZ, since a file that may not grow further is an error of the write. With SIGUSR2 other threads wake the main thread.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

/// The signals that the main thread waits for.
pub struct Waiting(Signals);

/// Why the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Somebody asked from outside.
    Signal(&'static str),
    /// Another thread wants it to look round ([`call`]).
    Called,
    /// The server itself wants to end ([`Handle::close`]).
    Closed,
}

impl Waiting {
    /// From here on the signals no longer end the process by themselves.
    pub fn install() -> io::Result<Self> {
        Ok(Self(Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGXFSZ])?))
    }

    /// Ends the wait from another thread.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Blocks until the server should end.
    pub fn wait(&mut self) -> Woken {
        for signal in self.0.forever() {
            match signal {
                SIGTERM => return Woken::Signal("SIGTERM"),
                SIGINT => return Woken::Signal("SIGINT"),
                SIGUSR2 => return Woken::Called,
                _ => {}
            }
        }
        Woken::Closed
    }

    /// Whether another signal to end the server has come. Does not wait.
    pub fn has_come(&mut self) -> bool {
        self.0.pending().any(|signal| matches!(signal, SIGTERM | SIGINT))
    }
}

/// Lets the main thread look round.
pub fn call() {
    // It fails for a number that is no signal.
    let _ = signal_hook::low_level::raise(SIGUSR2);
}
