//! Many keys that are watched at once, by who has read them without locks.
//!
//! WATCH is for a few keys and costs an entry in a shared table for each. Who computes something from half a million keys watches
//! them as one set of their hashes, made before it is posted and not changed since, so that whoever touches a key looks at it
//! without waiting. Two keys of one hash are taken for one: then something is computed anew for nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyspace::{DbIndex, Keyspace, Touched};
use parking_lot::RwLock;

/// So many sets hold the hashes, for a set grows all at once, while others wait.
const PARTS: usize = 256;

/// The keys, before anybody knows of them.
#[derive(Debug)]
pub(crate) struct Lookout {
    keyspace: Arc<Keyspace>,
    database: DbIndex,
    parts: Vec<HashSet<u64>>,
}

impl Lookout {
    /// For keys of a database.
    pub(crate) fn new(keyspace: Arc<Keyspace>, database: DbIndex) -> Self {
        Self { keyspace, database, parts: vec![HashSet::new(); PARTS] }
    }

    /// One more key.
    pub(crate) fn add(&mut self, key: &[u8]) {
        let hash = self.keyspace.key(key).hash;
        self.parts[part_of(hash)].insert(hash);
    }

    /// The keys; none are left.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self::new(Arc::clone(&self.keyspace), self.database);
        std::mem::replace(self, empty)
    }

    fn has(&self, key: &[u8]) -> bool {
        let hash = self.keyspace.key(key).hash;
        self.parts[part_of(hash)].contains(&hash)
    }

    fn concerns(&self, touched: &Touched) -> bool {
        match touched {
            Touched::Key(database, key) | Touched::Expired(database, key) => {
                *database == self.database && self.has(key)
            }
            Touched::Database(database) => *database == self.database,
            Touched::All => true,
        }
    }
}

fn part_of(hash: u64) -> usize {
    (hash % PARTS as u64) as usize
}

/// The keys while they are watched, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Posted {
    watch: Arc<Watch>,
    all: Arc<RwLock<Vec<Arc<Watch>>>>,
}

impl Posted {
    /// Whether somebody has touched one of them. Whoever does so has said it before he gives the key's lock back.
    pub(crate) fn is_touched(&self) -> bool {
        self.watch.is_touched.load(Ordering::SeqCst)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        self.all.write().retain(|watch| !Arc::ptr_eq(watch, &self.watch));
        self.watch.lookout.keyspace.remove_observer();
    }
}

#[derive(Debug)]
struct Watch {
    lookout: Lookout,
    is_touched: AtomicBool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Lookouts(Arc<RwLock<Vec<Arc<Watch>>>>);

impl Lookouts {
    /// Watches keys from now on. Batches that have begun do not know: who locks a key afterwards, or takes a snapshot, has
    /// waited for them.
    pub(crate) fn post(&self, lookout: Lookout) -> Posted {
        lookout.keyspace.add_observer();
        let watch = Arc::new(Watch { lookout, is_touched: AtomicBool::new(false) });
        self.0.write().push(Arc::clone(&watch));
        Posted { watch, all: Arc::clone(&self.0) }
    }

    /// Marks those that what was touched concerns. The shards of the touched keys are locked.
    pub(crate) fn notify(&self, touched: &[Touched]) {
        for watch in self.0.read().iter() {
            if touched.iter().any(|touched| watch.lookout.concerns(touched)) {
                watch.is_touched.store(true, Ordering::SeqCst);
            }
        }
    }
}
