//! Changing a list, wherever it is kept.

use std::ops::Range;

use super::{
    Encoding, Large, List, ListRef, PACKED_AGAIN, PACKED_MAX, Settings, Side, build, listpack_bytes_of,
};
use crate::series::{self, Form, Series};
use crate::tree::Sequence;

/// When more than one element in so many goes, the others are written anew: that takes a fraction of the time.
const REBUILT_FROM: usize = 16;

/// A list that is being changed.
pub struct ListEdit<'a> {
    store: Store<'a>,
    settings: Settings,
    changed: bool,
    /// Whether elements went or were replaced, so that a quicklist may be a listpack again.
    shrunk: bool,
    watch: Option<&'a mut dyn FnMut(usize)>,
}

/// What became of a list by an edit, and what the owner has to store.
pub enum Edited {
    /// Nothing to store: unchanged, or a large list that was changed where it is.
    InPlace,
    /// The new block stands in the scratch buffer; it may be empty.
    Packed,
    /// The list outgrew its block.
    Grown(List),
}

enum Store<'a> {
    Packed(&'a mut Vec<u8>),
    Large(&'a mut Large, &'a mut Vec<u8>),
    Grown(Large),
}

impl<'a> ListEdit<'a> {
    /// Edits the list in `block`; the new block is made in `scratch`.
    pub fn packed(block: &[u8], scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        scratch.clear();
        scratch.extend_from_slice(block);
        Self { store: Store::Packed(scratch), settings, changed: false, shrunk: false, watch: None }
    }

    /// Edits a list that does not exist yet.
    pub fn empty(scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        Self::packed(&series::EMPTY, scratch, settings)
    }

    /// Edits a large list where it is; if it becomes small, its block is made in `scratch`.
    pub fn large(large: &'a mut Large, scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        Self { store: Store::Large(large, scratch), settings, changed: false, shrunk: false, watch: None }
    }

    /// With a large list, `watch` is told which leaves may be changed before they are ([`crate::tree::Tree::leaf_at`]), unless most of it
    /// is written anew.
    #[must_use]
    pub fn watched(self, watch: &'a mut dyn FnMut(usize)) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Tells who watches that a large list will be changed at a position.
    fn tell(&mut self, index: usize) {
        if let (Some(watch), Store::Large(large, _)) = (&mut self.watch, &self.store) {
            watch(large.elements.leaf_at(index));
        }
    }

    /// The list as it is now.
    pub fn list(&self) -> ListRef<'_> {
        match &self.store {
            Store::Packed(block) => ListRef::packed(block),
            Store::Large(large, _) => ListRef::large(large),
            Store::Grown(large) => ListRef::large(large),
        }
    }

    /// Puts an element at an end.
    pub fn push(&mut self, side: Side, element: &[u8]) {
        self.changed = true;
        self.make_room(element, None);
        self.tell(if side == Side::Left { 0 } else { self.list().len() });
        match &mut self.store {
            Store::Packed(block) => {
                let index = if side == Side::Left { 0 } else { Series::of(block).len() };
                series::edit::insert(block, index, element);
            }
            Store::Large(large, _) => large.elements.push(side, element),
            Store::Grown(large) => large.elements.push(side, element),
        }
    }

    /// Elements have been taken out of the large list that is edited.
    pub fn note_removal(&mut self) {
        (self.changed, self.shrunk) = (true, true);
    }

    /// Takes the element at an end out, if there is one.
    pub fn pop(&mut self, side: Side) {
        let length = self.list().len();
        match side {
            Side::Left => self.remove(0..length.min(1)),
            Side::Right => self.remove(length.saturating_sub(1)..length),
        }
    }

    /// Puts an element before the one at a position, or behind the last.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        self.changed = true;
        self.make_room(element, None);
        self.tell(index);
        match &mut self.store {
            Store::Packed(block) => series::edit::insert(block, index, element),
            Store::Large(large, _) => large.elements.insert(index, element),
            Store::Grown(large) => large.elements.insert(index, element),
        }
    }

    /// Gives a position that is there another element.
    pub fn replace(&mut self, index: usize, element: &[u8]) {
        (self.changed, self.shrunk) = (true, true);
        self.make_room(element, Some(index));
        // What does not fit into its leaf is put anew, into that or a neighbour.
        (index.saturating_sub(1)..self.list().len().min(index + 2)).for_each(|index| self.tell(index));
        match &mut self.store {
            Store::Packed(block) => series::edit::replace(block, index, element),
            Store::Large(large, _) => large.elements.replace(index, element),
            Store::Grown(large) => large.elements.replace(index, element),
        }
    }

    /// Takes the elements of a range of positions out, all of which are there.
    pub fn remove(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        (self.changed, self.shrunk) = (true, true);
        // Those between them go as a whole.
        self.tell(range.start);
        self.tell(range.end - 1);
        match &mut self.store {
            Store::Packed(block) => series::edit::remove_range(block, range),
            Store::Large(large, _) => large.elements.remove_range(range),
            Store::Grown(large) => large.elements.remove_range(range),
        }
    }

    /// Takes the elements at some positions, in ascending order, out.
    pub fn remove_each(&mut self, positions: &[usize]) {
        let is_large = !matches!(self.store, Store::Packed(_));
        if !is_large || positions.len() < self.list().len() / REBUILT_FROM {
            positions.iter().rev().for_each(|&at| self.remove(at..at + 1));
            return;
        }
        (self.changed, self.shrunk) = (true, true);
        let mut gone = positions.iter().peekable();
        let kept = self.list().iter().enumerate().filter(|(at, _)| gone.next_if_eq(&at).is_none());
        let elements: Sequence = kept.map(|(_, element)| element).collect();
        match &mut self.store {
            Store::Packed(_) => unreachable!("it is large"),
            Store::Large(large, _) => large.elements = elements,
            Store::Grown(large) => large.elements = elements,
        }
    }

    /// Ends the edit and says what has to be stored.
    pub fn finish(self) -> Edited {
        match self.store {
            Store::Packed(_) if self.changed => Edited::Packed,
            Store::Packed(_) => Edited::InPlace,
            Store::Grown(large) => Edited::Grown(List::Large(large)),
            Store::Large(large, scratch) => {
                if !self.shrunk {
                    return Edited::InPlace;
                }
                let halved = self.settings.halved();
                if !halved.exceeded_by(large.listpack_bytes(), large.elements.len()) {
                    large.encoding = Encoding::Listpack;
                }
                let bytes = Form::Texts.bytes_of(large.elements.len(), large.elements.data_bytes());
                if large.encoding == Encoding::Quicklist && !large.elements.is_empty() || bytes > PACKED_AGAIN
                {
                    return Edited::InPlace;
                }
                scratch.clear();
                scratch.extend_from_slice(&series::EMPTY);
                let elements = large.elements.iter().enumerate();
                elements.for_each(|(index, element)| series::edit::insert(scratch, index, &element));
                Edited::Packed
            }
        }
    }

    /// Before an element comes, in the place of one or not: a block that would be too long becomes a tree, and what
    /// would be too much for a listpack a quicklist.
    fn make_room(&mut self, element: &[u8], replaced: Option<usize>) {
        let (length, added) = (element.len(), usize::from(replaced.is_none()));
        match &mut self.store {
            Store::Packed(block) => {
                let series = Series::of(block);
                let exceeded =
                    self.settings.exceeded_by(listpack_bytes_of(series) + length, series.len() + added);
                let item = series.item(element);
                let (_, bytes) = match replaced.and_then(|index| series.get(index)) {
                    Some(before) => series.with_instead(before.len(), item),
                    None => series.with(item),
                };
                if exceeded || bytes > PACKED_MAX {
                    let elements = build::unpacked(block).finish();
                    let encoding = if exceeded { Encoding::Quicklist } else { Encoding::Listpack };
                    self.store = Store::Grown(Large { elements, encoding });
                }
            }
            Store::Large(large, _) => large.note_growth(self.settings, length, added),
            Store::Grown(large) => large.note_growth(self.settings, length, added),
        }
    }
}
