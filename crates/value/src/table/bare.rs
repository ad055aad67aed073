//! Chunks without entries are one and the same chunk, so that many of them cost little memory, and little time to make and to
//! walk past.
//!
//! Entries that came, or stayed, in the order of a scan lie in few of very many pages: their hashes have the low bits in common, and
//! as long as these alone tell pages apart, all entries belong to one.

use std::ops::Range;

use triomphe::Arc;

use super::linear;
use super::root::{CHUNK, Chunk, Root};
use crate::page::Page;

impl<V: Clone> Root<V> {
    /// A chunk without entries, for another place of the directory. Who writes to it there copies it first, as any that is shared.
    pub(super) fn bare_chunk(&mut self) -> Arc<Chunk<V>> {
        self.bare.get_or_insert_with(Arc::default).clone()
    }

    /// Whether a chunk is the one without entries.
    #[inline]
    pub(super) fn is_bare_chunk(&self, chunk: &Arc<Chunk<V>>) -> bool {
        self.bare.as_ref().is_some_and(|bare| Arc::ptr_eq(bare, chunk))
    }

    /// Divides all pages of a chunk without entries, if they are next; says whether it did.
    pub(super) fn split_bare_chunk(&mut self) -> bool {
        let (source, bit) = linear::next_split(self.pages);
        let is_bare = self.pages.is_multiple_of(CHUNK)
            && bit >= CHUNK
            && self.is_bare_chunk(&self.chunks[source / CHUNK]);
        if is_bare {
            let chunk = self.bare_chunk();
            self.chunks.push(chunk);
            self.pages += CHUNK;
            self.fullest.note_pages(self.pages);
        }
        is_bare
    }

    /// Gives back what a page holds whose last entry has gone. A table of one chunk keeps it for entries to come.
    #[cold]
    pub(super) fn vacate(&mut self, page: usize) {
        if self.chunks.len() > 1 {
            *self.page_mut(page) = Page::default();
            self.share_if_bare(page / CHUNK);
        }
    }

    /// Lets go of a chunk, one of several, whose pages hold nothing.
    pub(super) fn share_if_bare(&mut self, index: usize) {
        if self.chunks.len() > 1 && self.chunks[index].pages.iter().all(Page::is_bare) {
            self.chunks[index] = self.bare_chunk();
        }
    }

    /// The numbers of the pages of a range, without those of chunks that have no entries.
    pub(super) fn inhabited(&self, pages: Range<usize>) -> impl Iterator<Item = usize> {
        let chunks = pages.start / CHUNK..pages.end.div_ceil(CHUNK);
        chunks
            .filter(|&chunk| !self.is_bare_chunk(&self.chunks[chunk]))
            .flat_map(move |chunk| (chunk * CHUNK).max(pages.start)..((chunk + 1) * CHUNK).min(pages.end))
    }
}
