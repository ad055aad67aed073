//! The primary side of replication: the machine of the crate `replica` between the log, the workers and the disk.
//!
//! ```text
//!   PSYNC ─► attach ─► persistence thread: cut ─► saver thread: snapshot, in a temporary file ─► written ─┐
//!   journal, with every run that it takes from the log ─► feed ───────────────────────────────────────────┤
//!                                                         letters to the replicas' workers ◄──────────────┘
//! ```
//! All of it happens under one lock, so the letters that a worker gets for a replica are in the order of the stream. The journal feeds
//! under its own lock, which is always taken before. The log is told what changes only while somebody follows, or may come back.
//!
//! A snapshot's file loses its name before anything is in it: whoever has it open has it, and nothing is left of it, however the
//! process ends.

mod body;
mod care;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use config::{Config, Param};
use engine::replication::{Content, History, Phase, Replica, Replicas};
use engine::tracking::Place;
use keyspace::LogPosition;
use keyspace::log::Run;
use node::{Mail, Mailbox, OutputLimit, Parcel};
use parking_lot::Mutex;
use replica::{Asked, Note, Primary, What};
use tracing::{info, warn};

use crate::clock;
use crate::shared::Letter;
use body::Body;
pub use snapshot::{Written, write};

/// See the module's text.
pub struct Replication {
    state: Mutex<State>,
    /// Whether the log is to be fed.
    is_fed: AtomicBool,
    /// Nobody wants the snapshot that is being written any more.
    given_up: AtomicBool,
    /// How much may wait for it.
    limit: OutputLimit,
    mailboxes: Vec<Arc<Mailbox<Letter>>>,
}

struct State {
    primary: Primary<Content>,
    /// The name of the history, as it is shown.
    name: Arc<str>,
    /// Who follows, or wants to.
    followers: BTreeMap<u64, Arc<Replica>>,
    /// Where all see them.
    replicas: Option<Arc<Replicas>>,
    /// The place in the log up to which it has been fed.
    position: LogPosition,
    /// Since when more gathers for those who wait for a snapshot than may for long.
    over_soft_limit_since: Option<u64>,
    /// Replicas are to be asked what they have behind what the log will be told next.
    asks_again: bool,
    ping_period_ns: u64,
    next_ping_ns: u64,
    /// Since when nobody follows.
    alone_since_ns: u64,
    /// No snapshot begins before.
    next_snapshot_ns: u64,
}

impl Replication {
    /// Nobody follows.
    pub fn new(mailboxes: Vec<Arc<Mailbox<Letter>>>) -> Self {
        let name = new_name();
        let state = State {
            name: name.as_str().into(),
            primary: Primary::new(name, 1),
            followers: BTreeMap::new(),
            replicas: None,
            position: LogPosition(0),
            over_soft_limit_since: None,
            asks_again: false,
            ping_period_ns: 0,
            next_ping_ns: 0,
            alone_since_ns: 0,
            next_snapshot_ns: 0,
        };
        Self {
            state: Mutex::new(state),
            is_fed: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            limit: OutputLimit::default(),
            mailboxes,
        }
    }

    /// From now on everybody sees there who follows.
    pub fn introduce(&self, replicas: &Arc<Replicas>) {
        let mut state = self.state.lock();
        state.replicas = Some(Arc::clone(replicas));
        state.tell();
    }

    /// Parameters have changed.
    pub fn configure(&self, config: &Config) {
        self.limit.set_for_replicas(config);
        let bytes = usize::try_from(config.size(Param::ReplBacklogSize)).unwrap_or(usize::MAX);
        let mut state = self.state.lock();
        state.primary.resize_backlog(bytes);
        let period_s = config.integer(Param::ReplPingReplicaPeriod).unsigned_abs();
        let period_ns = period_s.saturating_mul(SECOND_NS);
        if std::mem::replace(&mut state.ping_period_ns, period_ns) != period_ns {
            state.next_ping_ns = clock::monotonic_ns().saturating_add(period_ns);
        }
        state.tell();
    }

    /// Whether the log has to record what changes, since somebody follows or may come back.
    pub fn is_fed(&self) -> bool {
        self.is_fed.load(Ordering::Acquire)
    }

    /// A client wants to follow. True: that takes a snapshot, which is to be begun.
    pub fn attach(&self, replica: &Arc<Replica>, from: Option<(Vec<u8>, u64)>) -> bool {
        let (facts, id) = (&replica.facts, replica.record.id);
        let mut state = self.state.lock();
        state.followers.insert(id, Arc::clone(replica));
        let (address, port) = replica.address();
        let names_place = from.is_some();
        let note = state.primary.ask(Asked {
            follower: id,
            wants_place: replica.acknowledges,
            from,
            knows_names: facts.knows_names,
            snapshot_only: facts.snapshot_only,
            content: facts.content,
        });
        if let Some(replicas) = &state.replicas {
            replicas.begun.count(names_place, note.is_some());
        }
        if note.is_some() {
            replica.set_phase(Phase::Online);
            info!("the replica {address}:{port} (client {id}) goes on where it was");
        } else {
            info!("the replica {address}:{port} (client {id}) waits for a snapshot");
        }
        self.deliver(&mut state, note, None);
        state.primary.wants_snapshot()
    }

    /// A client that followed, or wanted to, has gone.
    pub fn detach(&self, id: u64) {
        let mut state = self.state.lock();
        state.primary.leave(id);
        if state.followers.remove(&id).is_some() {
            info!("the replica (client {id}) has gone");
        }
        if let Some(replicas) = &state.replicas {
            replicas.leave(id);
        }
        if !state.primary.has_catching_up() {
            self.given_up.store(true, Ordering::Release);
        }
        if state.primary.is_alone() {
            state.alone_since_ns = clock::monotonic_ns();
        }
        state.tell();
    }

    /// What the log holds up to a place, behind what it was fed before.
    pub fn feed(&self, run: &Run, position: LogPosition) {
        if run.is_empty() || !self.is_fed() {
            return;
        }
        let mut state = self.state.lock();
        state.position = position;
        let notes = state.primary.push(run);
        self.deliver(&mut state, notes, None);
        self.limit_gathered(&mut state);
        state.tell();
        if std::mem::take(&mut state.asks_again) {
            // Behind that: the answer to the question is a place in front of it.
            let notes = state.primary.say(GET_ACK);
            self.deliver(&mut state, notes, None);
            state.tell();
        }
    }

    /// Asks all replicas what they have, behind what the log holds up to a place.
    pub fn ask(&self, position: LogPosition) {
        let mut state = self.state.lock();
        // Another worker may have asked for what comes next.
        state.asks_again |= state.position < position && self.is_fed();
        let notes = state.primary.say(GET_ACK);
        self.deliver(&mut state, notes, None);
        state.tell();
    }

    /// Closes those who wait for a snapshot if too much has gathered for them.
    fn limit_gathered(&self, state: &mut State) {
        let bytes = state.primary.gathered_bytes();
        if self.limit.is_exceeded(bytes, &mut state.over_soft_limit_since, clock::monotonic_ns()) {
            warn!(
                "{bytes} bytes have gathered for replicas that wait for a snapshot, more than client-output-buffer-limit allows: \
                 they are closed"
            );
            let notes = state.primary.refuse_catching_up();
            self.given_up.store(true, Ordering::Release);
            self.deliver(state, notes, None);
        }
    }

    /// Gives replicas what they are sent; a snapshot is that which has just been written.
    fn deliver(&self, state: &mut State, notes: impl IntoIterator<Item = Note>, written: Option<&Written>) {
        for Note { to, what } in notes {
            let Some(replica) = state.followers.get(&to) else { continue };
            let parcel = match (what, written) {
                (What::Line(bytes), _) => Parcel::Bytes(bytes.into()),
                (What::Stream(bytes), _) => Parcel::Bytes(bytes),
                (What::Snapshot { is_last }, Some(written)) => {
                    replica.set_phase(Phase::Loading);
                    let head = format!("${}\r\n", written.length).into_bytes();
                    let mailbox = Arc::clone(&self.mailboxes[replica.record.worker]);
                    let body = Box::new(Body::new(written, Arc::clone(replica), mailbox));
                    Parcel::Snapshot { head, body, is_last }
                }
                (What::Snapshot { .. }, None) | (What::Refused, _) => Parcel::End,
            };
            let place = Place::of(&replica.record);
            let letter = Letter::Node(Mail::Replica { to: place, parcel });
            self.mailboxes[place.worker].send(letter);
        }
    }
}

const SECOND_NS: u64 = 1_000_000_000;

/// How replicas are asked what they have.
const GET_ACK: &[&[u8]] = &[b"REPLCONF", b"GETACK", b"*"];

impl State {
    /// Tells everybody how long the stream is.
    fn tell(&self) {
        if let Some(replicas) = &self.replicas {
            let history = History {
                name: Arc::clone(&self.name),
                offset: self.primary.offset(),
                backlog: self.primary.backlog().map(|(window, size)| (window.first, window.length, size)),
                gathered: self.primary.gathered_bytes(),
            };
            replicas.tell(history, self.position);
        }
    }
}

/// A name for a history that no other has.
fn new_name() -> String {
    format!("{:016x}{:016x}{:08x}", clock::entropy(), clock::entropy(), clock::entropy() as u32)
}

#[cfg(test)]
mod tests;
