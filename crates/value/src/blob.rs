//! A long byte string: pages behind two levels of counted pointers, copy-on-write, with implicit zeros.
//!
//! ```text
//!   Blob ─► chunks ─► 64 pages of 8184 bytes ─► bytes
//! ```
//! A clone is one counter. A write after it copies the list of chunks, one chunk and one page, whatever the length
//! of the string. A page that was never written is absent and reads as zeros, so `SETBIT k 4294967295 1` costs one
//! page. Only the last page is shorter than the others; it grows along the allocator's size classes.

use std::ops::Range;

use stdx::prefetch::prefetch_for_write;
use triomphe::Arc;

use crate::dismantle::{Dismantle, last_of};
use crate::page::sizes;
use crate::sweep::{Sweep, Sweeper};
use crate::unshare::unshared;

/// Bytes of a full page: with the counter of its `Arc` it fills an 8 kB block.
const PAGE: usize = 8192 - sizes::ARC_HEADER;
/// Pages of a chunk.
const FAN: usize = 64;
/// What an absent page reads as.
static ZEROS: [u8; PAGE] = [0; PAGE];

type Chunk = [Option<Arc<[u8]>>; FAN];

/// A long byte string.
#[derive(Debug, Clone, Default)]
pub struct Blob {
    chunks: Arc<Vec<Option<Arc<Chunk>>>>,
    len: usize,
}

impl Blob {
    /// A blob of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let page =
            |bytes: &[u8]| if bytes.len() == PAGE { Arc::from(bytes) } else { resized(bytes, bytes.len()) };
        let chunk = |bytes: &[u8]| {
            let mut chunk = [const { None }; FAN];
            chunk.iter_mut().zip(bytes.chunks(PAGE)).for_each(|(place, bytes)| *place = Some(page(bytes)));
            Some(Arc::new(chunk))
        };
        Self { chunks: Arc::new(bytes.chunks(PAGE * FAN).map(chunk).collect()), len: bytes.len() }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether no clone was taken of it, or those are gone; pages may still be shared with one of before a write.
    pub fn is_sole(&self) -> bool {
        self.chunks.is_unique()
    }

    /// Gives it up; to the last one that does so with one of its clones it comes back.
    pub fn into_sole(self) -> Option<Self> {
        let chunks = Arc::into_unique(self.chunks)?;
        Some(Self { chunks: chunks.shareable(), len: self.len })
    }

    /// How many pages it has, absent ones included.
    pub fn pages(&self) -> usize {
        self.len.div_ceil(PAGE)
    }

    /// Whether it shares its bytes with another: then the two are clones of one, neither of which has been written since.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks) && self.len == other.len
    }

    /// The bytes of `range` (cut to the length), piece by piece.
    pub fn chunks(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let end = range.end.min(self.len);
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (page, offset) = (at / PAGE, at % PAGE);
            let length = (PAGE - offset).min(end - at);
            at += length;
            Some(self.piece(page, offset, length))
        })
    }

    /// The byte at an offset; 0 behind the end.
    pub fn byte(&self, offset: usize) -> u8 {
        if offset < self.len { self.piece(offset / PAGE, offset % PAGE, 1)[0] } else { 0 }
    }

    /// Overwrites from `offset` on, growing with zeros in between where needed.
    pub fn write(&mut self, offset: usize, mut bytes: &[u8]) {
        let end = offset + bytes.len();
        if bytes.is_empty() {
            return;
        }
        let mut at = offset;
        while !bytes.is_empty() {
            let within = at % PAGE;
            let length = (PAGE - within).min(bytes.len());
            let (now, later) = bytes.split_at(length);
            if !later.is_empty() {
                self.prefetch(at / PAGE + 1);
            }
            self.page_mut(at / PAGE, within + length)[within..within + length].copy_from_slice(now);
            at += length;
            bytes = later;
        }
        self.len = self.len.max(end);
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, bytes: &[u8]) {
        self.write(self.len, bytes);
    }

    /// Bytes of memory, counted once for all clones.
    pub fn allocated_bytes(&self) -> usize {
        let chunks = self.chunks.iter().flatten();
        let pages = chunks.flat_map(|chunk| chunk.iter().flatten());
        let bytes: usize = pages.map(|page| page.len() + sizes::ARC_HEADER).sum();
        let count = self.chunks.iter().flatten().count();
        bytes
            + count * (size_of::<Chunk>() + sizes::ARC_HEADER)
            + self.chunks.capacity() * 8
            + size_of::<Vec<()>>()
            + sizes::ARC_HEADER
    }

    /// Bytes of one page; an absent or short page reads as zeros behind its end.
    fn piece(&self, page: usize, offset: usize, length: usize) -> &[u8] {
        let stored = self.chunks.get(page / FAN).and_then(|chunk| chunk.as_ref()?[page % FAN].as_ref());
        match stored {
            Some(bytes) => &bytes[offset..offset + length],
            None => &ZEROS[offset..offset + length],
        }
    }

    /// Asks for the head of a page that is soon to be changed, so that it comes while another one is written.
    fn prefetch(&self, page: usize) {
        let stored = self.chunks.get(page / FAN).and_then(|chunk| chunk.as_ref()?[page % FAN].as_ref());
        stored.into_iter().for_each(|bytes| prefetch_for_write(bytes.heap_ptr().cast()));
    }

    /// A page to be changed: unshared, present, and at least `least` bytes long. A page with another behind it is
    /// brought to full length, so that only the last one is short.
    fn page_mut(&mut self, page: usize, least: usize) -> &mut [u8] {
        self.fill_last_page(page);
        let chunks = Arc::make_mut(&mut self.chunks);
        if chunks.len() <= page / FAN {
            chunks.resize(page / FAN + 1, None);
        }
        let chunk = chunks[page / FAN].get_or_insert_with(|| Arc::new([const { None }; FAN]));
        let place = &mut Arc::make_mut(chunk)[page % FAN];
        let is_last = (page + 1) * PAGE >= self.len;
        let wanted = if is_last { least } else { PAGE };
        if place.as_ref().is_none_or(|bytes| bytes.len() < wanted) {
            *place = Some(resized(place.as_deref().unwrap_or_default(), wanted));
        }
        unshared(place.as_mut().expect("it is long enough"))
    }

    /// Before a write behind the last page, that page gets its full length.
    fn fill_last_page(&mut self, written: usize) {
        let Some(last) = self.len.checked_sub(1).map(|end| end / PAGE) else { return };
        let stored = |blob: &Self| {
            blob.chunks
                .get(last / FAN)
                .and_then(|chunk| chunk.as_ref()?[last % FAN].as_ref())
                .map(|page| page.len())
        };
        if written > last && stored(self).is_some_and(|length| length < PAGE) {
            let chunk = Arc::make_mut(&mut self.chunks)[last / FAN].as_mut().expect("the page is stored");
            let place = Arc::make_mut(chunk)[last % FAN].as_mut().expect("the page is stored");
            *place = resized(place, PAGE);
        }
    }
}

impl Dismantle for Blob {
    fn dismantle(self, between: &mut dyn FnMut()) {
        for chunk in last_of(self.chunks).into_iter().flatten() {
            drop(chunk);
            between();
        }
    }
}

/// Counts the pages.
impl Sweep for Blob {
    fn sweep(&mut self, page: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        let Some(chunks) = Arc::get_mut(&mut self.chunks) else { return true };
        while let Some(place) = chunks.get_mut(*page / FAN) {
            if sweeper.is_tired() {
                return false;
            }
            let Some(chunk) = place.as_mut().filter(|chunk| chunk.is_unique()) else {
                sweeper.pass();
                *page = (*page / FAN + 1) * FAN;
                continue;
            };
            if page.is_multiple_of(FAN) && sweeper.is_worth(chunk.as_ptr().cast(), size_of::<Chunk>()) {
                *chunk = Arc::new((**chunk).clone());
            }
            if let Some(bytes) = Arc::get_mut(chunk).and_then(|chunk| chunk[*page % FAN].as_mut()) {
                sweeper.renew(bytes);
            }
            *page += 1;
        }
        true
    }
}

/// A copy with room for `wanted` bytes and the rest of its size class.
fn resized(bytes: &[u8], wanted: usize) -> Arc<[u8]> {
    let mut fresh: Arc<[u8]> = Arc::from(&ZEROS[..sizes::fit(wanted).min(PAGE)]);
    Arc::get_mut(&mut fresh).expect("a new page is unshared")[..bytes.len()].copy_from_slice(bytes);
    fresh
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(blob: &Blob) -> Vec<u8> {
        blob.chunks(0..blob.len()).flatten().copied().collect()
    }

    proptest! {
        #[test]
        fn a_blob_and_its_clones_behave_like_vectors(
            writes in prop::collection::vec((0usize..60_000, 0usize..20_000, any::<u8>(), any::<bool>()), 1..20)
        ) {
            let mut blob = Blob::default();
            let mut model = Vec::new();
            let mut clones = Vec::new();
            for (offset, length, byte, append) in writes {
                let offset = if append { blob.len() } else { offset };
                let bytes = vec![byte; length];
                blob.write(offset, &bytes);
                if length > 0 {
                    model.resize(model.len().max(offset + length), 0);
                    model[offset..offset + length].copy_from_slice(&bytes);
                }
                prop_assert_eq!(content(&blob), &model[..]);
                clones.push((blob.clone(), model.clone()));
            }
            for (clone, then) in clones {
                prop_assert_eq!(content(&clone), then);
            }
        }
    }

    #[test]
    fn one_far_byte_costs_one_page() {
        let mut blob = Blob::default();
        blob.write(536_870_911, &[1]);
        assert_eq!(blob.len(), 536_870_912);
        assert_eq!(blob.byte(536_870_911), 1);
        assert_eq!(blob.byte(12_345), 0);
        assert!(blob.allocated_bytes() < 30_000, "{}", blob.allocated_bytes());
    }

    #[test]
    fn bytes_of_every_length_are_what_they_would_be_if_they_were_written() {
        for length in [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, FAN * PAGE, FAN * PAGE + 1] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let (blob, mut written) = (Blob::from_bytes(&bytes), Blob::default());
            written.write(0, &bytes);
            assert_eq!(content(&blob), bytes);
            assert!(blob.allocated_bytes() <= written.allocated_bytes(), "{length}");
        }
    }

    #[test]
    fn ranges_are_cut_to_the_length() {
        let blob = Blob::from_bytes(&vec![7; 20_000]);
        assert_eq!(blob.chunks(19_990..30_000).map(<[u8]>::len).sum::<usize>(), 10);
        assert_eq!(blob.chunks(30_000..40_000).count(), 0);
    }
}
