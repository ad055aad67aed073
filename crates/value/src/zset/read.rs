//! Reading a sorted set.

use std::ops::Range;

use super::large::Large;
use super::range::{LexBound, LexRange, ScoreBound, ScoreRange};
use super::score::{self, Code, decode, element, encode, split};
use super::{Element, ZSet};
use crate::leaf::{self, Leaf};
use crate::tree;

mod pick;
mod scan;

/// A sorted set to read from.
#[derive(Debug, Clone, Copy)]
pub struct ZSetRef<'a> {
    store: Store<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Store<'a> {
    Packed(Leaf<'a>),
    Large(&'a Large),
}

/// How a sorted set is kept in Redis, by the names that `OBJECT ENCODING` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One block.
    Listpack,
    /// An ordered structure beside a table.
    Skiplist,
}

/// An end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where the lowest score is.
    Lowest,
    /// Where the highest score is.
    Highest,
}

/// Elements of a sorted set, walked from either side.
#[derive(Debug, Clone)]
pub struct Elements<'a>(Walk<'a>);

#[derive(Debug, Clone)]
enum Walk<'a> {
    Packed(leaf::Iter<'a>),
    Large(tree::Iter<'a, tree::ByKey>),
}

impl Encoding {
    /// The name in Redis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listpack => "listpack",
            Self::Skiplist => "skiplist",
        }
    }
}

impl<'a> ZSetRef<'a> {
    /// The sorted set in a block that this process made.
    pub fn packed(block: &'a [u8]) -> Self {
        Self { store: Store::Packed(Leaf::trusted(block)) }
    }

    /// The sorted set in a tree.
    pub fn large(large: &'a Large) -> Self {
        Self { store: Store::Large(large) }
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(self) -> Encoding {
        match self.store {
            Store::Packed(_) => Encoding::Listpack,
            Store::Large(_) => Encoding::Skiplist,
        }
    }

    /// The number of members.
    pub fn len(self) -> usize {
        match self.store {
            Store::Packed(leaf) => leaf.len(),
            Store::Large(large) => large.elements.len(),
        }
    }

    /// The elements, if they are in a tree.
    pub fn tree(self) -> Option<&'a tree::Ordered> {
        match self.store {
            Store::Packed(_) => None,
            Store::Large(large) => Some(&large.elements),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of all members together with their scores, which take one to nine each.
    pub fn data_bytes(self) -> usize {
        match self.store {
            Store::Packed(leaf) => leaf.data_bytes(),
            Store::Large(large) => large.elements.data_bytes(),
        }
    }

    /// The score of a member.
    pub fn score(self, member: &[u8]) -> Option<f64> {
        self.rank(member).map(|(_, score)| score)
    }

    /// The position and the score of a member.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self.store {
            Store::Packed(leaf) => {
                let position = leaf.iter().position(|bytes| score::member(bytes) == member)?;
                Some((position, Element::of(leaf.get(position)?).score))
            }
            Store::Large(large) => large.find(member).map(|(position, score)| (position, decode(score))),
        }
    }

    /// The element at a position.
    pub fn get(self, position: usize) -> Option<Element<'a>> {
        let bytes = match self.store {
            Store::Packed(leaf) => leaf.get(position),
            Store::Large(large) => large.elements.get(position),
        };
        bytes.map(Element::of)
    }

    /// All elements.
    pub fn iter(self) -> Elements<'a> {
        self.range(0..self.len())
    }

    /// The elements of a range of positions, cut to those that there are.
    pub fn range(self, range: Range<usize>) -> Elements<'a> {
        Elements(match self.store {
            Store::Packed(leaf) => Walk::Packed(leaf.range(range)),
            Store::Large(large) => Walk::Large(large.elements.range(range)),
        })
    }

    /// The positions of up to `count` elements at an end.
    pub fn positions_at(self, end: End, count: usize) -> Range<usize> {
        let len = self.len();
        match end {
            End::Lowest => 0..count.min(len),
            End::Highest => len - count.min(len)..len,
        }
    }

    /// The positions of the elements whose scores are in a range.
    pub fn positions_by_score(self, range: &ScoreRange) -> Range<usize> {
        let start = self.lower_bound(range.min, false);
        let end = self.lower_bound(range.max, true);
        start..end.max(start)
    }

    /// The positions of the elements whose members are in a range.
    ///
    /// Where scores differ members are not in order, and so a range of them means nothing. Of a small sorted set Redis
    /// then answers the first run of members that are inside, or from the other side the last one; so does this.
    pub fn positions_by_member(self, range: &LexRange<'_>, from_last: bool) -> Range<usize> {
        let (Some(first), Some(last)) = (self.get(0), self.get(self.len().wrapping_sub(1))) else {
            return 0..0;
        };
        if range.is_empty() || !range.begins_by(last.member) || range.ends_before(first.member) {
            return 0..0;
        }
        match self.store {
            Store::Packed(_) if from_last => {
                let outside = |is_inside: &dyn Fn(&[u8]) -> bool, end: usize| {
                    let mut before = self.range(0..end);
                    before.rposition(|element| is_inside(element.member)).map_or(0, |at| at + 1)
                };
                let end = outside(&|member| !range.ends_before(member), self.len());
                outside(&|member| !range.begins_by(member), end)..end
            }
            Store::Packed(_) => {
                let mut elements = self.iter();
                let start =
                    elements.position(|element| range.begins_by(element.member)).unwrap_or(self.len());
                let inside = self
                    .range(start..self.len())
                    .take_while(|element| !range.ends_before(element.member))
                    .count();
                start..start + inside
            }
            Store::Large(large) if first.score.to_bits() == last.score.to_bits() => {
                let score = encode(first.score);
                let start = lex_bound(large, score, range.min, false);
                let end = lex_bound(large, score, range.max, true);
                start..end.max(start)
            }
            Store::Large(_) => {
                let start = self.partition_point(|member| !range.begins_by(member));
                let end = self.partition_point(|member| !range.ends_before(member));
                start..end.max(start)
            }
        }
    }

    /// The sorted set on its own, to be read when the key's lock is gone: a counter, or a copy of a few kilobytes.
    pub fn to_owned(self) -> ZSet {
        match self.store {
            Store::Packed(leaf) => ZSet::Packed(leaf.bytes().into()),
            Store::Large(large) => ZSet::Large(large.clone()),
        }
    }

    /// The position of the first element behind a bound, or of the first that is not before it.
    fn lower_bound(self, bound: ScoreBound, is_end: bool) -> usize {
        // Behind all elements of a score stand those of the next higher one.
        let score = encode(bound.score) + u64::from(bound.is_exclusive != is_end);
        match self.store {
            Store::Packed(leaf) => leaf.partition_point(|bytes| split(bytes).0 < score),
            Store::Large(large) => large.elements.lower_bound(Code::of(score).as_slice()),
        }
    }

    /// By binary search, the position of the first element whose member is not before something.
    fn partition_point(self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.get(middle).is_some_and(|element| is_before(element.member)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Where a bound of members lies among elements that all have one score.
fn lex_bound(large: &Large, score: u64, bound: LexBound<'_>, is_end: bool) -> usize {
    let (member, is_exclusive) = match bound {
        LexBound::Lowest => return 0,
        LexBound::Highest => return large.elements.len(),
        LexBound::Inclusive(member) => (member, false),
        LexBound::Exclusive(member) => (member, true),
    };
    let mut bytes = element(score, member);
    if is_exclusive != is_end {
        bytes.push(0); // nothing lies between a member and itself with a zero behind
    }
    large.elements.lower_bound(&bytes)
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(elements) => elements.next(),
            Walk::Large(elements) => elements.next(),
        }
        .map(Element::of)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Walk::Packed(elements) => elements.size_hint(),
            Walk::Large(elements) => elements.size_hint(),
        }
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(elements) => elements.nth(count),
            Walk::Large(elements) => elements.nth(count),
        }
        .map(Element::of)
    }
}

impl DoubleEndedIterator for Elements<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(elements) => elements.next_back(),
            Walk::Large(elements) => elements.next_back(),
        }
        .map(Element::of)
    }
}

impl ExactSizeIterator for Elements<'_> {}
