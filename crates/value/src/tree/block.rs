//! A leaf's memory: a counted block of packed elements, shared or not, that follows the allocator's size classes.
//!
//! ```text
//!   straight   first │ second │ third │ spare        grows and shrinks at the right, and nothing moves
//!   mirrored   third │ second │ first │ spare        the same at the left
//! ```
//! A block of a tree by position may be mirrored. So the leaf at either end of a list takes and gives elements where its spare
//! bytes are, and can be long. Positions that this module is given and gives are those of the list.

use std::ops::Range;

use stdx::prefetch::prefetch;
use triomphe::Arc;

use super::Side;
use crate::leaf::{self, ELEMENT_OVERHEAD, Leaf, room};
use crate::page::sizes;
use crate::sweep::Sweeper;
use crate::unshare::unshared;

/// The longest block in which elements come to stand anywhere: with the counter of its `Arc` it fills 2 kB. Longer ones waste less
/// on their counters and are slower to change in the middle.
pub(super) const BLOCK_BYTES: usize = 2048 - sizes::ARC_HEADER;
/// The longest block of a tree by position, which gets so long at an end of the list only, or when it is built as a whole.
pub(super) const LONG_BYTES: usize = 8192 - sizes::ARC_HEADER;
/// An element whose bytes and overhead are more than this is a leaf of its own. With a quarter, both halves of a
/// split leaf have room for the element that caused it.
const ELEMENT_MAX: usize = BLOCK_BYTES / 4 - leaf::EMPTY.len();

/// Bytes that the processor fetches at once.
const CACHE_LINE: usize = 64;

/// What a new block is copied from.
static ZEROS: [u8; LONG_BYTES] = [0; LONG_BYTES];

/// A block of elements with room for more.
#[derive(Debug, Clone)]
pub(super) struct Block {
    bytes: Arc<[u8]>,
    is_mirrored: bool,
}

/// The elements of a block, to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    leaf: Leaf<'a>,
    is_mirrored: bool,
}

impl<'a> Elements<'a> {
    #[inline]
    pub(super) fn len(self) -> usize {
        self.leaf.len()
    }

    /// The element at an index that is there.
    #[inline]
    pub(super) fn get(self, index: usize) -> &'a [u8] {
        let at = if self.is_mirrored { self.leaf.len() - 1 - index } else { index };
        self.leaf.get(at).expect("the block was looked up for an element in it")
    }
}

/// Whether an element is to be a leaf of its own.
#[inline]
pub(super) fn is_large(element: &[u8]) -> bool {
    element.len() + ELEMENT_OVERHEAD > ELEMENT_MAX
}

impl Block {
    /// A block without elements that needs `needed` bytes soon.
    pub(super) fn with_capacity(needed: usize) -> Self {
        Self { bytes: Arc::from(&ZEROS[..sizes::fit(needed)]), is_mirrored: false }
    }

    /// Whether it is the same memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes)
    }

    /// The address of the memory.
    pub(super) fn address(&self) -> usize {
        self.bytes.heap_ptr().addr()
    }

    /// A copy of a block of bytes that is no longer than [`LONG_BYTES`].
    pub(super) fn of(leaf: Leaf<'_>) -> Self {
        let mut block = Self::with_capacity(leaf.used_bytes());
        room::append(block.writer(), leaf, 0..leaf.len());
        block
    }

    /// The block as it stands in memory: in the order of the elements, unless it is mirrored.
    #[inline]
    pub(super) fn leaf(&self) -> Leaf<'_> {
        Leaf::trusted(&self.bytes)
    }

    /// The elements.
    #[inline]
    pub(super) fn elements(&self) -> Elements<'_> {
        Elements { leaf: self.leaf(), is_mirrored: self.is_mirrored }
    }

    /// Where an element is in a block of a tree by key, or where it belongs. All cache lines are asked for at once: a binary search
    /// would wait for one after the other.
    #[inline]
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        debug_assert!(!self.is_mirrored, "only lists are mirrored");
        self.bytes.chunks(CACHE_LINE).for_each(|line| prefetch(line.as_ptr()));
        self.leaf().search(key)
    }

    /// The element at an end.
    pub(super) fn end(&self, side: Side) -> Option<&[u8]> {
        if self.grows_at(side) { self.leaf().last() } else { self.leaf().first() }
    }

    /// Whether a change by which the elements need `more` bytes and `fewer` bytes less keeps within the longest block, or within
    /// the memory that a longer one has.
    #[inline]
    pub(super) fn admits(&self, more: usize, fewer: usize) -> bool {
        self.leaf().used_bytes() + more <= BLOCK_BYTES.max(self.bytes.len()) + fewer
    }

    /// Whether half of a block that is not long, or more, is in use.
    #[inline]
    pub(super) fn is_half_full(&self) -> bool {
        self.leaf().used_bytes() >= BLOCK_BYTES / 2
    }

    /// Puts an element, for which [`Self::admits`] says yes, before the one at `index`.
    #[inline]
    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        let at = if self.is_mirrored { self.leaf().len() - index } else { index };
        let needed = self.leaf().used_bytes() + element.len() + ELEMENT_OVERHEAD;
        room::insert(self.writer_of(needed), at, element);
    }

    /// Gives the element at `index` other bytes, for which [`Self::admits`] says yes.
    pub(super) fn replace(&mut self, index: usize, element: &[u8]) {
        let before = self.elements().get(index).len();
        let at = if self.is_mirrored { self.leaf().len() - 1 - index } else { index };
        let used = self.leaf().used_bytes();
        let needed = used + element.len() - before;
        room::replace(self.writer_of(needed.max(used)), at, element);
        self.shrink();
    }

    /// Takes the elements of a range out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let count = self.leaf().len();
        let range = if self.is_mirrored { count - range.end..count - range.start } else { range };
        room::remove(self.writer(), range);
        self.shrink();
    }

    /// Puts an element at an end unless the block would become longer than `longest`; says whether it did. Where it would have
    /// to move the others it does not become long.
    #[inline]
    pub(super) fn push(&mut self, side: Side, element: &[u8], longest: usize) -> bool {
        let leaf = self.leaf();
        let needed = leaf.used_bytes() + element.len() + ELEMENT_OVERHEAD;
        if !self.grows_at(side) {
            // What holds one element is as good as mirrored.
            if leaf.len() > 1 {
                let fits = needed <= BLOCK_BYTES;
                if fits {
                    room::insert(self.writer_of(needed), 0, element);
                }
                return fits;
            }
            self.is_mirrored = !self.is_mirrored;
        }
        if needed > self.bytes.len() {
            if needed > longest {
                return false;
            }
            // A block that gets long goes on growing: not in many small steps.
            let doubled = if needed > BLOCK_BYTES { 2 * self.bytes.len() } else { 0 };
            self.resize(doubled.clamp(needed, longest));
        }
        room::push(self.writer(), element);
        true
    }

    /// Takes the element at an end out, of several, and shows it to `each`; returns its length. `turns`: as no element will be put
    /// or taken at the other end, it may be mirrored so that nothing moves.
    ///
    /// Whoever takes from an end takes what is left next, so memory is given back only when three quarters are spare, or half of
    /// a long one: two leaves of a tree are at its ends. A long one keeps room for the next push, which would double it.
    #[inline]
    pub(super) fn pop(&mut self, side: Side, turns: bool, each: &mut dyn FnMut(&[u8])) -> usize {
        if turns && !self.grows_at(side) {
            *self = self.turned();
        }
        each(self.end(side).expect("there are several"));
        let moves = !self.grows_at(side);
        let bytes = self.writer();
        let length = if moves { room::pop_first(bytes) } else { room::pop(bytes) };
        let is_long = bytes.len() > BLOCK_BYTES;
        let used = self.leaf().used_bytes();
        if is_long && used <= self.bytes.len() / 2 {
            self.resize(used + used / 2);
        } else if used <= self.bytes.len() / 4 {
            self.resize(used);
        }
        length
    }

    /// Takes the elements from `at` on out and returns them.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        self.straighten();
        let leaf = self.leaf();
        let (left, right) = (Self::of_range(leaf, 0..at), Self::of_range(leaf, at..leaf.len()));
        *self = left;
        right
    }

    /// The position at which a split divides the bytes most evenly.
    pub(super) fn middle(&self) -> usize {
        let elements = self.elements();
        let mut bytes = 0;
        let half = (self.leaf().used_bytes() - leaf::EMPTY.len()) / 2;
        for index in 0..elements.len() {
            let with = bytes + elements.get(index).len() + ELEMENT_OVERHEAD;
            if with > half {
                return if with - half < half - bytes { index + 1 } else { index };
            }
            bytes = with;
        }
        elements.len()
    }

    /// Takes the elements of the next block, too.
    pub(super) fn absorb(&mut self, mut next: Self) {
        self.straighten();
        next.straighten();
        let (left, right) = (self.leaf(), next.leaf());
        let mut block = Self::with_capacity(left.used_bytes() + right.used_bytes() - leaf::EMPTY.len());
        room::append(block.writer(), left, 0..left.len());
        room::append(block.writer(), right, 0..right.len());
        *self = block;
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.bytes.len() + sizes::ARC_HEADER
    }

    /// Moves the block if a sweep finds that worth while.
    pub(super) fn sweep(&mut self, sweeper: &mut Sweeper<'_>) {
        sweeper.renew(&mut self.bytes);
    }

    /// Whether its spare bytes are at an end of the list.
    #[inline]
    fn grows_at(&self, side: Side) -> bool {
        self.is_mirrored == (side == Side::Left)
    }

    /// A block of the same elements that is mirrored if this one is not, and the other way round.
    fn turned(&self) -> Self {
        let leaf = self.leaf();
        let mut turned = Self::with_capacity(leaf.used_bytes());
        let bytes = turned.writer();
        leaf.iter().rev().for_each(|element| room::push(bytes, element));
        Self { is_mirrored: !self.is_mirrored, ..turned }
    }

    fn straighten(&mut self) {
        if self.is_mirrored {
            *self = self.turned();
        }
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
        unshared(&mut self.bytes)
    }

    /// The bytes to be changed, unshared and at least `needed`.
    #[inline]
    fn writer_of(&mut self, needed: usize) -> &mut [u8] {
        if needed > self.bytes.len() {
            self.resize(needed);
        }
        self.writer()
    }

    /// Gives memory back once a quarter of it is spare, but does not follow every removal.
    fn shrink(&mut self) {
        let used = self.leaf().used_bytes();
        if sizes::fit(used) <= self.bytes.len() / 4 * 3 {
            self.resize(used);
        }
    }

    fn resize(&mut self, needed: usize) {
        let leaf = self.leaf();
        let mut fresh = Self::with_capacity(needed);
        room::append(fresh.writer(), leaf, 0..leaf.len());
        self.bytes = fresh.bytes;
    }
}
