//! A page: a few dozen whole entries in one block of memory.
//!
//! ```text
//!   0        16            16+24g                                   end
//!   ┌────────┬─────────────┬───────────── ─ ─ ─ ┬──────────────────────┐
//!   │ header │ groups of 8 │  free              │ entries, newest first │
//!   └────────┴─────────────┴───────────── ─ ─ ─ ┴──────────────────────┘
//!             8 tags, 8 offsets                   ◄─ heap grows this way
//! ```
//! A slot is one tag byte of the key's hash and one 16-bit offset of the entry. Slots are dense: the live ones
//! are `0..count`. Eight tags are compared at once in a 64-bit word. Offsets count from the *end* of the block, so
//! a block can grow without rewriting them. An update of equal length happens in place; any other appends a new
//! entry and leaves garbage, which goes when the page runs out of room and is written anew.
//!
//! An entry is
//!
//! ```text
//!   flags 1 │ access 0 or 3 │ expiry 0, 6 or 8 │ key length │ value length │ key │ value
//! ```
//! Lengths are one byte below 128 and two bytes above. Keys above [`KEY_INLINE_MAX`], values above
//! [`INLINE_MAX`], values that would make the page too long, and objects live in the side list, and the entry
//! holds their index in place of the bytes.
//!
//! The block is one `Arc<[u8]>` whose length follows the allocator's size classes. A shared block is copied before
//! it is changed.

mod entry;
mod side;
pub(crate) mod sizes;

use std::sync::Arc;

use stdx::time::UnixMs;

pub use entry::{Entry, Meta, NewPayload, Options, Payload};
use entry::{NewEntry, Plan};
pub use side::Replaced;
use side::{Side, SideList};

/// The longest payload that lives inside the page.
pub const INLINE_MAX: usize = 512;
/// The longest key that lives inside the page.
pub const KEY_INLINE_MAX: usize = 250;
/// A page whose entries take more than this puts further values beside the page, whatever their length, so
/// that offsets fit 16 bits however unlucky the hashes are.
const CROWDED: usize = 32 * 1024;

const HEADER: usize = 16;
const GROUP: usize = 8;
const GROUP_BYTES: usize = GROUP * 3;
/// Every tag of a live slot has this bit, so a zeroed slot never matches.
const LIVE: u8 = 0x80;

/// The header's fields, each two bytes except the last.
const COUNT_AT: usize = 0;
const HEAP_AT: usize = 2;
const GARBAGE_AT: usize = 4;
const MIN_EXPIRY_AT: usize = 8;

/// A page of entries whose out-of-line objects are `V`.
#[derive(Debug, Clone)]
pub struct Page<V> {
    block: Arc<[u8]>,
    side: SideList<V>,
}

impl<V> Default for Page<V> {
    fn default() -> Self {
        Self { block: Arc::default(), side: SideList::default() }
    }
}

impl<V: Clone> Page<V> {
    /// Live entries.
    pub fn count(&self) -> usize {
        if self.block.is_empty() { 0 } else { self.half(COUNT_AT) }
    }

    /// A lower bound of the expiry times in the page; `UnixMs::MAX` when there is none.
    pub fn min_expiry(&self) -> UnixMs {
        let Some(bytes) = self.block.get(MIN_EXPIRY_AT..HEADER) else { return UnixMs::MAX };
        UnixMs(i64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    }

    /// Bytes that live entries take, slots included.
    pub fn live_bytes(&self) -> usize {
        if self.block.is_empty() { 0 } else { self.half(HEAP_AT) - self.half(GARBAGE_AT) + 3 * self.count() }
    }

    /// Bytes of memory of the block and the side list, without what objects hold.
    pub fn allocated_bytes(&self) -> usize {
        let block = if self.block.is_empty() { 0 } else { self.block.len() + sizes::ARC_HEADER };
        block + self.side.allocated_bytes()
    }

    /// Whether nobody else holds the block, so that a write would not copy it.
    pub fn is_unique(&mut self) -> bool {
        Arc::get_mut(&mut self.block).is_some()
    }

    /// The address of the block, for prefetching.
    pub fn address(&self) -> *const u8 {
        self.block.as_ptr()
    }

    /// The slot of a key.
    #[inline]
    pub fn find(&self, tag: u8, key: &[u8], options: Options) -> Option<usize> {
        let count = self.count();
        let mut first = 0;
        while first < count {
            let group = self.group(first / GROUP);
            let mut matches = matching_tags(group, tag | LIVE);
            while matches != 0 {
                let slot = first + (matches.trailing_zeros() / 8) as usize;
                if slot < count && self.entry(slot, options).key == key {
                    return Some(slot);
                }
                matches &= matches - 1;
            }
            first += GROUP;
        }
        None
    }

    /// The address of the first entry whose tag matches, for prefetching.
    #[inline]
    pub fn candidate(&self, tag: u8) -> Option<*const u8> {
        let count = self.count();
        (0..count.div_ceil(GROUP)).find_map(|group| {
            let matches = matching_tags(self.group(group), tag | LIVE);
            let slot = group * GROUP + (matches.trailing_zeros() / 8) as usize;
            (matches != 0 && slot < count)
                .then(|| self.block[self.block.len() - self.offset(slot)..].as_ptr())
        })
    }

    /// The entry in a live slot.
    #[inline]
    pub fn entry(&self, slot: usize, options: Options) -> Entry<'_, V> {
        let at = self.block.len() - self.offset(slot);
        let plan = Plan::read(&self.block[at..], options);
        let key = match plan.key_side {
            Some(index) => self.side.bytes(index),
            None => &self.block[at + plan.key_at..at + plan.value_at],
        };
        let payload = match plan.value_side {
            Some(index) => match self.side.get(index) {
                Side::Object(object) => Payload::Object(object),
                _ => Payload::Inline(self.side.bytes(index)),
            },
            None => Payload::Inline(&self.block[at + plan.value_at..at + plan.end]),
        };
        Entry { key, meta: plan.meta, payload }
    }

    /// Adds a key that is not in the page.
    pub fn insert(&mut self, tag: u8, key: &[u8], payload: NewPayload<'_, V>, meta: Meta, options: Options) {
        let crowded = self.live_bytes() > CROWDED;
        let key_side = (key.len() > KEY_INLINE_MAX).then(|| self.side.add(Side::Bytes(key.into())));
        let (value_side, value) = self.place(payload, crowded);
        let new = NewEntry { key, key_side, value, value_side, meta };
        self.insert_entry(tag, &new, options);
    }

    /// Replaces the payload and meta of a live slot; returns what was there.
    pub fn replace(
        &mut self,
        slot: usize,
        payload: NewPayload<'_, V>,
        meta: Meta,
        options: Options,
    ) -> Replaced<V> {
        let at = self.block.len() - self.offset(slot);
        let old = Plan::read(&self.block[at..], options);
        let replaced = self.take_side(old.value_side);
        let crowded = self.live_bytes() > CROWDED;
        let (value_side, value) = self.place(payload, crowded);
        let fits = value_side.is_none()
            && old.value_side.is_none()
            && value.len() == old.end - old.value_at
            && Plan::expiry_bytes(meta.expiry) == Plan::expiry_bytes(old.meta.expiry);
        if fits {
            let block = self.unique();
            Plan::write_meta(&mut block[at..], meta, old.key_side.is_some(), options);
            block[at + old.value_at..at + old.end].copy_from_slice(value);
            self.lower_min_expiry(meta.expiry);
            return replaced;
        }
        self.rewrite(slot, value, value_side, meta, options);
        replaced
    }

    /// Changes the meta of a live slot and leaves its payload.
    pub fn set_meta(&mut self, slot: usize, meta: Meta, options: Options) {
        let at = self.block.len() - self.offset(slot);
        let old = Plan::read(&self.block[at..], options);
        if Plan::expiry_bytes(meta.expiry) == Plan::expiry_bytes(old.meta.expiry) {
            let block = self.unique();
            Plan::write_flags(&mut block[at..], meta, &old, options);
            self.lower_min_expiry(meta.expiry);
            return;
        }
        let value = self.block[at + old.value_at..at + old.end].to_vec();
        let value = if old.value_side.is_some() { &[][..] } else { &value };
        self.rewrite(slot, value, old.value_side, meta, options);
    }

    /// Sets the access clock if that copies nothing.
    pub fn touch(&mut self, slot: usize, access: u32) {
        let at = self.block.len() - self.offset(slot);
        if let Some(block) = Arc::get_mut(&mut self.block) {
            block[at + 1..at + 4].copy_from_slice(&access.to_le_bytes()[..3]);
        }
    }

    /// The bytes of an inline payload, to be changed in place.
    ///
    /// # Panics
    /// If the payload is an object.
    pub fn inline_mut(&mut self, slot: usize, options: Options) -> &mut [u8] {
        let at = self.block.len() - self.offset(slot);
        let plan = Plan::read(&self.block[at..], options);
        match plan.value_side {
            Some(index) => self.side.bytes_mut(index),
            None => &mut self.unique()[at + plan.value_at..at + plan.end],
        }
    }

    /// The object of a slot, to be changed.
    ///
    /// # Panics
    /// If the payload is inline.
    pub fn object_mut(&mut self, slot: usize, options: Options) -> &mut V {
        let at = self.block.len() - self.offset(slot);
        let plan = Plan::read(&self.block[at..], options);
        self.side.object_mut(plan.value_side.expect("the payload is an object"))
    }

    /// Removes a live slot; the last slot takes its place.
    pub fn remove(&mut self, slot: usize, options: Options) -> Replaced<V> {
        let at = self.block.len() - self.offset(slot);
        let plan = Plan::read(&self.block[at..], options);
        let last = self.count() - 1;
        let (last_tag, last_offset) = (self.tag(last), self.offset(last));
        let garbage = self.half(GARBAGE_AT) + plan.end;
        self.unique();
        self.set_slot(slot, last_tag, last_offset);
        self.set_slot(last, 0, 0);
        self.set_half(COUNT_AT, last);
        self.set_half(GARBAGE_AT, garbage);
        self.take_side(plan.key_side);
        self.take_side(plan.value_side)
    }

    /// Removes all entries for which `leaves` answers true and hands them to `each` in their new page.
    #[must_use]
    pub fn split(&mut self, options: Options, leaves: impl Fn(&[u8]) -> bool) -> Self {
        let mut stays = Self::default();
        let mut goes = Self::default();
        for slot in 0..self.count() {
            let target = if leaves(self.entry(slot, options).key) { &mut goes } else { &mut stays };
            target.adopt(self, slot, options);
        }
        *self = stays;
        goes
    }

    /// Takes all entries of another page.
    pub fn absorb(&mut self, other: &Self, options: Options) {
        for slot in 0..other.count() {
            self.adopt(other, slot, options);
        }
    }

    /// Re-allocates an unshared block, so that the allocator can empty the slab it lay in.
    pub fn relocate(&mut self) {
        if Arc::get_mut(&mut self.block).is_some() && !self.block.is_empty() {
            self.block = Arc::from(&self.block[..]);
        }
    }

    /// Writes the exact minimum of the expiry times, after due entries went.
    pub fn refresh_min_expiry(&mut self, options: Options) {
        let exact = (0..self.count())
            .filter_map(|slot| self.entry(slot, options).meta.expiry)
            .min()
            .unwrap_or(UnixMs::MAX);
        if !self.block.is_empty() && exact != self.min_expiry() {
            self.unique()[MIN_EXPIRY_AT..HEADER].copy_from_slice(&exact.0.to_le_bytes());
        }
    }

    /// Copies an entry of another page; side objects are shared, not copied.
    fn adopt(&mut self, other: &Self, slot: usize, options: Options) {
        let at = other.block.len() - other.offset(slot);
        let plan = Plan::read(&other.block[at..], options);
        let mut carry = |index: Option<u16>| index.map(|index| self.side.add(other.side.get(index).clone()));
        let (key_side, value_side) = (carry(plan.key_side), carry(plan.value_side));
        let inline = |from, to| if from < to { &other.block[at + from..at + to] } else { &[] };
        let new = NewEntry {
            key: if key_side.is_some() { &[] } else { inline(plan.key_at, plan.value_at) },
            key_side,
            value: if value_side.is_some() { &[] } else { inline(plan.value_at, plan.end) },
            value_side,
            meta: plan.meta,
        };
        self.insert_entry(other.tag(slot), &new, options);
    }

    /// Decides where a payload lives.
    fn place<'p>(&mut self, payload: NewPayload<'p, V>, crowded: bool) -> (Option<u16>, &'p [u8]) {
        match payload {
            NewPayload::Inline(bytes) if bytes.len() <= INLINE_MAX && !crowded => (None, bytes),
            NewPayload::Inline(bytes) => (Some(self.side.add(Side::Bytes(bytes.into()))), &[]),
            NewPayload::Object(object) => (Some(self.side.add(Side::Object(object))), &[]),
        }
    }

    fn take_side(&mut self, index: Option<u16>) -> Replaced<V> {
        match index.map(|index| self.side.take(index)) {
            Some(Side::Object(object)) => Replaced::Object(object),
            _ => Replaced::Inline,
        }
    }

    /// Gives a live slot a new entry with the same key, behind the others; the old one becomes garbage.
    fn rewrite(&mut self, slot: usize, value: &[u8], value_side: Option<u16>, meta: Meta, options: Options) {
        let at = self.block.len() - self.offset(slot);
        let old = Plan::read(&self.block[at..], options);
        let mut key = [0; KEY_INLINE_MAX];
        let key: &[u8] = if old.key_side.is_some() {
            &[]
        } else {
            let bytes = &self.block[at + old.key_at..at + old.value_at];
            key[..bytes.len()].copy_from_slice(bytes);
            &key[..bytes.len()]
        };
        let new = NewEntry { key, key_side: old.key_side, value, value_side, meta };
        let length = new.length(options);
        let garbage = self.half(GARBAGE_AT) + old.end;
        self.unique();
        self.set_half(GARBAGE_AT, garbage);
        let tag = self.tag(slot);
        // While the room is made, the slot must not keep the old entry alive.
        self.set_slot(slot, tag, 0);
        self.make_room(length, self.count(), options);
        let offset = self.push(&new, length, options);
        self.set_slot(slot, tag, offset);
    }

    fn insert_entry(&mut self, tag: u8, new: &NewEntry<'_>, options: Options) {
        let length = new.length(options);
        let count = self.count();
        self.make_room(length, count + 1, options);
        let offset = self.push(new, length, options);
        self.set_slot(count, tag | LIVE, offset);
        self.set_half(COUNT_AT, count + 1);
    }

    /// Writes an entry at the front of the heap; there is room. Returns its offset.
    fn push(&mut self, new: &NewEntry<'_>, length: usize, options: Options) -> usize {
        let offset = self.half(HEAP_AT) + length;
        let block = Arc::get_mut(&mut self.block).expect("room was made in an unshared block");
        let at = block.len() - offset;
        new.write(&mut block[at..at + length], options);
        self.set_half(HEAP_AT, offset);
        self.lower_min_expiry(new.meta.expiry);
        offset
    }

    /// Makes the block unshared, with `length` free bytes and slots for `count` entries.
    fn make_room(&mut self, length: usize, count: usize, options: Options) {
        let groups = HEADER + count.div_ceil(GROUP) * GROUP_BYTES;
        let (heap, garbage) =
            if self.block.is_empty() { (0, 0) } else { (self.half(HEAP_AT), self.half(GARBAGE_AT)) };
        let fits = groups + heap + length <= self.block.len();
        if fits && Arc::get_mut(&mut self.block).is_some() {
            return;
        }
        let needed = groups + heap - garbage + length;
        // A page that rewrites its entries keeps some slack, or the next rewrite would come at once.
        let slack = if garbage > 0 { needed / 16 } else { 0 };
        let size = if fits { self.block.len() } else { sizes::fit(needed + slack) };
        let mut fresh = Self { block: std::iter::repeat_n(0, size).collect(), side: SideList::default() };
        self.copy_live_into(&mut fresh, options);
        self.block = fresh.block;
    }

    /// Copies header, slots and live entries into a larger or cleaner block.
    fn copy_live_into(&self, fresh: &mut Self, options: Options) {
        let block = Arc::get_mut(&mut fresh.block).expect("a new block is unshared");
        block[MIN_EXPIRY_AT..HEADER].copy_from_slice(&self.min_expiry().0.to_le_bytes());
        let count = self.count();
        let mut heap = 0;
        let end = block.len();
        for slot in 0..count {
            let group = HEADER + slot / GROUP * GROUP_BYTES;
            block[group + slot % GROUP] = self.tag(slot);
            let offset = self.offset(slot);
            if offset == 0 {
                continue; // the slot whose entry is about to be written anew
            }
            let at = self.block.len() - offset;
            let length = Plan::read(&self.block[at..], options).end;
            heap += length;
            block[end - heap..end - heap + length].copy_from_slice(&self.block[at..at + length]);
            let place = group + GROUP + slot % GROUP * 2;
            block[place..place + 2].copy_from_slice(&(heap as u16).to_le_bytes());
        }
        fresh.set_half(COUNT_AT, count);
        fresh.set_half(HEAP_AT, heap);
    }

    /// The block, copied first if it is shared.
    fn unique(&mut self) -> &mut [u8] {
        if Arc::get_mut(&mut self.block).is_none() {
            self.block = Arc::from(&self.block[..]);
        }
        Arc::get_mut(&mut self.block).expect("a fresh copy is unshared")
    }

    fn lower_min_expiry(&mut self, expiry: Option<UnixMs>) {
        if let Some(expiry) = expiry
            && expiry < self.min_expiry()
        {
            self.unique()[MIN_EXPIRY_AT..HEADER].copy_from_slice(&expiry.0.to_le_bytes());
        }
    }

    #[inline]
    fn group(&self, index: usize) -> u64 {
        let at = HEADER + index * GROUP_BYTES;
        u64::from_le_bytes(self.block[at..at + GROUP].try_into().expect("eight tags"))
    }

    #[inline]
    fn offset(&self, slot: usize) -> usize {
        self.half(HEADER + slot / GROUP * GROUP_BYTES + GROUP + slot % GROUP * 2)
    }

    fn tag(&self, slot: usize) -> u8 {
        self.block[HEADER + slot / GROUP * GROUP_BYTES + slot % GROUP]
    }

    fn set_slot(&mut self, slot: usize, tag: u8, offset: usize) {
        let group = HEADER + slot / GROUP * GROUP_BYTES;
        self.unique()[group + slot % GROUP] = tag;
        self.set_half(group + GROUP + slot % GROUP * 2, offset);
    }

    #[inline]
    fn half(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes(self.block[at..at + 2].try_into().expect("two bytes")))
    }

    fn set_half(&mut self, at: usize, value: usize) {
        let value = u16::try_from(value).expect("a page is kept below 64 kB");
        self.unique()[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
}

/// The high bit of each byte of `group` that equals `tag`. A byte above a match can be reported although it
/// differs; the caller compares keys anyway.
#[inline]
fn matching_tags(group: u64, tag: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let difference = group ^ (ONES * u64::from(tag));
    difference.wrapping_sub(ONES) & !difference & HIGHS
}
