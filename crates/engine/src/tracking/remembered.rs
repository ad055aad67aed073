//! The keys that clients have read, each with the clients that may hold it.
//!
//! The table is cut into parts by the keys' hash, each with a lock of its own, so that clients on different workers rarely
//! wait for each other. A client that goes leaves its entries behind; they go when their key changes or when the table is
//! over its limit (`tracking-table-max-keys`), which drops keys at random.

use std::sync::atomic::{AtomicUsize, Ordering};

use indexmap::IndexMap;
use keyspace::Key;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Place;

/// Parts of the table.
const PARTS: usize = 64;

/// The clients of a key, by number.
pub(super) type Clients = SmallVec<[Place; 1]>;

/// A part: keys with their clients; the index makes a random pick cheap.
type Part = IndexMap<Box<[u8]>, Clients>;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Remembered {
    parts: Box<[Mutex<Part>]>,
    keys: AtomicUsize,
    items: AtomicUsize,
}

impl Default for Remembered {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, keys: AtomicUsize::new(0), items: AtomicUsize::new(0) }
    }
}

impl Remembered {
    /// Keys.
    pub(super) fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// Pairs of a key and a client.
    pub(super) fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// A client has read a key.
    pub(super) fn add(&self, key: &Key<'_>, place: Place) {
        let mut part = self.part(key).lock();
        let clients = if let Some(clients) = part.get_mut(key.bytes) {
            clients
        } else {
            self.keys.fetch_add(1, Ordering::Relaxed);
            part.entry(key.bytes.into()).or_default()
        };
        if let Err(at) = clients.binary_search_by_key(&place.id, |known| known.id) {
            clients.insert(at, place);
            self.items.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A key has changed: its clients, who are forgotten with it.
    pub(super) fn take(&self, key: &Key<'_>) -> Clients {
        let clients = self.part(key).lock().swap_remove(key.bytes);
        clients.inspect(|clients| self.count_out(clients)).unwrap_or_default()
    }

    /// Some key, with its clients; `random` decides which.
    pub(super) fn take_any(&self, random: u64) -> Option<(Box<[u8]>, Clients)> {
        let first = random as usize % PARTS;
        let parts = self.parts[first..].iter().chain(&self.parts[..first]);
        let taken = parts.map(|part| part.lock()).find(|part| !part.is_empty()).and_then(|mut part| {
            let at = (random >> 32) as usize % part.len();
            part.swap_remove_index(at)
        });
        taken.inspect(|(_, clients)| self.count_out(clients))
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for part in &self.parts {
            let part = std::mem::take(&mut *part.lock());
            part.values().for_each(|clients| self.count_out(clients));
        }
    }

    fn part(&self, key: &Key<'_>) -> &Mutex<Part> {
        &self.parts[key.hash as usize % PARTS]
    }

    /// A key went with its clients.
    fn count_out(&self, clients: &Clients) {
        self.keys.fetch_sub(1, Ordering::Relaxed);
        self.items.fetch_sub(clients.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use stdx::hash::HashKey;

    use super::*;

    fn place(id: u64) -> Place {
        Place { id, worker: 0, number: id as usize }
    }

    fn key(bytes: &[u8]) -> Key<'_> {
        Key::new(bytes, &HashKey([1, 2]))
    }

    #[test]
    fn a_client_is_remembered_once_a_key_and_taken_with_it() {
        let remembered = Remembered::default();
        for id in [2, 1, 2] {
            remembered.add(&key(b"k"), place(id));
        }
        assert_eq!((remembered.keys(), remembered.items()), (1, 2));
        assert_eq!(remembered.take(&key(b"k")).to_vec(), [place(1), place(2)]);
        assert!(remembered.take(&key(b"k")).is_empty());
        assert_eq!((remembered.keys(), remembered.items()), (0, 0));
    }

    #[test]
    fn random_picks_empty_the_table() {
        let remembered = Remembered::default();
        let names: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        names.iter().for_each(|name| remembered.add(&key(name.as_bytes()), place(1)));
        let mut rng = stdx::rng::Rng::from_seed(3);
        let mut taken: Vec<Box<[u8]>> = Vec::new();
        while let Some((name, _)) = remembered.take_any(rng.next_u64()) {
            taken.push(name);
        }
        taken.sort();
        taken.dedup();
        assert_eq!((taken.len(), remembered.keys(), remembered.items()), (1000, 0, 0));
    }
}
