//! Small keys wait, undecoded, for others of their shard, and are placed with them.
//!
//! ```text
//!   run ─► key, key, key ─┬─► bucket of shard 0 ┐
//!                         ├─► bucket of shard 1 ├─► full, or at the end: room for all of them
//!                         └─► ..                ┘   in the table, then one by one
//! ```
//! The keys of other servers' files stand in no order. Placed as they come, each is a page in another place of the
//! memory, and a page is copied a dozen times until it is full. A few thousand keys of one shard need memory that lies
//! in the cache by then, and their pages have their size from the beginning.

use keyspace::{Access, DbIndex, Key};

use super::KeyPlacement;
use crate::rdb::{Error, Format, Keys, RawKey, ReadOptions};

/// A bucket is full when it holds so many bytes. More would save little (`docs/performance.md`), and all buckets
/// together may hold so many for each shard.
const FULL_BYTES: usize = 256 << 10;
/// Bytes of a chunk; the memory of one is freed when its keys are placed.
const CHUNK_BYTES: usize = 8 << 10;
/// Keys that take more, with their values, do not wait: finding a page is little beside what else they need.
pub const SMALL_BYTES: usize = 1 << 10;

/// Bytes of an entry of a table beyond those of a key in the data, if their lengths are usual ones: flags and access
/// clock, for which there are a type and two lengths in the data.
const MORE_BYTES: u16 = 1;
/// Bytes of an entry, about, whose value lives beside its page.
const BESIDE_BYTES: u16 = 40;

/// See the module's text: the undecoded keys of one shard and database.
#[derive(Debug, Default)]
pub struct Bucket {
    database: DbIndex,
    chunks: Vec<Vec<u8>>,
}

/// What stands before each key in a chunk.
#[derive(Debug, Clone, Copy)]
struct Head {
    hash: u64,
    /// Where the key stands in the data.
    offset: u64,
    slot: u16,
    /// Bytes of the key with its value.
    length: u16,
    /// Bytes that it will take in a page, about; 0: it will be left out.
    room: u16,
}

impl Head {
    const BYTES: usize = 22;

    fn write(self, chunk: &mut Vec<u8>) {
        chunk.extend_from_slice(&self.hash.to_le_bytes());
        chunk.extend_from_slice(&self.offset.to_le_bytes());
        chunk.extend_from_slice(&self.slot.to_le_bytes());
        chunk.extend_from_slice(&self.length.to_le_bytes());
        chunk.extend_from_slice(&self.room.to_le_bytes());
    }

    /// Takes a head off the bytes.
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            hash: u64::from_le_bytes(*take(bytes)?),
            offset: u64::from_le_bytes(*take(bytes)?),
            slot: u16::from_le_bytes(*take(bytes)?),
            length: u16::from_le_bytes(*take(bytes)?),
            room: u16::from_le_bytes(*take(bytes)?),
        })
    }
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

impl Bucket {
    /// Takes a key of at most [`SMALL_BYTES`]. Returns what has to be placed now: the keys before it, if they
    /// were many or of another database.
    pub fn push(&mut self, placement: &KeyPlacement, key: &Key<'_>, raw: &RawKey<'_>) -> Option<Self> {
        let is_full = self.chunks.len() * CHUNK_BYTES >= FULL_BYTES;
        let before = if is_full || placement.database != self.database { self.take() } else { None };
        self.database = placement.database;
        let needed = Head::BYTES + raw.bytes.len();
        if self.chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < needed) {
            self.chunks.push(Vec::with_capacity(CHUNK_BYTES));
        }
        let chunk = self.chunks.last_mut().expect("there is one with room");
        let length = u16::try_from(raw.bytes.len()).expect("a small key");
        let is_inline = raw.bytes.len() <= value::table::INLINE_MAX;
        let room = if placement.is_due(raw.expiry) {
            0
        } else if is_inline {
            length + MORE_BYTES
        } else {
            BESIDE_BYTES
        };
        Head { hash: key.hash, offset: raw.offset, slot: key.slot, length, room }.write(chunk);
        chunk.extend_from_slice(raw.bytes);
        before
    }

    /// Takes out what is there.
    pub fn take(&mut self) -> Option<Self> {
        if self.chunks.is_empty() { None } else { Some(std::mem::take(self)) }
    }

    /// Places the keys, which are of this shard. Called inside a batch; nothing is locked. Of several errors the first
    /// in the data is the one that counts.
    pub fn place(
        self,
        shard: usize,
        placement: &mut KeyPlacement,
        format: Format,
        options: ReadOptions,
        access: &mut Access<'_>,
    ) -> Result<(), Error> {
        let database = std::mem::replace(&mut placement.database, self.database);
        access.lock(&mut [shard]);
        let heads = self.chunks.iter().flat_map(|chunk| keys(chunk)).map(|(head, _)| head);
        let wanted = heads.filter(|head| head.room > 0).map(|head| (head.hash, head.room.into()));
        access.make_room(self.database, shard, wanted);
        let mut outcome = Ok(());
        for chunk in self.chunks {
            for (head, bytes) in keys(&chunk) {
                let placed = place_one(head, bytes, placement, format, options, access);
                outcome = Error::first(outcome, placed);
            }
        }
        access.unlock();
        placement.database = database;
        outcome
    }
}

/// The keys of a chunk.
fn keys(mut rest: &[u8]) -> impl Iterator<Item = (Head, &[u8])> + Clone {
    std::iter::from_fn(move || {
        let head = Head::read(&mut rest)?;
        let (bytes, behind) = rest.split_at(usize::from(head.length));
        rest = behind;
        Some((head, bytes))
    })
}

/// Places a key, whose shard is locked.
fn place_one(
    head: Head,
    bytes: &[u8],
    placement: &mut KeyPlacement,
    format: Format,
    options: ReadOptions,
    access: &mut Access<'_>,
) -> Result<(), Error> {
    let entry = Keys::new(bytes, head.offset, format, options).next().expect("a key is there")?;
    if !placement.is_wanted(&entry) {
        return Ok(());
    }
    let name = entry.key.clone();
    let key = Key { bytes: &name, hash: head.hash, slot: head.slot };
    placement.put(&key, entry, access).map_err(|problem| Error {
        offset: head.offset,
        key: Some(name.to_vec()),
        problem,
    })
}
