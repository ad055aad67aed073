//! A leaf's memory: a counted block of packed elements, shared or not, that follows the allocator's size classes.

use std::ops::Range;

use triomphe::Arc;

use super::Side;
use crate::leaf::{self, ELEMENT_OVERHEAD, Leaf, room};
use crate::page::sizes;
use crate::sweep::Sweeper;
use crate::unshare::unshared;

/// The longest block: with the counter of its `Arc` it fills 2 kB. Longer ones waste less on their counters and are
/// slower to change in the middle and to copy after a snapshot.
pub(super) const BLOCK_BYTES: usize = 2048 - sizes::ARC_HEADER;
/// An element whose bytes and overhead are more than this is a leaf of its own. With a quarter, both halves of a
/// split leaf have room for the element that caused it.
const ELEMENT_MAX: usize = BLOCK_BYTES / 4 - leaf::EMPTY.len();

/// What a new block is copied from.
static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// A block of elements with room for more.
#[derive(Debug, Clone)]
pub(super) struct Block(Arc<[u8]>);

/// Whether an element is to be a leaf of its own.
#[inline]
pub(super) fn is_large(element: &[u8]) -> bool {
    element.len() + ELEMENT_OVERHEAD > ELEMENT_MAX
}

impl Block {
    /// A block without elements that needs `needed` bytes soon.
    pub(super) fn with_capacity(needed: usize) -> Self {
        Self(Arc::from(&ZEROS[..sizes::fit(needed).min(BLOCK_BYTES)]))
    }

    /// Whether it is the same memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A copy of a block of bytes that is no longer than [`BLOCK_BYTES`].
    pub(super) fn of(leaf: Leaf<'_>) -> Self {
        let mut block = Self::with_capacity(leaf.used_bytes());
        room::append(block.writer(), leaf, 0..leaf.len());
        block
    }

    #[inline]
    pub(super) fn leaf(&self) -> Leaf<'_> {
        Leaf::trusted(&self.0)
    }

    /// Whether a change by which the elements need `more` bytes and `fewer` bytes less keeps within the longest block.
    #[inline]
    pub(super) fn admits(&self, more: usize, fewer: usize) -> bool {
        self.leaf().used_bytes() + more <= BLOCK_BYTES + fewer
    }

    /// Whether half of the longest block or more is in use.
    #[inline]
    pub(super) fn is_half_full(&self) -> bool {
        self.leaf().used_bytes() >= BLOCK_BYTES / 2
    }

    /// Puts an element, for which [`Self::admits`] says yes, before the one at `index`.
    #[inline]
    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        let needed = self.leaf().used_bytes() + element.len() + ELEMENT_OVERHEAD;
        room::insert(self.writer_of(needed), index, element);
    }

    /// Gives the element at `index` other bytes, for which [`Self::admits`] says yes.
    pub(super) fn replace(&mut self, index: usize, element: &[u8]) {
        let leaf = self.leaf();
        let before = leaf.get(index).expect("the element is there").len();
        let needed = leaf.used_bytes() + element.len() - before;
        room::replace(self.writer_of(needed.max(leaf.used_bytes())), index, element);
        self.shrink();
    }

    /// Takes the elements of a range out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        room::remove(self.writer(), range);
        self.shrink();
    }

    /// Takes the element at an end out, of several; returns its length. Whoever takes from an end takes what is left next, so
    /// memory is given back only when three quarters are spare: two leaves of a tree are at its ends.
    pub(super) fn pop(&mut self, side: Side) -> usize {
        let leaf = self.leaf();
        let index = if side == Side::Left { 0 } else { leaf.len() - 1 };
        let length = leaf.get(index).expect("there are several").len();
        room::remove(self.writer(), index..index + 1);
        let used = self.leaf().used_bytes();
        if used <= self.0.len() / 4 {
            self.resize(used);
        }
        length
    }

    /// Takes the elements from `at` on out and returns them.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let leaf = self.leaf();
        let (left, right) = (Self::of_range(leaf, 0..at), Self::of_range(leaf, at..leaf.len()));
        *self = left;
        right
    }

    /// The position at which a split divides the bytes most evenly.
    pub(super) fn middle(&self) -> usize {
        let leaf = self.leaf();
        let mut bytes = 0;
        let half = (leaf.used_bytes() - leaf::EMPTY.len()) / 2;
        for (index, element) in leaf.iter().enumerate() {
            let with = bytes + element.len() + ELEMENT_OVERHEAD;
            if with > half {
                return if with - half < half - bytes { index + 1 } else { index };
            }
            bytes = with;
        }
        leaf.len()
    }

    /// A block of the elements of two.
    pub(super) fn joined(&self, other: &Self) -> Self {
        let (left, right) = (self.leaf(), other.leaf());
        let mut block = Self::with_capacity(left.used_bytes() + right.used_bytes() - leaf::EMPTY.len());
        room::append(block.writer(), left, 0..left.len());
        room::append(block.writer(), right, 0..right.len());
        block
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.0.len() + sizes::ARC_HEADER
    }

    /// Moves the block if a sweep finds that worth while.
    pub(super) fn sweep(&mut self, sweeper: &mut Sweeper<'_>) {
        sweeper.renew(&mut self.0);
    }

    fn of_range(leaf: Leaf<'_>, range: Range<usize>) -> Self {
        let data: usize = leaf.range(range.clone()).map(<[u8]>::len).sum();
        let mut block = Self::with_capacity(leaf::EMPTY.len() + data + range.len() * ELEMENT_OVERHEAD);
        room::append(block.writer(), leaf, range);
        block
    }

    /// The bytes to be changed, unshared.
    #[inline]
    fn writer(&mut self) -> &mut [u8] {
        unshared(&mut self.0)
    }

    /// The bytes to be changed, unshared and at least `needed`.
    #[inline]
    fn writer_of(&mut self, needed: usize) -> &mut [u8] {
        if needed > self.0.len() {
            self.resize(needed);
        }
        self.writer()
    }

    /// Gives memory back once a quarter of it is spare, but does not follow every removal.
    fn shrink(&mut self) {
        let used = self.leaf().used_bytes();
        if sizes::fit(used) <= self.0.len() / 4 * 3 {
            self.resize(used);
        }
    }

    fn resize(&mut self, needed: usize) {
        let leaf = self.leaf();
        let mut fresh = Self::with_capacity(needed);
        room::append(fresh.writer(), leaf, 0..leaf.len());
        *self = fresh;
    }
}
