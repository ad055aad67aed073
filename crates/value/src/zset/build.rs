//! Building a sorted set from its elements, as loading and the commands that combine others do.

use std::ops::Range;
use std::sync::Arc;

use super::large::Large;
use super::score::{self, Code, encode};
use super::{PACKED_MAX, Settings, ZSet};
use crate::leaf::{self, ELEMENT_OVERHEAD};

/// Room for most sorted sets, so that it is not made step by step.
const FEW_BYTES: usize = 256;
const FEW_ELEMENTS: usize = 16;

/// A sorted set in the making. Elements come in any order; in ascending or descending order they cost least.
#[derive(Debug, Default)]
pub struct Builder {
    /// The elements, back to back.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    longest: usize,
}

/// A member came twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateMember;

impl Builder {
    /// Begins a sorted set.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(FEW_BYTES),
            ends: Vec::with_capacity(FEW_ELEMENTS),
            ..Self::default()
        }
    }

    /// The number of elements so far.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no element yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds an element; the score is a number.
    pub fn push(&mut self, member: &[u8], score: f64) {
        self.bytes.extend_from_slice(Code::of(encode(score)).as_slice());
        self.bytes.extend_from_slice(member);
        self.ends.push(self.bytes.len());
        self.longest = self.longest.max(member.len());
    }

    /// Ends the sorted set, kept as one that was made by commands.
    pub fn finish(self, settings: Settings) -> Result<ZSet, DuplicateMember> {
        let mut elements: Vec<&[u8]> = self.ranges().map(|range| &self.bytes[range]).collect();
        // A stable sort passes over what is sorted already, from either end.
        elements.sort();
        if elements.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DuplicateMember);
        }
        if self.is_small(settings) {
            return packed(&elements).map(ZSet::Packed);
        }
        Large::build(elements.into_iter(), settings.seed).map(ZSet::Large)
    }

    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| std::mem::replace(&mut start, end)..end)
    }

    fn is_small(&self, settings: Settings) -> bool {
        self.len() <= settings.max_packed_entries
            && self.longest <= settings.max_packed_value
            && leaf::EMPTY.len() + self.bytes.len() + self.len() * ELEMENT_OVERHEAD <= PACKED_MAX
    }
}

/// A block of elements in ascending order.
fn packed(elements: &[&[u8]]) -> Result<Arc<[u8]>, DuplicateMember> {
    let mut members: Vec<&[u8]> = elements.iter().map(|bytes| score::member(bytes)).collect();
    members.sort_unstable();
    if members.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(DuplicateMember);
    }
    let mut block = leaf::Builder::new();
    elements.iter().for_each(|bytes| block.push(bytes));
    Ok(block.finish(|block| Arc::from(block)))
}

impl<M: AsRef<[u8]>> FromIterator<(M, f64)> for Builder {
    fn from_iter<I: IntoIterator<Item = (M, f64)>>(elements: I) -> Self {
        let mut builder = Self::new();
        elements.into_iter().for_each(|(member, score)| builder.push(member.as_ref(), score));
        builder
    }
}
