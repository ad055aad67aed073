//! An unordered table of byte-string keys: linear hashing over copy-on-write pages.
//!
//! ```text
//!   Table ─► root ─► chunk ─► page ─► entries inline, large things beside
//!            (all chunks)  (16 pages)
//! ```
//! Every arrow is a counted pointer. A clone of the table is a clone of the first one: a point-in-time copy in
//! constant time. A write makes its path unique first; without clones everything is unique already and the write
//! happens in place. The first write after a clone copies the list of chunk pointers, one chunk and one page.
//!
//! **Linear hashing** (`linear`). When the live bytes exceed a fixed average a page, one page is divided into itself and a
//! new one; when they fall well below, the last page goes back into the one it came from. So the table grows and shrinks
//! one page at a time and is never rehashed as a whole. A page that gets crowded is divided out of turn, with all that are
//! divided before it: who copies what he scans brings hashes in the order of the scan, of which all that come for long belong
//! to one page. Most of the pages that come of that have no entries, and cost next to nothing (`bare`).
//!
//! **Scan.** The cursor walks the pages in the order of linear hashing that divisions and merges leave alone, so a scan
//! that runs beside any number of them still visits every entry that was there all the time.
//!
//! **Expiry** needs no index: page, chunk and root each keep a lower bound of the expiry times below them, lowered
//! by every write and made exact again when a due page is visited.

mod bare;
mod random;
mod remains;
mod root;
mod sample;
mod walk;

use std::convert::Infallible;

use triomphe::Arc;

use stdx::hash::{HashKey, sip13};
use stdx::prefetch::prefetch;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use stdx::word::is_equal;

use crate::dismantle::{Dismantle, last_of};
use crate::linear;
pub use crate::page::{Entry, INLINE_MAX, Meta, NewPayload, Options, Payload, Replaced};
use crate::page::{Page, SLOT_BYTES, Spot};
use crate::sweep::{Beside, Cursor, Sweep, Sweeper};
pub use remains::{Part, Remains};
use root::Root;
pub use walk::Iter;

/// Average live bytes a page before the next one is split off. Larger pages waste less on counters and block
/// sizes but cost more to copy after a snapshot and to rewrite when values change their length.
const PAGE_TARGET: usize = 2200;
/// A page is merged away when the average falls below this.
const PAGE_LOW: usize = PAGE_TARGET / 2;

/// Most pages that are merged away with one entry that goes. Nearly always one is enough; where merges had to wait for a crowded
/// page, more make up for that.
const MERGES: usize = 4;

/// Divisions of a small table with one entry that comes to a crowded page.
const DIVISIONS: usize = 64;

/// In a larger one it is one of so many pages. Between crowded and full, 60 of the longest entries find room, or more shorter ones, so
/// the pages can become a thousand times as many before one has to wait for all the divisions that are left.
const DIVISIONS_PART: usize = 8;

/// How many pages are divided with one entry that comes to a crowded one.
fn divisions(pages: usize) -> usize {
    DIVISIONS.max(pages / DIVISIONS_PART)
}

/// Where an entry is, until the table is next changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    page: usize,
    spot: Spot,
}

/// A table from byte strings to bytes or objects `V`.
#[derive(Debug, Clone)]
pub struct Table<V> {
    root: Arc<Root<V>>,
    seed: HashKey,
    options: Options,
}

/// The members of a large set, or the fields of a large hash with their values; there are no objects among them.
pub type MemberTable = Table<Infallible>;

/// The part of a hash that is compared before the key is; the other end of the hash chooses the page.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8
}

impl<V: Clone> Table<V> {
    /// An empty table whose hashes are keyed by `seed`.
    pub fn new(seed: HashKey, options: Options) -> Self {
        Self { root: Arc::new(Root::default()), seed, options }
    }

    /// Entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.root.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.len == 0
    }

    /// The hash of a key, to be computed once and given to the other methods.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        sip13(&self.seed, key)
    }

    /// The way to the page of a hash. Asks the processor to bring the end of it near.
    #[inline]
    pub fn path(&self, hash: u64) -> Path<'_, V> {
        let (chunk, page) = self.root.path(self.root.page_of(hash));
        prefetch(chunk);
        prefetch(std::ptr::from_ref(page).cast());
        Path { page, tag: tag(hash), options: self.options, is_crowded: self.root.is_crowded() }
    }

    /// Where a key is.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Position> {
        let page = self.root.page_of(hash);
        self.root.page(page).find(tag(hash), key, self.options).map(|spot| Position { page, spot })
    }

    /// Where a key is, and what is stored with it besides its payload.
    #[inline]
    pub fn look_up(&self, hash: u64, key: &[u8]) -> Option<(Position, Meta)> {
        let page = self.root.page_of(hash);
        let (spot, meta) = self.root.page(page).look_up(tag(hash), key, self.options)?;
        Some((Position { page, spot }, meta))
    }

    /// Whether the entry at a position is that of a key.
    #[inline]
    pub fn is_at(&self, at: Position, key: &[u8]) -> bool {
        is_equal(self.root.page(at.page).key_of(at.spot), key)
    }

    /// What is there.
    #[inline]
    pub fn entry(&self, at: Position) -> Entry<'_, V> {
        self.root.page(at.page).entry_of(at.spot, self.options)
    }

    /// The payload there.
    #[inline]
    pub fn payload(&self, at: Position) -> Payload<'_, V> {
        self.root.page(at.page).payload(at.spot)
    }

    /// What is stored there besides the payload.
    #[inline]
    pub fn meta(&self, at: Position) -> Meta {
        self.root.page(at.page).meta(at.spot, self.options)
    }

    /// What is stored with a key.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<Entry<'_, V>> {
        self.find(hash, key).map(|at| self.entry(at))
    }

    /// Adds or replaces.
    pub fn set(&mut self, hash: u64, key: &[u8], payload: NewPayload<'_, V>, meta: Meta) -> Replaced<V> {
        if let Some(at) = self.find(hash, key) {
            return self.replace(at, payload, meta);
        }
        self.insert(hash, key, payload, meta);
        Replaced::Absent
    }

    /// Adds a key that is known to be absent.
    pub fn insert(&mut self, hash: u64, key: &[u8], payload: NewPayload<'_, V>, meta: Meta) {
        let options = self.options;
        let root = Arc::make_mut(&mut self.root);
        let page = root.page_of(hash);
        let (count, is_overgrown) = root.change(page, meta.expiry, |page| {
            page.insert(tag(hash), key, payload, meta, options);
            page.count()
        });
        root.fullest.note(count);
        root.len += 1;
        if root.live_bytes > root.pages * PAGE_TARGET {
            let seed = self.seed;
            root.split(options, |key| sip13(&seed, key));
        }
        if is_overgrown {
            self.relieve(hash);
        }
    }

    /// Divides pages until that of a hash is not crowded any more, but no more than a part of them at once ([`divisions`]) unless
    /// the page is full: then the rest waits for the next entry that comes to it.
    #[cold]
    fn relieve(&mut self, hash: u64) {
        let (options, seed) = (self.options, self.seed);
        let root = Arc::make_mut(&mut self.root);
        let end = root.pages + divisions(root.pages);
        loop {
            let page = root.page(root.page_of(hash));
            if !page.is_crowded() || root.pages >= end && !page.is_full() {
                return;
            }
            if !root.split_bare_chunk() {
                root.split(options, |key| sip13(&seed, key));
            }
        }
    }

    /// Changes the entry at a position, which may then be elsewhere.
    fn change<R>(
        &mut self,
        at: Position,
        expiry: Option<UnixMs>,
        change: impl FnOnce(&mut Page<V>) -> R,
    ) -> R {
        let (result, is_overgrown) = Arc::make_mut(&mut self.root).change(at.page, expiry, change);
        if is_overgrown {
            let entry = self.root.page(at.page).entry(at.spot.slot(), self.options);
            self.relieve(self.hash(entry.key));
        }
        result
    }

    /// Makes room for entries to come, told by their hashes and the bytes that each will take, about: the pages that they need are
    /// there, each as long as it has to be, before the first of them comes.
    pub fn make_room(&mut self, entries: impl Iterator<Item = (u64, usize)> + Clone) {
        let (options, seed) = (self.options, self.seed);
        let root = Arc::make_mut(&mut self.root);
        let bytes: usize = entries.clone().map(|(_, bytes)| bytes + SLOT_BYTES).sum();
        while root.live_bytes + bytes > root.pages * PAGE_TARGET {
            root.split(options, |key| sip13(&seed, key));
        }
        let mut rooms = vec![(0, 0); root.pages];
        for (hash, bytes) in entries {
            let (bytes_there, entries_there) = &mut rooms[root.page_of(hash)];
            *bytes_there += bytes;
            *entries_there += 1;
        }
        for (page, (bytes, entries)) in rooms.into_iter().enumerate().filter(|(_, (_, entries))| *entries > 0)
        {
            root.page_mut(page).make_room(bytes, entries, options);
        }
    }

    /// Replaces what is at a position.
    pub fn replace(&mut self, at: Position, payload: NewPayload<'_, V>, meta: Meta) -> Replaced<V> {
        let options = self.options;
        let root = Arc::make_mut(&mut self.root);
        if let NewPayload::Inline(value) = payload
            && root.overwrite(at.page, at.spot, value, meta, options)
        {
            return Replaced::Inline;
        }
        self.change(at, meta.expiry, |page| page.replace(at.spot, payload, meta, options))
    }

    /// Changes what is stored with an entry besides its payload.
    pub fn set_meta(&mut self, at: Position, meta: Meta) {
        let options = self.options;
        self.change(at, meta.expiry, |page| page.set_meta(at.spot.slot(), meta, options));
    }

    /// Changes when an entry is due.
    pub fn set_expiry(&mut self, at: Position, expiry: Option<UnixMs>) {
        let meta = Meta { expiry, ..self.meta(at) };
        self.set_meta(at, meta);
    }

    /// Changes the caller's tag of an entry.
    pub fn set_kind(&mut self, at: Position, kind: u8) {
        let meta = Meta { kind, ..self.meta(at) };
        self.set_meta(at, meta);
    }

    /// Removes what is at a position.
    pub fn remove(&mut self, at: Position) -> Replaced<V> {
        let options = self.options;
        let root = Arc::make_mut(&mut self.root);
        let (removed, _) = root.change(at.page, None, |page| page.remove(at.spot.slot(), options));
        root.len -= 1;
        if root.page(at.page).count() == 0 {
            root.vacate(at.page);
        }
        root.merge_up_to(MERGES, options);
        removed
    }

    /// The bytes of an inline payload, to be changed in place.
    pub fn inline_mut(&mut self, at: Position) -> &mut [u8] {
        Arc::make_mut(&mut self.root).page_mut(at.page).inline_mut(at.spot)
    }

    /// The object of an entry, to be changed; none if its payload is bytes.
    #[inline]
    pub fn object_mut(&mut self, at: Position) -> Option<&mut V> {
        if !at.spot.has_value_beside() {
            return None;
        }
        Arc::make_mut(&mut self.root).page_mut(at.page).object_mut(at.spot)
    }

    /// Sets the access clock of an entry, unless that would copy a shared page; says whether it did.
    #[inline]
    pub fn touch(&mut self, at: Position, access: u32) -> bool {
        Arc::get_mut(&mut self.root).is_some_and(|root| root.touch(at.page, at.spot.slot(), access))
    }

    /// Counts entries that have got an expiry time, or lost it or themselves with it. Whoever tells all of them learns from
    /// [`Table::next_expiry`] whether there are any; their times would only show that when they have come.
    pub fn count_timed(&mut self, more: usize, fewer: usize) {
        if more == fewer {
            return;
        }
        let root = Arc::make_mut(&mut self.root);
        root.timed = root.timed + more - fewer;
        if root.timed == 0 {
            root.min_expiry = UnixMs::MAX;
        }
    }

    /// No entry is due before this; exact only after [`Table::visit_due`].
    pub fn next_expiry(&self) -> Option<UnixMs> {
        (self.root.min_expiry < UnixMs::MAX).then_some(self.root.min_expiry)
    }

    /// The entries that are due at `now`. Looks only at chunks and pages whose minimum is due.
    pub fn count_due(&self, now: UnixMs) -> usize {
        self.root.count_due(now, self.options)
    }

    /// Removes up to about `limit` entries that are due at `now`, handing each to `each` before it goes. Returns how
    /// many went.
    pub fn take_due(&mut self, now: UnixMs, limit: usize, each: &mut dyn FnMut(Entry<'_, V>)) -> usize {
        self.visit_due(now, limit, &mut |entry| {
            each(entry);
            Due::Remove
        })
    }

    /// Shows `each` the entries that are due at `now`, until about `limit` were removed; `each` says what becomes of
    /// them. Visits only chunks and pages whose minimum is due. Returns how many went.
    pub fn visit_due(
        &mut self,
        now: UnixMs,
        limit: usize,
        each: &mut dyn FnMut(Entry<'_, V>) -> Due,
    ) -> usize {
        if self.root.min_expiry > now {
            return 0;
        }
        let taken = Arc::make_mut(&mut self.root).visit_due(now, limit, self.options, each);
        let root = Arc::make_mut(&mut self.root);
        // While more is due, a merge would copy what is about to go. What is not merged now is by later removals.
        root.merge_up_to(limit.saturating_sub(taken), self.options);
        taken
    }

    /// Visits the entries of one page and returns the cursor of the next; begins and ends at 0.
    pub fn scan(&self, cursor: u64, each: &mut dyn FnMut(Entry<'_, V>)) -> u64 {
        let (page, next) = self.root.scan_step(cursor);
        let page = self.root.page(page);
        for slot in 0..page.count() {
            each(page.entry(slot, self.options));
        }
        next
    }

    /// All entries, in the order of the pages.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter::new(&self.root, self.options)
    }

    /// An entry, each with the same probability.
    pub fn random(&self, rng: &mut Rng) -> Option<Position> {
        self.root.random(rng, self.options)
    }

    /// Shows `each` up to `wanted` entries that lie together at a random place: any, or only such as are due at some time.
    pub fn sample(
        &self,
        rng: &mut Rng,
        wanted: usize,
        only_expiring: bool,
        each: &mut dyn FnMut(Entry<'_, V>),
    ) {
        self.root.sample(rng, wanted, only_expiring, self.options, each);
    }

    /// Gives back the memory that removals have left unused in the page of a hash. Otherwise a page keeps it for entries to
    /// come.
    pub fn shrink(&mut self, hash: u64) {
        let options = self.options;
        let root = Arc::make_mut(&mut self.root);
        let page = root.page_of(hash);
        root.page_mut(page).shrink(options);
    }

    /// Bytes of the entries, without what objects hold.
    pub fn live_bytes(&self) -> usize {
        self.root.live_bytes
    }

    /// Bytes of memory of pages and directory, without what objects hold.
    pub fn allocated_bytes(&self) -> usize {
        self.root.allocated_bytes()
    }

    /// Whether two clones have not been changed since they were one.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The seed of the table's hashes.
    pub fn seed(&self) -> HashKey {
        self.seed
    }
}

impl<V: Clone + Sweep> Table<V> {
    /// Goes on with a sweep over the pages, what lives beside them, and objects; returns whether it has come round.
    pub fn sweep_at(&mut self, cursor: &mut Cursor, sweeper: &mut Sweeper<'_>) -> bool {
        let options = self.options;
        if let Some(root) = Arc::get_mut(&mut self.root) {
            while cursor.page < root.pages {
                if sweeper.is_tired() || !root.sweep(cursor, sweeper, options) {
                    return false;
                }
                *cursor = Cursor { page: cursor.page + 1, beside: Beside::default() };
            }
        }
        *cursor = Cursor::default();
        true
    }
}

impl<V: Dismantle> Dismantle for Table<V> {
    fn dismantle(self, between: &mut dyn FnMut()) {
        if let Some(root) = last_of(self.root) {
            root.dismantle(between);
        }
    }
}

/// A table that is a part of a value counts its pages and what lives beside each.
impl Sweep for MemberTable {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        const PLACES: usize = 1 << 16;
        let beside = Beside { place: *within % PLACES, within: 0 };
        let mut cursor = Cursor { page: *within / PLACES, beside };
        let is_round = self.sweep_at(&mut cursor, sweeper);
        *within = cursor.page * PLACES + cursor.beside.place;
        is_round
    }
}

/// The way to a page, for prefetching it in stages: while the memory of one is on its way, that of others is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a, V> {
    page: &'a Page<V>,
    tag: u8,
    options: Options,
    /// Whether pages have so many entries that their heads are long.
    is_crowded: bool,
}

impl<V: Clone> Path<'_, V> {
    /// Asks for the page's counter and head; the directory should be near.
    #[inline]
    pub fn prefetch_page(&self) {
        self.page.prefetch();
        if self.is_crowded {
            self.page.prefetch_long_head();
        }
    }

    /// Asks for the entry, as far as a value of 64 bytes reaches, or for the place where it would be added; the page's head should
    /// be near.
    #[inline]
    pub fn prefetch_entry(&self) {
        if let Some(address) = self.page.candidate(self.tag) {
            prefetch(address);
            prefetch(address.wrapping_add(64));
            prefetch(address.wrapping_add(128));
        } else {
            let front = self.page.front();
            prefetch(front.wrapping_sub(64));
            prefetch(front.wrapping_sub(1));
        }
    }

    /// Whether anything lives beside the page, so that two more stages are worth their time.
    #[inline]
    pub fn has_side(&self) -> bool {
        self.page.has_side()
    }

    /// Asks for the place of what lives beside the page for the entry, which should be near.
    #[inline]
    pub fn prefetch_side(&self) {
        self.page.prefetch_side(self.tag, self.options);
    }

    /// Where what lives there begins, for prefetching; nothing if it is no bytes.
    #[inline]
    pub fn address_beside(&self) -> Option<*const u8> {
        self.page.address_beside(self.tag, self.options)
    }
}

/// What becomes of a due entry that [`Table::visit_due`] shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It goes.
    Remove,
    /// It stays and is due again at this time.
    Keep(UnixMs),
}

#[cfg(test)]
mod tests;
