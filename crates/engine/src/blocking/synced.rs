//! Waiting for the append-only file, WAITAOF, and for replicas, WAIT.

use keyspace::LogPosition;

use crate::reply::Reply;

/// What WAIT waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The place in the log behind what the client has changed.
    pub position: LogPosition,
    /// By so many replicas.
    pub replicas: usize,
}

/// What WAITAOF is answered without an append-only file.
pub(crate) const LOG_IS_OFF: &str =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

/// What WAITAOF waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synced {
    /// The place in the log behind what the client has changed.
    pub position: LogPosition,
    /// Whether it waits for the file of this server.
    pub here: bool,
    /// Whether it waits for those of replicas, of which there are none.
    pub elsewhere: bool,
}

impl Synced {
    /// Whether the log that has been synced up to some place holds what the client has changed. `None`: nothing is synced.
    pub fn is_reached(&self, synced: Option<LogPosition>) -> bool {
        synced.is_some_and(|synced| synced >= self.position)
    }

    /// Writes the reply: the files of this server and of replicas that are synced.
    pub(crate) fn write(&self, synced: Option<LogPosition>, reply: &mut Reply<'_>) {
        reply.array(2);
        reply.integer(i64::from(self.is_reached(synced)));
        reply.integer(0);
    }
}
