//! MULTI, EXEC, DISCARD, WATCH and UNWATCH.
//!
//! A transaction is a list of queued commands. EXEC locks the shards of all their keys at once, together with those of
//! the watched keys, and runs them as one unit of effects. A watched key has an entry in [`Watchers`]; whoever changes it
//! while holding its shard marks the watching connections, and EXEC looks at the mark under the same lock, so a change is
//! never missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyspace::{DbIndex, Touched};
use parking_lot::Mutex;

use crate::args::{Args, OwnedArgs};
use crate::table::Row;

/// A database and a key.
pub(crate) type WatchedKey = (DbIndex, Vec<u8>);

/// A watched key.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) key: WatchedKey,
    /// Whether it was there when the watch began. Its time may come without anybody touching it.
    pub(crate) was_there: bool,
}

/// What a connection has begun with MULTI or WATCH.
#[derive(Debug, Default)]
pub struct Transaction {
    queue: Option<Vec<(Row, OwnedArgs)>>,
    /// A command could not be queued: EXEC will refuse.
    broken: bool,
    watched: Vec<Watch>,
    touched: Arc<AtomicBool>,
}

impl Transaction {
    /// Whether MULTI has been sent and EXEC has not.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Queued commands.
    pub fn queued(&self) -> Option<usize> {
        self.queue.as_ref().map(Vec::len)
    }

    /// MULTI.
    pub fn open(&mut self) {
        self.queue = Some(Vec::new());
        self.broken = false;
    }

    /// Adds a command.
    pub fn push(&mut self, row: Row, args: &Args<'_>) {
        if let Some(queue) = &mut self.queue {
            queue.push((row, OwnedArgs::copy(args)));
        }
    }

    /// A command was refused while queueing.
    pub fn break_it(&mut self) {
        self.broken |= self.is_open();
    }

    /// Whether a command was refused.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Ends it and gives back what was queued.
    pub fn take(&mut self) -> Vec<(Row, OwnedArgs)> {
        self.broken = false;
        self.queue.take().unwrap_or_default()
    }

    /// The queued commands.
    pub fn commands(&self) -> &[(Row, OwnedArgs)] {
        self.queue.as_deref().unwrap_or_default()
    }

    /// Watched keys.
    pub(crate) fn watched(&self) -> &[Watch] {
        &self.watched
    }

    /// Whether a watched key was changed.
    pub fn is_touched(&self) -> bool {
        self.touched.load(Ordering::SeqCst)
    }
}

/// Who watches which keys.
#[derive(Debug, Default)]
pub struct Watchers {
    keys: Mutex<HashMap<WatchedKey, Vec<Arc<AtomicBool>>>>,
    /// Pairs of a key and a connection.
    count: AtomicUsize,
}

impl Watchers {
    /// A connection watches one more key; true if it did not watch it already.
    pub(crate) fn watch(&self, transaction: &mut Transaction, watch: Watch) -> bool {
        if transaction.watched.iter().any(|other| other.key == watch.key) {
            return false;
        }
        self.keys.lock().entry(watch.key.clone()).or_default().push(Arc::clone(&transaction.touched));
        transaction.watched.push(watch);
        self.count.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// A connection watches nothing any more; returns how many keys it watched.
    pub fn unwatch(&self, transaction: &mut Transaction) -> usize {
        let watched = std::mem::take(&mut transaction.watched);
        if !watched.is_empty() {
            self.count.fetch_sub(watched.len(), Ordering::Relaxed);
            let mut keys = self.keys.lock();
            for Watch { key, .. } in &watched {
                if let Some(flags) = keys.get_mut(key) {
                    flags.retain(|flag| !Arc::ptr_eq(flag, &transaction.touched));
                    if flags.is_empty() {
                        keys.remove(key);
                    }
                }
            }
        }
        transaction.touched = Arc::default();
        watched.len()
    }

    /// All watched keys.
    pub(crate) fn keys(&self) -> Vec<WatchedKey> {
        self.keys.lock().keys().cloned().collect()
    }

    /// Like `notify`, where of the touched databases only the keys in `present` count.
    pub(crate) fn notify_present(&self, touched: &[Touched], present: &[WatchedKey]) {
        let in_it = |touched: &Touched, (database, _): &WatchedKey| match touched {
            Touched::Key(..) => false, // told as it is
            Touched::Database(other) => other == database,
            Touched::All => true,
        };
        let changed = present.iter().filter(|key| touched.iter().any(|touched| in_it(touched, key)));
        let mut keys: Vec<_> = changed.map(|(database, key)| Touched::Key(*database, key.clone())).collect();
        keys.extend(touched.iter().filter(|touched| matches!(touched, Touched::Key(..))).cloned());
        self.notify(&keys);
    }

    /// Marks the connections that watch what was touched. The shards of the touched keys are locked.
    pub fn notify(&self, touched: &[Touched]) {
        // Whoever watches a key counted it in while its shard was locked, as it is now.
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let keys = self.keys.lock();
        let mark =
            |flags: &Vec<Arc<AtomicBool>>| flags.iter().for_each(|flag| flag.store(true, Ordering::SeqCst));
        for touched in touched {
            match touched {
                Touched::Key(database, key) => {
                    keys.get(&(*database, key.clone())).into_iter().for_each(mark);
                }
                Touched::Database(database) => {
                    keys.iter().filter(|(key, _)| key.0 == *database).for_each(|(_, flags)| mark(flags));
                }
                Touched::All => keys.values().for_each(mark),
            }
        }
    }
}
