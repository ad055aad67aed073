//! Where the elements come from, and elements in one run of bytes.

use std::ops::Range;

use keyspace::Key;
use value::{List, Set, ValueRef, ZSet};

use crate::context::Context;
use crate::error::Error;

/// A collection that is sorted: a clone of it.
#[derive(Debug)]
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
            Self::List(list) => list.as_ref().iter().for_each(each),
            Self::Set(set) => set.as_ref().iter().for_each(|member| each(&member)),
            Self::ZSet(zset) => zset.as_ref().iter().for_each(|element| each(element.member)),
        }
    }

    /// All elements.
    pub(super) fn elements(&self) -> Elements {
        let mut elements = Elements::default();
        self.for_each(&mut |element| elements.push(element));
        elements
    }

    /// The elements at some positions, counted from the end if the order is turned round; a set has none to turn.
    pub(super) fn elements_at(&self, range: Range<usize>, descends: bool) -> Elements {
        let mut elements = Elements::default();
        let len = self.len();
        let from_end = len - range.end..len - range.start;
        match self {
            Self::Nothing => {}
            Self::List(list) if descends => {
                list.as_ref().range(from_end).rev().for_each(|element| elements.push(element));
            }
            Self::List(list) => list.as_ref().range(range).for_each(|element| elements.push(element)),
            Self::ZSet(zset) if descends => {
                zset.as_ref().range(from_end).rev().for_each(|element| elements.push(element.member));
            }
            Self::ZSet(zset) => {
                zset.as_ref().range(range).for_each(|element| elements.push(element.member));
            }
            Self::Set(set) => {
                let members = set.as_ref().iter().skip(range.start).take(range.len());
                members.for_each(|member| elements.push(&member));
            }
        }
        elements
    }
}

/// Elements, back to back.
#[derive(Debug, Default)]
pub(super) struct Elements {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Elements {
    pub(super) fn push(&mut self, element: &[u8]) {
        self.bytes.extend_from_slice(element);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }
}
