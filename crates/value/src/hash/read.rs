//! Reading a hash at a point in time.

use super::{Fields, Hash};
use crate::packed::{Entry, Packed};
use crate::table::{self, Payload};
use std::collections::HashSet;
use std::convert::Infallible;
use stdx::rng::Rng;
use stdx::time::UnixMs;

/// How often a random choice is repeated because it met an expired or an already chosen field.
const RANDOM_ATTEMPTS: usize = 32;

/// A hash to read from, as it is at one point in time: fields that are expired then are not there.
#[derive(Debug, Clone, Copy)]
pub struct HashRef<'a> {
    store: Store<'a>,
    now: UnixMs,
}

/// How a hash is kept, by the names that `OBJECT ENCODING` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A packed block without expiries.
    Listpack,
    /// A packed block with room for expiries.
    ListpackEx,
    /// A table.
    Hashtable,
}

#[derive(Debug, Clone, Copy)]
enum Store<'a> {
    Packed(Packed<'a>),
    Table(&'a Fields),
}

impl Encoding {
    /// The name in Redis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listpack => "listpack",
            Self::ListpackEx => "listpackex",
            Self::Hashtable => "hashtable",
        }
    }
}

impl<'a> HashRef<'a> {
    /// The hash in a packed block that this process made.
    pub fn packed(block: &'a [u8], now: UnixMs) -> Self {
        Self { store: Store::Packed(Packed::trusted(block)), now }
    }

    /// The hash in a table.
    pub fn table(fields: &'a Fields, now: UnixMs) -> Self {
        Self { store: Store::Table(fields), now }
    }

    /// Its fields, if they are in a table, those included that are expired.
    pub fn fields(self) -> Option<&'a Fields> {
        match self.store {
            Store::Packed(_) => None,
            Store::Table(fields) => Some(fields),
        }
    }

    /// The time at which it looks.
    pub fn now(self) -> UnixMs {
        self.now
    }

    /// How the hash is kept.
    pub fn encoding(self) -> Encoding {
        match self.store {
            Store::Packed(packed) if packed.is_expiring() => Encoding::ListpackEx,
            Store::Packed(_) => Encoding::Listpack,
            Store::Table(_) => Encoding::Hashtable,
        }
    }

    /// The number of fields as HLEN tells it, with those that are expired and not yet removed.
    pub fn count_stored(self) -> usize {
        match self.store {
            Store::Packed(packed) => packed.len(),
            Store::Table(fields) => fields.len(),
        }
    }

    /// The number of fields. A table counts those too that are expired and not yet removed; [`Self::count_live`] is exact.
    pub fn len(self) -> usize {
        match self.store {
            Store::Packed(packed) => packed.len() - packed.count_expired(self.now),
            Store::Table(fields) => fields.len(),
        }
    }

    /// Whether no field is stored.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The number of fields that are there: looks at those pages of a table that have expired fields.
    pub fn count_live(self) -> usize {
        match self.store {
            Store::Table(fields) if self.has_expired() => fields.len() - fields.count_due(self.now),
            _ => self.len(),
        }
    }

    /// Whether there may be fields that are expired and not yet removed.
    pub fn has_expired(self) -> bool {
        self.next_expiry().is_some_and(|at| at <= self.now)
    }

    /// When the next field expires, if one ever does. A table gives a lower bound of the time.
    pub fn next_expiry(self) -> Option<UnixMs> {
        match self.store {
            Store::Packed(packed) => packed.next_expiry(),
            Store::Table(fields) => fields.next_expiry(),
        }
    }

    /// The value of `field`.
    pub fn get(self, field: &[u8]) -> Option<&'a [u8]> {
        self.entry(field).map(|entry| entry.value)
    }

    /// The value and the expiry of `field`.
    pub fn entry(self, field: &[u8]) -> Option<Entry<'a>> {
        let found = match self.store {
            Store::Packed(packed) => packed.find(field),
            Store::Table(fields) => {
                fields.find(fields.hash(field), field).map(|at| entry_of(&fields.entry(at)))
            }
        };
        found.filter(|entry| self.is_live(entry))
    }

    /// Whether `field` is there.
    pub fn contains(self, field: &[u8]) -> bool {
        self.entry(field).is_some()
    }

    /// All fields: a packed hash in its order, a table in none.
    pub fn iter(self) -> impl Iterator<Item = Entry<'a>> {
        let (packed, table) = match self.store {
            Store::Packed(packed) => (Some(packed.iter()), None),
            Store::Table(fields) => (None, Some(fields.iter().map(|stored| entry_of(&stored)))),
        };
        packed
            .into_iter()
            .flatten()
            .chain(table.into_iter().flatten())
            .filter(move |entry| self.is_live(entry))
    }

    /// Visits the fields after `cursor` and returns the cursor to go on with, 0 when all were seen. A packed hash is
    /// visited at once; a table until `count` fields or more were stored on the way.
    pub fn scan(self, cursor: u64, count: usize, each: &mut dyn FnMut(Entry<'_>)) -> u64 {
        let Store::Table(fields) = self.store else {
            self.iter().for_each(each);
            return 0;
        };
        let mut cursor = cursor;
        let mut seen = 0;
        // An empty page counts as a field, so that a sparse table does not turn one call into a long walk.
        loop {
            cursor = fields.scan(cursor, &mut |stored| {
                seen += 1;
                let entry = entry_of(&stored);
                if self.is_live(&entry) {
                    each(entry);
                }
            });
            seen += 1;
            if cursor == 0 || seen >= count {
                return cursor;
            }
        }
    }

    /// A field, each with the same probability.
    pub fn random(self, rng: &mut Rng) -> Option<Entry<'a>> {
        match self.store {
            Store::Packed(packed) => {
                let expired = packed.count_expired(self.now);
                let live = packed.len() - expired;
                if live == 0 { None } else { packed.nth(expired + rng.below(live as u64) as usize) }
            }
            Store::Table(fields) => {
                for _ in 0..RANDOM_ATTEMPTS {
                    let entry = entry_of(&fields.entry(fields.random(rng)?));
                    if self.is_live(&entry) {
                        return Some(entry);
                    }
                }
                self.reservoir(1, rng).pop()
            }
        }
    }

    /// `count` fields, each chosen from all of them; none if there is none.
    pub fn random_repeated(self, count: usize, rng: &mut Rng) -> Vec<Entry<'a>> {
        if let Store::Table(_) = self.store
            && !self.has_expired()
        {
            return (0..count).map_while(|_| self.random(rng)).collect();
        }
        // A walk for each choice would take long in a block, and very long in a table of nothing but expired fields.
        let live: Vec<Entry<'a>> = self.iter().collect();
        let count = if live.is_empty() { 0 } else { count };
        (0..count).map(|_| live[rng.below(live.len() as u64) as usize]).collect()
    }

    /// `count` different fields, all of them if there are fewer; each set of fields has the same probability.
    pub fn random_distinct(self, count: usize, rng: &mut Rng) -> Vec<Entry<'a>> {
        let stored = self.len();
        let is_sparse = count < stored / 3;
        if let Store::Table(_) = self.store
            && is_sparse
            && !self.has_expired()
            && let Some(chosen) = self.reject_repeats(count, rng)
        {
            return chosen;
        }
        self.reservoir(count, rng)
    }

    /// Chooses one by one and drops repeats: quick if `count` is small beside the number of fields. None if luck is very
    /// bad.
    fn reject_repeats(self, count: usize, rng: &mut Rng) -> Option<Vec<Entry<'a>>> {
        let mut seen: HashSet<&[u8]> = HashSet::with_capacity(count);
        let mut chosen = Vec::with_capacity(count);
        let mut attempts = count.saturating_mul(4) + RANDOM_ATTEMPTS;
        while chosen.len() < count {
            attempts = attempts.checked_sub(1)?;
            let entry = self.random(rng)?;
            if seen.insert(entry.field) {
                chosen.push(entry);
            }
        }
        Some(chosen)
    }

    /// Chooses in one walk over all fields (Vitter's algorithm R).
    fn reservoir(self, count: usize, rng: &mut Rng) -> Vec<Entry<'a>> {
        let mut chosen = Vec::with_capacity(count.min(self.len()));
        for (index, entry) in self.iter().enumerate() {
            if chosen.len() < count {
                chosen.push(entry);
            } else {
                let at = rng.below(index as u64 + 1) as usize;
                if at < count {
                    chosen[at] = entry;
                }
            }
        }
        chosen
    }

    /// The hash on its own, to be read when the key's lock is gone: a counter, or a copy of a few hundred bytes.
    pub fn to_owned(self) -> Hash {
        match self.store {
            Store::Packed(packed) => Hash::Packed(packed.bytes().into()),
            Store::Table(fields) => Hash::Table(fields.clone()),
        }
    }

    fn is_live(self, entry: &Entry<'_>) -> bool {
        entry.expiry.is_none_or(|at| at > self.now)
    }
}

fn entry_of<'a>(stored: &table::Entry<'a, Infallible>) -> Entry<'a> {
    let value = match stored.payload {
        Payload::Inline(value) => value,
        Payload::Object(never) => match *never {},
    };
    Entry { field: stored.key, value, expiry: stored.meta.expiry }
}
