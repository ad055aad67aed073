//! Signals: SIGTERM and SIGINT end the server in order; SIGPIPE and SIGHUP are ignored as Redis ignores them, and so is
//! SIGXFSZ, since a file that may not grow further is an error of the write.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

/// The signals that the main thread waits for.
pub struct Waiting(Signals);

/// Why the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Somebody asked from outside.
    Signal(&'static str),
    /// The server itself wants to end ([`Handle::close`]).
    Closed,
}

impl Waiting {
    /// From here on the signals no longer end the process by themselves.
    pub fn install() -> io::Result<Self> {
        Ok(Self(Signals::new([SIGTERM, SIGINT, SIGHUP, SIGXFSZ])?))
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
                _ => {}
            }
        }
        Woken::Closed
    }
}
