//! Commands that wait: for a key that holds what they want, or for the log.
//!
//! ```text
//!   BLPOP k, and k is not there ──► Waiter, in the queue of k (under the lock of k's shard)
//!   RPUSH k v ─► touched ─► Feeder.ready: the first waiter of k is claimed, its command runs with k locked
//!                                               └─► Answer ─► the worker of the waiting client ─► its output
//! ```
//! **Order.** A client takes its place in the queue of each of its keys while their shards are locked, so the queues are
//! in the order of arrival whichever workers serve the clients. Whoever makes a key ready serves the queue directly behind
//! its command (behind EXEC, behind a script) with the shard still locked: no other command can come in between.
//!
//! **Once.** A client that waits for several keys is in several queues, and several workers, its time limit, CLIENT
//! UNBLOCK and its hanging up compete for it. Whoever [claims](Waiter::claim) it has it, and has to answer it. A claim
//! is never given back, so it is made only when it is certain that there is an answer: with the key locked, and found to
//! hold what is wanted.
//!
//! **More locks.** What BLMOVE takes goes to a key whose shard may not be locked. Locks are taken in ascending order, so
//! one more is only tried. If somebody has it, the key is put off, with all that wait for it, until the end of the group
//! of commands, when all shards are locked in order. The same holds when very many are to be served at once.
//!
//! A worker pays for all this while it holds a shard with a key for which somebody waits, and only then: the shard counts
//! its waiters, and a worker that has locked it learns what is touched.

mod claim;
mod queue;
mod serve;
mod synced;
mod timeout;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyspace::{DbIndex, Key, LogPosition, Touched};
use resp::Protocol;
use smallvec::SmallVec;
use stdx::time::UnixMs;
use value::Kind;

use claim::Claim;
pub use queue::Blocking;
pub use serve::{Answer, Feeder};
pub(crate) use synced::LOG_IS_OFF;
pub use synced::{Acknowledged, Synced};
pub use timeout::{timeout_milliseconds, timeout_seconds};

use crate::accounts::Login;
use crate::args::{Args, OwnedArgs};
use crate::client::ClientRecord;
use crate::context::Context;
use crate::errand::Errand;
use crate::error::Error;
use crate::migration::Failure;
use crate::reply::Reply;
use crate::session::{ReplyMode, Session};
use crate::shared::Shared;
use crate::statistics::WorkerStatistics;
use crate::table::Row;
use crate::tracking::{Mode, Place};

/// A database and a key.
pub(crate) type Name = (DbIndex, Vec<u8>);

/// Whether a key, the argument at a position, has what a waiting command wants. The key holds a value of the kind that the
/// command waits for, or the command minds its absence.
pub type Ready = fn(&mut Context<'_, '_>, &Args<'_>, usize) -> bool;

/// When a waiting command is to be looked at again although nothing happens. Its keys are locked.
pub type LookAgain = fn(&mut Context<'_, '_>, &Args<'_>) -> Option<UnixMs>;

/// What a command wants to wait for.
#[derive(Debug)]
pub struct Wait {
    /// The arguments that are keys it waits for, the preferred ones first. Other keys of the command are locked as well when
    /// it is answered.
    pub keys: SmallVec<[usize; 4]>,
    /// The type of value that it waits for.
    pub kind: Kind,
    /// What has to hold besides; `None`: nothing.
    pub ready: Option<Ready>,
    /// Whether it is to be answered, by an error, when a key is gone or has another type. `ready` is asked then too.
    pub minds_absence: bool,
    /// When time alone may make it ready, and nothing that touches its keys; `None`: never.
    pub look_again: Option<LookAgain>,
    /// How long; 0 = for ever.
    pub timeout_ms: u64,
    /// What it is answered when its time is up.
    pub late: Late,
}

impl Wait {
    /// For something that is no key.
    pub fn without_keys(timeout_ms: u64, late: Late) -> Self {
        Self {
            keys: SmallVec::new(),
            kind: Kind::String,
            ready: None,
            minds_absence: false,
            look_again: None,
            timeout_ms,
            late,
        }
    }
}

/// What a command is answered whose time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// An array that is null.
    NullArray,
    /// How many replicas have acknowledged what the client has changed (WAIT).
    Replicas(Acknowledged),
    /// The machine has not come back yet (BACKUP).
    Errand,
    /// Another server does not answer (MIGRATE).
    Migrated,
    /// Whether the log has been synced, and how many replicas have told that theirs has (WAITAOF): none.
    Synced(Synced),
}

/// Why a waiting command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// It is answered.
    Served = 1,
    /// Its time is up, or CLIENT UNBLOCK says so.
    Late,
    /// CLIENT UNBLOCK .. ERROR.
    Refused,
    /// Its client is gone.
    Abandoned,
    /// It waits for the append-only file, which has been switched off.
    LogIsOff,
}

/// A client that waits.
pub struct Waiter {
    /// Grows in the order of arrival at each key.
    pub id: u64,
    /// How long it waits; 0 = for ever.
    pub timeout_ms: u64,
    /// When it is to be looked at again, as its command saw it.
    pub look_again_at: Option<UnixMs>,
    claim: Claim,
    /// The keys it waits for, each once, with their shards and their positions among the arguments.
    keys: Vec<Awaited>,
    wait: Wait,
    row: Row,
    args: OwnedArgs,
    facts: Facts,
}

/// A key that a client waits for.
struct Awaited {
    shard: usize,
    name: Name,
    /// Its place among the arguments.
    at: usize,
}

/// What the command of a waiting client has to know of its session, which is at another worker.
struct Facts {
    record: Arc<ClientRecord>,
    login: Login,
    protocol: Protocol,
    database: DbIndex,
    tracking: Option<Box<Mode>>,
    no_touch: bool,
    /// The client does not want the reply (CLIENT REPLY).
    is_silent: bool,
}

impl Facts {
    fn of(session: &Session) -> Self {
        Self {
            record: Arc::clone(&session.record),
            login: session.login.clone(),
            protocol: session.protocol,
            database: session.database,
            tracking: session.tracking.clone(),
            no_touch: session.no_touch,
            is_silent: session.reply_mode != ReplyMode::On,
        }
    }

    /// A session for one command.
    fn session(&self, shared: &Shared) -> Session {
        let mut session = Session::new(Arc::clone(&self.record), self.login.clone());
        session.protocol = self.protocol;
        session.database = self.database;
        session.tracking.clone_from(&self.tracking);
        session.no_touch = self.no_touch;
        if session.login.is_outdated(&shared.accounts) {
            session.login.refresh(&shared.accounts);
        }
        session
    }
}

impl Waiter {
    /// Takes it on oneself to answer it. False: somebody else has.
    pub fn claim(&self, end: End) -> bool {
        self.claim.take(end)
    }

    /// Why it ends, if it does.
    pub fn end(&self) -> Option<End> {
        self.claim.end()
    }

    /// Where its client is served.
    fn place(&self) -> Place {
        Place::of(&self.facts.record)
    }

    /// The position of a key that it waits for.
    fn position(&self, name: &Name) -> Option<usize> {
        self.keys.iter().find(|key| key.name == *name).map(|key| key.at)
    }

    /// The shards of the keys that its command needs besides one of those it waits for.
    fn other_shards(&self, shared: &Shared) -> SmallVec<[usize; 2]> {
        let args = self.args.as_args();
        let mut shards = SmallVec::new();
        self.row.command.for_each_key(&args, |at, _| {
            if !self.wait.keys.contains(&at) {
                shards.push(shared.keyspace.shard_of(&shared.keyspace.key(args.get(at))));
            }
        });
        shards
    }

    /// What it waits for, if that is the log.
    pub fn awaits_log(&self) -> Option<Synced> {
        match self.wait.late {
            Late::Synced(awaited) => Some(awaited),
            Late::Errand | Late::NullArray | Late::Replicas(_) | Late::Migrated => None,
        }
    }

    /// What it waits for, if that is replicas.
    pub fn awaits_replicas(&self) -> Option<Acknowledged> {
        match self.wait.late {
            Late::Replicas(awaited) => Some(awaited),
            Late::Errand | Late::NullArray | Late::Synced(_) | Late::Migrated => None,
        }
    }

    /// Writes what the client is told whose command did not run again, and counts the command. `synced` is how far the log
    /// has been synced.
    pub fn write_end(
        &self,
        out: &mut Vec<u8>,
        shared: &Shared,
        statistics: &WorkerStatistics,
        synced: Option<LogPosition>,
    ) {
        let begin = out.len();
        self.tell_end(out, shared, synced);
        let refused = matches!(self.end(), Some(End::Refused | End::LogIsOff));
        if refused {
            statistics.answered_error(&out[begin..]);
        }
        // It has done nothing, and waiting takes no time of anybody.
        statistics.ran(self.row.index, 1, 0, refused, shared.hot.latency_tracking.load(Ordering::Relaxed));
        if self.facts.is_silent {
            out.truncate(begin);
        }
    }

    /// Writes the answer to a command that something outside has carried out, and counts it.
    pub fn write_answer(
        &self,
        answer: impl FnOnce(&mut Reply<'_>) -> Result<(), Error>,
        out: &mut Vec<u8>,
        shared: &Shared,
        statistics: &WorkerStatistics,
    ) {
        let begin = out.len();
        let mut reply = Reply::new(out, self.facts.protocol);
        let result = answer(&mut reply);
        let failed = result.is_err();
        if let Err(error) = result {
            reply.error(error.to_string());
            statistics.answered_error(&out[begin..]);
        }
        statistics.ran(self.row.index, 1, 0, failed, shared.hot.latency_tracking.load(Ordering::Relaxed));
        if self.facts.is_silent {
            out.truncate(begin);
        }
    }

    fn tell_end(&self, out: &mut Vec<u8>, shared: &Shared, synced: Option<LogPosition>) {
        let mut reply = Reply::new(out, self.facts.protocol);
        match (self.end(), self.wait.late) {
            (Some(End::Refused), _) => reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
            (Some(End::LogIsOff), _) => reply.error(LOG_IS_OFF),
            (_, Late::Synced(awaited)) => awaited.write(synced, &mut reply),
            (_, Late::Errand) => reply.error("ERR it goes on, but nobody waits for it any more"),
            (_, Late::Migrated) => reply.error(Failure::Read.to_error().to_string()),
            (_, Late::NullArray) => reply.null_array(),
            (_, Late::Replicas(awaited)) => {
                reply.integer(shared.replicas.acknowledged(awaited.position) as i64);
            }
        }
    }
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiter").field("id", &self.id).field("end", &self.end()).finish_non_exhaustive()
    }
}

/// Interface of commands that wait.
impl Context<'_, '_> {
    /// Whether the command may wait: not inside a transaction or a script.
    pub fn may_wait(&self) -> bool {
        !self.in_transaction && !self.session.is_loader
    }

    /// Has the machine do something with files; the client waits for it.
    pub(crate) fn run_errand(&mut self, args: &Args<'_>, errand: Errand) {
        self.wait(OwnedArgs::copy(args), Wait::without_keys(0, Late::Errand));
        if let Some(waiter) = &self.session.waiting {
            self.host.run_errand(errand, Place::of(&self.session.record), waiter.id);
        }
    }

    /// Whether the command is to look at a key: always, except that one which has waited and is answered now looks only at
    /// those of its keys that are locked and hold what it wants.
    pub fn sees(&mut self, key: &Key<'_>, kind: Kind) -> bool {
        !self.is_served || self.reaches(key) && self.db().kind(key) == Some(kind)
    }

    /// The same for a command that minds what has become of its keys: those that are locked, whatever they hold.
    pub fn reaches(&self, key: &Key<'_>) -> bool {
        !self.is_served || self.access.holds(self.access.shard_of(key))
    }

    /// Tells those who wait for a key of a change that does not touch it for anybody else.
    pub fn make_ready(&mut self, key: &Key<'_>) {
        let touched = Touched::Key(self.session.database, key.bytes.to_vec());
        self.feeder.note(self.shared, &[touched]);
    }

    /// Lets the client wait. The command has written no reply, and runs again, with `args`, when a key is ready.
    pub fn wait(&mut self, args: OwnedArgs, wait: Wait) {
        debug_assert!(
            self.may_wait() && !self.is_served,
            "a command that is served finds what it waited for"
        );
        let words = args.as_args();
        let mut keys: Vec<Awaited> = Vec::with_capacity(wait.keys.len());
        for &at in &wait.keys {
            let key = self.key_of(words.get(at));
            let name = (self.session.database, key.bytes.to_vec());
            if !keys.iter().any(|other| other.name == name) {
                keys.push(Awaited { shard: self.access.shard_of(&key), name, at });
            }
        }
        for key in &keys {
            self.access.add_waiter(key.shard);
        }
        let look_again_at = wait.look_again.and_then(|look_again| look_again(self, &words));
        let waiter = Arc::new(Waiter {
            id: self.shared.blocking.next_id(),
            timeout_ms: wait.timeout_ms,
            look_again_at,
            claim: Claim::new(),
            keys,
            wait,
            row: self.row,
            facts: Facts::of(self.session),
            args,
        });
        self.shared.blocking.enter(&waiter);
        let record = &self.session.record;
        *record.waiting.lock() = Arc::downgrade(&waiter);
        record.blocked.store(true, Ordering::Relaxed);
        self.session.waiting = Some(waiter);
    }
}

/// Ends a client's wait: it was answered or will not be.
pub fn leave(shared: &Shared, session: &mut Session) {
    if let Some(waiter) = session.waiting.take() {
        shared.blocking.leave(&shared.keyspace, &waiter);
        *session.record.waiting.lock() = std::sync::Weak::new();
        session.record.blocked.store(false, Ordering::Relaxed);
    }
}

/// A client is gone, or begins anew: nobody need serve it.
pub(crate) fn abandon(shared: &Shared, session: &mut Session) {
    if let Some(waiter) = &session.waiting {
        waiter.claim(End::Abandoned);
        leave(shared, session);
    }
}
