//! What stands between the children of an inner node of a tree by key, and the way to the child of a key.
//!
//! ```text
//!   a separator:  what all of them begin with │ its head: four bytes, as a number │ rest
//! ```
//! Separators are strings that mostly begin alike, as elements of a sorted set do that have one score. To compare a key with one of
//! them is a call and a walk over bytes that tell nothing. So a key is compared once with what all begin with, and its next
//! four bytes, as a number, with the heads, which lie side by side. Only where heads are equal whole strings are compared.

use std::ops::Range;

use stdx::word::is_equal;

use crate::leaf::{self, Leaf};

/// The longest separator. A longer one would not tell more about most keys; see [`super::inner::Inner::child_of`].
pub(super) const SEPARATOR_MAX: usize = 128;
/// Bytes of a head.
const HEAD_BYTES: usize = size_of::<u32>();

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct Separators {
    /// All of them, in order.
    block: Vec<u8>,
    /// One for each separator; none if one of these is cut, for its head does not tell then on which side of it a key is.
    heads: Box<[u32]>,
    /// How many bytes all of them have in common.
    common: usize,
}

/// Where a key stands among separators.
pub(super) enum Standing {
    /// Behind so many.
    Behind(usize),
    /// Behind those before the range, and before those behind it.
    Among(Range<usize>),
}

impl Separators {
    /// None, and none will come: those of a tree by position.
    pub(super) fn never() -> Self {
        Self { block: Vec::new(), heads: Box::default(), common: 0 }
    }

    /// None yet.
    pub(super) fn none() -> Self {
        Self { block: leaf::EMPTY.to_vec(), ..Self::never() }
    }

    /// Whether there may be some.
    pub(super) fn are_kept(&self) -> bool {
        !self.block.is_empty()
    }

    #[inline]
    pub(super) fn all(&self) -> Leaf<'_> {
        Leaf::trusted(&self.block)
    }

    /// How far the heads tell where a key stands.
    #[inline]
    pub(super) fn standing(&self, key: &[u8]) -> Standing {
        let Some(first) = self.all().first().filter(|_| !self.heads.is_empty()) else {
            return Standing::Among(0..self.all().len());
        };
        let (beginning, rest) = key.split_at(self.common.min(key.len()));
        let expected = &first[..self.common];
        if !is_equal(beginning, expected) {
            return Standing::Behind(if beginning < expected { 0 } else { self.heads.len() });
        }
        let head = head(rest);
        let begin = self.heads.partition_point(|&other| other < head);
        if self.heads.get(begin) != Some(&head) {
            return Standing::Behind(begin);
        }
        let equal = self.heads[begin..].iter().take_while(|&&other| other == head).count();
        Standing::Among(begin..begin + equal)
    }

    /// Puts some in front of the one at an index, or behind the last.
    pub(super) fn insert<'s>(&mut self, at: usize, separators: impl Iterator<Item = &'s [u8]>) {
        for (index, separator) in separators.enumerate() {
            leaf::edit::insert(&mut self.block, at + index, separator);
        }
        self.look();
    }

    /// Takes those of a range out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        leaf::edit::remove_range(&mut self.block, range);
        self.look();
    }

    /// Takes those from `at` on out.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::none();
        leaf::edit::append(&mut right.block, self.all(), at..self.all().len());
        right.look();
        self.remove(at..self.all().len());
        right
    }

    /// Adds another's behind the last.
    pub(super) fn append(&mut self, other: &Self) {
        leaf::edit::append(&mut self.block, other.all(), 0..other.all().len());
        self.look();
    }

    /// Bytes of memory.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.block.capacity() + self.heads.len() * HEAD_BYTES
    }

    /// Finds out anew what they have in common, and their heads.
    fn look(&mut self) {
        let all = Leaf::trusted(&self.block);
        self.heads = Box::default();
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return };
        if all.iter().any(|separator| separator.len() == SEPARATOR_MAX) {
            return;
        }
        // They are in order, so what the first and the last begin with, all do.
        self.common = first.iter().zip(last).take_while(|(first, last)| first == last).count();
        self.heads = all.iter().map(|separator| head(&separator[self.common..])).collect();
    }
}

/// The first bytes as a number that is ordered as they are. What is missing counts as zeros, so the numbers of different strings can
/// be equal.
#[inline]
fn head(bytes: &[u8]) -> u32 {
    if let Some(bytes) = bytes.first_chunk() {
        return u32::from_be_bytes(*bytes);
    }
    let mut padded = [0; HEAD_BYTES];
    padded[..bytes.len()].copy_from_slice(bytes);
    u32::from_be_bytes(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&[u8]]) -> Separators {
        let mut separators = Separators::none();
        separators.insert(0, words.iter().copied());
        separators
    }

    fn check(words: &[&[u8]], key: &[u8]) {
        let separators = of(words);
        let behind = words.iter().filter(|word| **word <= key).count();
        match separators.standing(key) {
            Standing::Behind(count) => assert_eq!(count, behind, "{words:?} {key:?}"),
            Standing::Among(range) => {
                assert!((range.start..=range.end).contains(&behind), "{words:?} {key:?} {range:?}");
            }
        }
    }

    #[test]
    fn heads_tell_what_whole_strings_would() {
        let words: [&[u8]; 8] = [
            b"key:",
            b"key:\0",
            b"key:1",
            b"key:1234567",
            b"key:12345678",
            b"key:123456789",
            b"key:2",
            b"key:\xff",
        ];
        let keys: [&[u8]; 12] = [
            b"",
            b"a",
            b"key",
            b"key:",
            b"key:\0",
            b"key:\0\0",
            b"key:123456789",
            b"key:12345678a",
            b"key:1234567\0",
            b"key:3",
            b"key:\xff\xff",
            b"kez",
        ];
        for from in 0..words.len() {
            for to in from + 1..=words.len() {
                keys.iter().chain(&words).for_each(|key| check(&words[from..to], key));
            }
        }
    }

    #[test]
    fn most_keys_are_told_by_heads_alone() {
        let separators = of(&[b"score---element:17", b"score---element:19", b"score---element:23"]);
        assert!(matches!(separators.standing(b"score---element:20"), Standing::Behind(2)));
        assert!(
            matches!(separators.standing(b"score---element:19"), Standing::Among(range) if range == (1..2))
        );
        assert!(matches!(separators.standing(b"score-"), Standing::Behind(0)));
        assert!(matches!(of(&[]).standing(b"a"), Standing::Among(range) if range.is_empty()));
    }

    #[test]
    fn beside_one_that_is_cut_none_is_told() {
        let cut = [b'x'; SEPARATOR_MAX];
        assert!(matches!(of(&[b"a", &cut]).standing(b"b"), Standing::Among(range) if range == (0..2)));
    }
}
