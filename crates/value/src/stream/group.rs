//! Consumer groups: how far a group has read, who reads, and what is pending.
//!
//! Consumers stand in a tree of `length of the name (4)  name  number (4)  seen (8)  active (8)`, so that thousands of them
//! cost a snapshot nothing either. Whoever shows them sorts them by name.

use super::id::Id;
use super::pending::{ConsumerNumber, PendingEntries};
use crate::dismantle::Dismantle;
use crate::tree::Ordered;

/// Bytes behind the name.
const TAIL_BYTES: usize = 20;

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: Id,
    /// How many entries of all that were ever added have been read, if that is known.
    pub entries_read: Option<u64>,
    /// What was delivered and not acknowledged.
    pub pending: PendingEntries,
    consumers: Ordered,
    /// The greatest number that a consumer was given.
    last_number: u32,
}

/// One consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its number.
    pub number: ConsumerNumber,
    /// When it last tried something; unix milliseconds.
    pub seen_ms: i64,
    /// When it last got something; -1 for never.
    pub active_ms: i64,
}

impl<'a> Consumer<'a> {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = key_of(self.name);
        bytes.extend_from_slice(&self.number.0.to_be_bytes());
        bytes.extend_from_slice(&self.seen_ms.to_be_bytes());
        bytes.extend_from_slice(&self.active_ms.to_be_bytes());
        bytes
    }

    fn of_bytes(bytes: &'a [u8]) -> Self {
        let (name, tail) = bytes[4..].split_at(bytes.len() - 4 - TAIL_BYTES);
        let whole = "an element is whole";
        Self {
            name,
            number: ConsumerNumber(u32::from_be_bytes(*tail.first_chunk().expect(whole))),
            seen_ms: i64::from_be_bytes(*tail[4..].first_chunk().expect(whole)),
            active_ms: i64::from_be_bytes(*tail[12..].first_chunk().expect(whole)),
        }
    }
}

fn key_of(name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + name.len() + TAIL_BYTES);
    key.extend_from_slice(&(name.len() as u32).to_be_bytes());
    key.extend_from_slice(name);
    key
}

impl Group {
    /// A group that has read up to an ID.
    pub fn new(last_id: Id, entries_read: Option<u64>) -> Self {
        Self { last_id, entries_read, ..Self::default() }
    }

    /// The number of consumers.
    pub fn consumer_count(&self) -> usize {
        self.consumers.len()
    }

    /// A consumer by its name.
    pub fn consumer(&self, name: &[u8]) -> Option<Consumer<'_>> {
        self.find(name).map(|at| self.at(at))
    }

    /// The consumer at a position, in an order of the group's own.
    pub fn consumer_at(&self, position: usize) -> Option<Consumer<'_>> {
        self.consumers.get(position).map(Consumer::of_bytes)
    }

    /// All consumers, by their names.
    pub fn consumers(&self) -> Vec<Consumer<'_>> {
        let mut consumers: Vec<Consumer<'_>> = self.consumers.iter().map(Consumer::of_bytes).collect();
        consumers.sort_unstable_by_key(|consumer| consumer.name);
        consumers
    }

    /// The names of all consumers, by their numbers.
    pub fn names(&self) -> Names<'_> {
        let mut names: Vec<(ConsumerNumber, &[u8])> =
            self.consumers.iter().map(Consumer::of_bytes).map(|one| (one.number, one.name)).collect();
        names.sort_unstable();
        Names(names)
    }

    /// Adds a consumer; `None` if it is there.
    pub fn add_consumer(&mut self, name: &[u8], seen_ms: i64, active_ms: i64) -> Option<ConsumerNumber> {
        if self.find(name).is_some() {
            return None;
        }
        let number = self.free_number();
        self.consumers.insert(&Consumer { name, number, seen_ms, active_ms }.to_bytes());
        Some(number)
    }

    /// Notes that a consumer, which is there, was seen or got something.
    pub fn note(&mut self, name: &[u8], seen_ms: i64, active_ms: Option<i64>) {
        let at = self.find(name).expect("the consumer is there");
        let before = self.at(at);
        let noted = Consumer { seen_ms, active_ms: active_ms.unwrap_or(before.active_ms), ..before };
        if noted != before {
            let bytes = noted.to_bytes();
            self.consumers.replace(at, &bytes);
        }
    }

    /// Removes a consumer with all that it has pending; returns how much that was. `None`: there is no such consumer.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let at = self.find(name)?;
        let number = self.at(at).number;
        self.consumers.remove_at(at);
        Some(self.pending.remove_all_of(number))
    }

    /// Bytes of memory.
    pub fn allocated_bytes(&self) -> usize {
        size_of::<Self>() + self.consumers.allocated_bytes() + self.pending.allocated_bytes()
    }

    fn at(&self, position: usize) -> Consumer<'_> {
        Consumer::of_bytes(self.consumers.get(position).expect("the position is there"))
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        let key = key_of(name);
        let at = self.consumers.lower_bound(&key);
        self.consumers.get(at).filter(|bytes| bytes.starts_with(&key)).map(|_| at)
    }

    /// A number that no consumer has. Numbers count up; only after four milliards of them is one looked for.
    fn free_number(&mut self) -> ConsumerNumber {
        if self.last_number < u32::MAX - 1 {
            self.last_number += 1;
            return ConsumerNumber(self.last_number);
        }
        let names = self.names();
        let taken = names.0.iter().map(|(number, _)| number.0);
        let free = (1..).zip(taken).find(|(number, taken)| number != taken).map(|(number, _)| number);
        ConsumerNumber(free.unwrap_or(names.0.len() as u32 + 1))
    }
}

/// The names of consumers, to be looked up by number.
#[derive(Debug)]
pub struct Names<'a>(Vec<(ConsumerNumber, &'a [u8])>);

impl Dismantle for Group {
    fn dismantle(self, between: &mut dyn FnMut()) {
        self.pending.dismantle(between);
        self.consumers.dismantle(between);
    }
}

impl<'a> Names<'a> {
    /// The name of a consumer; empty for nobody.
    pub fn get(&self, number: ConsumerNumber) -> &'a [u8] {
        let at = self.0.binary_search_by_key(&number, |(number, _)| *number);
        at.map_or(&[], |at| self.0[at].1)
    }
}
