//! Walking members while others change scores.
//!
//! The order of the elements is no order for a walk in many calls, because a member whose score changes meanwhile can move
//! from in front of the walk to behind it. So a walk goes over the buckets of the index, whose order depends on the
//! members only, and takes from the tree the members that belong to a bucket. The index knows their scores; the members
//! are found by walking the runs of elements of these scores.
//!
//! Where many members have one score, a run is long and most of what it holds belongs to other buckets. Then more buckets are
//! taken at once, so that for each member that is shown only so many others are looked at ([`LOOKED_AT`]). What it costs
//! is that one call shows more than was asked for: up to a 64th of the members.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Store, ZSetRef};
use crate::zset::Element;
use crate::zset::large::Large;
use crate::zset::score::{self, Code};

/// Elements looked at for each member shown, about.
const LOOKED_AT: usize = 64;

/// What one call visits.
struct Visit {
    /// Buckets, in ascending order.
    buckets: Vec<usize>,
    /// The scores of their members.
    scores: BTreeSet<u64>,
    /// Whether the scores are so many that all elements are looked at.
    looks_at_all: bool,
    next: u64,
}

impl ZSetRef<'_> {
    /// Visits members behind `cursor`, about `count` of them or more, and returns the cursor to go on with: 0 when all
    /// were seen. A packed sorted set is visited at once. Members that are there all the time are seen, whatever
    /// becomes of their scores.
    pub fn scan(self, cursor: u64, count: usize, each: &mut dyn FnMut(Element<'_>)) -> u64 {
        let large = match self.store {
            Store::Large(large) if cursor > 0 || count < large.elements.len() => large,
            _ => {
                self.iter().for_each(each);
                return 0;
            }
        };
        let visit = Visit::plan(large, cursor, count);
        let mut show = |bytes| {
            let member = score::member(bytes);
            let bucket = large.index.bucket_of(large.fingerprint(member));
            if visit.buckets.binary_search(&bucket).is_ok() {
                each(Element::of(bytes));
            }
        };
        if visit.looks_at_all {
            large.elements.iter().for_each(show);
        } else {
            visit
                .scores
                .iter()
                .for_each(|&score| large.elements.range(run_of(large, score)).for_each(&mut show));
        }
        visit.next
    }
}

impl Visit {
    /// Takes buckets until there are enough members, and enough of what will be looked at.
    fn plan(large: &Large, cursor: u64, count: usize) -> Self {
        let len = large.elements.len();
        let mut visit =
            Self { buckets: Vec::new(), scores: BTreeSet::new(), looks_at_all: false, next: cursor };
        let (mut members, mut looked_at) = (0, 0);
        loop {
            let (bucket, next) = large.index.scan_step(visit.next);
            visit.next = next;
            visit.buckets.push(bucket);
            for score in large.index.scores(bucket) {
                members += 1;
                if visit.scores.insert(score) && looked_at < len {
                    looked_at += run_of(large, score).len();
                }
            }
            // To find a run costs about as much as to look at some elements.
            if visit.scores.len() * LOOKED_AT >= len {
                looked_at = len;
            }
            // An empty bucket counts as a member, so that a sparse index does not turn one call into a long walk.
            members += 1;
            if next == 0 || members > count && looked_at <= members * LOOKED_AT {
                visit.buckets.sort_unstable();
                visit.looks_at_all = looked_at >= len;
                return visit;
            }
        }
    }
}

/// The positions of the elements with a score.
fn run_of(large: &Large, score: u64) -> Range<usize> {
    let bound = |score: u64| large.elements.lower_bound(Code::of(score).as_slice());
    bound(score)..bound(score + 1)
}
