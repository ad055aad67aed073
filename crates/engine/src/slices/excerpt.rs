//! A long string in a reply: its pages themselves, which no later write changes while somebody else holds them.

use std::ops::Range;

use super::{Progress, SLICE_BYTES};

/// From so many bytes on a part of a paged string is not copied: it takes an entry of a list, and pieces of its own in a write.
const MANY_BYTES: usize = 4 * 1024;
/// A shorter part than one in so many of the string is copied up to [`FEW_BYTES`]: it would hold all of the string, of which a limit
/// of the output knows only the part.
const MOST_HELD: usize = 16;
const FEW_BYTES: usize = 128 * 1024;
/// Pages that are soon freed.
const FEW_PAGES: usize = 64;

/// A part of a long string, as it was when it was asked for.
#[derive(Debug)]
pub struct Excerpt {
    blob: value::Blob,
    rest: Range<usize>,
}

impl Excerpt {
    /// Whether a part of a string should not be copied.
    pub(crate) fn pays(blob: &value::Blob, range: &Range<usize>) -> bool {
        let length = range.len();
        length >= FEW_BYTES || length >= MANY_BYTES && length * MOST_HELD >= blob.len()
    }

    /// The bytes of `range`, which lies within the string.
    pub fn new(blob: value::Blob, range: Range<usize>) -> Self {
        Self { blob, rest: range }
    }

    /// How many bytes are left of it.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.blob.chunks(self.rest.clone())
    }

    /// The first `count` bytes of what is left are not needed any more.
    pub fn skip(&mut self, count: usize) {
        debug_assert!(count <= self.rest.len(), "no more can be skipped than there is");
        self.rest.start += count;
    }

    /// Gives it up. If that would take long, since nobody else holds the string, it comes back to be freed where nobody waits.
    pub fn release(self) -> Option<Self> {
        if self.blob.pages() <= FEW_PAGES {
            return None;
        }
        let Self { blob, rest } = self;
        blob.into_sole().map(|blob| Self { blob, rest })
    }

    /// Copies a slice of it to the end of `out`.
    pub(super) fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let next = self.rest.start + SLICE_BYTES.min(self.rest.len());
        self.blob.chunks(self.rest.start..next).for_each(|piece| out.extend_from_slice(piece));
        self.rest.start = next;
        if self.rest.is_empty() { Progress::Done } else { Progress::More }
    }
}

#[cfg(test)]
mod tests {
    use value::Blob;

    use super::*;

    #[test]
    fn an_excerpt_is_what_the_string_was() {
        let bytes: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
        let mut blob = Blob::from_bytes(&bytes);
        let mut excerpt = Excerpt::new(blob.clone(), 10..90_000);
        blob.write(0, &vec![b'x'; 50_000]);
        let content = |excerpt: &Excerpt| excerpt.pieces().flatten().copied().collect::<Vec<u8>>();
        assert_eq!((content(&excerpt), excerpt.len()), (bytes[10..90_000].to_vec(), 89_990));
        excerpt.skip(20_000);
        assert_eq!(content(&excerpt), &bytes[20_010..90_000]);
        let (mut copied, mut slices) = (Vec::new(), 1);
        while excerpt.produce(&mut copied) == Progress::More {
            slices += 1;
        }
        assert_eq!((&copied[..], slices, excerpt.is_empty()), (&bytes[20_010..90_000], 3, true));
    }

    #[test]
    fn a_part_is_copied_where_it_is_short_or_would_hold_much_more() {
        let of = |length: usize| Blob::from_bytes(&vec![b'x'; length]);
        let (short, long) = (of(20_000), of(10_000_000));
        assert!(!Excerpt::pays(&short, &(0..4000)) && Excerpt::pays(&short, &(0..20_000)));
        assert!(!Excerpt::pays(&long, &(0..100_000)) && Excerpt::pays(&long, &(0..131_072)));
    }

    #[test]
    fn only_the_last_holder_of_a_long_string_has_much_to_free() {
        let blob = Blob::from_bytes(&vec![b'x'; 1_000_000]);
        let (one, other) = (Excerpt::new(blob.clone(), 0..10), Excerpt::new(blob, 0..10));
        assert!(one.release().is_none());
        assert!(other.release().is_some());
        assert!(Excerpt::new(Blob::from_bytes(&vec![b'x'; 20_000]), 0..10).release().is_none());
    }
}
