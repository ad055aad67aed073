//! Client-side caching: who may hold which keys in a cache of its own, and telling it when one of them changes.
//!
//! ```text
//!   a tracking client reads ──► Remembered (key → clients)          registry (clients, prefixes)
//!   somebody writes ─► touched ─► Invalidations of the worker ─► notices ─► the workers of the clients ─► pushes
//!                                      │ own changes: right behind the reply of the command
//!                                      └ others, and broadcasts: at the end of the turn
//! ```
//! No invalidation is lost. A client is remembered while the shard of the key that it has read is locked, so a later
//! writer finds it there. The notice goes through the mailbox of the client's worker, which wrote the reply of the read
//! into the client's output before it opened the mailbox, so the client meets the old value first and its end second. A
//! notice that comes too late, or twice, only makes a client forget what it could have kept.
//!
//! As long as no client tracks, nobody observes the keyspace on behalf of this module, and a command pays one look at
//! its own session.

mod notice;
mod prefixes;
mod remembered;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyspace::{Access, Key};
use parking_lot::Mutex;

pub use notice::{Delivery, Invalidations, Notice, Writer, deliver};

use crate::client::ClientRecord;
use crate::session::Session;
use crate::shared::Shared;
use prefixes::Prefixes;
use remembered::Remembered;

/// Where a client is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The client.
    pub id: u64,
    /// Its worker.
    pub worker: usize,
    /// Its connection's number there.
    pub number: usize,
}

impl Place {
    /// Where the client of a record is.
    pub fn of(record: &ClientRecord) -> Self {
        Self { id: record.id, worker: record.worker, number: record.number }
    }
}

/// Which of the keys that it reads a client wants to be remembered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// All.
    #[default]
    All,
    /// Those of commands behind CLIENT CACHING YES.
    OptIn,
    /// All but those of commands behind CLIENT CACHING NO.
    OptOut,
}

/// What a client has asked for with CLIENT TRACKING ON.
#[derive(Debug, Clone, Default)]
pub struct Mode {
    /// It hears of all keys under its prefixes, whatever it reads.
    pub broadcast: bool,
    /// Those prefixes.
    pub prefixes: BTreeSet<Vec<u8>>,
    /// Which keys are remembered otherwise.
    pub choice: Choice,
    /// CLIENT CACHING was the last command.
    pub caching_given: bool,
    /// It does not want to hear of its own changes.
    pub no_loop: bool,
    /// The client that is told in its place.
    pub redirect: Option<u64>,
    /// That client is gone.
    pub redirect_broken: bool,
}

impl Mode {
    /// Whether the keys of the command that runs are to be remembered.
    pub(crate) fn remembers(&self) -> bool {
        !self.broadcast
            && match self.choice {
                Choice::All => true,
                Choice::OptIn => self.caching_given,
                Choice::OptOut => !self.caching_given,
            }
    }
}

/// What all workers know of tracking.
#[derive(Debug, Default)]
pub struct Tracking {
    registry: Mutex<Registry>,
    /// Clients and prefixes in the registry, to be read without its lock.
    clients: AtomicUsize,
    prefixes: AtomicUsize,
    remembered: Remembered,
}

/// The clients that track, and the prefixes of those that are told by prefix.
#[derive(Debug, Default)]
struct Registry {
    members: BTreeMap<u64, Member>,
    prefixes: Prefixes,
}

/// A client that tracks.
#[derive(Debug, Clone, Copy)]
struct Member {
    place: Place,
    no_loop: bool,
}

/// Figures of INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Clients that track.
    pub clients: usize,
    /// Keys that are remembered.
    pub keys: usize,
    /// Pairs of a key and a client.
    pub items: usize,
    /// Prefixes that are broadcast.
    pub prefixes: usize,
}

impl Tracking {
    /// Whether some client tracks.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.clients.load(Ordering::Relaxed) > 0
    }

    /// Figures.
    pub fn totals(&self) -> Totals {
        Totals {
            clients: self.clients.load(Ordering::Relaxed),
            keys: self.remembered.keys(),
            items: self.remembered.items(),
            prefixes: self.prefixes.load(Ordering::Relaxed),
        }
    }

    /// A client has read a key, whose shard is locked.
    pub fn remember(&self, key: &Key<'_>, place: Place) {
        self.remembered.add(key, place);
    }

    /// Whether more keys are remembered than `limit` allows; 0 = no limit.
    pub fn is_over(&self, limit: usize) -> bool {
        limit > 0 && self.remembered.keys() > limit
    }

    /// Changes the registry and the figures that are read without its lock.
    fn change(&self, body: impl FnOnce(&mut Registry)) {
        let mut registry = self.registry.lock();
        body(&mut registry);
        self.clients.store(registry.members.len(), Ordering::Relaxed);
        self.prefixes.store(registry.prefixes.len(), Ordering::Relaxed);
        if registry.members.is_empty() {
            self.remembered.clear();
        }
    }
}

/// CLIENT TRACKING ON: a session tracks in this mode from now on, under these prefixes besides those that it has.
pub fn enable(
    access: &mut Access<'_>,
    shared: &Shared,
    session: &mut Session,
    mut mode: Mode,
    added: BTreeSet<Vec<u8>>,
) {
    match &mut session.tracking {
        Some(before) => mode.prefixes = std::mem::take(&mut before.prefixes),
        None => access.add_observer(),
    }
    let member = Member { place: Place::of(&session.record), no_loop: mode.no_loop };
    shared.tracking.change(|registry| {
        registry.members.insert(member.place.id, member);
        for prefix in &added {
            registry.prefixes.add(prefix, member.place.id);
        }
    });
    mode.prefixes.extend(added);
    session.tracking = Some(Box::new(mode));
    publish(session);
}

/// CLIENT TRACKING OFF, or the end of the connection. What is remembered of it goes when its keys change.
pub fn disable(shared: &Shared, session: &mut Session) {
    let Some(mode) = session.tracking.take() else { return };
    let id = session.record.id;
    shared.tracking.change(|registry| {
        registry.members.remove(&id);
        for prefix in &mode.prefixes {
            registry.prefixes.remove(prefix, id);
        }
    });
    shared.keyspace.remove_observer();
    publish(session);
}

/// Shows a session's mode to CLIENT LIST.
fn publish(session: &Session) {
    let shown = session.tracking.as_ref().map(|mode| crate::client::ShownTracking {
        broadcast: mode.broadcast,
        redirect: mode.redirect.unwrap_or(0),
        redirect_broken: mode.redirect_broken,
    });
    session.record.names.lock().tracking = shown;
}

/// The array of keys, as it stands in a message.
fn encode_keys<'a>(keys: impl ExactSizeIterator<Item = &'a [u8]>) -> Arc<[u8]> {
    let mut text = Vec::new();
    // Arrays and strings look the same in both protocols.
    let mut encoder = resp::Encoder::new(&mut text, resp::Protocol::Resp3);
    encoder.array(keys.len());
    keys.for_each(|key| encoder.bulk(key));
    text.into()
}
