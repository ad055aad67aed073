//! The directory of a table: chunks of pages.

use triomphe::Arc;

use stdx::time::UnixMs;

use super::random::Fullest;
use super::{Due, PAGE_LOW, Position};
use crate::dismantle::{Dismantle, last_of};
use crate::linear;
use crate::page::{Entry, Meta, Options, Page, Spot, sizes};
use crate::sweep::{Cursor, Sweep, Sweeper};

/// Pages a chunk. A write after a snapshot copies one chunk's counters, so it is small; the root holds one
/// pointer a chunk, so it is not tiny.
pub(super) const CHUNK: usize = 16;

/// With more entries a page, on the average, many pages have heads of more than two cache lines: these have room for 34.
const CROWDED: usize = 28;

/// Chunks whose pages are asked for together in a search for due entries.
const CHUNKS_AHEAD: usize = 4;

/// A few neighbouring pages.
#[derive(Debug, Clone)]
pub(super) struct Chunk<V> {
    pub(super) pages: [Page<V>; CHUNK],
    /// A lower bound of the expiry times in the pages.
    min_expiry: UnixMs,
}

impl<V> Default for Chunk<V> {
    fn default() -> Self {
        Self { pages: std::array::from_fn(|_| Page::default()), min_expiry: UnixMs::MAX }
    }
}

/// The whole directory.
#[derive(Debug, Clone)]
pub(super) struct Root<V> {
    pub(super) chunks: Vec<Arc<Chunk<V>>>,
    /// What all chunks without entries are one clone of, once there are so many that one is needed.
    pub(super) bare: Option<Arc<Chunk<V>>>,
    /// Pages in use; `2^level + split` of linear hashing.
    pub(super) pages: usize,
    /// Entries that no page has more of.
    pub(super) fullest: Fullest,
    pub(super) len: usize,
    /// Bytes of all live entries.
    pub(super) live_bytes: usize,
    /// A lower bound of all expiry times.
    pub(super) min_expiry: UnixMs,
    /// Entries with an expiry time, where the owner counts them ([`super::Table::count_timed`]).
    pub(super) timed: usize,
}

impl<V> Default for Root<V> {
    fn default() -> Self {
        Self {
            chunks: vec![Arc::new(Chunk::default())],
            bare: None,
            pages: 1,
            fullest: Fullest::default(),
            len: 0,
            live_bytes: 0,
            min_expiry: UnixMs::MAX,
            timed: 0,
        }
    }
}

impl<V: Dismantle> Dismantle for Root<V> {
    fn dismantle(self, between: &mut dyn FnMut()) {
        for chunk in self.chunks.into_iter().filter_map(last_of) {
            chunk.pages.into_iter().for_each(|page| page.dismantle(between));
            between();
        }
    }
}

impl<V: Clone> Root<V> {
    /// The page of a hash.
    #[inline]
    pub(super) fn page_of(&self, hash: u64) -> usize {
        linear::bucket_of(hash, self.pages)
    }

    #[inline]
    pub(super) fn page(&self, index: usize) -> &Page<V> {
        &self.chunks[index / CHUNK].pages[index % CHUNK]
    }

    /// A lower bound of the expiry times of a page; `UnixMs::MAX`: there are none.
    pub(super) fn expiry_bound(&self, index: usize) -> UnixMs {
        let chunk = &self.chunks[index / CHUNK];
        if chunk.min_expiry == UnixMs::MAX { UnixMs::MAX } else { chunk.pages[index % CHUNK].min_expiry() }
    }

    /// Where the counter of a page's chunk is, which a write looks at, and the page. Nothing of the chunk is read.
    #[inline]
    pub(super) fn path(&self, index: usize) -> (*const u8, &Page<V>) {
        (Arc::heap_ptr(&self.chunks[index / CHUNK]).cast(), self.page(index))
    }

    /// Whether pages have more entries than a head of two cache lines, on the average.
    #[inline]
    pub(super) fn is_crowded(&self) -> bool {
        self.len > CROWDED * self.pages
    }

    /// A page to be changed, its chunk made unique.
    pub(super) fn page_mut(&mut self, index: usize) -> &mut Page<V> {
        &mut Arc::make_mut(&mut self.chunks[index / CHUNK]).pages[index % CHUNK]
    }

    /// Changes a page and keeps count and minima right; `expiry` is that of an entry that is written. Tells as well whether the page
    /// has grown and is crowded now.
    #[inline]
    pub(super) fn change<R>(
        &mut self,
        index: usize,
        expiry: Option<UnixMs>,
        change: impl FnOnce(&mut Page<V>) -> R,
    ) -> (R, bool) {
        let chunk = Arc::make_mut(&mut self.chunks[index / CHUNK]);
        let page = &mut chunk.pages[index % CHUNK];
        let before = page.live_bytes();
        let result = change(page);
        let after = page.live_bytes();
        self.live_bytes = self.live_bytes + after - before;
        let is_overgrown = after > before && page.is_crowded();
        if let Some(expiry) = expiry {
            chunk.min_expiry = chunk.min_expiry.min(expiry);
            self.min_expiry = self.min_expiry.min(expiry);
        }
        (result, is_overgrown)
    }

    /// Replaces a payload of a page where it is, if that is possible. Nothing is counted anew, for it takes as many bytes.
    #[inline]
    pub(super) fn overwrite(
        &mut self,
        index: usize,
        spot: Spot,
        value: &[u8],
        meta: Meta,
        options: Options,
    ) -> bool {
        let chunk = Arc::make_mut(&mut self.chunks[index / CHUNK]);
        if !chunk.pages[index % CHUNK].overwrite(spot, value, meta, options) {
            return false;
        }
        if let Some(expiry) = meta.expiry {
            chunk.min_expiry = chunk.min_expiry.min(expiry);
            self.min_expiry = self.min_expiry.min(expiry);
        }
        true
    }

    /// Divides the next page of the round.
    pub(super) fn split(&mut self, options: Options, hash: impl Fn(&[u8]) -> u64) {
        let fresh = self.pages;
        let (source, bit) = linear::next_split(fresh);
        if fresh.is_multiple_of(CHUNK) {
            let chunk = self.bare_chunk();
            self.chunks.push(chunk);
        }
        self.pages += 1;
        if !self.page(source).is_bare() {
            let page = self.page_mut(source);
            let before = page.live_bytes();
            let moved = page.split(options, |key| hash(key) as usize & bit != 0);
            let (after, counts) = (page.live_bytes() + moved.live_bytes(), [page.count(), moved.count()]);
            self.live_bytes = self.live_bytes + after - before;
            counts.into_iter().for_each(|count| self.fullest.note(count));
            let min_expiry = moved.min_expiry();
            let chunk = Arc::make_mut(&mut self.chunks[fresh / CHUNK]);
            chunk.pages[fresh % CHUNK] = moved;
            chunk.min_expiry = chunk.min_expiry.min(min_expiry);
        }
        self.fullest.note_pages(self.pages);
    }

    /// Merges pages away while their average is low, but no more than so many.
    #[inline]
    pub(super) fn merge_up_to(&mut self, most: usize, options: Options) {
        for _ in 0..most {
            if self.live_bytes >= (self.pages - 1) * PAGE_LOW || !self.merge(options) {
                return;
            }
        }
    }

    /// Puts the last page back into the one it came from; false: that one would be crowded soon.
    fn merge(&mut self, options: Options) -> bool {
        let last = self.pages - 1;
        let target = linear::next_merge(self.pages);
        if !self.page(target).may_absorb(self.page(last)) {
            return false;
        }
        if !self.page(last).is_bare() {
            let gone = std::mem::take(self.page_mut(last));
            let page = self.page_mut(target);
            let before = page.live_bytes() + gone.live_bytes();
            page.absorb(&gone, options);
            let after = page.live_bytes();
            self.live_bytes = self.live_bytes + after - before;
            let chunk = Arc::make_mut(&mut self.chunks[target / CHUNK]);
            chunk.min_expiry = chunk.min_expiry.min(gone.min_expiry());
        }
        self.fullest.note(self.page(target).count());
        self.pages = last;
        self.fullest.note_pages(last);
        if last.is_multiple_of(CHUNK) {
            self.chunks.pop();
            if self.chunks.capacity() > 2 * self.chunks.len() + 8 {
                self.chunks.shrink_to_fit();
            }
        }
        true
    }

    pub(super) fn touch(&mut self, page: usize, slot: usize, access: u32) -> bool {
        Arc::get_mut(&mut self.chunks[page / CHUNK])
            .is_some_and(|chunk| chunk.pages[page % CHUNK].touch(slot, access))
    }

    /// What should be counted as live.
    #[cfg(test)]
    pub(super) fn counted_live_bytes(&self) -> usize {
        self.chunks.iter().flat_map(|chunk| &chunk.pages).map(Page::live_bytes).sum()
    }

    /// Goes on with a sweep of one page; see [`super::Table::sweep_at`].
    pub(super) fn sweep(&mut self, cursor: &mut Cursor, sweeper: &mut Sweeper<'_>, options: Options) -> bool
    where
        V: Sweep,
    {
        let Some(chunk) = Arc::get_mut(&mut self.chunks[cursor.page / CHUNK]) else {
            sweeper.pass();
            return true;
        };
        chunk.pages[cursor.page % CHUNK].sweep(&mut cursor.beside, sweeper, options)
    }

    /// Visits due entries page by page; see [`super::Table::visit_due`].
    pub(super) fn visit_due(
        &mut self,
        now: UnixMs,
        limit: usize,
        options: Options,
        each: &mut dyn FnMut(Entry<'_, V>) -> Due,
    ) -> usize {
        let mut taken = 0;
        for index in 0..self.chunks.len() {
            if index % CHUNKS_AHEAD == 0 {
                self.prefetch_due(index, now);
            }
            if self.chunks[index].min_expiry > now {
                continue;
            }
            let chunk = Arc::make_mut(&mut self.chunks[index]);
            for at in 0..CHUNK {
                if let Some(next) = chunk.pages.get(at + 1).filter(|next| next.min_expiry() <= now) {
                    next.prefetch_all();
                }
                let page = &mut chunk.pages[at];
                if page.min_expiry() > now {
                    continue;
                }
                let before = page.live_bytes();
                let gone = visit_due_of(page, now, options, each);
                self.live_bytes -= before - page.live_bytes();
                self.len -= gone;
                taken += gone;
                if taken >= limit {
                    return taken; // the minima stay too low until the next visit
                }
            }
            chunk.min_expiry = chunk.pages.iter().map(Page::min_expiry).min().unwrap_or(UnixMs::MAX);
            self.share_if_bare(index);
        }
        self.min_expiry = self.chunks.iter().map(|chunk| chunk.min_expiry).min().unwrap_or(UnixMs::MAX);
        taken
    }

    /// The entries that are due.
    pub(super) fn count_due(&self, now: UnixMs, options: Options) -> usize {
        let chunks = self.chunks.iter().filter(|chunk| chunk.min_expiry <= now);
        let pages = chunks.flat_map(|chunk| &chunk.pages).filter(|page| page.min_expiry() <= now);
        let is_due = |page: &Page<V>, slot| page.entry(slot, options).meta.expiry.is_some_and(|at| at <= now);
        pages.map(|page| (0..page.count()).filter(|&slot| is_due(page, slot)).count()).sum()
    }

    /// Asks for the heads of pages that may be due in some chunks: they have not been looked at for long, and so the memory
    /// of all is waited for together.
    fn prefetch_due(&self, first: usize, now: UnixMs) {
        let chunks = self.chunks[first..].iter().take(CHUNKS_AHEAD);
        chunks
            .filter(|chunk| chunk.min_expiry <= now)
            .flat_map(|chunk| &chunk.pages)
            .for_each(Page::prefetch);
    }

    /// The page that a cursor names, and the cursor of the next class; 0 when this was the last.
    pub(super) fn scan_step(&self, cursor: u64) -> (usize, u64) {
        linear::scan_step(cursor, self.pages)
    }

    pub(super) fn position(&self, page: usize, slot: usize, options: Options) -> Position {
        Position { page, spot: self.page(page).spot(slot, options) }
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        let pages: usize = (0..self.pages).map(|page| self.page(page).allocated_bytes()).sum();
        let own = self.chunks.iter().filter(|chunk| !self.is_bare_chunk(chunk)).count();
        pages
            + (own + usize::from(self.bare.is_some())) * (size_of::<Chunk<V>>() + sizes::ARC_HEADER)
            + self.chunks.capacity() * 8
            + size_of::<Self>()
            + sizes::ARC_HEADER
    }
}

/// Removes the due entries of one page and makes its minimum exact.
fn visit_due_of<V: Clone>(
    page: &mut Page<V>,
    now: UnixMs,
    options: Options,
    each: &mut dyn FnMut(Entry<'_, V>) -> Due,
) -> usize {
    let (mut gone, mut stay) = (0, 0);
    // From the last slot on: where one is removed, a later one takes its place, and those have been seen.
    for slot in (0..page.count()).rev() {
        let entry = page.entry(slot, options);
        let mut meta = entry.meta;
        if meta.expiry.is_some_and(|expiry| expiry <= now) {
            match each(entry) {
                Due::Remove => {
                    gone += 1;
                    if stay > 0 {
                        page.remove(slot, options);
                    } // else perhaps all go
                    continue;
                }
                Due::Keep(later) => {
                    meta.expiry = (later < UnixMs::MAX).then_some(later);
                    page.set_meta(slot, meta, options);
                }
            }
        }
        if stay == 0 {
            (slot + 1..page.count()).rev().for_each(|last| drop(page.remove(last, options)));
        }
        stay += 1;
    }
    if stay == 0 {
        *page = Page::default();
    } else {
        page.refresh_min_expiry(options);
    }
    gone
}
