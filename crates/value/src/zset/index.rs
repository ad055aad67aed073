//! The member index of a large sorted set: which scores may be those of a member.
//!
//! ```text
//!   Index ─► root ─► chunk ─► bucket: count, fingerprints, scores
//!            (all chunks)  (16 buckets)
//! ```
//! A slot is a 32-bit keyed fingerprint of the member and its score, twelve bytes however long the member is. Members with
//! the same fingerprint are rare but possible, so an answer is a list of candidates, and the tree of elements says which of
//! them is right. Buckets are found by linear hashing of the fingerprint alone: no member is looked at when one is
//! divided. Like everything here it clones in constant time, and a write copies what it touches: one bucket.

use stdx::prefetch::prefetch;
use triomphe::Arc;

use crate::dismantle::{Dismantle, last_of};
use crate::linear;
use crate::page::sizes;
use crate::sweep::{Sweep, Sweeper};
use crate::unshare::unshared;

/// Buckets a chunk, and for the same reasons as of the pages of a table.
const CHUNK: usize = 16;
/// Average slots a bucket before the next one is divided. A search compares all fingerprints of a bucket, sixteen at a time.
const BUCKET_TARGET: usize = 96;
/// A bucket is merged away when the average falls below this.
const BUCKET_LOW: usize = BUCKET_TARGET / 2;
/// Words of a slot: the fingerprint, and the score in two halves.
const SLOT_WORDS: usize = 3;
/// Words in front of the slots: their count.
const HEAD_WORDS: usize = 1;
/// Fingerprints that are compared at once.
const GROUP: usize = 16;

/// See the module's text. Scores are kept in the form of [`super::score::encode`].
#[derive(Debug, Clone)]
pub(super) struct Index {
    root: Arc<Root>,
}

type Chunk = [Bucket; CHUNK];

#[derive(Debug, Clone)]
struct Root {
    chunks: Vec<Arc<Chunk>>,
    buckets: usize,
    len: usize,
}

/// Some slots: their count, the fingerprints of as many slots as there is room for, and their scores, low halves first.
#[derive(Debug, Clone, Default)]
struct Bucket(Option<Arc<[u32]>>);

/// The way to the slot of a fingerprint, for prefetching it in stages.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    bucket: &'a Bucket,
    fingerprint: u32,
}

impl Index {
    /// An index without slots that will soon have so many.
    pub(super) fn for_slots(slots: usize) -> Self {
        let buckets = (slots / BUCKET_TARGET).max(1);
        let chunks = (0..buckets.div_ceil(CHUNK)).map(|_| Arc::new(Chunk::default())).collect();
        Self { root: Arc::new(Root { chunks, buckets, len: 0 }) }
    }

    /// Slots.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.root.len
    }

    /// The scores that members with a fingerprint have.
    #[inline]
    pub(super) fn candidates(&self, fingerprint: u32) -> impl Iterator<Item = u64> {
        let bucket = self.root.bucket(self.bucket_of(fingerprint));
        let mut from = 0;
        std::iter::from_fn(move || {
            let slot = bucket.find(fingerprint, from)?;
            from = slot + 1;
            Some(bucket.score(slot))
        })
    }

    /// The way to the slot of a fingerprint. Asks the processor to bring the end of it near.
    #[inline]
    pub(super) fn path(&self, fingerprint: u32) -> Path<'_> {
        let index = self.bucket_of(fingerprint);
        let bucket = self.root.bucket(index);
        prefetch(Arc::heap_ptr(&self.root.chunks[index / CHUNK]).cast());
        prefetch(std::ptr::from_ref(bucket).cast());
        Path { bucket, fingerprint }
    }

    /// Adds a slot.
    pub(super) fn insert(&mut self, fingerprint: u32, score: u64) {
        let root = Arc::make_mut(&mut self.root);
        root.bucket_mut(linear::bucket_of(fingerprint.into(), root.buckets)).push(fingerprint, score);
        root.len += 1;
        if root.len > root.buckets * BUCKET_TARGET {
            root.split();
        }
    }

    /// Removes a slot that is there.
    pub(super) fn remove(&mut self, fingerprint: u32, score: u64) {
        let root = Arc::make_mut(&mut self.root);
        root.bucket_mut(linear::bucket_of(fingerprint.into(), root.buckets)).remove(fingerprint, score);
        root.len -= 1;
        if root.len < (root.buckets - 1) * BUCKET_LOW {
            root.merge();
        }
    }

    /// Gives a slot that is there another score.
    pub(super) fn replace(&mut self, fingerprint: u32, before: u64, after: u64) {
        let root = Arc::make_mut(&mut self.root);
        let bucket = root.bucket_mut(linear::bucket_of(fingerprint.into(), root.buckets));
        let slot = bucket.slot_of(fingerprint, before);
        bucket.set_score(slot, after);
    }

    /// The bucket of a fingerprint.
    #[inline]
    pub(super) fn bucket_of(&self, fingerprint: u32) -> usize {
        linear::bucket_of(fingerprint.into(), self.root.buckets)
    }

    /// The bucket that a cursor names, and the next cursor; begins and ends at 0.
    pub(super) fn scan_step(&self, cursor: u64) -> (usize, u64) {
        linear::scan_step(cursor, self.root.buckets)
    }

    /// The scores of a bucket.
    pub(super) fn scores(&self, bucket: usize) -> impl Iterator<Item = u64> {
        let bucket = self.root.bucket(bucket);
        (0..bucket.len()).map(|slot| bucket.score(slot))
    }

    /// Bytes of memory.
    pub(super) fn allocated_bytes(&self) -> usize {
        let root = &self.root;
        let buckets: usize = (0..root.buckets).map(|index| root.bucket(index).allocated_bytes()).sum();
        buckets
            + root.chunks.len() * (size_of::<Chunk>() + sizes::ARC_HEADER)
            + root.chunks.capacity() * size_of::<Arc<Chunk>>()
            + size_of::<Root>()
            + sizes::ARC_HEADER
    }
}

impl Dismantle for Index {
    fn dismantle(self, between: &mut dyn FnMut()) {
        for chunk in last_of(self.root).into_iter().flat_map(|root| root.chunks) {
            drop(chunk);
            between();
        }
    }
}

impl Sweep for Index {
    fn sweep(&mut self, bucket: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        let Some(root) = Arc::get_mut(&mut self.root) else { return true };
        while *bucket < root.buckets {
            if sweeper.is_tired() {
                return false;
            }
            let chunk = Arc::get_mut(&mut root.chunks[*bucket / CHUNK]);
            match chunk.and_then(|chunk| chunk[*bucket % CHUNK].0.as_mut()) {
                Some(words) => sweeper.renew(words),
                None => sweeper.pass(),
            }
            *bucket += 1;
        }
        true
    }
}

impl Path<'_> {
    /// Asks for the fingerprints of the bucket; the directory should be near.
    #[inline]
    pub(crate) fn prefetch_bucket(&self) {
        if let Some(words) = &self.bucket.0 {
            let address = words.as_ptr().cast::<u8>().wrapping_sub(sizes::ARC_HEADER);
            let end = sizes::ARC_HEADER + size_of::<u32>() * (HEAD_WORDS + self.bucket.capacity());
            (0..end).step_by(64).for_each(|at| prefetch(address.wrapping_add(at)));
        }
    }

    /// Asks for the score; the fingerprints should be near.
    #[inline]
    pub(crate) fn prefetch_score(&self) {
        if let Some(slot) = self.bucket.find(self.fingerprint, 0) {
            let at = HEAD_WORDS + self.bucket.capacity() + 2 * slot;
            prefetch(self.bucket.words()[at..].as_ptr().cast());
        }
    }
}

impl Root {
    #[inline]
    fn bucket(&self, index: usize) -> &Bucket {
        &self.chunks[index / CHUNK][index % CHUNK]
    }

    #[inline]
    fn bucket_mut(&mut self, index: usize) -> &mut Bucket {
        &mut Arc::make_mut(&mut self.chunks[index / CHUNK])[index % CHUNK]
    }

    fn split(&mut self) {
        let fresh = self.buckets;
        let (source, bit) = linear::next_split(fresh);
        let (stays, goes) = self.bucket(source).divided(|fingerprint| fingerprint as usize & bit != 0);
        *self.bucket_mut(source) = stays;
        if fresh.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Chunk::default()));
        }
        self.buckets += 1;
        *self.bucket_mut(fresh) = goes;
    }

    fn merge(&mut self) {
        let (last, target) = (self.buckets - 1, linear::next_merge(self.buckets));
        let gone = std::mem::take(self.bucket_mut(last));
        let bucket = self.bucket_mut(target);
        (0..gone.len()).for_each(|slot| bucket.push(gone.fingerprints()[slot], gone.score(slot)));
        self.buckets = last;
        if last.is_multiple_of(CHUNK) {
            self.chunks.pop();
            if self.chunks.capacity() > 2 * self.chunks.len() + 8 {
                self.chunks.shrink_to_fit();
            }
        }
    }
}

impl Bucket {
    #[inline]
    fn words(&self) -> &[u32] {
        self.0.as_deref().unwrap_or(&[0])
    }

    #[inline]
    fn len(&self) -> usize {
        self.words()[0] as usize
    }

    #[inline]
    fn capacity(&self) -> usize {
        (self.words().len() - HEAD_WORDS) / SLOT_WORDS
    }

    #[inline]
    fn fingerprints(&self) -> &[u32] {
        &self.words()[HEAD_WORDS..][..self.len()]
    }

    #[inline]
    fn score(&self, slot: usize) -> u64 {
        let at = HEAD_WORDS + self.capacity() + 2 * slot;
        let words = self.words();
        u64::from(words[at]) | u64::from(words[at + 1]) << 32
    }

    /// The first slot from one on that has a fingerprint. Whole groups without it are passed at once, which the compiler
    /// makes vector instructions of.
    #[inline]
    fn find(&self, fingerprint: u32, from: usize) -> Option<usize> {
        let slots = &self.fingerprints()[from..];
        let (groups, rest) = slots.as_chunks::<GROUP>();
        for (number, group) in groups.iter().enumerate() {
            let matches = group.iter().fold(0, |sum, &other| sum | u32::from(other == fingerprint));
            if matches != 0 {
                let at = group.iter().position(|&other| other == fingerprint).expect("it is in the group");
                return Some(from + number * GROUP + at);
            }
        }
        let at = rest.iter().position(|&other| other == fingerprint)?;
        Some(from + groups.len() * GROUP + at)
    }

    /// The slot with a fingerprint and a score, which is there.
    fn slot_of(&self, fingerprint: u32, score: u64) -> usize {
        let mut from = 0;
        while let Some(slot) = self.find(fingerprint, from) {
            if self.score(slot) == score {
                return slot;
            }
            from = slot + 1;
        }
        unreachable!("every element has its slot")
    }

    fn push(&mut self, fingerprint: u32, score: u64) {
        let len = self.len();
        if len == self.capacity() {
            self.resize(len + 1);
        }
        let words = self.writer();
        words[0] += 1;
        words[HEAD_WORDS + len] = fingerprint;
        self.set_score(len, score);
    }

    fn remove(&mut self, fingerprint: u32, score: u64) {
        let slot = self.slot_of(fingerprint, score);
        let last = self.len() - 1;
        let moved = (self.fingerprints()[last], self.score(last));
        let words = self.writer();
        words[HEAD_WORDS + slot] = moved.0;
        words[0] -= 1;
        self.set_score(slot, moved.1);
        // Memory is given back once a quarter of it is spare, so that it does not follow every removal.
        if words_for(last) <= self.words().len() / 4 * 3 {
            self.resize(last);
        }
    }

    fn set_score(&mut self, slot: usize, score: u64) {
        let at = HEAD_WORDS + self.capacity() + 2 * slot;
        let words = self.writer();
        words[at] = score as u32;
        words[at + 1] = (score >> 32) as u32;
    }

    /// The slots in two buckets, as `goes` says of their fingerprints.
    fn divided(&self, goes: impl Fn(u32) -> bool) -> (Self, Self) {
        let fingerprints = self.fingerprints();
        let going = fingerprints.iter().filter(|&&fingerprint| goes(fingerprint)).count();
        let (mut left, mut right) = (Self::default(), Self::default());
        left.resize(fingerprints.len() - going);
        right.resize(going);
        for (slot, &fingerprint) in fingerprints.iter().enumerate() {
            let side = if goes(fingerprint) { &mut right } else { &mut left };
            side.push(fingerprint, self.score(slot));
        }
        (left, right)
    }

    /// Gives the bucket room for a number of slots, no fewer than it has.
    fn resize(&mut self, slots: usize) {
        if slots == 0 {
            self.0 = None;
            return;
        }
        let mut words = vec![0; words_for(slots)];
        let (len, capacity) = (self.len(), (words.len() - HEAD_WORDS) / SLOT_WORDS);
        words[0] = len as u32;
        words[HEAD_WORDS..][..len].copy_from_slice(self.fingerprints());
        let (from, to) = (HEAD_WORDS + self.capacity(), HEAD_WORDS + capacity);
        words[to..to + 2 * len].copy_from_slice(&self.words()[from..from + 2 * len]);
        self.0 = Some(Arc::from(&words[..]));
    }

    /// The words of a bucket with slots, unshared.
    fn writer(&mut self) -> &mut [u32] {
        unshared(self.0.as_mut().expect("a bucket that is written has room"))
    }

    fn allocated_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |words| words.len() * size_of::<u32>() + sizes::ARC_HEADER)
    }
}

/// The words of the smallest size class of the allocator that has room for so many slots.
fn words_for(slots: usize) -> usize {
    sizes::fit((HEAD_WORDS + slots * SLOT_WORDS) * size_of::<u32>()) / size_of::<u32>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// How often a pair of fingerprint and score is there.
    type Model = BTreeMap<(u32, u64), usize>;

    fn check(index: &Index, model: &Model) {
        assert_eq!(index.len(), model.values().sum::<usize>());
        let mut scores: Vec<u64> = (0..index.root.buckets).flat_map(|bucket| index.scores(bucket)).collect();
        scores.sort_unstable();
        let mut expected: Vec<u64> =
            model.iter().flat_map(|(&(_, score), &times)| std::iter::repeat_n(score, times)).collect();
        expected.sort_unstable();
        assert_eq!(scores, expected);
        for &(fingerprint, _) in model.keys() {
            let mut found: Vec<u64> = index.candidates(fingerprint).collect();
            found.sort_unstable();
            let of_it = model.range((fingerprint, 0)..=(fingerprint, u64::MAX));
            let expected: Vec<u64> =
                of_it.flat_map(|(&(_, score), &times)| std::iter::repeat_n(score, times)).collect();
            assert_eq!(found, expected);
        }
    }

    fn take(model: &mut Model, key: (u32, u64)) -> bool {
        let Some(times) = model.get_mut(&key) else { return false };
        *times -= 1;
        if *times == 0 {
            model.remove(&key);
        }
        true
    }

    proptest! {
        #[test]
        fn an_index_and_its_clones_behave_like_maps(
            steps in prop::collection::vec((0_u8..10, 0_u32..600, 0_u64..3), 0..2500)
        ) {
            let (mut index, mut model) = (Index::for_slots(0), Model::new());
            let mut clones = Vec::new();
            for (number, (action, fingerprint, score)) in steps.into_iter().enumerate() {
                let fingerprint = fingerprint.wrapping_mul(0x9e37_79b9);
                match action {
                    0..6 => {
                        index.insert(fingerprint, score);
                        *model.entry((fingerprint, score)).or_insert(0) += 1;
                    }
                    6..8 => if take(&mut model, (fingerprint, score)) {
                        index.remove(fingerprint, score);
                    },
                    _ => if take(&mut model, (fingerprint, score)) {
                        index.replace(fingerprint, score, score + 7);
                        *model.entry((fingerprint, score + 7)).or_insert(0) += 1;
                    },
                }
                if number % 600 == 599 {
                    clones.push((index.clone(), model.clone()));
                }
            }
            clones.push((index, model));
            clones.iter().for_each(|(index, model)| check(index, model));
        }
    }

    #[test]
    fn a_slot_takes_little_more_than_its_bytes_and_gives_them_back() {
        let fingerprint = |number: u32| number.wrapping_mul(0x9e37_79b9);
        let mut index = Index::for_slots(0);
        (0..100_000).for_each(|number| index.insert(fingerprint(number), u64::from(number)));
        let bytes = index.allocated_bytes() as f64 / index.len() as f64;
        assert!(bytes < 14.2, "{bytes}");
        (100..100_000).for_each(|number| index.remove(fingerprint(number), u64::from(number)));
        assert!(index.allocated_bytes() < 4000, "{}", index.allocated_bytes());
        assert_eq!(index.candidates(fingerprint(7)).collect::<Vec<_>>(), [7]);
    }
}
