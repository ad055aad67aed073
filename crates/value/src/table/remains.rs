//! What is left of a clone of a table whose pages are taken out, in any order, while the table itself is changed.
//!
//! A page that lies here is shared with the table as long as neither has changed it, so a writer would have to copy it. If
//! it is taken out and dropped before, there is nothing to copy.

use triomphe::Arc;

use super::root::{CHUNK, Chunk, Root};
use super::{Table, linear};
use crate::page::{Entry, Options, Page};

/// See the module's text. As an iterator it gives its pages from the last ones on, some at a time.
#[derive(Debug)]
pub struct Remains<V> {
    chunks: Vec<Arc<Chunk<V>>>,
    options: Options,
}

/// Some pages of a table as they were when it was cloned.
#[derive(Debug)]
pub struct Part<V> {
    pages: Pages<V>,
    options: Options,
}

#[derive(Debug)]
enum Pages<V> {
    One(Page<V>),
    Some(Arc<Chunk<V>>),
}

impl<V: Clone> Table<V> {
    /// Begins to take a clone apart.
    pub fn into_remains(self) -> Remains<V> {
        let Root { chunks, .. } = Arc::unwrap_or_clone(self.root);
        Remains { chunks, options: self.options }
    }

    /// The pages that may be changed when an entry of this hash is added, changed or removed: its own one, the one that is divided
    /// next, and the two that become one next.
    pub fn pages_at_risk(&self, hash: u64) -> [usize; 4] {
        let pages = self.root.pages;
        let (own, (divided, _)) = (self.root.page_of(hash), linear::next_split(pages));
        // A table of one page is never merged.
        let merged = if pages > 1 { linear::next_merge(pages) } else { own };
        [own, divided, pages - 1, merged]
    }
}

impl<V: Clone> Remains<V> {
    /// Takes out a page of a number, if it has entries and is still here.
    pub fn take_page(&mut self, page: usize) -> Option<Part<V>> {
        let chunk = self.chunks.get_mut(page / CHUNK)?;
        if chunk.pages[page % CHUNK].count() == 0 {
            return None;
        }
        let page = std::mem::take(&mut Arc::make_mut(chunk).pages[page % CHUNK]);
        Some(Part { pages: Pages::One(page), options: self.options })
    }
}

impl<V> Iterator for Remains<V> {
    type Item = Part<V>;

    fn next(&mut self) -> Option<Part<V>> {
        self.chunks.pop().map(|chunk| Part { pages: Pages::Some(chunk), options: self.options })
    }
}

impl<V: Clone> Part<V> {
    /// Its entries.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_, V>> {
        let options = self.options;
        self.pages().iter().flat_map(move |page| (0..page.count()).map(move |slot| page.entry(slot, options)))
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.pages().iter().map(Page::count).sum()
    }

    /// Whether it has no entries: all its pages were taken before.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all of it lies within the pages: nothing in it is long.
    pub fn is_light(&self) -> bool {
        !self.pages().iter().any(Page::has_side)
    }

    fn pages(&self) -> &[Page<V>] {
        match &self.pages {
            Pages::One(page) => std::slice::from_ref(page),
            Pages::Some(chunk) => &chunk.pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;
    use stdx::hash::HashKey;

    use super::super::{Meta, NewPayload, Payload};
    use super::*;
    use crate::copied_bytes;

    type Content = BTreeMap<Vec<u8>, Vec<u8>>;

    fn meta() -> Meta {
        Meta { kind: 0, expiry: None, access: None }
    }

    fn set(table: &mut Table<Infallible>, key: u16, value: u8, length: usize) {
        let key = key.to_be_bytes();
        let hash = table.hash(&key);
        table.set(hash, &key, NewPayload::Inline(&vec![value; length]), meta());
    }

    fn collect(part: &Part<Infallible>, into: &mut Content) {
        for entry in part.iter() {
            let Payload::Inline(value) = entry.payload else { unreachable!("there are no objects") };
            let before = into.insert(entry.key.to_vec(), value.to_vec());
            assert_eq!(before, None, "each entry comes once");
        }
    }

    proptest! {
        /// Adding, changing and removing entries of a table whose pages at risk are taken first.
        #[test]
        fn what_is_taken_is_what_was_there_and_nothing_is_copied(
            first in prop::collection::vec((0_u16..2000, 1_usize..90), 0..2000),
            then in prop::collection::vec((any::<bool>(), 0_u16..4000, 1_usize..90, 0_u8..20), 0..1500),
        ) {
            let mut table = Table::new(HashKey([3, 4]), Options::default());
            for (key, length) in first {
                set(&mut table, key, 1, length);
            }
            let mut expected = Content::new();
            table.clone().into_remains().for_each(|part| collect(&part, &mut expected));
            prop_assert_eq!(expected.len(), table.len());

            let mut remains = table.clone().into_remains();
            let mut found = Content::new();
            let copied = copied_bytes();
            for (removes, key, length, takes) in then {
                let hash = table.hash(&key.to_be_bytes());
                for page in table.pages_at_risk(hash) {
                    if let Some(part) = remains.take_page(page) {
                        collect(&part, &mut found);
                    }
                }
                if !removes {
                    set(&mut table, key, 2, length);
                } else if let Some(at) = table.find(hash, &key.to_be_bytes()) {
                    table.remove(at);
                }
                if takes == 0 && let Some(part) = remains.next() {
                    collect(&part, &mut found);
                }
            }
            prop_assert_eq!(copied_bytes(), copied, "whatever was changed had been taken");
            remains.for_each(|part| collect(&part, &mut found));
            prop_assert_eq!(found, expected);
        }
    }
}
