//! A leaf's memory: a counted block of packed elements, shared or not, that follows the allocator's size classes.
//!
//! ```text
//!   straight   first │ second │ third │ spare        grows and shrinks at the right, and nothing moves
//!   mirrored   third │ second │ first │ spare        the same at the left
//! ```
//! In a tree by position it may be a block of integers (`crate::series`), in one by key it is a leaf. A block of a tree
//! by position may be mirrored. So the leaf at either end of a list takes and gives elements where its spare bytes are,
//! and can be long. Positions that this module is given and gives are those of the list.

use std::ops::Range;

use stdx::prefetch::prefetch;
use triomphe::Arc;

use super::Side;
use crate::element::Element;
use crate::leaf::{self, ELEMENT_OVERHEAD, Leaf};
use crate::page::sizes;
use crate::series::{Form, Series, room};
use crate::sweep::Sweeper;
use crate::unshare::unshared;

/// The longest block in which elements come to stand anywhere: with the counter of its `Arc` it fills 2 kB. Longer ones waste less
/// on their counters and are slower to change in the middle.
pub(super) const BLOCK_BYTES: usize = 2048 - sizes::ARC_HEADER;
/// The longest block of a tree by position, which gets so long at an end of the list only, or when it is built as a whole.
pub(super) const LONG_BYTES: usize = 8192 - sizes::ARC_HEADER;
/// The longest block of integers, which has as many elements as a longest one of texts has, or some more.
const LONG_INTEGERS_BYTES: usize = 4096 - sizes::ARC_HEADER;
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
pub struct Elements<'a> {
    bytes: &'a [u8],
    is_mirrored: bool,
}

impl<'a> Elements<'a> {
    #[inline]
    pub(super) fn len(self) -> usize {
        Series::of(self.bytes).len()
    }

    /// The element at an index that is there, in a tree by position.
    #[inline]
    pub(super) fn get(self, index: usize) -> Element<'a> {
        let series = Series::of(self.bytes);
        let at = if self.is_mirrored { series.len() - 1 - index } else { index };
        series.get(at).expect("the block was looked up for an element in it")
    }

    /// Shows the elements of a range that are there to `each`, in a tree by position.
    #[inline]
    pub(super) fn visit(self, range: Range<usize>, each: &mut impl FnMut(&[u8])) {
        let series = Series::of(self.bytes);
        let count = series.len();
        let range = if self.is_mirrored { count - range.end..count - range.start } else { range };
        series.visit(range, self.is_mirrored, each);
    }

    /// The element at an index that is there, in a tree by key.
    #[inline]
    pub(super) fn key(self, index: usize) -> &'a [u8] {
        debug_assert!(!self.is_mirrored, "only lists are mirrored");
        Leaf::trusted(self.bytes).get(index).expect("the block was looked up for an element in it")
    }
}

/// The most bytes of a block of a form, where texts may have so many.
#[inline]
pub(super) fn longest(form: Form, texts: usize) -> usize {
    match form {
        Form::Integers(_) => texts.min(LONG_INTEGERS_BYTES),
        Form::Texts => texts,
    }
}

/// Whether an element is to be a leaf of its own.
#[inline]
pub(super) fn is_large(element: &[u8]) -> bool {
    element.len() + ELEMENT_OVERHEAD > ELEMENT_MAX
}

impl Block {
    /// A block without elements that has a form and needs `needed` bytes soon.
    pub(super) fn with_capacity(form: Form, needed: usize) -> Self {
        let mut bytes = Arc::from(&ZEROS[..sizes::fit(needed.max(form.bytes_of(0, 0)))]);
        room::begin(unshared(&mut bytes), form);
        Self { bytes, is_mirrored: false }
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
    pub(super) fn of(series: Series<'_>) -> Self {
        Self::copy_of(series, 0..series.len(), series.form(), series.used_bytes())
    }

    /// The elements as they stand in memory: in their order, unless it is mirrored.
    #[inline]
    pub(super) fn series(&self) -> Series<'_> {
        Series::of(&self.bytes)
    }

    /// The elements.
    #[inline]
    pub(super) fn elements(&self) -> Elements<'_> {
        Elements { bytes: &self.bytes, is_mirrored: self.is_mirrored }
    }

    /// Where an element is in a block of a tree by key, or where it belongs. All cache lines are asked for at once: a binary search
    /// would wait for one after the other.
    #[inline]
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        debug_assert!(!self.is_mirrored, "only lists are mirrored");
        self.bytes.chunks(CACHE_LINE).for_each(|line| prefetch(line.as_ptr()));
        Leaf::trusted(&self.bytes).search(key)
    }

    /// Whether an element can stand in the block as the others do.
    pub(super) fn takes_as_it_is(&self, element: &[u8]) -> bool {
        let series = self.series();
        series.with(series.item(element)).0 == series.form()
    }

    /// Whether half of a block that is not long, or more, is in use.
    #[inline]
    pub(super) fn is_half_full(&self) -> bool {
        self.series().used_bytes() >= BLOCK_BYTES / 2
    }

    /// Whether the block and the next one fill no more than three quarters of one that is not long.
    pub(super) fn goes_with(&self, next: &Self) -> bool {
        self.bytes_with(next).1 <= BLOCK_BYTES / 4 * 3
    }

    /// Puts an element before the one at `index`.
    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        self.insert_within(usize::MAX, index, element);
    }

    /// The same if the block has room for it, as it is or in another form, within the longest block or within the
    /// memory that a longer one has; says whether it did.
    #[inline]
    pub(super) fn insert_if_room(&mut self, index: usize, element: &[u8]) -> bool {
        self.insert_within(BLOCK_BYTES.max(self.bytes.len()), index, element)
    }

    #[inline]
    fn insert_within(&mut self, longest: usize, index: usize, element: &[u8]) -> bool {
        let series = self.series();
        let at = if self.is_mirrored { series.len() - index } else { index };
        let item = series.item(element);
        let (form, needed) = series.with(item);
        if needed <= longest {
            room::insert(self.writer_of(form, needed), at, item);
        }
        needed <= longest
    }

    /// Gives the element at `index` other bytes under the same condition; says whether it did.
    pub(super) fn replace_if_room(&mut self, index: usize, element: &[u8]) -> bool {
        let series = self.series();
        let at = if self.is_mirrored { series.len() - 1 - index } else { index };
        let item = series.item(element);
        let (form, needed) = series.with_instead(series.element(at).len(), item);
        let fits = needed <= BLOCK_BYTES.max(self.bytes.len());
        if fits {
            // The element that goes stands there until then.
            let before = series.bytes_in(form);
            room::replace(self.writer_of(form, needed.max(before)), at, item);
            self.shrink();
        }
        fits
    }

    /// Takes the elements of a range out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let count = self.series().len();
        let range = if self.is_mirrored { count - range.end..count - range.start } else { range };
        room::remove(self.writer(), range);
        self.shrink();
    }

    /// Puts an element at an end unless the block would become longer than `texts`, or what of it integers may have;
    /// says whether it did. Where it would have to move the others it does not become long.
    #[inline]
    pub(super) fn push(&mut self, side: Side, element: &[u8], texts: usize) -> bool {
        // Most texts find room at once.
        if self.grows_at(side)
            && let Series::Texts(leaf) = self.series()
            && leaf.used_bytes() + element.len() + ELEMENT_OVERHEAD <= self.bytes.len()
        {
            leaf::room::push(self.writer(), element);
            return true;
        }
        self.push_growing(side, element, texts)
    }

    /// The same where the block may have to become longer, or to take another form.
    fn push_growing(&mut self, side: Side, element: &[u8], texts: usize) -> bool {
        let series = self.series();
        let (item, count) = (series.item(element), series.len());
        let (form, needed) = series.with(item);
        if !self.grows_at(side) {
            // What holds one element is as good as mirrored.
            if count > 1 {
                let fits = needed <= BLOCK_BYTES;
                if fits {
                    room::insert(self.writer_of(form, needed), 0, item);
                }
                return fits;
            }
            self.is_mirrored = !self.is_mirrored;
        }
        if needed > self.bytes.len() || form != self.series().form() {
            let longest = longest(form, texts);
            if needed > longest {
                return false;
            }
            // A block that gets long goes on growing: not in many small steps.
            let doubled = if needed > BLOCK_BYTES { 2 * self.bytes.len() } else { 0 };
            self.resize(form, doubled.clamp(needed, longest));
        }
        room::push(self.writer(), item);
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
        let (series, moves) = (self.series(), !self.grows_at(side));
        series.show(if moves { 0 } else { series.len() - 1 }, each);
        let bytes = self.writer();
        let length = if moves { room::pop_first(bytes) } else { room::pop(bytes) };
        let is_long = bytes.len() > BLOCK_BYTES;
        let used = self.series().used_bytes();
        if is_long && used <= self.bytes.len() / 2 {
            self.resize(self.series().form(), used + used / 2);
        } else if used <= self.bytes.len() / 4 {
            self.resize(self.series().form(), used);
        }
        length
    }

    /// Takes the elements from `at` on out and returns them.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        self.straighten();
        let series = self.series();
        let (left, right) = (Self::of_range(series, 0..at), Self::of_range(series, at..series.len()));
        *self = left;
        right
    }

    /// The position at which a split divides the bytes most evenly.
    pub(super) fn middle(&self) -> usize {
        let elements = self.elements();
        if let Series::Integers(_) = self.series() {
            return elements.len() / 2;
        }
        let mut bytes = 0;
        let half = (self.series().used_bytes() - leaf::EMPTY.len()) / 2;
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
        let (form, needed) = self.bytes_with(&next);
        let (left, right) = (self.series(), next.series());
        let mut block = Self::copy_of(left, 0..left.len(), form, needed);
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

    /// The form and the bytes of a block of these elements and those of the next one.
    fn bytes_with(&self, next: &Self) -> (Form, usize) {
        let (left, right) = (self.series(), next.series());
        left.form().joined(right.form(), left.len() + right.len(), left.data_bytes() + right.data_bytes())
    }

    /// A block of the same elements that is mirrored if this one is not, and the other way round.
    fn turned(&self) -> Self {
        let series = self.series();
        let mut turned = Self::with_capacity(series.form(), series.used_bytes());
        room::append_reversed(turned.writer(), series);
        Self { is_mirrored: !self.is_mirrored, ..turned }
    }

    fn straighten(&mut self) {
        if self.is_mirrored {
            *self = self.turned();
        }
    }

    fn of_range(series: Series<'_>, range: Range<usize>) -> Self {
        let form = series.form();
        let needed = form.bytes_of(range.len(), series.data_bytes_of(range.clone()));
        Self::copy_of(series, range, form, needed)
    }

    /// A block that needs `needed` bytes soon and begins with elements of a range.
    fn copy_of(series: Series<'_>, range: Range<usize>, form: Form, needed: usize) -> Self {
        let mut block = Self::with_capacity(form, needed);
        room::append(block.writer(), series, range);
        block
    }

    /// The bytes to be changed, unshared.
    #[inline]
    fn writer(&mut self) -> &mut [u8] {
        unshared(&mut self.bytes)
    }

    /// The bytes to be changed, unshared, in a form and at least `needed`.
    #[inline]
    fn writer_of(&mut self, form: Form, needed: usize) -> &mut [u8] {
        if needed > self.bytes.len() || form != self.series().form() {
            self.resize(form, needed);
        }
        self.writer()
    }

    /// Gives memory back once a quarter of it is spare, but does not follow every removal.
    fn shrink(&mut self) {
        let (used, form) = (self.series().used_bytes(), self.series().form());
        if sizes::fit(used) <= self.bytes.len() / 4 * 3 {
            self.resize(form, used);
        }
    }

    fn resize(&mut self, form: Form, needed: usize) {
        let series = self.series();
        self.bytes = Self::copy_of(series, 0..series.len(), form, needed).bytes;
    }
}
