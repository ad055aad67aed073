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

/// The keys, before anybody knows of them.
#[derive(Debug)]
pub(crate) struct Lookout {
    keyspace: Arc<Keyspace>,
    database: DbIndex,
    hashes: HashSet<u64>,
}

impl Lookout {
    /// For about so many keys of a database.
    pub(crate) fn new(keyspace: Arc<Keyspace>, database: DbIndex, keys: usize) -> Self {
        Self { keyspace, database, hashes: HashSet::with_capacity(keys) }
    }

    /// One more key.
    pub(crate) fn add(&mut self, key: &[u8]) {
        self.hashes.insert(self.keyspace.key(key).hash);
    }

    /// The keys; none are left.
    pub(crate) fn take(&mut self) -> Self {
        let hashes = std::mem::take(&mut self.hashes);
        Self { keyspace: Arc::clone(&self.keyspace), database: self.database, hashes }
    }

    fn concerns(&self, touched: &Touched) -> bool {
        let has = |database: &DbIndex, key: &[u8]| {
            *database == self.database && self.hashes.contains(&self.keyspace.key(key).hash)
        };
        match touched {
            Touched::Key(database, key) | Touched::Expired(database, key) => has(database, key),
            Touched::Database(database) => *database == self.database,
            Touched::All => true,
        }
    }
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
