//! The names of fields, kept once for all entries of a stream that have the same ones in the same order.
//!
//! An entry says by a number which set it has. The number has six bits, so there is a limit to the sets, and one to their
//! bytes, because the first new set after a snapshot copies them all; entries with other names carry them along. Sets
//! are forgotten only with the last entry.

use super::varint;

/// How entries that carry their names along say so, and how many sets there can be.
pub(super) const INLINE: u8 = 63;
/// The most bytes of the names of a set.
const SET_BYTES: usize = 1024;
/// The most bytes of the names of all sets.
const ALL_BYTES: usize = 16 * 1024;

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub(super) struct NameSets {
    sets: Vec<Set>,
    bytes: usize,
}

/// The names of one set.
#[derive(Clone, Debug)]
struct Set {
    count: usize,
    /// Each behind its length.
    names: Box<[u8]>,
}

impl NameSets {
    /// The number of the set of these names, which stand at every other place; [`INLINE`] if there is none.
    pub(super) fn find(&self, fields: &[&[u8]]) -> u8 {
        let found = self.sets.iter().position(|set| set.is_of(fields));
        found.map_or(INLINE, |number| number as u8)
    }

    /// Whether one more set of these names may be added.
    pub(super) fn has_room(&self, fields: &[&[u8]]) -> bool {
        let bytes: usize = fields.iter().step_by(2).map(|name| varint::bytes_of_text(name)).sum();
        self.sets.len() < usize::from(INLINE) && bytes <= SET_BYTES && self.bytes + bytes <= ALL_BYTES
    }

    /// Adds a set and returns its number.
    pub(super) fn add(&mut self, fields: &[&[u8]]) -> u8 {
        let mut names = Vec::new();
        fields.iter().step_by(2).for_each(|name| varint::write_text(&mut names, name));
        self.bytes += names.len();
        self.sets.push(Set { count: fields.len() / 2, names: names.into() });
        (self.sets.len() - 1) as u8
    }

    /// How many names a set has, and the names, each behind its length.
    #[inline]
    pub(super) fn get(&self, number: u8) -> (usize, &[u8]) {
        let set = &self.sets[usize::from(number)];
        (set.count, &set.names)
    }

    /// Bytes of memory.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.sets.capacity() * size_of::<Set>() + self.bytes
    }
}

impl Set {
    fn is_of(&self, fields: &[&[u8]]) -> bool {
        let mut names = &self.names[..];
        self.count == fields.len() / 2
            && fields.iter().step_by(2).all(|name| varint::take_text(&mut names) == *name)
    }
}
