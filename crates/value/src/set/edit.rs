//! Changing a set, wherever it is kept.

use stdx::number::parse_i64;

use super::integers::{self, Integers};
use super::{Encoding, Large, PACKED_MAX, Set, SetRef, Settings};
use crate::leaf;

/// A set that is being changed.
pub struct SetEdit<'a> {
    store: Store<'a>,
    settings: Settings,
    changed: bool,
    watch: Option<&'a mut dyn FnMut([usize; 4])>,
}

/// What became of a set by an edit, and what the owner has to store.
pub enum Edited {
    /// Nothing to store: unchanged, or a table that was changed where it is.
    InPlace,
    /// The new block stands in the scratch buffer; it may be empty.
    Packed,
    /// The set outgrew its block and became a table.
    Grown(Set),
}

enum Store<'a> {
    Packed(&'a mut Vec<u8>),
    Large(&'a mut Large),
    Grown(Large),
}

impl<'a> SetEdit<'a> {
    /// Edits the set in `block`; the new block is made in `scratch`.
    pub fn packed(block: &[u8], scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        scratch.clear();
        scratch.extend_from_slice(block);
        Self { store: Store::Packed(scratch), settings, changed: false, watch: None }
    }

    /// Edits a set that does not exist yet.
    pub fn empty(scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        Self::packed(&integers::EMPTY, scratch, settings)
    }

    /// Edits the set in a table.
    pub fn large(large: &'a mut Large, settings: Settings) -> Self {
        Self { store: Store::Large(large), settings, changed: false, watch: None }
    }

    /// With a table, `watch` is told which pages may be changed before they are ([`crate::table::Table::pages_at_risk`]).
    #[must_use]
    pub fn watched(self, watch: &'a mut dyn FnMut([usize; 4])) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The set as it is now.
    pub fn set(&self) -> SetRef<'_> {
        match &self.store {
            Store::Packed(block) => SetRef::packed(block),
            Store::Large(large) => SetRef::large(large),
            Store::Grown(large) => SetRef::large(large),
        }
    }

    /// Lets an empty set begin in an encoding.
    pub fn begin_as(&mut self, encoding: Encoding) {
        debug_assert!(self.set().is_empty(), "only a set without members is free to begin");
        self.changed = true;
        if let Store::Packed(block) = &mut self.store {
            block.clear();
            match encoding {
                Encoding::Intset => block.extend_from_slice(&integers::EMPTY),
                Encoding::Listpack => block.extend_from_slice(&leaf::EMPTY),
                Encoding::Hashtable => self.store = Store::Grown(Large::new(encoding, self.settings.seed)),
            }
        }
    }

    /// So many members will come at once, `first` among them. Like Redis, a set that they may make a table becomes one
    /// before, whether or not they are new.
    pub fn expect(&mut self, first: &[u8], count: usize) {
        let settings = self.settings;
        if self.set().is_empty() {
            self.begin_as(if count <= settings.max_integers && parse_i64(first).is_some() {
                Encoding::Intset
            } else if count <= settings.max_packed_entries {
                Encoding::Listpack
            } else {
                Encoding::Hashtable
            });
            return;
        }
        let most = match self.set().encoding() {
            Encoding::Intset => settings.max_integers,
            Encoding::Listpack => settings.max_packed_entries,
            Encoding::Hashtable => usize::MAX,
        };
        if count > most {
            self.grow().encoding = Encoding::Hashtable;
            self.changed = true;
        }
    }

    /// Adds a member. Returns whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        if self.set().contains(member) {
            return false;
        }
        self.changed = true;
        let encoding = encoding_with(self.set(), member, self.settings);
        if let Store::Packed(block) = &mut self.store
            && add_packed(block, member, encoding)
        {
            return true;
        }
        self.tell(member);
        let large = self.grow();
        large.encoding = encoding;
        large.insert(member);
        true
    }

    /// Removes a member. Returns whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.tell(member);
        let removed = match &mut self.store {
            Store::Packed(block) => remove_packed(block, member),
            Store::Large(large) => remove_large(large, member),
            Store::Grown(large) => remove_large(large, member),
        };
        self.changed |= removed;
        removed
    }

    /// Ends the edit and says what has to be stored.
    pub fn finish(self) -> Edited {
        match self.store {
            Store::Packed(_) if self.changed => Edited::Packed,
            Store::Packed(_) | Store::Large(_) => Edited::InPlace,
            Store::Grown(large) => Edited::Grown(Set::Large(large)),
        }
    }

    /// Tells who watches that a member may come or go.
    #[inline]
    fn tell(&mut self, member: &[u8]) {
        if let (Some(watch), Store::Large(Large { members, .. })) = (&mut self.watch, &self.store) {
            watch(members.pages_at_risk(members.hash(member)));
        }
    }

    /// The table of the set, which becomes one if it is not.
    fn grow(&mut self) -> &mut Large {
        if let Store::Packed(block) = &mut self.store {
            let packed = SetRef::packed(block);
            let mut large = Large::new(packed.encoding(), self.settings.seed);
            packed.iter().for_each(|member| large.insert(&member));
            self.store = Store::Grown(large);
        }
        match &mut self.store {
            Store::Packed(_) => unreachable!("it has just become a table"),
            Store::Large(large) => large,
            Store::Grown(large) => large,
        }
    }
}

/// What OBJECT ENCODING says of a set with one more member.
fn encoding_with(set: SetRef<'_>, member: &[u8], settings: Settings) -> Encoding {
    let is_packable = |length: usize| length <= settings.max_packed_value;
    match set.encoding() {
        Encoding::Intset if parse_i64(member).is_some() => {
            if set.len() < settings.max_integers {
                Encoding::Intset
            } else {
                Encoding::Hashtable
            }
        }
        Encoding::Intset | Encoding::Listpack
            if set.len() < settings.max_packed_entries && is_packable(member.len()) =>
        {
            // Members of a listpack have been looked at when they came.
            let are_packable =
                set.encoding() == Encoding::Listpack || set.iter().all(|member| is_packable(member.len()));
            if are_packable { Encoding::Listpack } else { Encoding::Hashtable }
        }
        _ => Encoding::Hashtable,
    }
}

/// Adds an absent member to a block, which becomes one of texts if the encoding is that; false if it would be too long.
fn add_packed(block: &mut Vec<u8>, member: &[u8], encoding: Encoding) -> bool {
    match (Integers::of(block), encoding) {
        (_, Encoding::Hashtable) => false,
        (Some(integers), Encoding::Intset) => {
            let integer = parse_i64(member).expect("else it would be no intset any more");
            let Err(at) = integers.search(integer) else { unreachable!("the member is absent") };
            let has_room = integers.bytes_with(integer) <= PACKED_MAX;
            if has_room {
                integers::insert(block, at, integer);
            }
            has_room
        }
        (Some(_), Encoding::Listpack) => {
            let mut texts = leaf::Builder::new();
            for text in SetRef::packed(block).iter() {
                if texts.bytes_with(text.len()) > PACKED_MAX {
                    return false;
                }
                texts.push(&text);
            }
            let has_room = texts.bytes_with(member.len()) <= PACKED_MAX;
            if has_room {
                texts.push(member);
                texts.finish(|texts| {
                    block.clear();
                    block.extend_from_slice(texts);
                });
            }
            has_room
        }
        (None, _) => {
            let has_room = block.len() + member.len() + leaf::ELEMENT_OVERHEAD <= PACKED_MAX;
            if has_room {
                let end = SetRef::packed(block).len();
                leaf::edit::insert(block, end, member);
            }
            has_room
        }
    }
}

fn remove_packed(block: &mut Vec<u8>, member: &[u8]) -> bool {
    let Some(at) = SetRef::packed(block).position(member) else { return false };
    if Integers::of(block).is_some() {
        integers::remove(block, at);
    } else {
        leaf::edit::remove(block, at);
    }
    true
}

fn remove_large(large: &mut Large, member: &[u8]) -> bool {
    let members = &mut large.members;
    let found = members.find(members.hash(member), member);
    found.map(|at| members.remove(at)).is_some()
}
