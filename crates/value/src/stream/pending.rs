//! What was delivered to consumers and not acknowledged yet, by ID and by consumer.
//!
//! ```text
//! entries   ID (16 bytes)  consumer (4)  time of delivery (8)  deliveries    ordered by ID
//! owned     consumer (4)  ID (16)                                            ordered by consumer, then ID
//! ```
//! Both are trees, so a clone takes constant time, a change copies two paths, and how much a consumer has pending is the
//! distance of two positions. They hold the same IDs.

use super::id::Id;
use super::varint;
use crate::tree::Ordered;

/// The number of a consumer in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerNumber(pub(super) u32);

impl ConsumerNumber {
    /// The owner of what a consumer has given back: nobody.
    pub const NOBODY: Self = Self(0);
}

const CONSUMER_AT: usize = Id::BYTES;
const TIME_AT: usize = CONSUMER_AT + 4;
const COUNT_AT: usize = TIME_AT + 8;

/// One pending entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What was delivered.
    pub id: Id,
    /// To whom.
    pub consumer: ConsumerNumber,
    /// When, the last time; unix milliseconds.
    pub delivered_ms: i64,
    /// How often.
    pub deliveries: u64,
}

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct PendingEntries {
    entries: Ordered,
    owned: Ordered,
}

impl Pending {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(COUNT_AT + 1);
        bytes.extend_from_slice(&self.id.to_bytes());
        bytes.extend_from_slice(&self.consumer.0.to_be_bytes());
        bytes.extend_from_slice(&self.delivered_ms.to_be_bytes());
        varint::write(&mut bytes, self.deliveries);
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let whole = "an element is whole";
        Self {
            id: Id::of_bytes(bytes),
            consumer: ConsumerNumber(u32::from_be_bytes(*bytes[CONSUMER_AT..].first_chunk().expect(whole))),
            delivered_ms: i64::from_be_bytes(*bytes[TIME_AT..].first_chunk().expect(whole)),
            deliveries: varint::take(&mut &bytes[COUNT_AT..]),
        }
    }

    fn owned_key(self) -> [u8; 20] {
        let mut key = [0; 20];
        key[..4].copy_from_slice(&self.consumer.0.to_be_bytes());
        key[4..].copy_from_slice(&self.id.to_bytes());
        key
    }
}

impl PendingEntries {
    /// How many.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many a consumer has.
    pub fn len_of(&self, consumer: ConsumerNumber) -> usize {
        let (start, end) = self.positions_of(consumer, Id::MIN);
        end - start
    }

    /// What is known of an ID.
    pub fn get(&self, id: Id) -> Option<Pending> {
        self.find(id).ok().map(|at| self.at(at))
    }

    /// The first one.
    pub fn first(&self) -> Option<Pending> {
        self.entries.get(0).map(Pending::of_bytes)
    }

    /// The last one.
    pub fn last(&self) -> Option<Pending> {
        self.len().checked_sub(1).map(|at| self.at(at))
    }

    /// Those from an ID on.
    pub fn from(&self, first: Id) -> impl Iterator<Item = Pending> + '_ {
        let start = self.entries.lower_bound(&first.to_bytes());
        self.entries.range(start..self.len()).map(Pending::of_bytes)
    }

    /// The IDs that a consumer has, from one on.
    pub fn ids_of(&self, consumer: ConsumerNumber, first: Id) -> impl Iterator<Item = Id> + '_ {
        let (start, end) = self.positions_of(consumer, first);
        self.owned.range(start..end).map(|key| Id::of_bytes(&key[4..]))
    }

    /// Adds one, or changes what is known of its ID.
    pub fn set(&mut self, pending: Pending) {
        if let Ok(at) = self.find(pending.id) {
            let before = self.at(at);
            if before.consumer != pending.consumer {
                self.owned.remove(&before.owned_key());
                self.owned.insert(&pending.owned_key());
            }
            self.entries.replace(at, &pending.to_bytes());
        } else {
            self.entries.insert(&pending.to_bytes());
            self.owned.insert(&pending.owned_key());
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, id: Id) -> Option<Pending> {
        let at = self.find(id).ok()?;
        let pending = self.at(at);
        self.entries.remove_at(at);
        self.owned.remove(&pending.owned_key());
        Some(pending)
    }

    /// Takes out all that a consumer has; returns how many that were.
    pub(super) fn remove_all_of(&mut self, consumer: ConsumerNumber) -> usize {
        let (start, end) = self.positions_of(consumer, Id::MIN);
        for at in start..end {
            let id = Id::of_bytes(&self.owned.get(at).expect("the position is there")[4..]);
            let at = self.find(id).expect("both trees hold the same IDs");
            self.entries.remove_at(at);
        }
        self.owned.remove_range(start..end);
        end - start
    }

    /// Bytes of memory.
    pub fn allocated_bytes(&self) -> usize {
        self.entries.allocated_bytes() + self.owned.allocated_bytes()
    }

    fn at(&self, position: usize) -> Pending {
        Pending::of_bytes(self.entries.get(position).expect("the position is there"))
    }

    /// Where an ID is, or belongs.
    fn find(&self, id: Id) -> Result<usize, usize> {
        let key = id.to_bytes();
        let at = self.entries.lower_bound(&key);
        let is_there = self.entries.get(at).is_some_and(|bytes| bytes.starts_with(&key));
        if is_there { Ok(at) } else { Err(at) }
    }

    /// The positions of what a consumer has from an ID on.
    fn positions_of(&self, consumer: ConsumerNumber, first: Id) -> (usize, usize) {
        let start = Pending { id: first, consumer, delivered_ms: 0, deliveries: 0 }.owned_key();
        let end = (consumer.0 + 1).to_be_bytes();
        (self.owned.lower_bound(&start), self.owned.lower_bound(&end))
    }
}
