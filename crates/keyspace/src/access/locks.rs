//! The locks of an access: shards, in ascending order of their index and all at once, and the gate, for everything.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use parking_lot::MutexGuard;

use super::Access;
use crate::cut::LentValue;
use crate::gate::{Busy, Patience};
use crate::key::{DbIndex, Key};
use crate::shard::{Partition, Shard};

/// How long one waits for a shard before one looks whether somebody is busy; and if somebody is.
const SLICE: Duration = Duration::from_millis(20);
const BUSY_SLICE: Duration = Duration::from_millis(2);

/// How often one looks for each worker whether a shard is free before one sleeps, and the pauses between two looks: some
/// microseconds together, in which one of the others is done with what it has read. To sleep and be woken takes longer, and whoever
/// wakes another one pays for it, too. But not for ever: a holder that has lost its core keeps the shard.
const LOOKS: usize = 16;
const PAUSES: usize = 8;

/// The place of a shard that is not held.
pub(super) const NOT_HELD: u16 = u16::MAX;

/// A locked shard.
pub(crate) struct Held<'k> {
    pub(super) index: usize,
    pub(crate) shard: MutexGuard<'k, Shard>,
}

impl<'k> Access<'k> {
    /// From now on it waits for no one who is busy: what needs locks then fails with [`Busy`], which [`Access::lock`] and the
    /// like unwind with, as a panic that is none. Nothing has been done then under the locks that were wanted.
    pub fn be_impatient(&mut self) {
        self.patience = Patience::UntilBusy;
    }

    /// Others need not wait any longer for what this access holds, or have to again. While it is busy it tells of all that it
    /// touches: others may watch keys that it holds ([`Access::lock_to_watch`]).
    pub fn declare_busy(&mut self, busy: bool) {
        self.is_busy = busy;
        self.recorder.observing |= busy;
        self.held.iter().for_each(|held| self.keyspace.cells[held.index].set_busy(busy));
        self.keyspace.gate.declare_busy(busy);
    }

    /// Locks a shard to watch a key of it; nothing is locked before. False: somebody busy holds it, who is not waited for and tells
    /// of all that he touches from now on.
    pub fn lock_to_watch(&mut self, shard: usize) -> bool {
        loop {
            if self.keyspace.cells[shard].is_busy() {
                return false;
            }
            if self.try_lock(&mut [shard]).is_ok() {
                return true;
            }
        }
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
    pub(super) fn look_for_observers(&mut self) {
        self.recorder.observing = self.is_busy | self.awaited | self.keyspace.is_observed();
    }

    /// One more wants to know what is touched, from the next command on, also of what is locked already.
    pub fn add_observer(&mut self) {
        self.keyspace.add_observer();
        self.recorder.observing = true;
    }

    /// Locks those shards that nobody holds, given in any order and with repetitions; whether these are all. It never waits, so it
    /// need not keep the order. Nothing is locked before.
    pub fn lock_free(&mut self, shards: &[usize]) -> bool {
        debug_assert!(self.held.is_empty(), "one lease at a time");
        self.awaited = false;
        if !self.inside {
            return false;
        }
        let mut all = true;
        for &index in shards {
            if self.holds(index) {
                continue;
            }
            match self.keyspace.cells[index].shard.try_lock() {
                Some(guard) => self.push_held(index, guard),
                None => all = false,
            }
        }
        self.look_for_observers();
        all
    }

    /// Whether one shard is locked and no other.
    #[inline]
    pub fn holds_only(&self, shard: usize) -> bool {
        self.held.len() == 1 && self.holds(shard)
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
        if self.is_busy {
            cell.set_busy(true);
        }
        true
    }

    /// Somebody waits for a key of a shard, which is held, until [`crate::Keyspace::remove_waiter`]. As long as it lasts, what is
    /// touched there is told by [`Access::take_touched`].
    pub fn add_waiter(&mut self, shard: usize) {
        debug_assert!(self.holds(shard), "otherwise a change would be missed");
        self.keyspace.cells[shard].add_waiter();
        self.recorder.observing = true;
    }

    /// Locks shards in ascending order, each once.
    pub(super) fn hold_all(&mut self, shards: &mut [usize]) -> Result<(), Busy> {
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
    pub(super) fn enter(&mut self) -> Result<(), Busy> {
        if !self.is_within {
            self.keyspace.gate.enter(self.worker.0, self.patience)?;
        }
        self.inside = true;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.inside) && !self.is_within {
            self.keyspace.gate.leave(self.worker.0);
        }
    }

    /// Drops all locks; what was recorded under them enters the log before.
    #[inline]
    pub fn unlock(&mut self) {
        self.publish();
        if self.is_busy {
            self.declare_busy(false); // a panic has cut it off
        }
        for held in &self.held {
            self.places[held.index] = NOT_HELD;
        }
        self.held.clear();
        self.recent = None;
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
            // Whoever holds a shard and is not in the gate, as one who reads a cut, does so for a moment.
            for (index, cell) in keyspace.cells.iter().enumerate() {
                self.push_held(index, cell.shard.lock());
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

    #[inline]
    pub(super) fn hold(&mut self, index: usize) -> Result<(), Busy> {
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

    /// Waits for a shard, at first awake. Others hold theirs for microseconds, so one that is not free for a while while somebody is
    /// busy is his.
    #[cold]
    pub(super) fn wait_for(&self, index: usize) -> Result<MutexGuard<'k, Shard>, Busy> {
        let cell = &self.keyspace.cells[index].shard;
        for _ in 0..LOOKS * self.keyspace.options.workers {
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            // A look alone, which takes the line from nobody.
            if !cell.is_locked()
                && let Some(shard) = cell.try_lock()
            {
                return Ok(shard);
            }
        }
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
    pub(super) fn push_held(&mut self, index: usize, shard: MutexGuard<'k, Shard>) {
        self.awaited |= self.keyspace.cells[index].is_awaited();
        self.places[index] = self.held.len() as u16;
        self.held.push(Held { index, shard });
    }

    /// The place of a shard among those that are held.
    #[inline]
    fn place_of(&self, shard: usize) -> u16 {
        let place = self.places[shard];
        assert!(place != NOT_HELD, "a command touches only keys whose shards it has declared");
        place
    }

    /// The place of a key's shard.
    #[inline]
    pub(crate) fn place_of_key(&self, key: &Key<'_>) -> u16 {
        self.place_of(self.shard_of(key))
    }

    #[inline]
    pub(crate) fn partition(&self, database: DbIndex, key: &Key<'_>) -> Option<&Partition> {
        self.held[usize::from(self.place_of_key(key))].shard.partition(database)
    }

    #[inline]
    pub(crate) fn partition_mut(&mut self, database: DbIndex, key: &Key<'_>) -> Option<&mut Partition> {
        self.recent = None;
        let place = usize::from(self.place_of_key(key));
        self.held[place].shard.partition_mut(database)
    }

    /// The partition of the shard at a place.
    #[inline]
    pub(crate) fn partition_at(&self, place: u16, database: DbIndex) -> Option<&Partition> {
        self.held[usize::from(place)].shard.partition(database)
    }

    /// The partition of the shard at a place, in which no key will be moved: a value is changed where it is, or what is noted
    /// beside it.
    #[inline]
    pub(crate) fn partition_in_place(&mut self, place: u16, database: DbIndex) -> Option<&mut Partition> {
        self.held[usize::from(place)].shard.partition_mut(database)
    }

    /// The partition of the shard at a place, where a key was found, in which no key will be moved, and the values that are lent there.
    #[inline]
    pub(crate) fn partition_and_lent(
        &mut self,
        place: u16,
        database: DbIndex,
    ) -> (&mut Partition, &mut [LentValue]) {
        let held = &mut self.held[usize::from(place)];
        held.shard.partition_and_lent(database).expect("the key was found there")
    }

    /// Whether somebody wants to see what is changed of values of the shard at a place.
    #[inline]
    pub(crate) fn lends_values_at(&self, place: u16) -> bool {
        !self.held[usize::from(place)].shard.lent_values.is_empty()
    }

    /// The partition, made if it is not there.
    pub(crate) fn make_partition(&mut self, database: DbIndex, key: &Key<'_>) -> &mut Partition {
        self.recent = None;
        let place = usize::from(self.place_of_key(key));
        self.held[place].shard.make(database, self.keyspace.options.hash_key)
    }

    /// Makes room for keys that are about to come to a database of a shard, which is locked: the hash of each, and the bytes that it will
    /// take, about. So the table need not grow with every key. While the shard is lent to a snapshot, pages are copied.
    pub fn make_room(
        &mut self,
        database: DbIndex,
        shard: usize,
        keys: impl Iterator<Item = (u64, usize)> + Clone,
    ) {
        if keys.clone().next().is_none() {
            return;
        }
        self.recent = None;
        let place = usize::from(self.place_of(shard));
        let partition = self.held[place].shard.make(database, self.keyspace.options.hash_key);
        partition.table.make_room(keys);
    }

    /// A shard's partition when everything is locked.
    pub(crate) fn held_partition(&self, shard: usize, database: DbIndex) -> Option<&Partition> {
        debug_assert!(self.exclusive, "only then a shard's place is its index");
        self.held[shard].shard.partition(database)
    }

    /// All locked shards with their indices.
    pub(crate) fn held_shards(&mut self) -> impl Iterator<Item = (usize, &mut Shard)> {
        self.recent = None;
        self.held.iter_mut().map(|held| (held.index, &mut *held.shard))
    }
}
