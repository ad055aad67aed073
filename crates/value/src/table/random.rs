//! Random entries, each as likely as any other.

use stdx::rng::Rng;

use super::Position;
use super::root::Root;
use crate::page::Options;

/// Tries that an entry may take, on the average, until its number is rather looked up page by page.
const TRIES: usize = 32;

/// Tries after which that is done anyhow: with as many as that on the average, one in 3000 takes more.
const MOST_TRIES: usize = 8 * TRIES;

/// How many entries the fullest page has, or a few more: it is known at once when a page gets fuller, and is found anew whenever
/// the pages have become twice as many or half as many, for until then each of them has been divided or has come of a merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fullest {
    /// No page has more entries.
    bound: usize,
    /// None that has been changed since there were `began` pages had more.
    recent: usize,
    began: usize,
}

impl Default for Fullest {
    fn default() -> Self {
        Self { bound: 0, recent: 0, began: 1 }
    }
}

impl Fullest {
    /// Notes the entries of a page that has got some.
    #[inline]
    pub(super) fn note(&mut self, count: usize) {
        if count > self.recent {
            self.recent = count;
            self.bound = self.bound.max(count);
        }
    }

    /// Notes how many pages there are now. They come and go one after the other, or many at once that have no entries.
    #[inline]
    pub(super) fn note_pages(&mut self, pages: usize) {
        if pages.is_power_of_two() && pages != self.began {
            *self = Self { bound: self.recent, recent: 0, began: pages };
        }
    }

    /// Entries that no page has more of.
    pub(super) fn bound(self) -> usize {
        self.bound
    }
}

impl<V: Clone> Root<V> {
    /// Rejection sampling: a page, then a slot of the fullest page's count, until the slot is live. Pages are filled evenly enough
    /// that a few tries do, except where entries share the low bits of their hashes and most pages are empty: there a
    /// number is drawn and the pages before its entry are counted.
    pub(super) fn random(&self, rng: &mut Rng, options: Options) -> Option<Position> {
        if self.len == 0 {
            return None;
        }
        let bound = self.fullest.bound();
        let tries = if bound * self.pages <= TRIES * self.len { MOST_TRIES } else { 0 };
        for _ in 0..tries {
            let page = rng.below(self.pages as u64) as usize;
            let slot = rng.below(bound as u64) as usize;
            if slot < self.page(page).count() {
                return Some(self.position(page, slot, options));
            }
        }
        self.nth(rng.below(self.len as u64) as usize, options)
    }

    /// The entry with a number in the order of the pages.
    fn nth(&self, mut number: usize, options: Options) -> Option<Position> {
        for page in self.inhabited(0..self.pages) {
            let count = self.page(page).count();
            if number < count {
                return Some(self.position(page, number, options));
            }
            number -= count;
        }
        None
    }
}
