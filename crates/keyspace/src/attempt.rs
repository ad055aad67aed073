//! Attempts: what may have to be undone.
//!
//! A script may turn out to need keys whose shards it does not hold. Taking more locks in the middle could make two workers wait
//! for each other, so what it has done is undone and it begins again with everything locked. Before a command changes a key, how
//! the key is is noted: its bytes, which are few, or a pointer to a large value, whose pages are copied then when they are
//! written, as while a snapshot is read. So a script that needs no more than it holds pays a short copy for each key that it
//! changes, and nothing else.
//!
//! A key that is found to be due is noted by the look-up that removes it, for reading finds such keys too.

use std::collections::HashSet;
use std::ops::Range;

use stdx::time::UnixMs;
use value::table::{NewPayload, Payload};
use value::{Kind, Value};

use crate::access::Access;
use crate::counters::Counters;
use crate::db::Db;
use crate::key::{DbIndex, Key};
use crate::recorder::Mark;

/// Noted keys up to which a look through all of them is the quickest way to find one.
const FEW: usize = 16;
/// A buffer that has grown beyond this is given back when the attempt ends.
const KEPT_BYTES: usize = 64 * 1024;

/// What has been noted since an attempt began.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// The places that were reached when it began; nothing while there is no attempt.
    began: Option<(Mark, Counters)>,
    noted: Vec<Noted>,
    /// Databases and hashes of the noted keys, once they are many.
    index: HashSet<(DbIndex, u64)>,
    /// Names and values.
    bytes: Vec<u8>,
}

/// A key as it was.
#[derive(Debug)]
struct Noted {
    database: DbIndex,
    hash: u64,
    slot: u16,
    name: Range<usize>,
    was: Option<Was>,
}

#[derive(Debug)]
struct Was {
    value: Kept,
    kind: Kind,
    expiry: Option<UnixMs>,
    /// The access clock.
    access: Option<u32>,
}

#[derive(Debug)]
enum Kept {
    Bytes(Range<usize>),
    Object(Value),
}

impl Attempt {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.began.is_some()
    }

    /// Whether a key is noted.
    fn has(&self, database: DbIndex, key: &Key<'_>) -> bool {
        let is_same = |noted: &Noted| {
            noted.hash == key.hash
                && noted.database == database
                && self.bytes[noted.name.clone()] == *key.bytes
        };
        if self.noted.len() <= FEW {
            return self.noted.iter().any(is_same);
        }
        self.index.contains(&(database, key.hash)) && self.noted.iter().any(is_same)
    }

    fn push(&mut self, noted: Noted) {
        if self.noted.len() == FEW {
            self.index.extend(self.noted.iter().map(|noted| (noted.database, noted.hash)));
        }
        if self.noted.len() >= FEW {
            self.index.insert((noted.database, noted.hash));
        }
        self.noted.push(noted);
    }
}

/// Appends bytes; where they lie.
fn append(kept: &mut Vec<u8>, bytes: &[u8]) -> Range<usize> {
    let start = kept.len();
    kept.extend_from_slice(bytes);
    start..kept.len()
}

impl Access<'_> {
    /// Begins an attempt, which lasts until [`Access::keep`] or [`Access::undo`]. Shards are held until then.
    pub fn begin_attempt(&mut self) {
        self.attempt.began = Some((self.recorder.mark(), self.counters));
    }

    /// Whether one has begun.
    #[inline]
    pub fn is_attempting(&self) -> bool {
        self.attempt.is_on()
    }

    /// Notes how a key is that a command may change, unless it is noted. In an attempt, no key is changed without that.
    pub fn note(&mut self, database: DbIndex, key: &Key<'_>) {
        if self.attempt.has(database, key) {
            return;
        }
        // The entry lies in a held shard, the notes beside it: the two are borrowed one after the other.
        let mut bytes = std::mem::take(&mut self.attempt.bytes);
        let name = append(&mut bytes, key.bytes);
        let was = self.look_at(database, key, &mut bytes);
        self.attempt.bytes = bytes;
        self.attempt.push(Noted { database, hash: key.hash, slot: key.slot, name, was });
    }

    /// How a key is, due or not. Bytes of its value are appended to those that are kept.
    fn look_at(&self, database: DbIndex, key: &Key<'_>, kept: &mut Vec<u8>) -> Option<Was> {
        let entry = self.partition(database, key)?.table.get(key.hash, key.bytes)?;
        Some(Was {
            value: match entry.payload {
                Payload::Inline(bytes) => Kept::Bytes(append(kept, bytes)),
                Payload::Object(value) => Kept::Object(value.clone()),
            },
            kind: Kind::of_tag(entry.meta.kind),
            expiry: entry.meta.expiry,
            access: entry.meta.access,
        })
    }

    /// Ends the attempt: what was done is final.
    pub fn keep(&mut self) {
        let attempt = &mut self.attempt;
        attempt.began = None;
        attempt.noted.clear();
        attempt.noted.shrink_to(FEW);
        if !attempt.index.is_empty() {
            attempt.index = HashSet::default();
        }
        attempt.bytes.clear();
        attempt.bytes.shrink_to(KEPT_BYTES);
    }

    /// Ends the attempt: what was done since it began has never been. The same shards are held.
    pub fn undo(&mut self) {
        let attempt = std::mem::take(&mut self.attempt);
        let (mark, counters) = attempt.began.expect("an attempt has begun");
        for Noted { database, hash, slot, name, was } in attempt.noted {
            let key = Key { bytes: &attempt.bytes[name], hash, slot };
            self.db(database).put_back(&key, was, &attempt.bytes);
        }
        self.recorder.rewind(&mark);
        self.counters = counters;
    }
}

impl Db<'_, '_> {
    /// Makes a key what it was.
    fn put_back(&mut self, key: &Key<'_>, was: Option<Was>, bytes: &[u8]) {
        let found = self.find_any(key);
        let Some(Was { value, kind, expiry, access }) = was else {
            if let Some(found) = found {
                self.take_at(key, found);
            }
            return;
        };
        let payload = match value {
            Kept::Bytes(range) => NewPayload::Inline(&bytes[range]),
            Kept::Object(value) => NewPayload::Object(value),
        };
        self.put(key, found, payload, kind, expiry);
        if let Some((found, access)) = self.find_any(key).zip(access) {
            self.touch_with(found, access);
        }
    }
}
