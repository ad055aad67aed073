//! The bytes of a page: header, slots and heap in one counted block of memory.
//!
//! A [`View`] reads a block. A [`Writer`] changes one that nobody else holds; to get it, a shared block is copied first,
//! so that is asked once for each change and not for each of its stores.

use stdx::time::UnixMs;
use triomphe::Arc;

use super::entry::{Head, NewEntry, Options, Usual};
use super::sizes;
use crate::sweep::Sweeper;
use crate::unshare::{note_copy, unshared};

pub(super) const HEADER: usize = 16;
pub(super) const GROUP: usize = 8;
const GROUP_BYTES: usize = GROUP * 3;

/// The header's fields, each two bytes except the last.
const COUNT_AT: usize = 0;
const HEAP_AT: usize = 2;
const GARBAGE_AT: usize = 4;
const USUAL_AT: usize = 6;
const MIN_EXPIRY_AT: usize = 8;

/// The header of a page without entries; it needs no memory of its own.
const EMPTY: [u8; HEADER] = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];

/// A sweep makes a block smaller of which one in so many bytes is spare, or more. Blocks that have only grown, along the allocator's
/// classes, have less.
const SPARE_PART: usize = 4;

/// What a new block is copied from.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A block, or none while the page has no entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Block(Option<Arc<[u8]>>);

/// A block as it is read.
#[derive(Clone, Copy)]
pub(super) struct View<'a>(&'a [u8]);

/// A block that is not shared.
pub(super) struct Writer<'a>(&'a mut [u8]);

impl Block {
    #[inline]
    pub(super) fn view(&self) -> View<'_> {
        View(self.0.as_deref().unwrap_or(&EMPTY))
    }

    /// The block of a page with entries, to be changed.
    #[inline]
    pub(super) fn writer(&mut self) -> Writer<'_> {
        Writer(unshared(self.0.as_mut().expect("only a page with entries is changed")))
    }

    /// The block to be changed, unless that would copy it.
    #[inline]
    pub(super) fn writer_if_unique(&mut self) -> Option<Writer<'_>> {
        Arc::get_mut(self.0.as_mut()?).map(Writer)
    }

    /// The block to be changed, with `length` free bytes and slots for `count` entries.
    #[inline]
    pub(super) fn make_room(&mut self, length: usize, count: usize, options: Options) -> Writer<'_> {
        let needed = HEADER + count.div_ceil(GROUP) * GROUP_BYTES + self.view().heap() + length;
        if needed > self.view().0.len() || !self.0.as_ref().is_some_and(Arc::is_unique) {
            self.renew(needed, options);
        }
        self.writer()
    }

    /// Bytes of memory.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |block| block.len() + sizes::ARC_HEADER)
    }

    /// Makes the block smaller if much of it is spare; otherwise moves it if a sweep finds that worth while.
    pub(super) fn sweep(&mut self, sweeper: &mut Sweeper<'_>, options: Options) {
        let length = self.view().0.len();
        let is_spacious = length - self.least_size() >= length.div_ceil(SPARE_PART);
        match &mut self.0 {
            None => sweeper.pass(),
            Some(block) if is_spacious && block.is_unique() => {
                sweeper.pass();
                sweeper.note_moved(length);
                self.shrink(options);
            }
            Some(block) => sweeper.renew(block),
        }
    }

    /// Moves the entries into a smaller block if garbage and free space are enough for that.
    pub(super) fn shrink(&mut self, options: Options) {
        let size = self.least_size();
        if size == 0 {
            self.0 = None;
        } else if size < self.view().0.len() {
            self.rewrite(size, options);
        }
    }

    /// The length of a block for the live entries alone; none if there are none.
    fn least_size(&self) -> usize {
        let view = self.view();
        if view.count() == 0 {
            return 0;
        }
        let groups = view.count().div_ceil(GROUP) * GROUP_BYTES;
        sizes::fit(HEADER + groups + view.heap() - view.garbage())
    }

    /// Writes the live entries into a fresh block in which `needed` bytes, garbage included, have room.
    fn renew(&mut self, needed: usize, options: Options) {
        let old = self.view();
        let garbage = old.garbage();
        // A page that rewrites its entries keeps some slack, or the next rewrite would come at once.
        let slack = if garbage > 0 { (needed - garbage) / 16 } else { 0 };
        let fits = needed <= old.0.len();
        let size = if fits { old.0.len() } else { sizes::fit(needed - garbage + slack) };
        self.rewrite(size, options);
    }

    /// Writes the live entries into a fresh block of a size.
    fn rewrite(&mut self, size: usize, options: Options) {
        if let Some(old) = self.0.as_ref().filter(|old| !old.is_unique()) {
            note_copy(old.len());
        }
        let mut fresh: Arc<[u8]> = Arc::from(&ZEROS[..size]);
        let mut writer = Writer(Arc::get_mut(&mut fresh).expect("a new block is unshared"));
        self.view().copy_live_into(&mut writer, options);
        self.0 = Some(fresh);
    }
}

impl<'a> View<'a> {
    /// Live entries.
    #[inline]
    pub(super) fn count(self) -> usize {
        half(self.0, COUNT_AT)
    }

    /// Bytes of the heap, garbage included.
    #[inline]
    pub(super) fn heap(self) -> usize {
        half(self.0, HEAP_AT)
    }

    /// Bytes of the heap that belong to no entry any more.
    #[inline]
    pub(super) fn garbage(self) -> usize {
        half(self.0, GARBAGE_AT)
    }

    /// The lengths that its entries need not repeat.
    #[inline]
    pub(super) fn usual(self) -> Usual {
        Usual::from_bytes(*self.0[USUAL_AT..].first_chunk().expect("a header has two bytes there"))
    }

    /// The head of the entry that begins at a place.
    #[inline]
    pub(super) fn head(self, at: usize, options: Options) -> Head {
        Head::read(self.from(at), self.usual(), options)
    }

    /// A lower bound of the expiry times.
    #[inline]
    pub(super) fn min_expiry(self) -> UnixMs {
        UnixMs(i64::from_le_bytes(
            *self.0[MIN_EXPIRY_AT..].first_chunk().expect("a header has eight bytes there"),
        ))
    }

    /// Bytes that live entries take, slots included.
    #[inline]
    pub(super) fn live_bytes(self) -> usize {
        self.heap() - self.garbage() + 3 * self.count()
    }

    /// The address of the counter before the header, for prefetching.
    #[inline]
    pub(super) fn address(self) -> *const u8 {
        self.0.as_ptr().wrapping_sub(sizes::ARC_HEADER)
    }

    /// The address of the newest entry, for prefetching.
    #[inline]
    pub(super) fn front(self) -> *const u8 {
        self.0.as_ptr().wrapping_add(self.0.len() - self.heap())
    }

    /// Where the entry of a live slot begins.
    #[inline]
    pub(super) fn entry_at(self, slot: usize) -> usize {
        self.0.len() - half(self.0, offset_at(slot))
    }

    /// The bytes from an entry on.
    #[inline]
    pub(super) fn from(self, at: usize) -> &'a [u8] {
        &self.0[at..]
    }

    /// The live slots, from the first on, whose tag is that of a hash. A slot may be shown although its tag differs.
    #[inline]
    pub(super) fn candidates(self, tag: u8) -> Candidates<'a> {
        Candidates { view: self, count: self.count(), tag, first: 0, matches: self.matches(0, tag) }
    }

    #[inline]
    pub(super) fn tag(self, slot: usize) -> u8 {
        self.0[tag_at(slot)]
    }

    /// The slots of a group whose tag equals `tag`, a bit in each byte; none behind the last group.
    #[inline]
    fn matches(self, first: usize, tag: u8) -> u64 {
        let group = self.0.get(tag_at(first)..).and_then(<[u8]>::first_chunk);
        group.map_or(0, |group| matching_tags(u64::from_le_bytes(*group), tag))
    }

    /// Copies header, slots and live entries into a larger or cleaner block.
    fn copy_live_into(self, fresh: &mut Writer<'_>, options: Options) {
        if self.garbage() == 0 {
            return self.copy_ends_into(fresh);
        }
        let mut heap = 0;
        let end = fresh.0.len();
        for slot in 0..self.count() {
            let offset = half(self.0, offset_at(slot));
            if offset > 0 {
                let at = self.0.len() - offset;
                let length = self.head(at, options).length();
                heap += length;
                fresh.0[end - heap..end - heap + length].copy_from_slice(&self.0[at..at + length]);
            } // else it is the slot whose entry is about to be written anew
            fresh.set_slot(slot, self.tag(slot), if offset > 0 { heap } else { 0 });
        }
        set_half(fresh.0, COUNT_AT, self.count());
        set_half(fresh.0, HEAP_AT, heap);
        fresh.set_usual(self.usual());
        fresh.set_min_expiry(self.min_expiry());
    }

    /// The same where all entries live: offsets stay what they are.
    fn copy_ends_into(self, fresh: &mut Writer<'_>) {
        let head = HEADER + self.count().div_ceil(GROUP) * GROUP_BYTES;
        let (heap, end) = (self.heap(), fresh.0.len());
        fresh.0[..head].copy_from_slice(&self.0[..head]);
        fresh.0[end - heap..].copy_from_slice(&self.0[self.0.len() - heap..]);
    }
}

impl<'a> Writer<'a> {
    /// The bytes from an entry on.
    #[inline]
    pub(super) fn from(&mut self, at: usize) -> &mut [u8] {
        &mut self.0[at..]
    }

    /// The bytes from an entry on, for as long as the block is borrowed.
    pub(super) fn into_from(self, at: usize) -> &'a mut [u8] {
        &mut self.0[at..]
    }

    /// Writes an entry at the front of the heap, where there is room; returns its offset.
    #[inline]
    pub(super) fn push(&mut self, new: &NewEntry<'_>, length: usize, options: Options) -> usize {
        let offset = half(self.0, HEAP_AT) + length;
        let at = self.0.len() - offset;
        let usual = View(self.0).usual();
        new.write(&mut self.0[at..at + length], usual, options);
        set_half(self.0, HEAP_AT, offset);
        self.lower_min_expiry(new.meta.expiry);
        offset
    }

    /// Writes a copy of an entry of a page with the same usual lengths at the front of the heap, where there is room; returns
    /// its offset.
    #[inline]
    pub(super) fn push_copy(&mut self, entry: &[u8], expiry: Option<UnixMs>) -> usize {
        let offset = half(self.0, HEAP_AT) + entry.len();
        let at = self.0.len() - offset;
        self.0[at..at + entry.len()].copy_from_slice(entry);
        set_half(self.0, HEAP_AT, offset);
        self.lower_min_expiry(expiry);
        offset
    }

    /// Adds a slot behind the others, in which there is room.
    #[inline]
    pub(super) fn push_slot(&mut self, tag: u8, offset: usize) {
        let count = half(self.0, COUNT_AT);
        self.set_slot(count, tag, offset);
        set_half(self.0, COUNT_AT, count + 1);
    }

    /// Removes a slot; the last one takes its place.
    pub(super) fn remove_slot(&mut self, slot: usize) {
        let last = half(self.0, COUNT_AT) - 1;
        let (tag, offset) = (self.0[tag_at(last)], half(self.0, offset_at(last)));
        self.set_slot(slot, tag, offset);
        self.set_slot(last, 0, 0);
        set_half(self.0, COUNT_AT, last);
    }

    /// Points a live slot at another entry.
    #[inline]
    pub(super) fn set_offset(&mut self, slot: usize, offset: usize) {
        set_half(self.0, offset_at(slot), offset);
    }

    /// Counts bytes that belong to no entry any more.
    #[inline]
    pub(super) fn add_garbage(&mut self, bytes: usize) {
        let garbage = half(self.0, GARBAGE_AT) + bytes;
        set_half(self.0, GARBAGE_AT, garbage);
    }

    #[inline]
    pub(super) fn lower_min_expiry(&mut self, expiry: Option<UnixMs>) {
        if let Some(expiry) = expiry
            && expiry < View(self.0).min_expiry()
        {
            self.set_min_expiry(expiry);
        }
    }

    /// The lengths that entries need not repeat. They stay the same as long as there are entries.
    #[inline]
    pub(super) fn set_usual(&mut self, usual: Usual) {
        self.0[USUAL_AT..USUAL_AT + 2].copy_from_slice(&usual.to_bytes());
    }

    pub(super) fn set_min_expiry(&mut self, expiry: UnixMs) {
        self.0[MIN_EXPIRY_AT..HEADER].copy_from_slice(&expiry.0.to_le_bytes());
    }

    #[inline]
    fn set_slot(&mut self, slot: usize, tag: u8, offset: usize) {
        self.0[tag_at(slot)] = tag;
        self.set_offset(slot, offset);
    }
}

/// See [`View::candidates`].
pub(super) struct Candidates<'a> {
    view: View<'a>,
    count: usize,
    tag: u8,
    /// The first slot of the group, and the slots of it that are still to be shown.
    first: usize,
    matches: u64,
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.matches == 0 {
            self.first += GROUP;
            if self.first >= self.count {
                return None;
            }
            self.matches = self.view.matches(self.first, self.tag);
        }
        let slot = self.first + (self.matches.trailing_zeros() / 8) as usize;
        self.matches &= self.matches - 1;
        // Behind the last slot all tags are zero, which is a tag, too; and a match above another may be a false one.
        (slot < self.count).then_some(slot)
    }
}

#[inline]
fn tag_at(slot: usize) -> usize {
    HEADER + slot / GROUP * GROUP_BYTES + slot % GROUP
}

#[inline]
fn offset_at(slot: usize) -> usize {
    HEADER + slot / GROUP * GROUP_BYTES + GROUP + slot % GROUP * 2
}

#[inline]
fn half(block: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(*block[at..].first_chunk().expect("two bytes")))
}

#[inline]
fn set_half(block: &mut [u8], at: usize, value: usize) {
    let value = u16::try_from(value).expect("a page is kept below 64 kB");
    block[at..at + 2].copy_from_slice(&value.to_le_bytes());
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
