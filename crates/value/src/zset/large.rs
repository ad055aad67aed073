//! The large form: elements in a tree, and an index from members to scores.

use std::ops::Range;

use stdx::hash::{HashKey, sip13};

use super::build::DuplicateMember;
use super::index::{Index, Path};
use super::score::{element, split};
use crate::dismantle::Dismantle;
use crate::leaf::Leaf;
use crate::sweep::{Sweep, Sweeper};
use crate::tree::{self, Ordered};

/// The elements of a large sorted set. Every element of the tree has one slot of the index.
#[derive(Debug, Clone)]
pub struct Large {
    pub(super) elements: Ordered,
    pub(super) index: Index,
    seed: HashKey,
}

/// Where a member is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Its position, unless it has the score that was asked for: then nothing is done there.
    pub(super) position: Option<usize>,
    pub(super) score: u64,
}

impl Large {
    /// Of elements in ascending order, each of them once.
    pub(super) fn build<'e>(
        elements: impl Iterator<Item = &'e [u8]> + Clone,
        seed: HashKey,
    ) -> Result<Self, DuplicateMember> {
        let mut tree = tree::Builder::new();
        elements.clone().for_each(|element| tree.push(element));
        let tree = tree.finish();
        let mut large = Self { index: Index::for_slots(tree.len()), elements: tree, seed };
        for bytes in elements {
            let (score, member) = split(bytes);
            let fingerprint = large.fingerprint(member);
            let is_there = |other| other != score && large.elements.contains(&element(other, member));
            if large.index.candidates(fingerprint).any(is_there) {
                return Err(DuplicateMember);
            }
            large.index.insert(fingerprint, score);
        }
        Ok(large)
    }

    /// Of a block of elements.
    pub(super) fn unpacked(block: &[u8], seed: HashKey) -> Self {
        Self::build(Leaf::trusted(block).iter(), seed).expect("a block has each member once")
    }

    /// The fingerprint of a member.
    #[inline]
    pub(super) fn fingerprint(&self, member: &[u8]) -> u32 {
        sip13(&self.seed, member) as u32
    }

    /// The way to what the index knows of a member.
    #[inline]
    pub(crate) fn path_to(&self, member: &[u8]) -> Path<'_> {
        self.index.path(self.fingerprint(member))
    }

    /// The position and the score of a member.
    #[inline]
    pub(super) fn find(&self, member: &[u8]) -> Option<(usize, u64)> {
        let found = self.find_hashed(self.fingerprint(member), member, None)?;
        Some((found.position.expect("no score was asked for"), found.score))
    }

    /// Where a member with a fingerprint is. If it has the score `asked`, its position is not counted.
    #[inline]
    pub(super) fn find_hashed(&self, fingerprint: u32, member: &[u8], asked: Option<u64>) -> Option<Found> {
        self.index.candidates(fingerprint).find_map(|score| {
            let element = element(score, member);
            if asked == Some(score) {
                return self.elements.contains(&element).then_some(Found { position: None, score });
            }
            let position = Some(self.elements.find(&element)?);
            Some(Found { position, score })
        })
    }

    /// Gives a member with a fingerprint, which is where `found` says or nowhere, a score.
    pub(super) fn put(&mut self, found: Option<Found>, fingerprint: u32, member: &[u8], score: u64) {
        match found {
            None => self.index.insert(fingerprint, score),
            Some(found) => {
                self.elements.remove_at(found.position.expect("its score is another one"));
                self.index.replace(fingerprint, found.score, score);
            }
        }
        self.elements.insert_absent(&element(score, member));
    }

    /// Takes a member out; returns its score if it was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<u64> {
        let fingerprint = self.fingerprint(member);
        let found = self.find_hashed(fingerprint, member, None)?;
        self.elements.remove_at(found.position.expect("no score was asked for"));
        self.index.remove(fingerprint, found.score);
        Some(found.score)
    }

    /// Takes the elements of a range of positions out.
    pub(super) fn remove_range(&mut self, range: Range<usize>) {
        if range.len() == self.elements.len() {
            (self.elements, self.index) = (Ordered::new(), Index::for_slots(0));
            return;
        }
        for bytes in self.elements.range(range.clone()) {
            let (score, member) = split(bytes);
            self.index.remove(sip13(&self.seed, member) as u32, score);
        }
        self.elements.remove_range(range);
    }

    /// Bytes of memory.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.elements.allocated_bytes() + self.index.allocated_bytes()
    }
}

impl Dismantle for Large {
    fn dismantle(self, between: &mut dyn FnMut()) {
        self.elements.dismantle(between);
        self.index.dismantle(between);
    }
}

/// Counts the elements, and behind them the buckets of the index.
impl Sweep for Large {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        if !self.elements.sweep(within, sweeper) {
            return false;
        }
        let elements = self.elements.len();
        let mut bucket = *within - elements;
        let is_done = self.index.sweep(&mut bucket, sweeper);
        *within = elements + bucket;
        is_done
    }
}
