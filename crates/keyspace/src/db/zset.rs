//! Sorted sets through the door.
//!
//! A small sorted set is bytes of its key's entry; a large one is an object. Both are changed through a [`ZSetEdit`]; what
//! comes out is put back, and a sorted set without members takes its key along. What is recorded are final scores.

use std::ops::Range;

use smallvec::SmallVec;
use value::table::{NewPayload, Payload};
use value::zset::{Edited, Element, End, NotANumber, Outcome, Rule, ZSet, ZSetEdit, ZSetRef};
use value::{Kind, Value, ValueRef};

use super::{Db, Found, WrongType};
use crate::effect::{Count, Effect};
use crate::event::Change;
use crate::key::Key;

/// From so many members on, what a command takes out of a sorted set is freed where nobody waits.
const MANY: usize = 4096;

/// What came of an addition of members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Members that are new.
    pub new: usize,
    /// Members that have another score than before.
    pub updated: usize,
}

impl Db<'_, '_> {
    /// The sorted set of a key. Counts as a look-up.
    #[inline]
    pub fn zset(&mut self, key: &Key<'_>) -> Result<Option<ZSetRef<'_>>, WrongType> {
        let Some(found) = self.find_to_read(key) else { return Ok(None) };
        self.zset_at(found).map(Some)
    }

    /// The sorted set of a key that is about to be changed: does not count as a look-up.
    pub fn zset_to_change(&mut self, key: &Key<'_>) -> Result<Option<ZSetRef<'_>>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        self.zset_at(found).map(Some)
    }

    /// Gives members scores as a rule allows, in a sorted set that begins empty; the rule does not add scores up.
    pub fn zset_add(
        &mut self,
        key: &Key<'_>,
        members: &[(f64, &[u8])],
        rule: Rule,
    ) -> Result<Added, WrongType> {
        debug_assert!(!rule.is_increment, "sums may be no numbers");
        let found = self.find_zset(key)?;
        let mut added = Added::default();
        let mut changed: SmallVec<[(f64, &[u8]); 4]> = SmallVec::new();
        self.edit_zset(key, found, |edit| {
            for &(score, member) in members {
                let outcome = edit.add(member, score, rule).expect("a score is a number");
                added.new += usize::from(matches!(outcome, Outcome::Added(_)));
                added.updated += usize::from(matches!(outcome, Outcome::Updated(_)));
                if let Some(score) = outcome.changed() {
                    changed.push((score, member));
                }
            }
        });
        if !changed.is_empty() {
            self.record(&Effect::SetScores { key: key.bytes, members: &changed });
        }
        Ok(added)
    }

    /// Gives one member a score as a rule allows.
    pub fn zset_add_one(
        &mut self,
        key: &Key<'_>,
        member: &[u8],
        score: f64,
        rule: Rule,
    ) -> Result<Result<Outcome, NotANumber>, WrongType> {
        let found = self.find_zset(key)?;
        let outcome = self.edit_zset(key, found, |edit| edit.add(member, score, rule));
        if let Some(score) = outcome.ok().and_then(Outcome::changed) {
            let change = if rule.is_increment { Change::ScoreAdded } else { Change::ScoresSet };
            let effect = Effect::SetScores { key: key.bytes, members: &[(score, member)] };
            self.record_as(change, key, &effect);
        }
        Ok(outcome)
    }

    /// Removes members; returns how many were there.
    pub fn zset_remove(&mut self, key: &Key<'_>, members: &[&[u8]]) -> Result<usize, WrongType> {
        let Some(found) = self.find_zset(key)? else { return Ok(0) };
        let gone: SmallVec<[&[u8]; 4]> = self.edit_zset(key, Some(found), |edit| {
            members.iter().copied().filter(|member| edit.remove(member).is_some()).collect()
        });
        if !gone.is_empty() {
            self.record(&Effect::RemoveScored { key: key.bytes, members: &gone });
        }
        Ok(gone.len())
    }

    /// Removes the members at a range of positions, all of which are there.
    pub fn zset_remove_range(&mut self, key: &Key<'_>, positions: Range<usize>) -> Result<(), WrongType> {
        let Some(found) = self.find_zset(key)? else { return Ok(()) };
        if !positions.is_empty() {
            self.remove_positions(key, found, positions.clone());
            self.record(&Effect::RemoveRange { key: key.bytes, positions: &positions });
        }
        Ok(())
    }

    /// Puts what is left of a sorted set, without the members at a range of positions, in its place.
    pub fn zset_leave(
        &mut self,
        key: &Key<'_>,
        positions: Range<usize>,
        rest: ZSet,
    ) -> Result<(), WrongType> {
        let Some(found) = self.find_zset(key)? else { return Ok(()) };
        let expiry = found.meta.expiry;
        match rest {
            ZSet::Packed(block) => self.put(key, Some(found), NewPayload::Inline(&block), Kind::ZSet, expiry),
            large @ ZSet::Large(_) => {
                self.put(key, Some(found), NewPayload::Object(Value::ZSet(large)), Kind::ZSet, expiry);
            }
        }
        self.record(&Effect::RemoveRange { key: key.bytes, positions: &positions });
        Ok(())
    }

    /// Takes members from an end, showing each to `each` before, the outermost first; returns how many they were.
    pub fn zset_pop(
        &mut self,
        key: &Key<'_>,
        end: End,
        count: Count,
        each: &mut dyn FnMut(Element<'_>),
    ) -> Result<usize, WrongType> {
        let Some(found) = self.find_zset(key)? else { return Ok(0) };
        let zset = self.zset_at(found)?;
        let positions = zset.positions_at(end, count.most());
        let taken = positions.len();
        if taken == 0 {
            return Ok(0);
        }
        match end {
            End::Lowest => zset.range(positions.clone()).for_each(each),
            End::Highest => zset.range(positions.clone()).rev().for_each(each),
        }
        self.remove_positions(key, found, positions);
        let count = if count == Count::One { count } else { Count::UpTo(taken) };
        self.record(&Effect::PopScored { key: key.bytes, end, count });
        Ok(taken)
    }

    fn zset_at(&self, found: Found) -> Result<ZSetRef<'_>, WrongType> {
        match self.value_at(found) {
            ValueRef::ZSet(zset) => Ok(zset),
            _ => Err(WrongType),
        }
    }

    /// Where the sorted set of a key is, if it is there.
    fn find_zset(&mut self, key: &Key<'_>) -> Result<Option<Found>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        if found.kind() == Kind::ZSet { Ok(Some(found)) } else { Err(WrongType) }
    }

    /// Takes a range of positions out, and the key with the last one. Of many, the memory is freed elsewhere.
    fn remove_positions(&mut self, key: &Key<'_>, found: Found, positions: Range<usize>) {
        if let Payload::Object(value @ Value::ZSet(zset)) = self.payload(found) {
            if positions.len() == zset.as_ref().len() {
                return self.take_at(key, found);
            }
            if positions.len() >= MANY {
                // A clone holds what goes, so that nothing is freed here.
                let before = value.clone();
                self.access.reclaim(before);
            }
        }
        self.edit_zset(key, Some(found), |edit| edit.remove_range(positions));
    }

    /// Changes a sorted set, which begins empty when it is not there, and puts back what comes out.
    fn edit_zset<R>(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        change: impl FnOnce(&mut ZSetEdit<'_>) -> R,
    ) -> R {
        let settings = self.access.settings.zset;
        if let Some(found) = found
            && matches!(self.payload(found), Payload::Object(_))
        {
            return self.edit_large_zset(key, found, change);
        }
        let mut scratch = std::mem::take(&mut self.access.scratch);
        let block = found.map(|found| match self.payload(found) {
            Payload::Inline(block) => block,
            Payload::Object(_) => unreachable!("a large sorted set was handled above"),
        });
        let mut edit = match block {
            Some(block) => ZSetEdit::packed(block, &mut scratch, settings),
            None => ZSetEdit::empty(&mut scratch, settings),
        };
        let result = change(&mut edit);
        let edited = edit.finish();
        self.put_zset(key, found, edited, &scratch);
        self.access.scratch = scratch;
        result
    }

    /// Changes a large sorted set where it is.
    fn edit_large_zset<R>(
        &mut self,
        key: &Key<'_>,
        found: Found,
        change: impl FnOnce(&mut ZSetEdit<'_>) -> R,
    ) -> R {
        let settings = self.access.settings.zset;
        let (worker, place) = (self.access.worker(), (self.index, key.bytes));
        self.access.show_at(found.place, self.index, key);
        let (partition, lent) = self.access.partition_and_lent(found.place, self.index);
        let Some(Value::ZSet(ZSet::Large(large))) = partition.table.object_mut(found.at) else {
            unreachable!("the object of a sorted set is a large one")
        };
        let is_lent = !lent.is_empty();
        let mut show = |leaf| lent.iter_mut().for_each(|lent| lent.show(worker, place, [leaf]));
        let mut edit = ZSetEdit::large(large, settings);
        if is_lent {
            edit = edit.watched(&mut show);
        }
        let result = change(&mut edit);
        let is_empty = edit.zset().is_empty();
        self.end_edit(key, found, is_empty);
        result
    }

    /// Stores what came out of the edit of a packed sorted set.
    fn put_zset(&mut self, key: &Key<'_>, found: Option<Found>, edited: Edited, block: &[u8]) {
        let expiry = found.and_then(|found| found.meta.expiry);
        match (edited, found) {
            (Edited::InPlace, Some(found)) => self.note_change_at(found),
            (Edited::InPlace, None) => {}
            (Edited::Packed, found) if ZSetRef::packed(block).is_empty() => {
                if let Some(found) = found {
                    self.take_at(key, found);
                }
            }
            (Edited::Packed, found) => self.put(key, found, NewPayload::Inline(block), Kind::ZSet, expiry),
            (Edited::Grown(zset), found) => {
                self.put(key, found, NewPayload::Object(Value::ZSet(zset)), Kind::ZSet, expiry);
            }
        }
    }
}
