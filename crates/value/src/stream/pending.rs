//! What was delivered to consumers and not acknowledged yet, by ID and by consumer.
//!
//! ```text
//! entries   ID (16 bytes)  consumer (4)  time of delivery (8)  deliveries    ordered by ID
//! owned     consumer (4)  ID (16)                                            ordered by consumer, then ID
//! waiting   time of delivery (8)  ID (16)                                    ordered by time, then ID
//! ```
//! All are trees, so a clone takes constant time, a change copies their paths, and how much a consumer has pending is the
//! distance of two positions. They hold the same IDs. The third is made when somebody asks for the first time what has been
//! pending for long, for most groups never see that question.

use super::id::Id;
use super::varint;
use crate::dismantle::Dismantle;
use crate::tree::{Builder, Ordered};

/// The number of a consumer in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerNumber(pub(super) u32);

impl ConsumerNumber {
    /// The owner of what a consumer has given back: nobody.
    pub const NOBODY: Self = Self(0);
}

/// So many entries are worth leaves of their own.
const MANY: usize = 256;

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
    waiting: Option<Ordered>,
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

    fn waiting_key(self) -> [u8; 24] {
        let mut key = [0; 24];
        key[..8].copy_from_slice(&time_bytes(self.delivered_ms));
        key[8..].copy_from_slice(&self.id.to_bytes());
        key
    }
}

fn insert_run(tree: &mut Ordered, elements: impl Iterator<Item = impl AsRef<[u8]>>) {
    let mut run = Builder::new();
    elements.for_each(|element| run.push(element.as_ref()));
    tree.insert_run(run);
}

/// A time as bytes that are ordered as times are, those before 1970 included.
fn time_bytes(time_ms: i64) -> [u8; 8] {
    (time_ms.cast_unsigned() ^ 1 << 63).to_be_bytes()
}

impl Dismantle for PendingEntries {
    fn dismantle(self, between: &mut dyn FnMut()) {
        self.entries.dismantle(between);
        self.owned.dismantle(between);
        if let Some(waiting) = self.waiting {
            waiting.dismantle(between);
        }
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

    /// Prepares for the two questions below.
    pub fn order_by_time(&mut self) {
        if self.waiting.is_none() {
            let mut keys: Vec<[u8; 24]> = self.from(Id::MIN).map(Pending::waiting_key).collect();
            keys.sort_unstable();
            let mut waiting = Ordered::default();
            keys.iter().for_each(|key| waiting.insert_absent(key));
            self.waiting = Some(waiting);
        }
    }

    /// Whether that was done.
    pub fn is_ordered_by_time(&self) -> bool {
        self.waiting.is_some()
    }

    /// The one that has been pending for the longest time.
    pub fn oldest(&self) -> Option<Pending> {
        match &self.waiting {
            Some(waiting) => waiting.get(0).and_then(|key| self.get(Id::of_bytes(&key[8..]))),
            None => self.from(Id::MIN).min_by_key(|one| (one.delivered_ms, one.id)),
        }
    }

    /// Those that were delivered up to a time, the oldest first; none before [`PendingEntries::order_by_time`].
    pub fn delivered_until(&self, last_ms: i64) -> impl Iterator<Item = Pending> + '_ {
        let end = last_ms.checked_add(1).map(time_bytes);
        self.waiting.iter().flat_map(move |waiting| {
            let end = end.map_or(waiting.len(), |end| waiting.lower_bound(&end));
            waiting.range(0..end).filter_map(|key| self.get(Id::of_bytes(&key[8..])))
        })
    }

    /// Adds one, or changes what is known of its ID.
    pub fn set(&mut self, pending: Pending) {
        if let Ok(at) = self.find(pending.id) {
            let before = self.at(at);
            if before.consumer != pending.consumer {
                self.owned.remove(&before.owned_key());
                self.owned.insert(&pending.owned_key());
            }
            if let Some(waiting) =
                self.waiting.as_mut().filter(|_| before.delivered_ms != pending.delivered_ms)
            {
                waiting.remove(&before.waiting_key());
                waiting.insert(&pending.waiting_key());
            }
            self.entries.replace(at, &pending.to_bytes());
        } else {
            if let Some(waiting) = &mut self.waiting {
                waiting.insert(&pending.waiting_key());
            }
            self.entries.insert(&pending.to_bytes());
            self.owned.insert(&pending.owned_key());
        }
    }

    /// Adds what a consumer is given for the first time, in the order of the IDs. Much of it behind all that is pending comes to stand in
    /// whole leaves, which takes a fraction of a search for each.
    pub fn deliver(&mut self, ids: &[Id], consumer: ConsumerNumber, delivered_ms: i64) {
        let of = |id: &Id| Pending { id: *id, consumer, delivered_ms, deliveries: 1 };
        let is_behind = self.last().is_none_or(|last| ids.first().is_some_and(|first| last.id < *first));
        if ids.len() < MANY || !is_behind {
            ids.iter().for_each(|id| self.set(of(id)));
            return;
        }
        insert_run(&mut self.entries, ids.iter().map(|id| of(id).to_bytes()));
        insert_run(&mut self.owned, ids.iter().map(|id| of(id).owned_key()));
        if let Some(waiting) = &mut self.waiting {
            insert_run(waiting, ids.iter().map(|id| of(id).waiting_key()));
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, id: Id) -> Option<Pending> {
        let at = self.find(id).ok()?;
        let pending = self.at(at);
        self.entries.remove_at(at);
        self.owned.remove(&pending.owned_key());
        if let Some(waiting) = &mut self.waiting {
            waiting.remove(&pending.waiting_key());
        }
        Some(pending)
    }

    /// Takes out all that a consumer has; returns how many that were.
    pub(super) fn remove_all_of(&mut self, consumer: ConsumerNumber) -> usize {
        let (start, end) = self.positions_of(consumer, Id::MIN);
        for at in start..end {
            let id = Id::of_bytes(&self.owned.get(at).expect("the position is there")[4..]);
            let at = self.find(id).expect("all trees hold the same IDs");
            if let Some(waiting) = &mut self.waiting {
                waiting.remove(&Pending::of_bytes(self.entries.get(at).expect("it was found")).waiting_key());
            }
            self.entries.remove_at(at);
        }
        self.owned.remove_range(start..end);
        end - start
    }

    /// Bytes of memory.
    pub fn allocated_bytes(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, Ordered::allocated_bytes);
        self.entries.allocated_bytes() + self.owned.allocated_bytes() + waiting
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
