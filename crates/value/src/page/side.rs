//! What lives beside a page: long keys, long values and objects, each behind a counted pointer.
//!
//! Bytes and objects have a list each, since an object takes four times the room of a pointer to bytes. Whoever points beside the
//! page holds a place's number, whose lowest bit tells the list.

use stdx::prefetch::prefetch;
use triomphe::Arc;

use super::sizes;
use super::{NewPayload, Payload};
use crate::dismantle::{Dismantle, last_of};
use crate::sweep::{Beside, Sweep, Sweeper};
use crate::unshare::unshared;

/// The lowest bit of the numbers of places in the list of objects.
const OBJECT: u16 = 1;

/// What an operation took out of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced<V> {
    /// There was no entry.
    Absent,
    /// There was one, and its bytes are gone.
    Inline,
    /// There was one with an object, which may be large: free it where nobody waits.
    Object(V),
}

/// The lists beside one page; no allocation while they are empty.
#[derive(Debug, Clone)]
pub(super) struct SideLists<V>(Option<Arc<Lists<V>>>);

/// Their places, of which some may be free, but never the last one.
#[derive(Debug, Clone)]
struct Lists<V> {
    /// Long keys and long payloads.
    bytes: Vec<Option<Arc<[u8]>>>,
    objects: Vec<Option<V>>,
}

impl<V> Default for SideLists<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V> Default for Lists<V> {
    fn default() -> Self {
        Self { bytes: Vec::new(), objects: Vec::new() }
    }
}

impl<V: Dismantle> Dismantle for SideLists<V> {
    fn dismantle(self, between: &mut dyn FnMut()) {
        let objects = self.0.and_then(last_of).into_iter().flat_map(|lists| lists.objects);
        objects.flatten().for_each(|object| object.dismantle(between));
    }
}

impl<V: Clone> SideLists<V> {
    /// What is at a place.
    #[inline]
    pub(super) fn payload(&self, place: u16) -> Payload<'_, V> {
        if place & OBJECT == 0 {
            Payload::Inline(self.bytes(place))
        } else {
            Payload::Object(self.lists().objects[index(place)].as_ref().expect("the place is taken"))
        }
    }

    /// The bytes at a place.
    #[inline]
    pub(super) fn bytes(&self, place: u16) -> &[u8] {
        debug_assert_eq!(place & OBJECT, 0, "the entry points at bytes");
        self.lists().bytes[index(place)].as_ref().expect("the place is taken")
    }

    /// The bytes at a place, to be changed.
    pub(super) fn bytes_mut(&mut self, place: u16) -> &mut [u8] {
        debug_assert_eq!(place & OBJECT, 0, "the payload is bytes");
        unshared(self.lists_mut().bytes[index(place)].as_mut().expect("the place is taken"))
    }

    /// The object at a place, if that is what is there.
    pub(super) fn object_mut(&mut self, place: u16) -> Option<&mut V> {
        if place & OBJECT == 0 {
            return None;
        }
        self.lists_mut().objects[index(place)].as_mut()
    }

    /// Adds bytes in the first free place.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) -> u16 {
        number(add_to(&mut self.lists_mut().bytes, bytes.into()), 0)
    }

    /// Adds a payload in the first free place.
    pub(super) fn add(&mut self, payload: NewPayload<'_, V>) -> u16 {
        match payload {
            NewPayload::Inline(bytes) => self.add_bytes(bytes),
            NewPayload::Object(object) => number(add_to(&mut self.lists_mut().objects, object), OBJECT),
        }
    }

    /// Adds what is at a place of another page's lists, and shares it.
    pub(super) fn add_of(&mut self, other: &Self, place: u16) -> u16 {
        let (from, to) = (other.lists(), self.lists_mut());
        if place & OBJECT == 0 {
            let bytes = from.bytes[index(place)].clone().expect("the place is taken");
            number(add_to(&mut to.bytes, bytes), 0)
        } else {
            let object = from.objects[index(place)].clone().expect("the place is taken");
            number(add_to(&mut to.objects, object), OBJECT)
        }
    }

    /// Puts a payload in the place of another one of its kind, if that is what is there; bytes into the memory of those, if they are
    /// as long and nobody else's. Otherwise the payload comes back.
    pub(super) fn replace<'p>(
        &mut self,
        place: u16,
        payload: NewPayload<'p, V>,
    ) -> Result<Replaced<V>, NewPayload<'p, V>> {
        match payload {
            NewPayload::Inline(new) if place & OBJECT == 0 => {
                let old = self.lists_mut().bytes[index(place)].as_mut().expect("the place is taken");
                match Arc::get_mut(old) {
                    Some(bytes) if bytes.len() == new.len() => bytes.copy_from_slice(new),
                    _ => *old = new.into(),
                }
                Ok(Replaced::Inline)
            }
            NewPayload::Object(new) if place & OBJECT == OBJECT => {
                let old = self.lists_mut().objects[index(place)].replace(new);
                Ok(Replaced::Object(old.expect("the place is taken")))
            }
            payload => Err(payload),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Asks for the lists.
    #[inline]
    pub(super) fn prefetch(&self) {
        if let Some(lists) = &self.0 {
            prefetch(Arc::as_ptr(lists).cast());
        }
    }

    /// Asks for a place, whose list should be near.
    #[inline]
    pub(super) fn prefetch_place(&self, place: u16) {
        let Some(lists) = &self.0 else { return };
        prefetch(if place & OBJECT == 0 {
            lists.bytes.as_ptr().wrapping_add(index(place)).cast()
        } else {
            lists.objects.as_ptr().wrapping_add(index(place)).cast()
        });
    }

    /// Where the bytes at a place begin, which should be near; nothing if it is an object that is there.
    #[inline]
    pub(super) fn address(&self, place: u16) -> Option<*const u8> {
        let bytes = (place & OBJECT == 0).then(|| self.lists().bytes.get(index(place))?.as_ref())??;
        Some(bytes[..].as_ptr().wrapping_sub(sizes::ARC_HEADER))
    }

    /// Takes out what is at a place; the lists themselves go with the last one.
    pub(super) fn take(&mut self, place: u16) -> Replaced<V> {
        let lists = self.lists_mut();
        let taken = if place & OBJECT == 0 {
            take_from(&mut lists.bytes, place);
            Replaced::Inline
        } else {
            Replaced::Object(take_from(&mut lists.objects, place))
        };
        if lists.bytes.is_empty() && lists.objects.is_empty() {
            self.0 = None;
        }
        taken
    }

    /// Moves the lists themselves if a sweep finds that worth while.
    pub(super) fn sweep_lists(&mut self, sweeper: &mut Sweeper<'_>) {
        if let Some(lists) = self.0.as_mut().and_then(Arc::get_mut) {
            sweeper.renew_list(&mut lists.bytes);
            sweeper.renew_list(&mut lists.objects);
        }
    }

    /// Goes on with a sweep of what is in the lists, bytes before objects; returns whether it is done.
    pub(super) fn sweep(&mut self, beside: &mut Beside, sweeper: &mut Sweeper<'_>) -> bool
    where
        V: Sweep,
    {
        let Some(Lists { bytes, objects }) = self.0.as_mut().and_then(Arc::get_mut) else { return true };
        while beside.place <= bytes.len() + objects.len() {
            if sweeper.is_tired() {
                return false;
            }
            let at = beside.place - 1;
            if let Some(place) = bytes.get_mut(at) {
                place.iter_mut().for_each(|bytes| sweeper.renew(bytes));
            } else if let Some(object) = &mut objects[at - bytes.len()]
                && !object.sweep(&mut beside.within, sweeper)
            {
                return false;
            }
            *beside = Beside { place: beside.place + 1, within: 0 };
        }
        true
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        let Some(lists) = &self.0 else { return 0 };
        let bytes: usize = lists.bytes.iter().flatten().map(|bytes| bytes.len() + sizes::ARC_HEADER).sum();
        let places = lists.bytes.capacity() * size_of::<Option<Arc<[u8]>>>();
        let objects = lists.objects.capacity() * size_of::<Option<V>>();
        bytes + places + objects + size_of::<Lists<V>>() + sizes::ARC_HEADER
    }

    fn lists(&self) -> &Lists<V> {
        self.0.as_ref().expect("an entry points beside the page")
    }

    fn lists_mut(&mut self) -> &mut Lists<V> {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

/// The number of a place in a list.
fn number(index: usize, kind: u16) -> u16 {
    u16::try_from(index * 2).expect("a page has fewer entries than 15 bits count") | kind
}

/// Where in its list a place is.
fn index(place: u16) -> usize {
    usize::from(place >> 1)
}

/// Adds a thing in the first free place.
fn add_to<T>(list: &mut Vec<Option<T>>, thing: T) -> usize {
    if let Some(index) = list.iter().position(Option::is_none) {
        list[index] = Some(thing);
        return index;
    }
    list.reserve_exact(1);
    list.push(Some(thing));
    list.len() - 1
}

/// Takes a thing out, and free places from the end.
fn take_from<T>(list: &mut Vec<Option<T>>, place: u16) -> T {
    let taken = list[index(place)].take().expect("the place is taken");
    while matches!(list.last(), Some(None)) {
        list.pop();
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beside_a_page_take_two_words_of_its_list_whatever_objects_are() {
        let taken = |count: usize| {
            let mut beside = SideLists::<[u64; 7]>::default();
            (0..count).for_each(|_| _ = beside.add_bytes(&[7; 600]));
            beside.allocated_bytes()
        };
        assert_eq!(taken(9) - taken(1), 8 * (600 + sizes::ARC_HEADER + 16));
    }

    #[test]
    fn bytes_and_objects_keep_their_places_while_others_come_and_go() {
        let mut beside = SideLists::<u64>::default();
        let places: Vec<u16> = (0..6u64)
            .map(|number| {
                let bytes = [number as u8; 3];
                beside.add(if number % 2 == 0 {
                    NewPayload::Inline(&bytes)
                } else {
                    NewPayload::Object(number)
                })
            })
            .collect();
        assert_eq!(beside.take(places[2]), Replaced::Inline);
        assert_eq!(beside.take(places[1]), Replaced::Object(1));
        assert_eq!(beside.bytes(places[4]), [4; 3]);
        assert_eq!(beside.object_mut(places[4]), None);
        assert_eq!(beside.object_mut(places[5]), Some(&mut 5));
        assert_eq!((beside.add_bytes(b"x"), beside.add(NewPayload::Object(9))), (places[2], places[1]));
        assert_eq!(beside.replace(places[1], NewPayload::Object(8)).ok(), Some(Replaced::Object(9)));
        assert!(beside.replace(places[2], NewPayload::Object(8)).is_err(), "of another kind");
        for place in places {
            assert!(!beside.is_empty());
            beside.take(place);
        }
        assert!(beside.is_empty());
    }
}
