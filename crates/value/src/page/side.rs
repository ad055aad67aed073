//! What lives beside a page: long keys, long values and objects, each behind a counted pointer.

use stdx::prefetch::prefetch;
use triomphe::Arc;

use super::NewPayload;
use super::sizes;
use crate::dismantle::{Dismantle, last_of};
use crate::sweep::{Beside, Sweep, Sweeper};
use crate::unshare::unshared;

/// How many bytes of a value are asked for; the processor goes on by itself then.
const BYTES_AHEAD: usize = 1024;

/// One thing beside a page.
#[derive(Debug, Clone)]
pub(super) enum Side<V> {
    /// Nothing; the place is free.
    Free,
    /// A long key or a long payload.
    Bytes(Arc<[u8]>),
    /// An object.
    Object(V),
}

impl<V> From<NewPayload<'_, V>> for Side<V> {
    fn from(payload: NewPayload<'_, V>) -> Self {
        match payload {
            NewPayload::Inline(bytes) => Self::Bytes(bytes.into()),
            NewPayload::Object(object) => Self::Object(object),
        }
    }
}

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

/// The list of things beside one page; no allocation while it is empty.
#[derive(Debug, Clone)]
pub(super) struct SideList<V>(Option<Arc<Vec<Side<V>>>>);

impl<V> Default for SideList<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: Dismantle> Dismantle for SideList<V> {
    fn dismantle(self, between: &mut dyn FnMut()) {
        for side in self.0.and_then(last_of).into_iter().flatten() {
            if let Side::Object(object) = side {
                object.dismantle(between);
            }
        }
    }
}

impl<V: Clone> SideList<V> {
    pub(super) fn get(&self, index: u16) -> &Side<V> {
        &self.0.as_ref().expect("an entry points beside the page")[usize::from(index)]
    }

    pub(super) fn bytes(&self, index: u16) -> &[u8] {
        match self.get(index) {
            Side::Bytes(bytes) => bytes,
            _ => unreachable!("the entry points at bytes"),
        }
    }

    pub(super) fn bytes_mut(&mut self, index: u16) -> &mut [u8] {
        match &mut self.list()[usize::from(index)] {
            Side::Bytes(bytes) => unshared(bytes),
            _ => unreachable!("the payload is bytes"),
        }
    }

    pub(super) fn object_mut(&mut self, index: u16) -> Option<&mut V> {
        match &mut self.list()[usize::from(index)] {
            Side::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Adds a thing in the first free place.
    pub(super) fn add(&mut self, side: Side<V>) -> u16 {
        let list = self.list();
        let index = if let Some(index) = list.iter().position(|place| matches!(place, Side::Free)) {
            list[index] = side;
            index
        } else {
            list.reserve_exact(1);
            list.push(side);
            list.len() - 1
        };
        u16::try_from(index).expect("a page has fewer entries than 16 bits count")
    }

    /// Puts a payload in the place of what is there, in its memory if that is of the same length and nobody else's.
    pub(super) fn replace(&mut self, index: u16, payload: NewPayload<'_, V>) -> Replaced<V> {
        let place = &mut self.list()[usize::from(index)];
        if let (Side::Bytes(old), NewPayload::Inline(new)) = (&mut *place, &payload)
            && old.len() == new.len()
            && let Some(bytes) = Arc::get_mut(old)
        {
            bytes.copy_from_slice(new);
            return Replaced::Inline;
        }
        match std::mem::replace(place, payload.into()) {
            Side::Object(object) => Replaced::Object(object),
            Side::Bytes(_) | Side::Free => Replaced::Inline,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Asks for the list.
    #[inline]
    pub(super) fn prefetch(&self) {
        if let Some(list) = &self.0 {
            prefetch(Arc::as_ptr(list).cast());
        }
    }

    /// Asks for a place in the list, which should be near.
    #[inline]
    pub(super) fn prefetch_place(&self, index: u16) {
        if let Some(list) = &self.0 {
            prefetch(list.as_slice().as_ptr().wrapping_add(usize::from(index)).cast());
        }
    }

    /// Asks for the bytes at a place, which should be near.
    #[inline]
    pub(super) fn prefetch_value(&self, index: u16) {
        if let Some(list) = &self.0
            && let Some(Side::Bytes(bytes)) = list.get(usize::from(index))
        {
            let address = bytes[..].as_ptr().wrapping_sub(sizes::ARC_HEADER);
            let length = bytes.len().min(BYTES_AHEAD) + sizes::ARC_HEADER;
            (0..length).step_by(64).for_each(|at| prefetch(address.wrapping_add(at)));
        }
    }

    /// Takes a thing out; the list itself goes with the last one.
    pub(super) fn take(&mut self, index: u16) -> Side<V> {
        let list = self.list();
        let taken = std::mem::replace(&mut list[usize::from(index)], Side::Free);
        while matches!(list.last(), Some(Side::Free)) {
            list.pop();
        }
        if list.is_empty() {
            self.0 = None;
        }
        taken
    }

    /// Moves the list itself if a sweep finds that worth while.
    pub(super) fn sweep_list(&mut self, sweeper: &mut Sweeper<'_>) {
        if let Some(list) = self.0.as_mut().and_then(Arc::get_mut) {
            sweeper.renew_list(list);
        }
    }

    /// Goes on with a sweep of what is in the list; returns whether it is done.
    pub(super) fn sweep(&mut self, beside: &mut Beside, sweeper: &mut Sweeper<'_>) -> bool
    where
        V: Sweep,
    {
        let Some(list) = self.0.as_mut().and_then(Arc::get_mut) else { return true };
        while let Some(side) = list.get_mut(beside.place - 1) {
            if sweeper.is_tired() {
                return false;
            }
            match side {
                Side::Free => {}
                Side::Bytes(bytes) => sweeper.renew(bytes),
                Side::Object(object) => {
                    if !object.sweep(&mut beside.within, sweeper) {
                        return false;
                    }
                }
            }
            *beside = Beside { place: beside.place + 1, within: 0 };
        }
        true
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        let Some(list) = &self.0 else { return 0 };
        let bytes: usize = list
            .iter()
            .map(|side| if let Side::Bytes(bytes) = side { bytes.len() + sizes::ARC_HEADER } else { 0 })
            .sum();
        bytes + list.capacity() * size_of::<Side<V>>() + size_of::<Vec<()>>() + sizes::ARC_HEADER
    }

    fn list(&mut self) -> &mut Vec<Side<V>> {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}
