//! MULTI, EXEC, DISCARD, WATCH and UNWATCH.
//!
//! A transaction is a list of queued commands. EXEC locks the shards of all their keys at once, together with those of
//! the watched keys, and runs them as one unit of effects. A watched key has an entry in [`Watchers`]; whoever changes it
//! while holding its shard marks the watching connections, and EXEC looks at the mark under the same lock, so a change is
//! never missed. Time changes keys too, and marks nobody: EXEC looks whether each watched key is there or not as it was
//! at WATCH. So it makes no difference when a key that is due goes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyspace::{DbIndex, Touched};
use parking_lot::Mutex;

use crate::args::{Args, OwnedArgs};
use crate::command::Flags;
use crate::table::Row;

/// A database and a key.
type Name = (DbIndex, Vec<u8>);

/// A key that a connection watches.
#[derive(Debug)]
pub(crate) struct WatchedKey {
    pub(crate) database: DbIndex,
    pub(crate) key: Vec<u8>,
    /// Whether it was there at WATCH, unless a busy script kept that from being seen.
    pub(crate) was_there: Option<bool>,
}

/// A command that waits for EXEC.
#[derive(Debug)]
pub struct Queued {
    /// Its row.
    pub row: Row,
    /// What was sent.
    pub args: OwnedArgs,
    /// Hash and slot of its first key, if that is its first argument and is known.
    pub first_key: Option<(u64, u16)>,
}

/// What a connection has begun with MULTI or WATCH.
#[derive(Debug, Default)]
pub struct Transaction {
    queue: Option<Vec<Queued>>,
    /// A command could not be queued: EXEC will refuse.
    broken: bool,
    /// A queued command may run a script.
    runs_scripts: bool,
    watched: Vec<WatchedKey>,
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
        self.runs_scripts = false;
    }

    /// Adds a command.
    pub fn push(&mut self, row: Row, args: &Args<'_>, first_key: Option<(u64, u16)>) {
        if let Some(queue) = &mut self.queue {
            queue.push(Queued { row, args: OwnedArgs::copy(args), first_key });
            self.runs_scripts |= row.command.flags.has(Flags::RUNS_SCRIPTS);
        }
    }

    /// Whether a queued command may run a script.
    pub fn runs_scripts(&self) -> bool {
        self.runs_scripts
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
    pub fn take(&mut self) -> Vec<Queued> {
        self.broken = false;
        self.queue.take().unwrap_or_default()
    }

    /// The queued commands.
    pub fn commands(&self) -> &[Queued] {
        self.queue.as_deref().unwrap_or_default()
    }

    /// Watched keys.
    pub(crate) fn watched(&self) -> &[WatchedKey] {
        &self.watched
    }

    /// Whether a watched key was changed.
    pub fn is_touched(&self) -> bool {
        self.touched.load(Ordering::SeqCst)
    }
}

/// One connection that watches a key.
#[derive(Debug)]
struct Watcher {
    touched: Arc<AtomicBool>,
    /// Whether the key was there at WATCH, if that is known. What befalls a whole database changes only keys that are there; what an
    /// exchange brings is marked by whoever exchanges, see [`Watchers::absent`].
    was_there: Option<bool>,
}

impl Watcher {
    fn mark(&self) {
        self.touched.store(true, Ordering::SeqCst);
    }
}

/// Who watches which keys.
#[derive(Debug, Default)]
pub struct Watchers {
    keys: Mutex<HashMap<Name, Vec<Watcher>>>,
    /// Pairs of a key and a connection.
    count: AtomicUsize,
}

impl Watchers {
    /// A connection watches one more key; true if it did not watch it already. The key's shard is locked, or whoever holds it
    /// tells of all that he touches.
    pub(crate) fn watch(&self, transaction: &mut Transaction, watched: WatchedKey) -> bool {
        let is_same = |other: &WatchedKey| other.database == watched.database && other.key == watched.key;
        if transaction.watched.iter().any(is_same) {
            return false;
        }
        let watcher = Watcher { touched: Arc::clone(&transaction.touched), was_there: watched.was_there };
        self.keys.lock().entry((watched.database, watched.key.clone())).or_default().push(watcher);
        transaction.watched.push(watched);
        self.count.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// A connection watches nothing any more; returns how many keys it watched.
    pub fn unwatch(&self, transaction: &mut Transaction) -> usize {
        let watched = std::mem::take(&mut transaction.watched);
        if !watched.is_empty() {
            self.count.fetch_sub(watched.len(), Ordering::Relaxed);
            let mut keys = self.keys.lock();
            for WatchedKey { database, key, .. } in &watched {
                let name = (*database, key.clone());
                if let Some(watchers) = keys.get_mut(&name) {
                    watchers.retain(|watcher| !Arc::ptr_eq(&watcher.touched, &transaction.touched));
                    if watchers.is_empty() {
                        keys.remove(&name);
                    }
                }
            }
        }
        transaction.touched = Arc::default();
        watched.len()
    }

    /// The keys in two databases of which somebody knows that they were not there when he began to watch them.
    pub(crate) fn absent(&self, databases: [DbIndex; 2]) -> Vec<Name> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let keys = self.keys.lock();
        let is_absent =
            |watchers: &[Watcher]| watchers.iter().any(|watcher| watcher.was_there == Some(false));
        keys.iter()
            .filter(|(name, watchers)| databases.contains(&name.0) && is_absent(watchers))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Marks the connections that watch a key. Its shard is locked.
    pub(crate) fn mark(&self, name: &Name) {
        self.keys.lock().get(name).into_iter().flatten().for_each(Watcher::mark);
    }

    /// Marks the connections that watch what was touched. The shards of the touched keys are locked.
    pub fn notify(&self, touched: &[Touched]) {
        // Whoever watches a key counted it in while its shard was locked, as it is now.
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let keys = self.keys.lock();
        let mark_present = |watchers: &Vec<Watcher>| {
            watchers.iter().filter(|watcher| watcher.was_there != Some(false)).for_each(Watcher::mark);
        };
        for touched in touched {
            match touched {
                Touched::Key(database, key) => {
                    keys.get(&(*database, key.clone())).into_iter().flatten().for_each(Watcher::mark);
                }
                // Who knows that the key was there will find that it is not.
                Touched::Expired(database, key) => {
                    let watchers = keys.get(&(*database, key.clone())).into_iter().flatten();
                    watchers.filter(|watcher| watcher.was_there.is_none()).for_each(Watcher::mark);
                }
                Touched::Database(database) => {
                    keys.iter()
                        .filter(|(name, _)| name.0 == *database)
                        .for_each(|(_, all)| mark_present(all));
                }
                Touched::All => keys.values().for_each(mark_present),
            }
        }
    }
}
