//! What sorted sets are combined from: sorted sets, and sets, whose members all have the score 1.
//!
//! An input is a clone, which costs a counter or a copy of a few kilobytes, so it stays what it was however long the
//! combination takes.

use keyspace::{Db, Key};
use value::set::Member;
use value::{Set, ValueRef, ZSet};

use crate::error::Error;

/// One input.
#[derive(Debug)]
pub(super) struct Input {
    source: Source,
    /// What its scores are multiplied with.
    pub(super) weight: f64,
    /// Whether every member counts as one, whatever its score.
    pub(super) is_counted: bool,
}

#[derive(Debug)]
enum Source {
    ZSet(ZSet),
    Set(Set),
}

impl Input {
    /// What a key holds; without the key, nothing.
    pub(super) fn read(db: &mut Db<'_, '_>, key: &Key<'_>) -> Result<Self, Error> {
        let source = match db.get(key) {
            None => Source::ZSet(ZSet::new()),
            Some(ValueRef::ZSet(zset)) => Source::ZSet(zset.to_owned()),
            Some(ValueRef::Set(set)) => Source::Set(set.to_owned()),
            Some(_) => return Err(Error::WrongType),
        };
        Ok(Self { source, weight: 1.0, is_counted: false })
    }

    /// Whether its key holds the same members and scores as when another input was read.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (Source::ZSet(one), Source::ZSet(other)) => one.is_same(other),
            (Source::Set(one), Source::Set(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// How many members it has.
    pub(super) fn len(&self) -> usize {
        match &self.source {
            Source::ZSet(zset) => zset.as_ref().len(),
            Source::Set(set) => set.len(),
        }
    }

    /// The weighted score of a member; of a weight of zero and an infinite score it is NaN.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        let score = match &self.source {
            Source::ZSet(zset) => zset.as_ref().score(member)?,
            Source::Set(set) => set.as_ref().contains(member).then_some(1.0)?,
        };
        Some(self.product(score))
    }

    /// Members with their weighted scores, in which zero times infinity is zero.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Member<'_>, f64)> {
        let (zset, set) = match &self.source {
            Source::ZSet(zset) => (Some(zset.as_ref().iter()), None),
            Source::Set(set) => (None, Some(set.as_ref().iter())),
        };
        let scored = zset.into_iter().flatten().map(|element| (Member::Bytes(element.member), element.score));
        let unscored = set.into_iter().flatten().map(|member| (member, 1.0));
        scored.chain(unscored).map(|(member, score)| (member, self.number(score)))
    }

    /// Visits about `count` members behind a cursor, with their scores as [`Self::iter`] gives them, and returns the cursor
    /// to go on with, 0 when all were seen.
    pub(super) fn walk(&self, cursor: u64, count: usize, each: &mut dyn FnMut(&[u8], f64)) -> u64 {
        match &self.source {
            Source::ZSet(zset) => {
                let zset = zset.as_ref();
                let start = cursor as usize; // a position
                let end = start.saturating_add(count).min(zset.len());
                for element in zset.range(start..end) {
                    each(element.member, self.number(element.score));
                }
                if end == zset.len() { 0 } else { end as u64 }
            }
            Source::Set(set) => {
                let score = self.number(1.0);
                set.as_ref().scan(cursor, count, &mut |member| each(member, score))
            }
        }
    }

    /// The weighted score, in which zero times infinity is zero.
    fn number(&self, score: f64) -> f64 {
        let product = self.product(score);
        if product.is_nan() { 0.0 } else { product }
    }

    fn product(&self, score: f64) -> f64 {
        if self.is_counted { self.weight } else { score * self.weight }
    }
}
