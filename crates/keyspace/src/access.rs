//! A worker's access to the keyspace: the batch it is in, the locks it holds, the effects it has caused.
//!
//! ```text
//!   begin ─► lock(shards) ─► db(..) ─► db(..) ─► unlock ─► lock .. ─► end
//!   └─ in the gate ────────────────────────────────────────────────────┘
//! ```
//! Locks are taken in ascending order of the shard's index and all at once, so no two workers can wait for each other
//! in a circle. A command may only touch keys of shards that are held; anything else is our error and stops us.

mod garbage;
mod locks;
mod near;

use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::Settings;

use crate::attempt::Attempt;
use crate::counters::Counters;
use crate::db::{Db, Found};
use crate::effect::{Effect, Touched};
use crate::event::Wanted;
use crate::frequency::{Frequency, Noted};
use crate::gate::Patience;
use crate::key::{DbIndex, Key};
use crate::keyspace::Keyspace;
use crate::log::LogPosition;
use crate::random::Census;
use crate::recorder::Recorder;

pub use garbage::Garbage;
use locks::{Held, NOT_HELD};
pub use near::Target;

/// The number of a worker, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerId(pub usize);

/// A key that was found. Whatever may move keys forgets it: all ways to change a partition do, but for those that say so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recent {
    pub(crate) database: DbIndex,
    pub(crate) hash: u64,
    pub(crate) found: Found,
}

/// See the module's text. One a worker; not shared.
pub struct Access<'k> {
    pub(crate) keyspace: &'k Keyspace,
    worker: WorkerId,
    pub(crate) held: SmallVec<[Held<'k>; 16]>,
    /// The key that was found last, while it is where it was found.
    pub(crate) recent: Option<Recent>,
    /// For each shard its place among the held ones, or [`NOT_HELD`].
    places: Box<[u16]>,
    /// Whether the gate is closed for this access.
    exclusive: bool,
    /// Whether somebody waits for a key of the shards that are held.
    awaited: bool,
    /// Whether others need not wait for what is held.
    is_busy: bool,
    /// Whether it is in the gate; inside a batch it is not if a busy one has kept it out.
    inside: bool,
    /// Whether the place in the gate is another one's; see [`Access::within`].
    is_within: bool,
    /// How long it waits for locks.
    patience: Patience,
    pub(crate) now: UnixMs,
    /// What the clock says; another time than [`Access::now`] during a replay.
    pub(crate) wall: UnixMs,
    /// The access clock of [`Access::now`], 24 bits of seconds.
    pub(crate) clock: u32,
    pub(crate) settings: Settings,
    pub(crate) recorder: Recorder,
    pub(crate) attempt: Attempt,
    pub(crate) reclaim: Vec<Garbage>,
    /// A buffer for values in the making.
    pub(crate) scratch: Vec<u8>,
    /// How accesses are counted; `None`: the time of the last one is kept.
    pub(crate) frequency: Option<Frequency>,
    /// Whether reads leave no trace on the keys: for the command that runs (CLIENT NO-TOUCH), and always.
    untouching: bool,
    notes_writes_only: bool,
    /// Whether keys that are due stay where they are, and are absent all the same.
    keeps_due: bool,
    /// For random picks.
    pub(crate) census: Option<Census>,
    /// Random numbers for picks.
    pub rng: Rng,
    /// What this worker counts.
    pub counters: Counters,
}

impl<'k> Access<'k> {
    /// The access of a worker; `seed` is for its random picks.
    pub fn new(keyspace: &'k Keyspace, worker: WorkerId, seed: u64) -> Self {
        assert!(worker.0 < keyspace.options.workers, "the gate has a flag for each worker");
        Self {
            keyspace,
            worker,
            held: SmallVec::new(),
            recent: None,
            places: vec![NOT_HELD; keyspace.shards()].into_boxed_slice(),
            exclusive: false,
            awaited: false,
            is_busy: false,
            inside: false,
            is_within: false,
            patience: Patience::Endless,
            now: UnixMs(0),
            wall: UnixMs(0),
            clock: 0,
            settings: keyspace.settings(),
            // Units of different workers must not be taken for one.
            recorder: Recorder::new(keyspace.options.encode, (worker.0 as u64) << 48),
            attempt: Attempt::default(),
            reclaim: Vec::new(),
            scratch: Vec::new(),
            frequency: None,
            untouching: false,
            notes_writes_only: false,
            keeps_due: false,
            census: None,
            rng: Rng::from_seed(seed),
            counters: Counters::default(),
        }
    }

    /// A second access of a worker, for batches within one of its first, which holds what it holds for long and has declared
    /// itself busy. The first one's place in the gate stands for both. What that one has locked, this one waits for in vain, as
    /// everybody else does.
    pub fn within(keyspace: &'k Keyspace, worker: WorkerId, seed: u64) -> Self {
        let mut access = Self::new(keyspace, worker, seed);
        access.be_impatient();
        access.is_within = true;
        access.recorder = Recorder::new(keyspace.options.encode, (worker.0 as u64) << 48 | 1 << 47);
        access
    }

    /// The number of this access.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// The keyspace.
    pub fn keyspace(&self) -> &'k Keyspace {
        self.keyspace
    }

    /// Begins a batch at a time; waits while the gate is closed.
    pub fn begin(&mut self, now: UnixMs) {
        // Whoever is kept out finds that again when something is to be locked.
        let _ = self.enter();
        self.set_now(now);
        self.recorder.on = self.keyspace.is_recording();
        self.recorder.observing = self.keyspace.is_observed();
        self.recorder.collector.wanted = Wanted::default();
        self.settings = self.keyspace.settings();
        self.frequency = self.keyspace.frequency();
        self.notes_writes_only = self.keyspace.limits().notes_writes_only.load(Ordering::Relaxed);
        self.look_at_pause();
    }

    /// Looks whether keys that are due stay where they are, as each batch does when it begins.
    pub fn look_at_pause(&mut self) {
        self.keeps_due = self.keyspace.limits().due_keys_stay_until.load(Ordering::Relaxed) > self.now.0;
    }

    /// Whether keys that are due stay where they are: nothing goes that nobody asks to go.
    #[inline]
    pub fn keeps_due(&self) -> bool {
        self.keeps_due
    }

    /// Begins a batch of recorded effects, at a time at which nothing is due: what they say was so when they were
    /// recorded, whether or not its time has passed since. The access clock goes by `now`.
    pub fn begin_replay(&mut self, now: UnixMs) {
        self.begin(now);
        self.now = UnixMs(0);
        self.keeps_due = false;
    }

    /// Ends the batch.
    pub fn end(&mut self) {
        debug_assert!(self.held.is_empty(), "locks go before the batch ends");
        self.leave();
    }

    /// Records nothing more in this batch.
    pub fn stop_recording(&mut self) {
        self.recorder.on = false;
    }

    /// The time of the batch.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// What the clock says, which during a replay is not the time of the batch.
    pub fn wall(&self) -> UnixMs {
        self.wall
    }

    /// Whether the commands to come leave a trace on the keys that they read.
    #[inline]
    pub fn set_touching(&mut self, touching: bool) {
        self.untouching = !touching;
    }

    /// What a key that is accessed notes of it, if anything: `before` is what it noted last.
    #[inline]
    pub(crate) fn noted_on_read(&mut self, before: Option<u32>) -> Option<u32> {
        if self.untouching || self.notes_writes_only {
            return before;
        }
        match (self.frequency, before) {
            (None, _) => Some(self.clock),
            (Some(frequency), Some(before)) => Some(frequency.touched(before, self.wall, &mut self.rng)),
            (Some(_), None) => Some(Frequency::fresh(self.wall)),
        }
    }

    /// What a key that is written notes: a new one begins, an old one goes on.
    #[inline]
    pub(crate) fn noted_on_write(&mut self, before: Option<u32>) -> u32 {
        match (self.frequency, before) {
            (None, _) => self.clock,
            (Some(_), None) => Frequency::fresh(self.wall),
            (Some(_), Some(before)) => self.noted_on_read(Some(before)).unwrap_or(before),
        }
    }

    /// What keys have noted of their use, as far as the policy goes by it.
    pub(crate) fn noted(&self) -> Noted {
        match self.frequency {
            Some(frequency) => Noted::Counts(frequency, self.wall),
            None if self.keyspace.limits().evicts_by_time.load(Ordering::Relaxed) => Noted::Times(self.clock),
            None => Noted::Nothing,
        }
    }

    /// Runs `body`, which only looks, as if no key and no field were due.
    pub fn with_nothing_due<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        let now = std::mem::replace(&mut self.now, UnixMs(0));
        let result = body(self);
        self.now = now;
        result
    }

    /// Turns the clock inside a batch (for a command that waits).
    pub fn set_now(&mut self, now: UnixMs) {
        (self.now, self.wall) = (now, now);
        self.clock = (now.0 / 1000) as u32 & 0x00ff_ffff;
    }

    /// The index of a key's shard.
    #[inline]
    pub fn shard_of(&self, key: &Key<'_>) -> usize {
        self.keyspace.shard_of(key)
    }

    /// Appends what was recorded under the locks that are held to the log, and what was told to the queue of events.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.recorder.publish(&self.keyspace.log, self.worker.0);
        self.recorder.collector.append_to(&self.keyspace.events);
    }

    /// Begins what must be applied as a whole.
    #[inline]
    pub fn start_unit(&mut self) {
        self.recorder.start_unit();
    }

    /// A database, seen through the locks that are held.
    #[inline]
    pub fn db(&mut self, index: DbIndex) -> Db<'_, 'k> {
        Db { access: self, index }
    }

    /// The place in the log behind everything so far.
    pub fn position(&self) -> LogPosition {
        self.keyspace.position()
    }

    /// The place in the log behind the last effect of this access.
    pub fn last_effect(&self) -> LogPosition {
        self.recorder.position()
    }

    /// What was touched since the last call, while somebody watches.
    pub fn take_touched(&mut self) -> Vec<Touched> {
        self.recorder.take_touched()
    }

    /// Whether something was touched that somebody may watch.
    #[inline]
    pub fn has_touched(&self) -> bool {
        self.recorder.has_touched()
    }

    /// Counts keys that came to a database, or went from it below zero.
    #[inline]
    pub(crate) fn count_keys(&self, database: DbIndex, keys: isize) {
        self.keyspace.population.add_keys(self.worker.0, database, keys);
    }

    /// Keys that this access has added to a database; those that it has removed count below zero.
    #[inline]
    pub fn keys_added(&self, database: DbIndex) -> isize {
        self.keyspace.population.keys_of(self.worker.0, database)
    }

    /// Counts keys of a database that got a time at which they are due, or lost it below zero.
    #[inline]
    pub(crate) fn count_expiring(&self, database: DbIndex, keys: isize) {
        self.keyspace.population.add_expiring(self.worker.0, database, keys);
    }

    /// Counts a partition in, or out.
    pub(crate) fn count_partitions(&self, database: DbIndex, (keys, expiring): (isize, isize)) {
        self.count_keys(database, keys);
        self.count_expiring(database, expiring);
    }

    /// Records an effect on a database and tells what it did. The locks that order it are held.
    #[inline]
    pub(crate) fn record(&mut self, database: DbIndex, effect: &Effect<'_>) {
        self.record_untold(database, effect);
        if self.recorder.collector.wanted.changes {
            self.tell_effect(database, effect);
        }
    }

    /// Passes a message on to those who follow, in its place among the effects.
    pub fn pass_on(&mut self, database: DbIndex, channel: &[u8], message: &[u8], is_shard: bool) {
        self.recorder.record_message(database, &Effect::Publish { channel, message, is_shard });
    }

    /// Records an effect of which something else is told than it says, or nothing.
    #[inline]
    pub(crate) fn record_untold(&mut self, database: DbIndex, effect: &Effect<'_>) {
        self.counters.changes += 1;
        self.recorder.record(database, effect);
    }
}

impl std::fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held: Vec<usize> = self.held.iter().map(|held| held.index).collect();
        f.debug_struct("Access").field("worker", &self.worker).field("held", &held).finish_non_exhaustive()
    }
}
