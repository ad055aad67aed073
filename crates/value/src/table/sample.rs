//! Some entries from a random place: what eviction chooses among.

use stdx::rng::Rng;
use stdx::time::UnixMs;

use super::root::Root;
use crate::page::{Entry, Options};

impl<V: Clone> Root<V> {
    /// See [`super::Table::sample`].
    pub(super) fn sample(
        &self,
        rng: &mut Rng,
        wanted: usize,
        only_expiring: bool,
        options: Options,
        each: &mut dyn FnMut(Entry<'_, V>),
    ) {
        let mut left = wanted;
        let first = rng.below(self.pages as u64) as usize;
        for index in self.inhabited(first..self.pages).chain(self.inhabited(0..first)) {
            // Where times are rare, the bounds lead past the pages that have none.
            if only_expiring && self.expiry_bound(index) == UnixMs::MAX {
                continue;
            }
            let page = self.page(index);
            let start = rng.below(page.count().max(1) as u64) as usize;
            for slot in (start..page.count()).chain(0..start.min(page.count())) {
                let entry = page.entry(slot, options);
                if only_expiring && entry.meta.expiry.is_none() {
                    continue;
                }
                if left == 0 {
                    return;
                }
                left -= 1;
                each(entry);
            }
            if left == 0 {
                return;
            }
        }
    }
}
