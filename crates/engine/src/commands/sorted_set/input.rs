//! What sorted sets are combined from.
//!
//! An input is a clone, which costs a counter or a copy of a few kilobytes, so it stays what it was however long the
//! combination takes.

use keyspace::{Db, Key};
use value::{ValueRef, ZSet};

use crate::error::Error;

/// One input.
pub(super) struct Input {
    zset: ZSet,
    /// What its scores are multiplied with.
    pub(super) weight: f64,
    /// Whether every member counts as one, whatever its score.
    pub(super) is_counted: bool,
}

impl Input {
    /// What a key holds; without the key, nothing.
    pub(super) fn read(db: &mut Db<'_, '_>, key: &Key<'_>) -> Result<Self, Error> {
        let zset = match db.get(key) {
            None => ZSet::new(),
            Some(ValueRef::ZSet(zset)) => zset.to_owned(),
            Some(_) => return Err(Error::WrongType),
        };
        Ok(Self { zset, weight: 1.0, is_counted: false })
    }

    /// How many members it has.
    pub(super) fn len(&self) -> usize {
        self.zset.as_ref().len()
    }

    /// The weighted score of a member.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.zset.as_ref().score(member).map(|score| self.weighted(score))
    }

    /// Members with their weighted scores.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.zset.as_ref().iter().map(|element| (element.member, self.weighted(element.score)))
    }

    /// Zero times infinity is zero here.
    fn weighted(&self, score: f64) -> f64 {
        let weighted = if self.is_counted { 1.0 } else { score } * self.weight;
        if weighted.is_nan() { 0.0 } else { weighted }
    }
}
