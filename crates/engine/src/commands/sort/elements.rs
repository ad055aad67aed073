//! Where the elements come from, and texts in chunks of bytes.

use std::ops::Range;

use keyspace::Key;
use value::{List, Set, ValueRef, ZSet};

use crate::context::Context;
use crate::error::Error;

/// A collection that is sorted: a clone of it.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// There is no such key.
    Nothing,
    List(List),
    Set(Set),
    ZSet(ZSet),
}

impl Source {
    /// The collection of a key, which is locked.
    pub(super) fn of_key(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Result<Self, Error> {
        Self::of_value(ctx.db().get(key))
    }

    /// The same for a key that was looked at before, which does not count.
    pub(super) fn again(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Result<Self, Error> {
        Self::of_value(ctx.db().peek(key))
    }

    /// The collection that a value is.
    pub(super) fn of_value(value: Option<ValueRef<'_>>) -> Result<Self, Error> {
        match value {
            None => Ok(Self::Nothing),
            Some(ValueRef::List(list)) => Ok(Self::List(list.to_owned())),
            Some(ValueRef::Set(set)) => Ok(Self::Set(set.to_owned())),
            Some(ValueRef::ZSet(zset)) => Ok(Self::ZSet(zset.to_owned())),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// Whether nothing has changed between two clones of a key's collection.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::List(one), Self::List(other)) => one.is_same(other),
            (Self::Set(one), Self::Set(other)) => one.is_same(other),
            (Self::ZSet(one), Self::ZSet(other)) => one.is_same(other),
            _ => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::List(list) => list.as_ref().len(),
            Self::Set(set) => set.len(),
            Self::ZSet(zset) => zset.as_ref().len(),
        }
    }

    /// Whether its elements stand in an order that means something.
    pub(super) fn is_ordered(&self) -> bool {
        !matches!(self, Self::Set(_))
    }

    pub(super) fn for_each(&self, each: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Nothing => {}
            Self::List(list) => list.as_ref().visit(0..usize::MAX, each),
            Self::Set(set) => set.as_ref().iter().for_each(|member| each(&member)),
            Self::ZSet(zset) => zset.as_ref().iter().for_each(|element| each(element.member)),
        }
    }

    /// Visits about `count` elements behind a cursor, in the order of [`Self::for_each`], and returns the cursor to go on
    /// with, 0 when all were seen.
    pub(super) fn walk(&self, cursor: u64, count: usize, each: &mut dyn FnMut(&[u8])) -> u64 {
        if let Self::Set(set) = self {
            return set.as_ref().scan(cursor, count, each);
        }
        let start = cursor as usize; // a position
        let end = start.saturating_add(count).min(self.len());
        self.visit(start..end, false, each);
        if end == self.len() { 0 } else { end as u64 }
    }

    /// Visits the elements at some positions, counted from the end if the order is turned round; a set has none to turn.
    pub(super) fn visit(&self, range: Range<usize>, descends: bool, each: &mut dyn FnMut(&[u8])) {
        let len = self.len();
        let from_end = len - range.end..len - range.start;
        match self {
            Self::Nothing => {}
            Self::List(list) if descends => {
                list.as_ref().range(from_end).rev().for_each(|element| each(&element));
            }
            Self::List(list) => list.as_ref().visit(range, each),
            Self::ZSet(zset) if descends => {
                zset.as_ref().range(from_end).rev().for_each(|element| each(element.member));
            }
            Self::ZSet(zset) => zset.as_ref().range(range).for_each(|element| each(element.member)),
            Self::Set(set) => {
                let members = set.as_ref().iter().skip(range.start).take(range.len());
                members.for_each(|member| each(&member));
            }
        }
    }
}

/// Texts in the order in which they came. They lie in chunks of a bounded size, so that adding one never moves many.
#[derive(Debug, Default)]
pub(super) struct Texts {
    chunks: Vec<Vec<u8>>,
    places: Vec<Place>,
    bytes: usize,
}

/// Where a text lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    chunk: u32,
    start: u32,
    length: usize,
}

/// Bytes of a chunk; a longer text has one of its own.
const CHUNK: usize = 64 * 1024;
/// The chunk of what is no text.
const NOWHERE: u32 = u32::MAX;

impl Texts {
    /// There will be so many.
    pub(super) fn expect(&mut self, count: usize) {
        self.places.reserve_exact(count);
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        let has_room = self.chunks.last().is_some_and(|chunk| chunk.len() + text.len() <= CHUNK);
        if !has_room {
            self.chunks.push(Vec::new());
        }
        let at = self.chunks.len() - 1;
        let chunk = &mut self.chunks[at];
        self.places.push(Place { chunk: at as u32, start: chunk.len() as u32, length: text.len() });
        chunk.extend_from_slice(text);
        self.bytes += text.len();
    }

    /// A text or none.
    pub(super) fn push_optional(&mut self, text: Option<&[u8]>) {
        match text {
            Some(text) => self.push(text),
            None => self.places.push(Place { chunk: NOWHERE, start: 0, length: 0 }),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A text; of what is none, nothing.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let Place { chunk, start, length } = self.places[index];
        (chunk != NOWHERE).then(|| &self.chunks[chunk as usize][start as usize..][..length])
    }
}
