//! Many keys that are watched at once, by who has read them without locks.
//!
//! WATCH is for a few keys and costs an entry in a shared table for each. Who computes something from half a million keys watches
//! them as one set of their hashes, made before it is posted and not changed since, so that whoever touches a key looks at it
//! without waiting. Two keys of one hash are taken for one: then something is computed anew for nothing.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use keyspace::{DbIndex, Keyspace, Touched};
use parking_lot::Mutex;

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
pub(crate) struct Posted(Arc<Watch>);

impl Posted {
    /// Whether somebody has touched one of them. Whoever does so has said it before he gives the key's lock back.
    pub(crate) fn is_touched(&self) -> bool {
        self.0.is_touched.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Watch {
    lookout: Lookout,
    is_touched: AtomicBool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.lookout.keyspace.remove_observer();
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Lookouts {
    all: Mutex<Vec<Weak<Watch>>>,
    /// How many; some may be gone.
    count: AtomicUsize,
}

impl Lookouts {
    /// Watches keys from now on. Batches that have begun do not know: who locks a key afterwards, or takes a snapshot, has
    /// waited for them.
    pub(crate) fn post(&self, lookout: Lookout) -> Posted {
        lookout.keyspace.add_observer();
        let watch = Arc::new(Watch { lookout, is_touched: AtomicBool::new(false) });
        let mut all = self.all.lock();
        all.push(Arc::downgrade(&watch));
        self.count.store(all.len(), Ordering::SeqCst);
        Posted(watch)
    }

    /// Marks those that what was touched concerns. The shards of the touched keys are locked.
    pub(crate) fn notify(&self, touched: &[Touched]) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut all = self.all.lock();
        all.retain(|watch| watch.strong_count() > 0);
        self.count.store(all.len(), Ordering::SeqCst);
        for watch in all.iter().filter_map(Weak::upgrade) {
            if touched.iter().any(|touched| watch.lookout.concerns(touched)) {
                watch.is_touched.store(true, Ordering::SeqCst);
            }
        }
    }
}
