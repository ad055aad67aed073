//! A worker's access to the keyspace: the batch it is in, the locks it holds, the effects it has caused.
//!
//! ```text
//!   begin ─► lock(shards) ─► db(..) ─► db(..) ─► unlock ─► lock .. ─► end
//!   └─ in the gate ────────────────────────────────────────────────────┘
//! ```
//! Locks are taken in ascending order of the shard's index and all at once, so no two workers can wait for each other
//! in a circle. A command may only touch keys of shards that are held; anything else is our error and stops us.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::MutexGuard;
use smallvec::SmallVec;
use stdx::prefetch::prefetch;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::table::Path;
use value::{Settings, Value};

use crate::attempt::Attempt;
use crate::counters::Counters;
use crate::db::Db;
use crate::effect::{Effect, Touched};
use crate::event::Wanted;
use crate::frequency::Frequency;
use crate::gate::{Busy, Patience};
use crate::key::{DbIndex, Key};
use crate::keyspace::Keyspace;
use crate::log::LogPosition;
use crate::random::Census;
use crate::recorder::Recorder;
use crate::shard::{Partition, Shard};

/// The number of a worker, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerId(pub usize);

/// A key that will be needed soon.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its database.
    pub database: DbIndex,
    /// Its shard.
    pub shard: usize,
    /// Its hash.
    pub hash: u64,
}

/// How long one waits for a shard before one looks whether somebody is busy; and if somebody is.
const SLICE: Duration = Duration::from_millis(20);
const BUSY_SLICE: Duration = Duration::from_millis(2);

/// The place of a shard that is not held.
const NOT_HELD: u16 = u16::MAX;

/// A locked shard.
pub(crate) struct Held<'k> {
    index: usize,
    pub(crate) shard: MutexGuard<'k, Shard>,
}

/// See the module's text. One a worker; not shared.
pub struct Access<'k> {
    pub(crate) keyspace: &'k Keyspace,
    worker: WorkerId,
    pub(crate) held: SmallVec<[Held<'k>; 16]>,
    /// For each shard its place among the held ones, or [`NOT_HELD`].
    places: Box<[u16]>,
    /// Whether the gate is closed for this access.
    exclusive: bool,
    /// Whether somebody waits for a key of the shards that are held.
    awaited: bool,
    /// Whether it is in the gate; inside a batch it is not if a busy one has kept it out.
    inside: bool,
    /// Whether the place in the gate is another one's; see [`Access::within`].
    is_within: bool,
    /// How long it waits for locks.
    patience: Patience,
    pub(crate) now: UnixMs,
    /// What the clock says; another time than [`Access::now`] during a replay.
    wall: UnixMs,
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
    /// For random picks.
    pub(crate) census: Option<Census>,
    /// Random numbers for picks.
    pub rng: Rng,
    /// What this worker counts.
    pub counters: Counters,
}

/// Memory that nobody can reach any more; dropping it may take long.
#[derive(Debug)]
pub struct Garbage(Gone);

impl Garbage {
    pub(crate) fn value(value: Value) -> Self {
        Self(Gone::Value(value))
    }

    /// Anything else, such as what holds a clone of a value.
    pub fn other(other: Box<dyn std::fmt::Debug + Send>) -> Self {
        Self(Gone::Other(other))
    }

    /// About how many bytes it is. What others hold as well counts as nothing.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Gone::Value(value) => value.weight(),
            Gone::Partition(partition) => partition.table.live_bytes(),
            Gone::Other(_) => 0,
        }
    }
}

/// What is dropped.
#[derive(Debug)]
enum Gone {
    Value(Value),
    Partition(Partition),
    Other(#[expect(dead_code, reason = "see Garbage")] Box<dyn std::fmt::Debug + Send>),
}

impl<'k> Access<'k> {
    /// The access of a worker; `seed` is for its random picks.
    pub fn new(keyspace: &'k Keyspace, worker: WorkerId, seed: u64) -> Self {
        assert!(worker.0 < keyspace.options.workers, "the gate has a flag for each worker");
        Self {
            keyspace,
            worker,
            held: SmallVec::new(),
            places: vec![NOT_HELD; keyspace.shards()].into_boxed_slice(),
            exclusive: false,
            awaited: false,
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

    /// From now on it waits for no one who is busy: what needs locks then fails with [`Busy`], which [`Access::lock`] and the
    /// like unwind with, as a panic that is none. Nothing has been done then under the locks that were wanted.
    pub fn be_impatient(&mut self) {
        self.patience = Patience::UntilBusy;
    }

    /// Others need not wait any longer for what this access holds, or may again.
    pub fn declare_busy(&mut self, busy: bool) {
        self.keyspace.gate.declare_busy(busy);
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
    }

    /// Begins a batch of recorded effects, at a time at which nothing is due: what they say was so when they were
    /// recorded, whether or not its time has passed since. The access clock goes by `now`.
    pub fn begin_replay(&mut self, now: UnixMs) {
        self.begin(now);
        self.now = UnixMs(0);
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
            (Some(frequency), Some(before)) => Some(frequency.touched(before, self.now, &mut self.rng)),
            (Some(_), None) => Some(Frequency::fresh(self.now)),
        }
    }

    /// What a key that is written notes: a new one begins, an old one goes on.
    #[inline]
    pub(crate) fn noted_on_write(&mut self, before: Option<u32>) -> u32 {
        match (self.frequency, before) {
            (None, _) => self.clock,
            (Some(_), None) => Frequency::fresh(self.now),
            (Some(_), Some(before)) => self.noted_on_read(Some(before)).unwrap_or(before),
        }
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

    /// Asks the processor to bring a shard near that will be locked soon.
    #[inline]
    pub fn prefetch_shard(&self, index: usize) {
        let address = std::ptr::from_ref(&self.keyspace.cells[index]).cast::<u8>();
        prefetch(address);
        prefetch(address.wrapping_add(64));
    }

    /// Locks shards, given in any order and with repetitions; nothing is locked before.
    pub fn lock(&mut self, shards: &mut [usize]) {
        if let Err(busy) = self.try_lock(shards) {
            resume_unwind(Box::new(busy));
        }
    }

    /// Locks shards unless that would take longer than this access waits; then none is.
    pub fn try_lock(&mut self, shards: &mut [usize]) -> Result<(), Busy> {
        debug_assert!(self.held.is_empty(), "one lease at a time");
        self.awaited = false;
        if !self.inside {
            self.enter()?;
        }
        if let Err(busy) = self.hold_all(shards) {
            self.unlock();
            return Err(busy);
        }
        self.look_for_observers();
        Ok(())
    }

    /// Looks whether what is touched concerns somebody. Done under the locks: whoever began to watch one of these keys, or
    /// to wait for it, did so under them, and so before.
    #[inline]
    fn look_for_observers(&mut self) {
        self.recorder.observing = self.awaited | self.keyspace.is_observed();
    }

    /// Locks one more shard if nobody holds it; true if it is held then. It never waits, so it need not keep the order.
    pub fn try_hold(&mut self, shard: usize) -> bool {
        if self.holds(shard) {
            return true;
        }
        let cell = &self.keyspace.cells[shard];
        let Some(guard) = cell.shard.try_lock() else { return false };
        self.push_held(shard, guard);
        self.look_for_observers();
        true
    }

    /// Somebody waits for a key of a shard, which is held, until [`Keyspace::remove_waiter`]. As long as it lasts, what is
    /// touched there is told by [`Access::take_touched`].
    pub fn add_waiter(&mut self, shard: usize) {
        debug_assert!(self.holds(shard), "otherwise a change would be missed");
        self.keyspace.cells[shard].add_waiter();
        self.recorder.observing = true;
    }

    /// Locks shards in ascending order, each once.
    fn hold_all(&mut self, shards: &mut [usize]) -> Result<(), Busy> {
        if let [index] = *shards {
            return self.hold(index);
        }
        shards.sort_unstable();
        let mut last = None;
        for &index in &*shards {
            if last.replace(index) != Some(index) {
                self.hold(index)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn enter(&mut self) -> Result<(), Busy> {
        if !self.is_within {
            self.keyspace.gate.enter(self.worker.0, self.patience)?;
        }
        self.inside = true;
        Ok(())
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.inside) && !self.is_within {
            self.keyspace.gate.leave(self.worker.0);
        }
    }

    /// Drops all locks; what was recorded under them enters the log before.
    #[inline]
    pub fn unlock(&mut self) {
        self.publish();
        for held in &self.held {
            self.places[held.index] = NOT_HELD;
        }
        self.held.clear();
    }

    /// Appends what was recorded under the locks that are held to the log, and what was told to the queue of events.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.recorder.publish(&self.keyspace.log);
        self.recorder.collector.append_to(&self.keyspace.events);
    }

    /// Runs `body` with every shard locked and no other worker in a batch. Called inside a batch, with nothing locked or
    /// everything.
    pub fn with_everything<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        if self.exclusive {
            return body(self);
        }
        debug_assert!(self.held.is_empty(), "locks go before the gate is closed");
        if self.is_within {
            resume_unwind(Box::new(Busy)); // the first one would be waited for, which waits for this one
        }
        let (keyspace, patience) = (self.keyspace, self.patience);
        self.leave();
        let result = keyspace.gate.exclusively(patience, || {
            self.awaited = false;
            for index in 0..keyspace.cells.len() {
                self.hold(index).expect("nobody holds a shard who is not in the gate");
            }
            self.exclusive = true;
            self.look_for_observers();
            let result = catch_unwind(AssertUnwindSafe(|| body(self)));
            self.exclusive = false;
            self.unlock();
            result
        });
        // Whoever is kept out finds that again when something is to be locked.
        let _ = self.enter();
        match result {
            Ok(Ok(result)) => result,
            // A panic goes on only after the gate is open again, or every other worker would wait for ever.
            Ok(Err(panic)) => resume_unwind(panic),
            Err(busy) => resume_unwind(Box::new(busy)),
        }
    }

    /// Whether a shard is locked.
    #[inline]
    pub fn holds(&self, shard: usize) -> bool {
        self.places[shard] != NOT_HELD
    }

    /// Whether everything is locked.
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
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

    /// Brings what a batch of keys needs near, in stages: while one key's memory is on its way, the next key's is asked
    /// for. Their shards are locked.
    pub fn prefetch(&self, targets: &[Target]) {
        let paths: SmallVec<[Path<'_, Value>; 16]> = targets
            .iter()
            .filter_map(|target| {
                let shard = &self.held[self.place_of(target.shard)].shard;
                Some(shard.partition(target.database)?.table.path(target.hash))
            })
            .collect();
        paths.iter().for_each(Path::prefetch_page);
        paths.iter().for_each(Path::prefetch_entry);
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

    /// Large values that went, to be freed where nobody waits.
    pub fn take_reclaim(&mut self) -> Vec<Garbage> {
        std::mem::take(&mut self.reclaim)
    }

    /// Whether there are values to free.
    pub fn has_reclaim(&self) -> bool {
        !self.reclaim.is_empty()
    }

    /// Puts aside what a command needs no more, to be freed where nobody waits.
    pub fn free_later(&mut self, garbage: Garbage) {
        self.reclaim.push(garbage);
    }

    /// Puts whole partitions aside to be freed later.
    pub(crate) fn reclaim_partitions(&mut self, partitions: Vec<Partition>) {
        self.reclaim.extend(partitions.into_iter().map(|partition| Garbage(Gone::Partition(partition))));
    }

    /// Puts a value aside to be freed later.
    pub(crate) fn reclaim(&mut self, value: Value) {
        self.reclaim.push(Garbage::value(value));
    }

    #[inline]
    fn hold(&mut self, index: usize) -> Result<(), Busy> {
        let shard = self.look_into(index)?;
        self.push_held(index, shard);
        Ok(())
    }

    /// A shard under a lock of its own.
    #[inline]
    pub(crate) fn look_into(&self, index: usize) -> Result<MutexGuard<'k, Shard>, Busy> {
        match self.keyspace.cells[index].shard.try_lock() {
            Some(shard) => Ok(shard),
            None => self.wait_for(index),
        }
    }

    /// Waits for a shard. Others hold theirs for microseconds, so one that is not free for a while while somebody is busy is
    /// his.
    #[cold]
    fn wait_for(&self, index: usize) -> Result<MutexGuard<'k, Shard>, Busy> {
        let cell = &self.keyspace.cells[index].shard;
        if self.patience == Patience::Endless {
            return Ok(cell.lock());
        }
        loop {
            let slice = if self.keyspace.gate.is_busy() { BUSY_SLICE } else { SLICE };
            if let Some(shard) = cell.try_lock_for(slice) {
                return Ok(shard);
            }
            if self.keyspace.gate.is_busy() {
                return Err(Busy);
            }
        }
    }

    #[inline]
    fn push_held(&mut self, index: usize, shard: MutexGuard<'k, Shard>) {
        self.awaited |= self.keyspace.cells[index].is_awaited();
        self.places[index] = self.held.len() as u16;
        self.held.push(Held { index, shard });
    }

    #[inline]
    fn place_of(&self, shard: usize) -> usize {
        let place = self.places[shard];
        assert!(place != NOT_HELD, "a command touches only keys whose shards it has declared");
        usize::from(place)
    }

    #[inline]
    pub(crate) fn partition(&self, database: DbIndex, key: &Key<'_>) -> Option<&Partition> {
        self.held[self.place_of(self.shard_of(key))].shard.partition(database)
    }

    #[inline]
    pub(crate) fn partition_mut(&mut self, database: DbIndex, key: &Key<'_>) -> Option<&mut Partition> {
        let place = self.place_of(self.shard_of(key));
        self.held[place].shard.partition_mut(database)
    }

    /// The partition, made if it is not there.
    pub(crate) fn make_partition(&mut self, database: DbIndex, key: &Key<'_>) -> &mut Partition {
        let place = self.place_of(self.shard_of(key));
        self.held[place].shard.make(database, self.keyspace.options.hash_key)
    }

    /// A shard's partition when everything is locked.
    pub(crate) fn held_partition(&self, shard: usize, database: DbIndex) -> Option<&Partition> {
        debug_assert!(self.exclusive, "only then a shard's place is its index");
        self.held[shard].shard.partition(database)
    }

    /// All locked shards with their indices.
    pub(crate) fn held_shards(&mut self) -> impl Iterator<Item = (usize, &mut Shard)> {
        self.held.iter_mut().map(|held| (held.index, &mut *held.shard))
    }

    /// Counts keys that came to a database, or went from it below zero.
    #[inline]
    pub(crate) fn count_keys(&self, database: DbIndex, keys: isize) {
        self.keyspace.population.add_keys(self.worker.0, database, keys);
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
