//! A node: some dozens of entries in one block, each told by its distance from the one before.
//!
//! ```text
//! node  = ID of the first entry (16 bytes, big endian)  count (u16 le)  entry*
//! entry = head  distance  content
//! head  = how the ID is told (2 bits)  number of the set of names (6 bits)
//!         0  the next of the same millisecond     no bytes
//!         1  number 0 of a later millisecond      milliseconds later
//!         2  a later one of the same millisecond  how much later
//!         3  any later one                        milliseconds later, number
//! content = values, each behind its length; with the set number 63, how many, then names and values in turn
//! ```
//! Numbers and lengths are [`varint`]s. An entry of two small fields takes six bytes. Nodes are ordered by their first bytes,
//! so they can be the elements of a tree by key. They are made by this process only, so reading trusts them.

use super::id::Id;
use super::names::{INLINE, NameSets};
use super::varint;

const COUNT_AT: usize = Id::BYTES;
const HEAD_BYTES: usize = COUNT_AT + 2;
/// The most entries of a node.
pub(super) const MAX_ENTRIES: usize = u16::MAX as usize;

const NEXT: u8 = 0;
const LATER: u8 = 1;
const SAME: u8 = 2;
const ANY: u8 = 3;

/// A node to read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    bytes: &'a [u8],
}

/// An entry: its ID and its fields.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    id: Id,
    count: usize,
    number: u8,
    /// The names of the set; none if they stand in the content.
    names: &'a [u8],
    content: &'a [u8],
}

/// The names and values of an entry.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    left: usize,
    is_inline: bool,
    names: &'a [u8],
    content: &'a [u8],
}

/// The entries of a node from its first one on.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    sets: &'a NameSets,
    left: usize,
    last: Id,
    rest: &'a [u8],
}

impl<'a> Node<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The ID of the first entry.
    #[inline]
    pub(super) fn first(self) -> Id {
        Id::of_bytes(self.bytes)
    }

    /// The number of entries.
    #[inline]
    pub(super) fn len(self) -> usize {
        usize::from(u16::from_le_bytes(*self.bytes[COUNT_AT..].first_chunk().expect("a node has a head")))
    }

    pub(super) fn iter(self, sets: &'a NameSets) -> Iter<'a> {
        Iter { sets, left: self.len(), last: self.first(), rest: &self.bytes[HEAD_BYTES..] }
    }

    /// The ID of the last entry.
    pub(super) fn last(self, sets: &NameSets) -> Id {
        self.iter(sets).last().map_or(self.first(), |entry| entry.id)
    }

    /// The node without the entries that `keep` refuses, and the ID of its last entry; `None` if nothing is left.
    pub(super) fn filtered(self, sets: &NameSets, mut keep: impl FnMut(Id) -> bool) -> Option<(Vec<u8>, Id)> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut last = None;
        for entry in self.iter(sets).filter(|entry| keep(entry.id)) {
            begin_entry(&mut bytes, last, entry.id, entry.number);
            bytes.extend_from_slice(entry.content);
            last = Some(entry.id);
        }
        last.map(|last| (bytes, last))
    }
}

/// Adds an entry behind the one with the ID `last`, or as the first one of a node; its content is the caller's to add.
pub(super) fn begin_entry(bytes: &mut Vec<u8>, last: Option<Id>, id: Id, number: u8) {
    if last.is_none() {
        bytes.clear();
        bytes.extend_from_slice(&id.to_bytes());
        bytes.extend_from_slice(&[0, 0]);
    }
    let count = Node::new(bytes).len() as u16 + 1;
    bytes[COUNT_AT..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
    let head = |form: u8| number << 2 | form;
    match last {
        Some(last) if last.ms == id.ms && last.seq + 1 == id.seq => bytes.push(head(NEXT)),
        Some(last) if last.ms != id.ms => {
            bytes.push(head(if id.seq == 0 { LATER } else { ANY }));
            varint::write(bytes, id.ms - last.ms);
            if id.seq != 0 {
                varint::write(bytes, id.seq);
            }
        }
        last => {
            bytes.push(head(SAME));
            varint::write(bytes, last.map_or(0, |last| id.seq - last.seq));
        }
    }
}

/// Adds the content of an entry with a set of names, or with names of its own.
pub(super) fn add_content(bytes: &mut Vec<u8>, number: u8, fields: &[&[u8]]) {
    if number == INLINE {
        varint::write(bytes, (fields.len() / 2) as u64);
        fields.iter().for_each(|text| varint::write_text(bytes, text));
    } else {
        fields.iter().skip(1).step_by(2).for_each(|value| varint::write_text(bytes, value));
    }
}

/// The most bytes that an entry can take.
pub(super) fn entry_bytes(fields: &[&[u8]]) -> usize {
    const HEAD_AND_ID: usize = 1 + 2 * 10 + 10;
    fields.iter().map(|text| varint::bytes_of_text(text)).sum::<usize>() + HEAD_AND_ID
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (&head, mut rest) = self.rest.split_first().expect("an entry has a head");
        let last = self.last;
        let id = match head & 3 {
            NEXT => Id { seq: last.seq + 1, ..last },
            LATER => Id { ms: last.ms + varint::take(&mut rest), seq: 0 },
            SAME => Id { seq: last.seq + varint::take(&mut rest), ..last },
            _ => Id { ms: last.ms + varint::take(&mut rest), seq: varint::take(&mut rest) },
        };
        let content = rest;
        let number = head >> 2;
        let (count, names, texts) = if number == INLINE {
            let count = varint::take(&mut rest) as usize;
            (count, &[][..], 2 * count)
        } else {
            let (count, names) = self.sets.get(number);
            (count, names, count)
        };
        for _ in 0..texts {
            varint::take_text(&mut rest);
        }
        let content = &content[..content.len() - rest.len()];
        (self.rest, self.last) = (rest, id);
        Some(Entry { id, count, number, names, content })
    }
}

impl<'a> Entry<'a> {
    /// Its ID.
    #[inline]
    pub fn id(&self) -> Id {
        self.id
    }

    /// The number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has no field, as only a damaged file can have it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it is known without a look at the names that another entry of the stream has the same.
    pub fn has_names_of(&self, other: &Self) -> bool {
        self.number != INLINE && self.number == other.number
    }

    /// Its fields: names and values.
    pub fn fields(&self) -> Fields<'a> {
        let is_inline = self.number == INLINE;
        let mut content = self.content;
        if is_inline {
            varint::take(&mut content);
        }
        Fields { left: self.count, is_inline, names: self.names, content }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let names = if self.is_inline { &mut self.content } else { &mut self.names };
        let name = varint::take_text(names);
        Some((name, varint::take_text(&mut self.content)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}
