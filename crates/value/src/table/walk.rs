//! Walking all entries of a table.

use super::root::Root;
use crate::page::{Entry, Options};

/// The entries of a table, page by page.
#[derive(Debug)]
pub struct Iter<'a, V> {
    root: &'a Root<V>,
    options: Options,
    page: usize,
    slot: usize,
}

impl<'a, V: Clone> Iter<'a, V> {
    pub(super) fn new(root: &'a Root<V>, options: Options) -> Self {
        Self { root, options, page: 0, slot: 0 }
    }
}

impl<'a, V: Clone> Iterator for Iter<'a, V> {
    type Item = Entry<'a, V>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page < self.root.pages {
            let page = self.root.page(self.page);
            if self.slot < page.count() {
                self.slot += 1;
                return Some(page.entry(self.slot - 1, self.options));
            }
            self.page += 1;
            self.slot = 0;
        }
        None
    }
}
