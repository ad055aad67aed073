//! Who is subscribed to what, as all workers see it: how many clients of which worker, by name.
//!
//! Channels lie in parts by the hash of their name, each behind a lock of its own that publishers only read. Patterns lie
//! together, for every message has to be compared with each of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use smallvec::SmallVec;
use stdx::glob::{self, Case};

use super::{Kind, Message, Name};

/// Parts of the channels.
const PARTS: usize = 64;

/// The workers with subscribers, and how many each has; never 0.
pub(super) type Workers = SmallVec<[(usize, usize); 2]>;

/// Names with their subscribers.
type Part = HashMap<Name, Workers>;

/// See the module's text.
#[derive(Debug)]
pub struct Directory {
    tables: [Table; Kind::ALL.len()],
    /// Clients with at least one subscription.
    pub clients: AtomicUsize,
}

/// The names of one kind.
#[derive(Debug)]
struct Table {
    parts: Box<[RwLock<Part>]>,
    hasher: RandomState,
    /// Names, to be read without a lock.
    count: AtomicUsize,
}

impl Table {
    fn new(parts: usize) -> Self {
        let parts = (0..parts).map(|_| RwLock::default()).collect();
        Self { parts, hasher: RandomState::new(), count: AtomicUsize::new(0) }
    }

    fn part(&self, name: &[u8]) -> &RwLock<Part> {
        &self.parts[self.hasher.hash_one(name) as usize % self.parts.len()]
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self { tables: [PARTS, 1, PARTS].map(Table::new), clients: AtomicUsize::new(0) }
    }
}

/// Subscribers of all workers.
fn total(workers: &Workers) -> usize {
    workers.iter().map(|(_, subscribers)| subscribers).sum()
}

impl Directory {
    /// Names of a kind with at least one subscriber.
    #[inline]
    pub fn count(&self, kind: Kind) -> usize {
        self.tables[kind as usize].count.load(Ordering::Acquire)
    }

    /// Those of them that a pattern matches.
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Name> {
        let shown = |name: &Name| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive));
        let parts = &self.tables[kind as usize].parts;
        parts
            .iter()
            .flat_map(|part| part.read().keys().filter(|name| shown(name)).cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Subscribers of a name.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.tables[kind as usize].part(name).read().get(name).map_or(0, total)
    }

    /// A worker has one more subscriber of a name.
    pub(super) fn add(&self, kind: Kind, name: &[u8], worker: usize) -> Name {
        let table = &self.tables[kind as usize];
        let mut part = table.part(name).write();
        let name = match part.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => Name::from(name),
        };
        let workers = part.entry(Arc::clone(&name)).or_insert_with(|| {
            table.count.fetch_add(1, Ordering::Release);
            Workers::new()
        });
        match workers.iter_mut().find(|(other, _)| *other == worker) {
            Some((_, subscribers)) => *subscribers += 1,
            None => workers.push((worker, 1)),
        }
        name
    }

    /// A worker has one subscriber less.
    pub(super) fn remove(&self, kind: Kind, name: &[u8], worker: usize) {
        let table = &self.tables[kind as usize];
        let mut part = table.part(name).write();
        let Some(workers) = part.get_mut(name) else { return };
        if let Some(at) = workers.iter().position(|(other, _)| *other == worker) {
            workers[at].1 -= 1;
            if workers[at].1 == 0 {
                workers.swap_remove(at);
            }
        }
        if workers.is_empty() {
            part.remove(name);
            table.count.fetch_sub(1, Ordering::Release);
        }
    }

    /// Whether somebody may hear a message on some channel that is not of a shard.
    #[inline]
    pub(crate) fn has_listeners(&self) -> bool {
        self.count(Kind::Channel) + self.count(Kind::Pattern) > 0
    }

    /// Makes a message for each name under which somebody hears a channel, and calls `each` with every worker that has
    /// subscribers of it, and how many.
    pub(crate) fn address(
        &self,
        is_shard: bool,
        channel: &[u8],
        payload: &[u8],
        mut each: impl FnMut(usize, usize, &Arc<Message>),
    ) {
        let kind = if is_shard { Kind::Shard } else { Kind::Channel };
        let patterns = if is_shard { Vec::new() } else { self.matching(channel) };
        let found = self.find(kind, channel).map(|(name, workers)| (kind, name, workers));
        let patterns = patterns.into_iter().map(|(name, workers)| (Kind::Pattern, name, workers));
        for (kind, name, workers) in found.into_iter().chain(patterns) {
            let message = Arc::new(Message::new(kind, name, channel, payload));
            workers.iter().for_each(|&(worker, subscribers)| each(worker, subscribers, &message));
        }
    }

    /// The subscribers of a channel.
    fn find(&self, kind: Kind, channel: &[u8]) -> Option<(Name, Workers)> {
        if self.count(kind) == 0 {
            return None;
        }
        let part = self.tables[kind as usize].part(channel).read();
        part.get_key_value(channel).map(|(name, workers)| (Arc::clone(name), workers.clone()))
    }

    /// The patterns that match a channel, with their subscribers.
    fn matching(&self, channel: &[u8]) -> Vec<(Name, Workers)> {
        if self.count(Kind::Pattern) == 0 {
            return Vec::new();
        }
        let parts = &self.tables[Kind::Pattern as usize].parts;
        let matches = |pattern: &[u8]| glob::matches(pattern, channel, Case::Sensitive);
        let part = parts[0].read();
        part.iter()
            .filter(|(pattern, _)| matches(pattern))
            .map(|(pattern, workers)| (Arc::clone(pattern), workers.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resp::Protocol;

    #[test]
    fn a_name_lasts_as_long_as_its_last_subscriber() {
        let directory = Directory::default();
        for worker in [0, 1, 1] {
            directory.add(Kind::Channel, b"news", worker);
        }
        assert_eq!((directory.count(Kind::Channel), directory.subscribers(Kind::Channel, b"news")), (1, 3));
        for (worker, left) in [(1, 2), (0, 1), (1, 0)] {
            directory.remove(Kind::Channel, b"news", worker);
            assert_eq!(directory.subscribers(Kind::Channel, b"news"), left);
        }
        assert_eq!(directory.count(Kind::Channel), 0);
        assert!(directory.find(Kind::Channel, b"news").is_none());
    }

    #[test]
    fn a_message_is_encoded_once_whoever_hears_it() {
        let directory = Directory::default();
        for worker in [0, 0, 1, 2] {
            directory.add(Kind::Channel, b"news", worker);
        }
        let mut messages = Vec::new();
        directory.address(false, b"news", b"hello", |worker, subscribers, message| {
            messages.push((worker, subscribers, Arc::clone(message)));
        });
        assert_eq!(messages.iter().map(|(_, subscribers, _)| subscribers).sum::<usize>(), 4);
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let first = messages[0].2.encoded(protocol);
            assert!(messages.iter().all(|(.., message)| Arc::ptr_eq(message.encoded(protocol), first)));
        }
    }

    #[test]
    fn kinds_are_kept_apart_and_patterns_match() {
        let directory = Directory::default();
        directory.add(Kind::Pattern, b"n*", 0);
        directory.add(Kind::Shard, b"news", 0);
        assert!(directory.find(Kind::Channel, b"news").is_none());
        assert_eq!(directory.matching(b"news").len(), 1);
        assert_eq!(directory.matching(b"old").len(), 0);
        assert_eq!(directory.names(Kind::Shard, Some(b"n?ws")).len(), 1);
        assert_eq!(directory.names(Kind::Shard, Some(b"n?w")).len(), 0);
    }
}
