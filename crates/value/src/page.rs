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
//! Where keys and values are of one length each, the entries do not repeat them: the header has the lengths of the page's first
//! entry, or those of most entries since it was last divided, and an entry with both of these has none of its own. Others
//! have them, one byte below 128 and two bytes above. Keys above [`KEY_INLINE_MAX`], values above
//! [`INLINE_MAX`], values that would make the page too long, and objects live in the side lists, and the entry
//! holds the number of their place instead of the bytes.
//!
//! The block is one `Arc<[u8]>` whose length follows the allocator's size classes. A shared block is copied before
//! it is changed.

mod block;
mod entry;
mod side;
pub(crate) mod sizes;

use std::ops::Range;

use smallvec::SmallVec;
use stdx::prefetch::prefetch;
use stdx::time::UnixMs;
use stdx::word::is_equal;

use crate::dismantle::Dismantle;
use crate::sweep::{Beside, Sweep, Sweeper};
use block::Block;
use entry::{Election, Head, NewEntry, Usual};
pub use entry::{Entry, Meta, NewPayload, Options, Payload};
pub use side::Replaced;
use side::SideLists;

/// The longest payload that lives inside the page.
pub const INLINE_MAX: usize = 512;
/// The longest key that lives inside the page.
pub const KEY_INLINE_MAX: usize = 250;
/// Bytes of a slot: a tag and an offset.
pub const SLOT_BYTES: usize = 3;
/// A page whose entries take more than this puts further values beside the page, whatever their length, and its owner divides
/// it, so that offsets fit 16 bits however unlucky the hashes are.
const CROWDED: usize = 32 * 1024;
/// What a crowded page grows to at most while its owner takes time to divide it.
const FULL: usize = 48 * 1024;

/// Where the head of a page with small entries goes on behind two cache lines: 120 of them have their slots before the end.
const LONG_HEAD: Range<usize> = 128..384;

/// A page of entries whose out-of-line objects are `V`.
#[derive(Debug, Clone)]
pub struct Page<V> {
    block: Block,
    side: SideLists<V>,
}

/// Where an entry is in its page and how its head reads, so that it is read once for a look-up and what follows. Good until
/// the page is next changed; only access clock and kind may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    slot: u16,
    /// Where the entry begins in the block.
    at: u32,
    head: Head,
}

impl Spot {
    /// Whether the payload lives beside the page.
    #[inline]
    pub fn has_value_beside(self) -> bool {
        self.head.value_side().is_some()
    }

    /// The slot of the entry.
    #[inline]
    pub fn slot(self) -> usize {
        usize::from(self.slot)
    }
}

impl<V> Default for Page<V> {
    fn default() -> Self {
        Self { block: Block::default(), side: SideLists::default() }
    }
}

impl<V: Dismantle> Dismantle for Page<V> {
    fn dismantle(self, between: &mut dyn FnMut()) {
        self.side.dismantle(between);
    }
}

impl<V: Clone> Page<V> {
    /// Live entries.
    #[inline]
    pub fn count(&self) -> usize {
        self.block.view().count()
    }

    /// A lower bound of the expiry times in the page; `UnixMs::MAX` when there is none.
    pub fn min_expiry(&self) -> UnixMs {
        self.block.view().min_expiry()
    }

    /// Bytes that live entries take, slots included.
    #[inline]
    pub fn live_bytes(&self) -> usize {
        self.block.view().live_bytes()
    }

    /// Whether it is to be divided.
    #[inline]
    pub fn is_crowded(&self) -> bool {
        self.live_bytes() > CROWDED
    }

    /// Whether it is to be divided whatever that costs: with the longest entry more than twice, its offsets still have room.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.live_bytes() > FULL
    }

    /// Whether it has neither entries nor memory for them.
    #[inline]
    pub fn is_bare(&self) -> bool {
        self.allocated_bytes() == 0
    }

    /// Whether another one's entries may come, and as many again before it is crowded.
    pub fn may_absorb(&self, other: &Self) -> bool {
        self.live_bytes() + other.live_bytes() <= CROWDED / 2
    }

    /// Bytes of memory of the block and the side list, without what objects hold.
    pub fn allocated_bytes(&self) -> usize {
        self.block.allocated_bytes() + self.side.allocated_bytes()
    }

    /// Asks for the block's counter and head, and for the list of what lives beside it.
    #[inline]
    pub fn prefetch(&self) {
        let address = self.block.view().address();
        prefetch(address);
        prefetch(address.wrapping_add(64));
        self.side.prefetch();
    }

    /// Asks for what is behind that of the head of a page with many entries.
    #[inline]
    pub fn prefetch_long_head(&self) {
        let address = self.block.view().address();
        LONG_HEAD.step_by(64).for_each(|at| prefetch(address.wrapping_add(at)));
    }

    /// Asks for the whole block; its head should be near.
    pub fn prefetch_all(&self) {
        let address = self.block.view().address();
        (128..self.block.allocated_bytes()).step_by(64).for_each(|line| prefetch(address.wrapping_add(line)));
    }

    /// Where a key is.
    #[inline]
    pub fn find(&self, tag: u8, key: &[u8], options: Options) -> Option<Spot> {
        self.find_entry(tag, key, options).map(|(spot, _)| spot)
    }

    /// Where a key is, and what is stored with it besides its payload.
    #[inline]
    pub fn look_up(&self, tag: u8, key: &[u8], options: Options) -> Option<(Spot, Meta)> {
        self.find_entry(tag, key, options).map(|(spot, bytes)| (spot, spot.head.meta(bytes, options)))
    }

    /// Where a key is, and the bytes from its entry on.
    #[inline]
    fn find_entry(&self, tag: u8, key: &[u8], options: Options) -> Option<(Spot, &[u8])> {
        let view = self.block.view();
        view.candidates(tag).find_map(|slot| {
            let at = view.entry_at(slot);
            let bytes = view.from(at);
            let head = Head::read(bytes, view.usual(), options);
            let same = match head.key_side() {
                Some(place) => self.side.bytes(place) == key,
                None => is_equal(&bytes[head.key()], key),
            };
            same.then_some((Spot { slot: slot as u16, at: at as u32, head }, bytes))
        })
    }

    /// Where the entry in a live slot is.
    #[inline]
    pub fn spot(&self, slot: usize, options: Options) -> Spot {
        let view = self.block.view();
        let at = view.entry_at(slot);
        Spot { slot: slot as u16, at: at as u32, head: view.head(at, options) }
    }

    /// The address of the first entry whose tag matches, for prefetching.
    #[inline]
    pub fn candidate(&self, tag: u8) -> Option<*const u8> {
        let view = self.block.view();
        let slot = view.candidates(tag).next()?;
        Some(view.from(view.entry_at(slot)).as_ptr())
    }

    /// Whether anything lives beside the page.
    #[inline]
    pub fn has_side(&self) -> bool {
        !self.side.is_empty()
    }

    /// Asks for the place of what lives beside the page for the first entry whose tag matches, which should be near.
    #[inline]
    pub fn prefetch_side(&self, tag: u8, options: Options) {
        if let Some(place) = self.candidate_side(tag, options) {
            self.side.prefetch_place(place);
        }
    }

    /// Where the bytes that live there begin.
    #[inline]
    pub fn address_beside(&self, tag: u8, options: Options) -> Option<*const u8> {
        self.side.address(self.candidate_side(tag, options)?)
    }

    fn candidate_side(&self, tag: u8, options: Options) -> Option<u16> {
        let view = self.block.view();
        let slot = view.candidates(tag).next()?;
        view.head(view.entry_at(slot), options).value_side()
    }

    /// The address behind the place of the next new entry, for prefetching.
    #[inline]
    pub fn front(&self) -> *const u8 {
        self.block.view().front()
    }

    /// The entry in a live slot.
    #[inline]
    pub fn entry(&self, slot: usize, options: Options) -> Entry<'_, V> {
        self.entry_of(self.spot(slot, options), options)
    }

    /// The entry that is there.
    #[inline]
    pub fn entry_of(&self, spot: Spot, options: Options) -> Entry<'_, V> {
        Entry { key: self.key_of(spot), meta: self.meta(spot, options), payload: self.payload(spot) }
    }

    /// The payload of the entry that is there.
    #[inline]
    pub fn payload(&self, spot: Spot) -> Payload<'_, V> {
        match spot.head.value_side() {
            Some(place) => self.side.payload(place),
            None => Payload::Inline(&self.bytes(spot)[spot.head.value()]),
        }
    }

    /// What is stored with the entry that is there besides its payload.
    #[inline]
    pub fn meta(&self, spot: Spot, options: Options) -> Meta {
        spot.head.meta(self.bytes(spot), options)
    }

    /// Adds a key that is not in the page.
    pub fn insert(&mut self, tag: u8, key: &[u8], payload: NewPayload<'_, V>, meta: Meta, options: Options) {
        let key_side = (key.len() > KEY_INLINE_MAX).then(|| self.side.add_bytes(key));
        let (value_side, value) = self.place(payload);
        let new = NewEntry { key, key_side, value, value_side, meta };
        // The first entry tells what is usual.
        let view = self.block.view();
        let usual = if view.count() == 0 { new.lengths().unwrap_or_default() } else { view.usual() };
        self.insert_entry(tag, &new, usual, options);
    }

    /// Replaces the payload and meta of the entry that is there; returns what was there.
    pub fn replace(
        &mut self,
        spot: Spot,
        mut payload: NewPayload<'_, V>,
        meta: Meta,
        options: Options,
    ) -> Replaced<V> {
        if let NewPayload::Inline(value) = payload
            && self.overwrite(spot, value, meta, options)
        {
            return Replaced::Inline;
        }
        let (at, old) = (self.at(spot), spot.head);
        if let Some(place) = old.value_side()
            && old.has_room_for(meta.expiry)
            && !self.takes(&payload)
        {
            match self.side.replace(place, payload) {
                Ok(replaced) => {
                    self.write_meta(at, old, meta, options);
                    return replaced;
                }
                Err(other_kind) => payload = other_kind,
            }
        }
        let replaced = self.take_side(old.value_side());
        let (value_side, value) = self.place(payload);
        self.rewrite(spot.slot(), old, value, value_side, meta, options);
        replaced
    }

    /// Replaces payload and meta of the entry that is there in place, if both are inside the page and as long as before; otherwise it
    /// does nothing and is false.
    #[inline]
    pub fn overwrite(&mut self, spot: Spot, value: &[u8], meta: Meta, options: Options) -> bool {
        let (at, old) = (self.at(spot), spot.head);
        let fits =
            old.value_side().is_none() && old.value().len() == value.len() && old.has_room_for(meta.expiry);
        if fits {
            self.write_meta(at, old, meta, options)[old.value()].copy_from_slice(value);
        }
        fits
    }

    /// Changes the meta of a live slot and leaves its payload.
    pub fn set_meta(&mut self, slot: usize, meta: Meta, options: Options) {
        let view = self.block.view();
        let at = view.entry_at(slot);
        let old = view.head(at, options);
        if old.has_room_for(meta.expiry) {
            self.write_meta(at, old, meta, options);
            return;
        }
        let mut value = [0; INLINE_MAX];
        let value = &mut value[..old.value().len()];
        value.copy_from_slice(&view.from(at)[old.value()]);
        self.rewrite(slot, old, value, old.value_side(), meta, options);
    }

    /// Sets the access clock if that copies nothing; says whether it did.
    #[inline]
    pub fn touch(&mut self, slot: usize, access: u32) -> bool {
        let at = self.block.view().entry_at(slot);
        let Some(mut writer) = self.block.writer_if_unique() else { return false };
        writer.from(at)[1..4].copy_from_slice(&access.to_le_bytes()[..3]);
        true
    }

    /// The bytes of an inline payload, to be changed in place.
    ///
    /// # Panics
    /// If the payload is an object.
    pub fn inline_mut(&mut self, spot: Spot) -> &mut [u8] {
        let at = self.at(spot);
        match spot.head.value_side() {
            Some(place) => self.side.bytes_mut(place),
            None => &mut self.block.writer().into_from(at)[spot.head.value()],
        }
    }

    /// The object that is there, to be changed; none if the payload is bytes.
    #[inline]
    pub fn object_mut(&mut self, spot: Spot) -> Option<&mut V> {
        debug_assert!(self.at(spot) > 0, "it was found after the last change");
        self.side.object_mut(spot.head.value_side()?)
    }

    /// Removes a live slot; the last slot takes its place.
    pub fn remove(&mut self, slot: usize, options: Options) -> Replaced<V> {
        let view = self.block.view();
        let head = view.head(view.entry_at(slot), options);
        let mut writer = self.block.writer();
        writer.remove_slot(slot);
        writer.add_garbage(head.length());
        self.take_side(head.key_side());
        self.take_side(head.value_side())
    }

    /// Moves all entries for whose key `leaves` answers true to a page of their own, which is returned.
    #[must_use]
    pub fn split(&mut self, options: Options, leaves: impl Fn(&[u8]) -> bool) -> Self {
        self.prefetch_all();
        let mut spots: SmallVec<[(Spot, bool); 64]> = SmallVec::new();
        let (mut rooms, mut election) = ([(0, 0); 2], Election::default());
        for slot in 0..self.count() {
            let spot = self.spot(slot, options);
            let goes = leaves(self.key_of(spot));
            let (bytes, count) = &mut rooms[usize::from(goes)];
            *bytes += spot.head.length();
            *count += 1;
            election.vote(spot.head);
            spots.push((spot, goes));
        }
        let [mut stays, mut goes] = rooms.map(|(bytes, count)| {
            let mut page = Self::default();
            page.reserve(bytes, count, election.usual(), options);
            page
        });
        for (spot, leaves) in spots {
            let target = if leaves { &mut goes } else { &mut stays };
            target.adopt(self, spot, options);
        }
        *self = stays;
        goes
    }

    /// Takes all entries of another page.
    pub fn absorb(&mut self, other: &Self, options: Options) {
        let view = other.block.view();
        self.reserve(view.heap() - view.garbage(), other.count(), view.usual(), options);
        for slot in 0..other.count() {
            self.adopt(other, other.spot(slot, options), options);
        }
    }

    /// Makes room for entries to come, unless the page would be crowded with them.
    pub fn make_room(&mut self, bytes: usize, entries: usize, options: Options) {
        if self.live_bytes() + bytes + SLOT_BYTES * entries <= CROWDED {
            self.reserve(bytes, entries, Usual::default(), options);
        }
    }

    /// Makes room for so many bytes of so many entries to come, so that the block need not grow with each of them. If they are the
    /// first ones, these lengths are usual.
    fn reserve(&mut self, bytes: usize, entries: usize, usual: Usual, options: Options) {
        if entries == 0 {
            return;
        }
        let is_first = self.count() == 0;
        let mut writer = self.block.make_room(bytes, self.count() + entries, options);
        if is_first {
            writer.set_usual(usual);
        }
    }

    /// Gives back what removed entries have left unused, as far as a smaller block can do without it.
    pub fn shrink(&mut self, options: Options) {
        self.block.shrink(options);
    }

    /// Goes on with a sweep of the block and of what lives beside it; returns whether it is done.
    pub(crate) fn sweep(&mut self, beside: &mut Beside, sweeper: &mut Sweeper<'_>, options: Options) -> bool
    where
        V: Sweep,
    {
        if beside.place == 0 {
            self.block.sweep(sweeper, options);
            self.side.sweep_lists(sweeper);
            beside.place = 1;
        }
        self.side.sweep(beside, sweeper)
    }

    /// Writes the exact minimum of the expiry times, after due entries went.
    pub fn refresh_min_expiry(&mut self, options: Options) {
        let exact = (0..self.count())
            .filter_map(|slot| self.entry(slot, options).meta.expiry)
            .min()
            .unwrap_or(UnixMs::MAX);
        if exact != self.min_expiry() {
            self.block.writer().set_min_expiry(exact);
        }
    }

    /// Copies an entry of another page; side objects are shared, not copied.
    fn adopt(&mut self, other: &Self, spot: Spot, options: Options) {
        let (head, bytes, view) = (spot.head, other.bytes(spot), other.block.view());
        let (tag, meta) = (view.tag(spot.slot()), head.meta(bytes, options));
        let (key_side, value_side) = (head.key_side(), head.value_side());
        if key_side.is_none() && value_side.is_none() && view.usual() == self.block.view().usual() {
            let bytes = &bytes[..head.length()];
            let mut writer = self.block.make_room(bytes.len(), self.count() + 1, options);
            let offset = writer.push_copy(bytes, meta.expiry);
            writer.push_slot(tag, offset);
            return;
        }
        let mut carry = |place: Option<u16>| place.map(|place| self.side.add_of(&other.side, place));
        let (key_side, value_side) = (carry(key_side), carry(value_side));
        let new =
            NewEntry { key: &bytes[head.key()], key_side, value: &bytes[head.value()], value_side, meta };
        self.insert_entry(tag, &new, self.block.view().usual(), options);
    }

    /// Where an entry begins in the block.
    #[inline]
    fn at(&self, spot: Spot) -> usize {
        debug_assert_eq!(
            self.block.view().entry_at(spot.slot()),
            spot.at as usize,
            "it was found after the last change"
        );
        spot.at as usize
    }

    /// The bytes from an entry on.
    #[inline]
    fn bytes(&self, spot: Spot) -> &[u8] {
        self.block.view().from(self.at(spot))
    }

    /// The key of the entry that is there.
    #[inline]
    pub fn key_of(&self, spot: Spot) -> &[u8] {
        match spot.head.key_side() {
            Some(place) => self.side.bytes(place),
            None => &self.bytes(spot)[spot.head.key()],
        }
    }

    /// Whether a payload lives inside the page.
    #[inline]
    fn takes(&self, payload: &NewPayload<'_, V>) -> bool {
        matches!(payload, NewPayload::Inline(bytes) if bytes.len() <= INLINE_MAX)
            && self.live_bytes() <= CROWDED
    }

    /// Puts a payload where it lives.
    #[inline]
    fn place<'p>(&mut self, payload: NewPayload<'p, V>) -> (Option<u16>, &'p [u8]) {
        match payload {
            NewPayload::Inline(bytes) if self.takes(&payload) => (None, bytes),
            payload => (Some(self.side.add(payload)), &[]),
        }
    }

    /// Writes a meta over that of the entry at a place, whose expiry has room; returns the bytes from the entry on.
    #[inline]
    fn write_meta(&mut self, at: usize, head: Head, meta: Meta, options: Options) -> &mut [u8] {
        let mut writer = self.block.writer();
        writer.lower_min_expiry(meta.expiry);
        let bytes = writer.into_from(at);
        head.write_meta(bytes, meta, options);
        bytes
    }

    #[inline]
    fn take_side(&mut self, place: Option<u16>) -> Replaced<V> {
        place.map_or(Replaced::Inline, |place| self.side.take(place))
    }

    /// Gives a live slot a new entry with the same key, behind the others; the old one becomes garbage.
    fn rewrite(
        &mut self,
        slot: usize,
        old: Head,
        value: &[u8],
        value_side: Option<u16>,
        meta: Meta,
        options: Options,
    ) {
        let view = self.block.view();
        let mut key = [0; KEY_INLINE_MAX];
        let key = &mut key[..old.key().len()];
        key.copy_from_slice(&view.from(view.entry_at(slot))[old.key()]);
        let new = NewEntry { key, key_side: old.key_side(), value, value_side, meta };
        let (length, count) = (new.length(view.usual(), options), view.count());
        // While the room is made, the slot must not keep the old entry alive.
        let mut writer = self.block.writer();
        writer.add_garbage(old.length());
        writer.set_offset(slot, 0);
        let mut writer = self.block.make_room(length, count, options);
        let offset = writer.push(&new, length, options);
        writer.set_offset(slot, offset);
    }

    /// Adds an entry to those that are there, with the lengths that are usual among all of them.
    #[inline]
    fn insert_entry(&mut self, tag: u8, new: &NewEntry<'_>, usual: Usual, options: Options) {
        let length = new.length(usual, options);
        let mut writer = self.block.make_room(length, self.count() + 1, options);
        writer.set_usual(usual);
        let offset = writer.push(new, length, options);
        writer.push_slot(tag, offset);
    }
}
