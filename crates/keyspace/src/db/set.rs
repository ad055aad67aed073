//! Sets through the door.
//!
//! A small set is bytes of its key's entry; a large one is an object. Both are changed through a [`SetEdit`]; what comes
//! out is put back, and a set without members takes its key along.

use smallvec::SmallVec;
use stdx::time::UnixMs;
use value::set::algebra::Operation;
use value::set::{Edited, Encoding, Set, SetEdit, SetRef};
use value::table::{NewPayload, Payload};
use value::{Kind, Value, ValueRef};

use super::{Db, Found, WrongType};
use crate::effect::{Count, Effect, Removal};
use crate::event::Change;
use crate::key::Key;

/// Members in one effect when a command removes many, so that no effect grows without limit.
const MEMBERS_AN_EFFECT: usize = 1024;
/// When fewer than one in so many members stay, they make a new set instead of seeing the others off.
const REBUILT_BELOW: usize = 5;

/// Whether so few of so many members stay, when `count` are taken out, that those make a new set.
pub fn is_set_rebuilt(length: usize, count: usize) -> bool {
    (length - count) * REBUILT_BELOW <= count
}

impl Db<'_, '_> {
    /// The set of a key. Counts as a look-up.
    #[inline]
    pub fn set(&mut self, key: &Key<'_>) -> Result<Option<SetRef<'_>>, WrongType> {
        let Some(found) = self.find_to_read(key) else { return Ok(None) };
        self.set_at(found).map(Some)
    }

    /// The set of a key that is about to be changed: does not count as a look-up.
    pub fn set_to_change(&mut self, key: &Key<'_>) -> Result<Option<SetRef<'_>>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        self.set_at(found).map(Some)
    }

    /// Adds members to a set that begins empty; returns how many are new.
    pub fn set_add(&mut self, key: &Key<'_>, members: &[&[u8]]) -> Result<usize, WrongType> {
        let found = self.find_set(key)?;
        let Some(first) = members.first() else { return Ok(0) };
        let mut new: SmallVec<[&[u8]; 4]> = SmallVec::new();
        self.edit_set(key, found, |edit| {
            edit.expect(first, members.len());
            for &member in members {
                if edit.add(member) {
                    new.push(member);
                }
            }
        });
        if !new.is_empty() {
            self.record(&Effect::AddMembers { key: key.bytes, members: &new });
        }
        Ok(new.len())
    }

    /// Removes members; returns how many were there.
    pub fn set_remove(&mut self, key: &Key<'_>, members: &[&[u8]]) -> Result<usize, WrongType> {
        let Some(found) = self.find_set(key)? else { return Ok(0) };
        let gone: Vec<&[u8]> = self.edit_set(key, Some(found), |edit| {
            members.iter().copied().filter(|member| edit.remove(member)).collect()
        });
        if !gone.is_empty() {
            self.record(&Effect::RemoveMembers { key: key.bytes, members: &gone });
        }
        Ok(gone.len())
    }

    /// Moves a member from a set to another or the same; false when it is not there.
    pub fn set_move(&mut self, from: &Key<'_>, to: &Key<'_>, member: &[u8]) -> Result<bool, WrongType> {
        if self.find_set(from)?.is_none() {
            return Ok(false);
        }
        self.find_set(to)?;
        // The look-up of the target may have removed a due key and moved others.
        let found = self.find_set(from)?.expect("it was just found");
        let is_there = self.set_at(found)?.contains(member);
        if !is_there || from.bytes == to.bytes {
            return Ok(is_there);
        }
        self.edit_set(from, Some(found), |edit| edit.remove(member));
        self.tell(from, Change::MembersRemoved);
        let target = self.find(to);
        let is_new = self.edit_set(to, target, |edit| {
            edit.expect(member, 1);
            edit.add(member)
        });
        if is_new {
            self.record_as(
                Change::MembersAdded,
                to,
                &Effect::MoveMember { from: from.bytes, to: to.bytes, member },
            );
        } else {
            self.record_untold(&Effect::RemoveMembers { key: from.bytes, members: &[member] });
        }
        Ok(true)
    }

    /// Takes random members out, showing each to `each` before; returns how many they were.
    pub fn set_pop(
        &mut self,
        key: &Key<'_>,
        count: Count,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, WrongType> {
        let Some(found) = self.find_set(key)? else { return Ok(0) };
        let set = self.set_at(found)?;
        // Redis says of a whole set, if a number was named, that it goes, and else names its member.
        let is_named = count == Count::One;
        let (length, count) = (set.len(), count.most().min(set.len()));
        if count == length && !is_named {
            self.take_set(key, found).as_ref().iter().for_each(|member| each(&member));
        } else if count < length && is_set_rebuilt(length, count) && set.encoding() != Encoding::Listpack {
            self.keep_some(key, found, length - count, each);
        } else if count > 0 {
            let mut rng = self.access.rng.clone();
            let chosen: Vec<Vec<u8>> = self
                .set_at(found)?
                .random_distinct(count, &mut rng)
                .into_iter()
                .map(|member| member.to_vec())
                .collect();
            self.access.rng = rng;
            chosen.iter().for_each(|member| each(member));
            self.edit_set(key, Some(found), |edit| {
                for member in &chosen {
                    edit.remove(member);
                }
            });
            self.record_removals(key, &chosen);
        }
        Ok(count)
    }

    /// Takes a set out with its key, if so many members are all that it has.
    pub fn set_take(&mut self, key: &Key<'_>, count: usize) -> Result<Option<Set>, WrongType> {
        let Some(found) = self.find_set(key)? else { return Ok(None) };
        let is_all = self.set_at(found)?.len() == count;
        Ok(is_all.then(|| self.take_set(key, found)))
    }

    fn take_set(&mut self, key: &Key<'_>, found: Found) -> Set {
        let set = self.set_at(found).expect("the caller has found a set").to_owned();
        self.take_at(key, found);
        let effect = Effect::Delete { key: key.bytes, reason: Removal::Deleted };
        self.record_as(Change::MembersRemoved, key, &effect);
        set
    }

    /// Puts what is left of a set, without some members, in its place.
    pub fn set_leave(
        &mut self,
        key: &Key<'_>,
        gone: &[impl AsRef<[u8]>],
        rest: Set,
    ) -> Result<(), WrongType> {
        let Some(found) = self.find_set(key)? else { return Ok(()) };
        self.put_whole_set(key, Some(found), rest, found.meta.expiry);
        self.record_removals(key, gone);
        Ok(())
    }

    /// Puts what an operation makes of the sets of some keys, its result, under a key, over whatever is there; without a
    /// member, removes it. Returns how many members there are.
    pub fn set_store(&mut self, key: &Key<'_>, operation: Operation, from: &[&[u8]], result: Set) -> usize {
        let length = result.len();
        let found = self.find(key);
        if length > 0 {
            self.put_whole_set(key, found, result, None);
            self.record(&Effect::CombineSets { operation, to: key.bytes, from });
        } else if let Some(found) = found {
            self.remove_at(key, found, Removal::Deleted);
        }
        length
    }

    /// Puts a set under a key, over what was found there.
    pub(super) fn put_whole_set(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        set: Set,
        expiry: Option<UnixMs>,
    ) {
        match set {
            Set::Packed(block) => self.put(key, found, NewPayload::Inline(&block), Kind::Set, expiry),
            large @ Set::Large(_) => {
                self.put(key, found, NewPayload::Object(Value::Set(large)), Kind::Set, expiry);
            }
        }
    }

    /// Takes all members out but `kept` random ones, which make a new set.
    fn keep_some(&mut self, key: &Key<'_>, found: Found, kept: usize, each: &mut dyn FnMut(&[u8])) {
        let settings = self.access.settings.set;
        let mut rng = self.access.rng.clone();
        let before = self.set_at(found).expect("the caller has found a set").to_owned();
        let before = before.as_ref();
        let mut rest = Set::new();
        rest.edit(&mut self.access.scratch, settings, |edit| {
            let is_intset = before.encoding() == Encoding::Intset;
            edit.begin_as(if is_intset { Encoding::Intset } else { Encoding::Listpack });
            for member in before.random_distinct(kept, &mut rng) {
                edit.add(&member);
            }
        });
        self.access.rng = rng;
        let gone: Vec<_> = before.iter().filter(|member| !rest.as_ref().contains(member)).collect();
        gone.iter().for_each(|member| each(member));
        self.put_whole_set(key, Some(found), rest, found.meta.expiry);
        self.record_removals(key, &gone);
    }

    fn record_removals(&mut self, key: &Key<'_>, gone: &[impl AsRef<[u8]>]) {
        for members in gone.chunks(MEMBERS_AN_EFFECT) {
            let members: Vec<&[u8]> = members.iter().map(AsRef::as_ref).collect();
            self.record(&Effect::RemoveMembers { key: key.bytes, members: &members });
        }
    }

    fn set_at(&self, found: Found) -> Result<SetRef<'_>, WrongType> {
        match self.value_at(found) {
            ValueRef::Set(set) => Ok(set),
            _ => Err(WrongType),
        }
    }

    /// Where the set of a key is, if it is there.
    fn find_set(&mut self, key: &Key<'_>) -> Result<Option<Found>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        if found.kind() == Kind::Set { Ok(Some(found)) } else { Err(WrongType) }
    }

    /// Changes a set, which begins empty when it is not there, and puts back what comes out.
    fn edit_set<R>(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        change: impl FnOnce(&mut SetEdit<'_>) -> R,
    ) -> R {
        if let Some(found) = found
            && matches!(self.payload(found), Payload::Object(_))
        {
            return self.edit_large_set(key, found, change);
        }
        let settings = self.access.settings.set;
        let mut scratch = std::mem::take(&mut self.access.scratch);
        let block = found.map(|found| match self.payload(found) {
            Payload::Inline(block) => block,
            Payload::Object(_) => unreachable!("a large set was handled above"),
        });
        let mut edit = match block {
            Some(block) => SetEdit::packed(block, &mut scratch, settings),
            None => SetEdit::empty(&mut scratch, settings),
        };
        let result = change(&mut edit);
        let edited = edit.finish();
        self.put_edited_set(key, found, edited, &scratch);
        self.access.scratch = scratch;
        result
    }

    /// Changes a large set where it is.
    fn edit_large_set<R>(
        &mut self,
        key: &Key<'_>,
        found: Found,
        change: impl FnOnce(&mut SetEdit<'_>) -> R,
    ) -> R {
        let settings = self.access.settings.set;
        let (worker, place) = (self.access.worker(), (self.index, key.bytes));
        self.access.show_at(found.place, self.index, key);
        let (partition, lent) = self.access.partition_and_lent(found.place, self.index);
        let Some(Value::Set(Set::Large(large))) = partition.table.object_mut(found.at) else {
            unreachable!("the object of a set is a large one")
        };
        let is_lent = !lent.is_empty();
        let mut show = |pages: [usize; 4]| lent.iter_mut().for_each(|lent| lent.show(worker, place, pages));
        let mut edit = SetEdit::large(large, settings);
        if is_lent {
            edit = edit.watched(&mut show);
        }
        let result = change(&mut edit);
        let is_empty = edit.set().is_empty();
        self.end_edit(key, found, is_empty);
        result
    }

    /// Stores what came out of the edit of a packed set.
    fn put_edited_set(&mut self, key: &Key<'_>, found: Option<Found>, edited: Edited, block: &[u8]) {
        let expiry = found.and_then(|found| found.meta.expiry);
        match edited {
            Edited::InPlace => {
                if let Some(found) = found {
                    self.note_change_at(found);
                }
            }
            Edited::Packed if SetRef::packed(block).is_empty() => {
                if let Some(found) = found {
                    self.take_at(key, found);
                }
            }
            Edited::Packed => self.put(key, found, NewPayload::Inline(block), Kind::Set, expiry),
            Edited::Grown(set) => self.put_whole_set(key, found, set, expiry),
        }
    }
}
