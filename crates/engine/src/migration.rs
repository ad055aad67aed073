//! Values on their way to another server: what MIGRATE hands to the machine, and what comes back.
//!
//! ```text
//!   MIGRATE ─► Migration (values) ─► the machine: payloads ─► Arrival ─► the client's worker: what has arrived is removed
//! ```
//! No lock is held meanwhile. What has changed here in between stays here, and the client is told.

use keyspace::DbIndex;
use stdx::time::UnixMs;
use value::{Value, ValueRef};

use crate::error::Error;
use crate::tracking::Place;

/// A key on its way.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Its name.
    pub key: Vec<u8>,
    /// A clone of its value, which arrives as DUMP gives it.
    pub value: Value,
    /// When it is due.
    pub expiry: Option<UnixMs>,
}

impl Parcel {
    /// Whether it would be gone here by that time: the key is due, or all fields of its hash are.
    pub fn is_due(&self, now: UnixMs) -> bool {
        let has_no_field = matches!(self.value.at(now), ValueRef::Hash(hash) if hash.count_live() == 0);
        has_no_field || self.expiry.is_some_and(|at| at <= now)
    }
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The machine of the other server.
    pub host: String,
    /// The port at which it listens.
    pub port: u16,
    /// The database there, as the client wrote it.
    pub database: i64,
    /// How long each step may take.
    pub timeout_ms: u64,
    /// A user, if one is named, and a password.
    pub login: Option<(Option<Vec<u8>>, Vec<u8>)>,
    /// Whether what is there is overwritten.
    pub replaces: bool,
    /// Whether the keys stay here.
    pub keeps: bool,
    /// The database here.
    pub from: DbIndex,
    /// The keys.
    pub parcels: Vec<Parcel>,
}

/// Why not everything has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no connection.
    Connect,
    /// Bytes could not be sent.
    Write,
    /// No reply came.
    Read,
    /// The other server has refused something; its text.
    Refused(String),
}

/// What has become of it.
#[derive(Debug)]
pub struct Arrival {
    /// What was to be done.
    pub migration: Migration,
    /// For each key whether it is there.
    pub arrived: Vec<bool>,
    /// Why some are not.
    pub failure: Option<Failure>,
    /// The client that waits.
    pub to: Place,
    /// The number of its wait.
    pub waiter: u64,
}

impl Failure {
    /// What the client is told.
    pub(crate) fn to_error(&self) -> Error {
        match self {
            Self::Connect => Error::Static("IOERR error or timeout connecting to the client"),
            Self::Write => Error::Static("IOERR error or timeout writing to target instance"),
            Self::Read => Error::Static("IOERR error or timeout reading to target instance"),
            Self::Refused(text) => Error::Text(format!("ERR Target instance replied with error: {text}")),
        }
    }
}
