//! Lists through the door.
//!
//! A small list is bytes of its key's entry; a large one is an object. Both are changed through a [`ListEdit`]; what comes
//! out is put back, and a list without elements takes its key along. Only at the ends a large list that stays one is changed
//! without.

use std::ops::Range;

use value::list::{Edited, Large, List, ListEdit, ListRef, Side};
use value::table::{NewPayload, Payload};
use value::{Kind, Value, ValueRef};

use super::{Db, Found, WrongType};
use crate::effect::{Count, Effect};
use crate::event::Change;
use crate::key::Key;

/// From so many elements on, what a command takes out of a list is freed where nobody waits.
const MANY: usize = 4096;

impl Db<'_, '_> {
    /// The list of a key. Counts as a look-up.
    #[inline]
    pub fn list(&mut self, key: &Key<'_>) -> Result<Option<ListRef<'_>>, WrongType> {
        let Some(found) = self.find_to_read(key) else { return Ok(None) };
        self.list_at(found).map(Some)
    }

    /// The list of a key that is about to be changed: does not count as a look-up.
    pub fn list_to_change(&mut self, key: &Key<'_>) -> Result<Option<ListRef<'_>>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        self.list_at(found).map(Some)
    }

    /// Pushes elements at an end, one after the other, of a list that begins empty; returns how many there are then.
    pub fn list_push(&mut self, key: &Key<'_>, side: Side, elements: &[&[u8]]) -> Result<usize, WrongType> {
        let found = self.find_list(key)?;
        let settings = self.access.settings.list;
        let length = if let Some(found) = found
            && let Some(large) = self.large_list(key, found)
        {
            elements.iter().for_each(|element| large.push(side, element, settings));
            let length = large.len();
            self.note_change_at(found);
            length
        } else {
            self.edit_list(key, found, |edit| {
                elements.iter().for_each(|element| edit.push(side, element));
                edit.list().len()
            })
        };
        self.record(&Effect::PushElements { key: key.bytes, side, elements });
        Ok(length)
    }

    /// Takes elements from an end, showing each to `each` before; returns how many they were.
    pub fn list_pop(
        &mut self,
        key: &Key<'_>,
        side: Side,
        count: Count,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, WrongType> {
        let Some(found) = self.find_list(key)? else { return Ok(0) };
        if count.most() == 1 {
            self.pop_element(key, found, side, each)?;
            self.record(&Effect::PopElements { key: key.bytes, side, count });
            return Ok(1);
        }
        let list = self.list_at(found)?;
        let length = list.len();
        let count = count.most().min(length);
        if count == 0 {
            return Ok(0);
        }
        let range = match side {
            Side::Left => 0..count,
            Side::Right => length - count..length,
        };
        match side {
            Side::Left => list.visit(range.clone(), each),
            Side::Right => list.range(range.clone()).rev().for_each(|element| each(&element)),
        }
        self.remove_elements(key, found, range);
        self.record(&Effect::PopElements { key: key.bytes, side, count: Count::UpTo(count) });
        Ok(count)
    }

    /// Gives a position of a list that is there another element.
    pub fn list_set(&mut self, key: &Key<'_>, index: usize, element: &[u8]) -> Result<(), WrongType> {
        let found = self.find_list(key)?;
        self.edit_list(key, found, |edit| edit.replace(index, element));
        self.record(&Effect::SetElement { key: key.bytes, index, element });
        Ok(())
    }

    /// Puts an element before or behind the first one that equals `pivot`; returns the length then. `None`: there is no
    /// such element.
    pub fn list_insert(
        &mut self,
        key: &Key<'_>,
        side: Side,
        pivot: &[u8],
        element: &[u8],
    ) -> Result<Option<usize>, WrongType> {
        let Some(found) = self.find_list(key)? else { return Ok(None) };
        let Some(at) = self.list_at(found)?.iter().position(|other| other == pivot) else {
            return Ok(None);
        };
        self.list_insert_at(key, (at, side), pivot, element).map(Some)
    }

    /// The same where it is known at which position the first element that equals `pivot` is.
    pub fn list_insert_at(
        &mut self,
        key: &Key<'_>,
        (at, side): (usize, Side),
        pivot: &[u8],
        element: &[u8],
    ) -> Result<usize, WrongType> {
        let found = self.find_list(key)?;
        let length = self.edit_list(key, found, |edit| {
            edit.insert(at + usize::from(side == Side::Right), element);
            edit.list().len()
        });
        self.record(&Effect::InsertElement { key: key.bytes, side, pivot, element });
        Ok(length)
    }

    /// Removes elements that equal one: all, or the first `limit` from an end. Returns how many they were.
    pub fn list_remove(
        &mut self,
        key: &Key<'_>,
        side: Side,
        limit: usize,
        element: &[u8],
    ) -> Result<usize, WrongType> {
        let Some(found) = self.find_list(key)? else { return Ok(0) };
        let list = self.list_at(found)?;
        let equal = list.iter().enumerate().filter(|(_, other)| *other == element).map(|(at, _)| at);
        let positions: Vec<usize> = match side {
            Side::Left => equal.take(limit).collect(),
            Side::Right => {
                let last = list.len();
                let equal = list.iter().rev().enumerate().filter(|(_, other)| *other == element);
                let mut positions: Vec<usize> = equal.map(|(at, _)| last - 1 - at).take(limit).collect();
                positions.reverse();
                positions
            }
        };
        self.list_remove_at(key, side, &positions, element)?;
        Ok(positions.len())
    }

    /// The same where it is known at which positions they are, counted from a side and given in ascending order.
    pub fn list_remove_at(
        &mut self,
        key: &Key<'_>,
        side: Side,
        positions: &[usize],
        element: &[u8],
    ) -> Result<(), WrongType> {
        let found = self.find_list(key)?;
        if !positions.is_empty() {
            self.edit_list(key, found, |edit| edit.remove_each(positions));
            let count = positions.len();
            self.record(&Effect::RemoveElements { key: key.bytes, side, count, element });
        }
        Ok(())
    }

    /// Puts what is left of a list, without so many elements that equal one, counted from a side, in its place.
    pub fn list_leave(
        &mut self,
        key: &Key<'_>,
        (side, count): (Side, usize),
        element: &[u8],
        rest: List,
    ) -> Result<(), WrongType> {
        let Some(found) = self.find_list(key)? else { return Ok(()) };
        let expiry = found.meta.expiry;
        match rest {
            List::Packed(_) if rest.is_empty() => self.take_at(key, found),
            List::Packed(block) => self.put(key, Some(found), NewPayload::Inline(&block), Kind::List, expiry),
            large @ List::Large(_) => {
                self.put(key, Some(found), NewPayload::Object(Value::List(large)), Kind::List, expiry);
            }
        }
        self.record(&Effect::RemoveElements { key: key.bytes, side, count, element });
        Ok(())
    }

    /// Keeps a range of positions of a list and removes the rest.
    pub fn list_trim(&mut self, key: &Key<'_>, kept: Range<usize>) -> Result<(), WrongType> {
        let Some(found) = self.find_list(key)? else { return Ok(()) };
        let length = self.list_at(found)?.len();
        if kept == (0..length) {
            self.tell(key, Change::ListTrimmed); // nothing is too many, which is told all the same
            return Ok(());
        }
        if kept.is_empty() {
            self.take_at(key, found);
        } else {
            self.remove_elements(key, found, kept.end..length);
            // What is left is not empty, so the key is where it was unless the list changed its form.
            let found = self.find(key).expect("some elements are kept");
            self.remove_elements(key, found, 0..kept.start);
        }
        self.record(&Effect::TrimList { key: key.bytes, kept: &kept });
        Ok(())
    }

    /// Moves the element at an end of a list to an end of another or the same, showing it to `each`; false when there is
    /// none.
    pub fn list_move(
        &mut self,
        from: (&Key<'_>, Side),
        to: (&Key<'_>, Side),
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, WrongType> {
        if self.find_list(from.0)?.is_none() {
            return Ok(false);
        }
        self.find_list(to.0)?;
        // The look-up of the target may have removed a due key and moved others.
        let found = self.find_list(from.0)?.expect("it was just found");
        let list = self.list_at(found)?;
        let index = if from.1 == Side::Left { 0 } else { list.len() - 1 };
        let element = list.get(index).expect("a list has elements").to_vec();
        each(&element);
        if from.0.bytes == to.0.bytes {
            // In one edit, so that a list of one that is turned keeps its key.
            self.edit_list(from.0, Some(found), |edit| {
                edit.remove(index..index + 1);
                edit.push(to.1, &element);
            });
        } else {
            self.remove_elements(from.0, found, index..index + 1);
            let target = self.find(to.0);
            self.edit_list(to.0, target, |edit| edit.push(to.1, &element));
        }
        let (from, to) = ((from.0.bytes, from.1), (to.0.bytes, to.1));
        self.record(&Effect::MoveElement { from, to });
        Ok(true)
    }

    fn list_at(&self, found: Found) -> Result<ListRef<'_>, WrongType> {
        match self.value_at(found) {
            ValueRef::List(list) => Ok(list),
            _ => Err(WrongType),
        }
    }

    /// Where the list of a key is, if it is there.
    fn find_list(&mut self, key: &Key<'_>) -> Result<Option<Found>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        if found.kind() == Kind::List { Ok(Some(found)) } else { Err(WrongType) }
    }

    /// Takes the element at an end out, and the key with the last one.
    fn pop_element(
        &mut self,
        key: &Key<'_>,
        found: Found,
        side: Side,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), WrongType> {
        let settings = self.access.settings.list;
        if let Some(large) = self.large_list(key, found) {
            large.pop(side, each);
            if large.stays(settings) {
                self.note_change_at(found);
            } else {
                self.edit_list(key, Some(found), |edit| {
                    edit.note_removal();
                });
            }
            return Ok(());
        }
        each(&self.list_at(found)?.end(side).expect("a list has elements"));
        self.edit_list(key, Some(found), |edit| edit.pop(side));
        Ok(())
    }

    /// The list that was found, to be changed, if it is a large one of which nobody wants to see what is changed.
    #[inline]
    fn large_list(&mut self, key: &Key<'_>, found: Found) -> Option<&mut Large> {
        if self.access.lends_values_at(found.place) {
            return None;
        }
        match self.object_mut(key, found)? {
            Value::List(List::Large(large)) => Some(large),
            _ => unreachable!("the object of a list is a large one"),
        }
    }

    /// Takes a range of elements out, and the key with the last one. Of many, the memory is freed elsewhere.
    fn remove_elements(&mut self, key: &Key<'_>, found: Found, range: Range<usize>) {
        if range.len() >= MANY
            && let Payload::Object(value) = self.payload(found)
        {
            // A clone holds what goes, so that nothing is freed here.
            let before = value.clone();
            self.access.reclaim(before);
        }
        self.edit_list(key, Some(found), |edit| edit.remove(range));
    }

    /// Changes a list, which begins empty when it is not there, and puts back what comes out.
    fn edit_list<R>(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        change: impl FnOnce(&mut ListEdit<'_>) -> R,
    ) -> R {
        let settings = self.access.settings.list;
        let mut scratch = std::mem::take(&mut self.access.scratch);
        let (result, edited) = if let Some(found) = found
            && matches!(self.payload(found), Payload::Object(_))
        {
            self.edit_large_list(key, found, &mut scratch, change)
        } else {
            let block = found.map(|found| match self.payload(found) {
                Payload::Inline(block) => block,
                Payload::Object(_) => unreachable!("a large list was handled above"),
            });
            let mut edit = match block {
                Some(block) => ListEdit::packed(block, &mut scratch, settings),
                None => ListEdit::empty(&mut scratch, settings),
            };
            (change(&mut edit), edit.finish())
        };
        self.put_list(key, found, edited, &scratch);
        self.access.scratch = scratch;
        result
    }

    /// Changes a large list where it is, and says what is to be stored.
    fn edit_large_list<R>(
        &mut self,
        key: &Key<'_>,
        found: Found,
        scratch: &mut Vec<u8>,
        change: impl FnOnce(&mut ListEdit<'_>) -> R,
    ) -> (R, Edited) {
        let settings = self.access.settings.list;
        let (worker, place) = (self.access.worker(), (self.index, key.bytes));
        self.access.show_at(found.place, self.index, key);
        let (partition, lent) = self.access.partition_and_lent(found.place, self.index);
        let Some(Value::List(List::Large(large))) = partition.table.object_mut(found.at) else {
            unreachable!("the object of a list is a large one")
        };
        let is_lent = !lent.is_empty();
        let mut show = |leaf| lent.iter_mut().for_each(|lent| lent.show(worker, place, [leaf]));
        let mut edit = ListEdit::large(large, scratch, settings);
        if is_lent {
            edit = edit.watched(&mut show);
        }
        (change(&mut edit), edit.finish())
    }

    /// Stores what came out of an edit.
    fn put_list(&mut self, key: &Key<'_>, found: Option<Found>, edited: Edited, block: &[u8]) {
        let expiry = found.and_then(|found| found.meta.expiry);
        match (edited, found) {
            (Edited::InPlace, Some(found)) => self.note_change_at(found),
            (Edited::InPlace, None) => {}
            (Edited::Packed, found) if ListRef::packed(block).is_empty() => {
                if let Some(found) = found {
                    self.take_at(key, found);
                }
            }
            (Edited::Packed, found) => self.put(key, found, NewPayload::Inline(block), Kind::List, expiry),
            (Edited::Grown(list), found) => {
                self.put(key, found, NewPayload::Object(Value::List(list)), Kind::List, expiry);
            }
        }
    }
}
