//! Long replies, written in slices between the turns of other clients, and long strings, which are not copied.
//!
//! A handler whose reply would be long writes its head and leaves the rest to a [`Producer`], which owns a clone of the
//! value: one counter, since values are copied on write. The locks are dropped as after any other command, the reply
//! shows the value as it was then, and the bytes are made when the socket takes them.
//!
//! ```text
//!   output:  ..$5 hello *500000 │ producer │ $2 OK :1 ..
//!                               └ at       └ commands behind it have run already
//! ```
//! What a producer writes stands at one place of the output, so replies keep their order, whatever runs behind it, and a
//! transaction may hold several. A script reads its replies itself and gets none.
//!
//! A string of some length is there already, in pages that no later write changes while somebody else holds them: an
//! [`Excerpt`] stands in its place, and the socket reads the pages themselves.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use resp::Protocol;
use stdx::rng::Rng;

use crate::commandlog::Unfinished;
use crate::reply::Reply;

/// From so many elements on a reply is written in slices: up to here it takes some tens of microseconds.
pub const MANY_ELEMENTS: usize = 1024;
/// From so many bytes on a part of a paged string is not copied: it takes an entry of a list, and pieces of its own in a write.
const MANY_BYTES: usize = 4 * 1024;
/// A shorter part than one in so many of the string is copied up to [`FEW_BYTES`]: it would hold all of the string, of which a limit
/// of the output knows only the part.
const MOST_HELD: usize = 16;
const FEW_BYTES: usize = 128 * 1024;
/// Pages that are soon freed.
const FEW_PAGES: usize = 64;
/// A slice ends when it has so many bytes.
const SLICE_BYTES: usize = 32 * 1024;
/// A slice ends when so many steps have written less.
const SLICE_STEPS: usize = 16;
/// What an element of a reply takes besides its own bytes, about.
pub(crate) const ELEMENT_HEAD: usize = 6;
/// Elements of one step.
const STEP_ELEMENTS: usize = 64;
/// How many elements a slice chooses at random, each in another part of memory.
const SLICE_CHOICES: usize = 128;

/// The most bytes that a producer tells are still to come, so that those of several can be added up.
const MOST_REMAINING: usize = 1 << 48;

/// Whether a producer has more to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has, or may have.
    More,
    /// That was all.
    Done,
}

/// The rest of a reply. Dropping one may take long, if it is the last owner of a large value.
pub trait Producer: Send + fmt::Debug {
    /// Works for some tens of microseconds, and appends what comes of it, which may be nothing.
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress;

    /// About how many bytes are still to come.
    fn remaining_bytes(&self) -> usize;

    /// The error that it has written in the place of a reply, once it is done: it counts like that of any command.
    fn error(&self) -> Option<&[u8]> {
        None
    }
}

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
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let next = self.rest.start + SLICE_BYTES.min(self.rest.len());
        self.blob.chunks(self.rest.start..next).for_each(|piece| out.extend_from_slice(piece));
        self.rest.start = next;
        if self.rest.is_empty() { Progress::Done } else { Progress::More }
    }
}

/// What stands in an output besides the bytes that were written to it.
#[derive(Debug)]
pub enum Part {
    /// Bytes that are there already.
    Excerpt(Excerpt),
    /// Bytes that are not made yet.
    Later(Box<dyn Producer>),
}

impl Part {
    /// Works for some tens of microseconds, and appends what comes of it.
    pub(crate) fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        match self {
            Self::Excerpt(excerpt) => excerpt.produce(out),
            Self::Later(producer) => producer.produce(out),
        }
    }

    /// About how many bytes are still to come.
    pub(crate) fn remaining_bytes(&self) -> usize {
        match self {
            Self::Excerpt(excerpt) => excerpt.len(),
            Self::Later(producer) => producer.remaining_bytes(),
        }
    }
}

/// A part, and where in the output its bytes belong.
#[derive(Debug)]
pub struct Slice {
    /// The offset in the buffer that the reply was written to.
    pub at: usize,
    /// What belongs there.
    pub part: Part,
}

/// The parts of the reply of one command, in the order of their places.
#[derive(Debug, Default)]
pub struct Slices {
    list: Vec<Slice>,
}

impl Slices {
    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What belongs at an offset of the output, behind the head of its reply, comes from here.
    pub(crate) fn push(&mut self, at: usize, part: Part) {
        self.list.push(Slice { at, part });
    }

    /// The output was cut to `length`: what belonged behind it is not wanted. A part stands behind the head of its
    /// reply, so one at the cut itself belongs to a reply before it.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.list.retain(|slice| slice.at <= length);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many bytes of those from the first on are there already.
    pub(crate) fn made_bytes(&self, first: usize) -> usize {
        let made = self.list[first..].iter().filter(|slice| matches!(slice.part, Part::Excerpt(_)));
        made.map(|slice| slice.part.remaining_bytes()).sum()
    }

    /// How many from the first on have still to be made.
    pub(crate) fn producers(&self, first: usize) -> usize {
        self.list[first..].iter().filter(|slice| matches!(slice.part, Part::Later(_))).count()
    }

    /// About how many bytes the producers from the first on will write.
    pub(crate) fn remaining_bytes(&self, first: usize) -> usize {
        let all: usize = self.list[first..].iter().map(|slice| slice.part.remaining_bytes()).sum();
        all - self.made_bytes(first)
    }

    /// Counts for an entry of the command log what the producers from the first on write.
    pub(crate) fn count(&mut self, first: usize, entry: &Arc<Unfinished>) {
        for slice in &mut self.list[first..] {
            if let Part::Later(producer) = &mut slice.part {
                let counted = std::mem::replace(producer, Box::new(Pieces::default()));
                *producer = Box::new(Counted { producer: counted, entry: Arc::clone(entry) });
            }
        }
    }

    /// All of them.
    pub fn take(&mut self) -> Vec<Slice> {
        std::mem::take(&mut self.list)
    }
}

/// A producer whose bytes are counted.
#[derive(Debug)]
struct Counted {
    producer: Box<dyn Producer>,
    entry: Arc<Unfinished>,
}

impl Producer for Counted {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let begin = out.len();
        let progress = self.producer.produce(out);
        self.entry.wrote(out.len() - begin);
        if progress == Progress::Done {
            self.entry.finished_part();
        }
        progress
    }

    fn remaining_bytes(&self) -> usize {
        self.producer.remaining_bytes()
    }

    fn error(&self) -> Option<&[u8]> {
        self.producer.error()
    }
}

/// Writes some elements of a value, those of a range of positions.
type WriteRange<V> = fn(&mut V, Range<usize>, &mut Reply<'_>);

/// Writes a range of positions of a value that finds a position quickly.
pub(crate) struct ByPosition<V> {
    value: V,
    rest: Range<usize>,
    /// Bytes of an element, about.
    element_bytes: usize,
    protocol: Protocol,
    write: WriteRange<V>,
}

impl<V> ByPosition<V> {
    /// The positions of `range`, each written as `write` does it, in about so many bytes.
    pub(crate) fn new(
        value: V,
        range: Range<usize>,
        element_bytes: usize,
        protocol: Protocol,
        write: WriteRange<V>,
    ) -> Self {
        Self { value, rest: range, element_bytes, protocol, write }
    }
}

impl<V: Send> Producer for ByPosition<V> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let begin = out.len();
        for _ in 0..SLICE_STEPS {
            let next = self.rest.start + STEP_ELEMENTS.min(self.rest.len());
            (self.write)(&mut self.value, self.rest.start..next, &mut Reply::new(out, self.protocol));
            self.rest.start = next;
            if self.rest.is_empty() {
                return Progress::Done;
            }
            if out.len() - begin >= SLICE_BYTES {
                break;
            }
        }
        Progress::More
    }

    fn remaining_bytes(&self) -> usize {
        self.rest.len() * self.element_bytes
    }
}

/// Writes some elements of a value, those behind a cursor, and returns the cursor to go on with, 0 at the end.
type WriteFrom<V> = fn(&mut V, u64, usize, &mut Reply<'_>) -> u64;

/// Writes all elements of a value that is walked with a cursor.
pub(crate) struct ByCursor<V> {
    value: V,
    cursor: u64,
    /// About how many bytes are still to come.
    remaining: usize,
    protocol: Protocol,
    write: WriteFrom<V>,
}

impl<V> ByCursor<V> {
    /// All elements, each written as `write` does it, in about so many bytes.
    pub(crate) fn new(value: V, bytes: usize, protocol: Protocol, write: WriteFrom<V>) -> Self {
        Self { value, cursor: 0, remaining: bytes, protocol, write }
    }
}

impl<V: Send> Producer for ByCursor<V> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let begin = out.len();
        let mut progress = Progress::More;
        for _ in 0..SLICE_STEPS {
            let mut reply = Reply::new(out, self.protocol);
            self.cursor = (self.write)(&mut self.value, self.cursor, STEP_ELEMENTS, &mut reply);
            if self.cursor == 0 {
                progress = Progress::Done;
                break;
            }
            if out.len() - begin >= SLICE_BYTES {
                break;
            }
        }
        self.remaining = self.remaining.saturating_sub(out.len() - begin);
        progress
    }

    fn remaining_bytes(&self) -> usize {
        self.remaining
    }
}

/// Chooses so many elements of a value at random and writes them, but for some that it rejects; returns how many it has written.
type WriteRandom<V> = fn(&mut V, usize, &mut Rng, &mut Reply<'_>) -> usize;

/// Writes elements of a value that are chosen at random, one by one.
pub(crate) struct ByChance<V> {
    value: V,
    left: usize,
    /// Bytes of an element, about.
    element_bytes: usize,
    rng: Rng,
    protocol: Protocol,
    write: WriteRandom<V>,
}

impl<V> ByChance<V> {
    /// So many elements of a value that has some, each written as `write` does it, in about so many bytes.
    pub(crate) fn new(
        value: V,
        count: usize,
        element_bytes: usize,
        rng: Rng,
        protocol: Protocol,
        write: WriteRandom<V>,
    ) -> Self {
        Self { value, left: count, element_bytes, rng, protocol, write }
    }
}

impl<V: Send> Producer for ByChance<V> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let count = self.left.min(SLICE_CHOICES);
        self.left -= (self.write)(&mut self.value, count, &mut self.rng, &mut Reply::new(out, self.protocol));
        if self.left == 0 { Progress::Done } else { Progress::More }
    }

    fn remaining_bytes(&self) -> usize {
        self.left.saturating_mul(self.element_bytes).min(MOST_REMAINING)
    }
}

/// Choosing different elements while all are walked: each is taken with the probability that it takes to find those that are
/// still wanted among those that are left (Knuth's algorithm S).
#[derive(Debug)]
pub(crate) struct Selection {
    wanted: usize,
    left: usize,
    rng: Rng,
}

impl Selection {
    /// So many of so many elements.
    pub(crate) fn new(wanted: usize, elements: usize, rng: Rng) -> Self {
        Self { wanted, left: elements, rng }
    }

    /// Whether the next element is taken.
    pub(crate) fn takes(&mut self) -> bool {
        let is_taken = self.rng.below(self.left as u64) < self.wanted as u64;
        self.left -= 1;
        self.wanted -= usize::from(is_taken);
        is_taken
    }
}

/// Bytes that are made already, in pieces of about a slice.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    list: Vec<Vec<u8>>,
    /// The piece that is written next.
    next: usize,
}

impl Pieces {
    /// The piece that more is to be appended to.
    pub(crate) fn last(&mut self) -> &mut Vec<u8> {
        if self.list.last().is_none_or(|piece| piece.len() >= SLICE_BYTES) {
            self.list.push(Vec::new());
        }
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Puts them into a reply: at once if they are few.
    pub(crate) fn write(&mut self, reply: &mut Reply<'_>) {
        match &self.list[..] {
            [] => {}
            [only] => reply.buffer().extend_from_slice(only),
            _ => reply.produce(std::mem::take(self)),
        }
    }
}

impl Producer for Pieces {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        if let Some(piece) = self.list.get_mut(self.next) {
            out.append(piece);
            self.next += 1;
        }
        if self.next < self.list.len() { Progress::More } else { Progress::Done }
    }

    fn remaining_bytes(&self) -> usize {
        self.list.iter().map(Vec::len).sum()
    }
}

impl<V> fmt::Debug for ByPosition<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByPosition").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for ByChance<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByChance").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for ByCursor<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByCursor").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use value::{Blob, List};

    use super::*;

    /// Everything that a producer writes, and in how many slices.
    fn drain(producer: &mut dyn Producer) -> (Vec<u8>, usize) {
        let (mut all, mut slices) = (Vec::new(), 1);
        loop {
            let mut out = Vec::new();
            let progress = producer.produce(&mut out);
            all.extend_from_slice(&out);
            if progress == Progress::Done {
                return (all, slices);
            }
            slices += 1;
        }
    }

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

    #[test]
    fn positions_come_in_order_whatever_their_size() {
        let mut builder = value::list::Builder::new();
        (0..5000).for_each(|number: usize| builder.push(number.to_string().as_bytes()));
        let list: List = builder.finish(value::list::Settings::of_parameter(-2));
        let mut producer = ByPosition::new(list, 1..4999, 10, Protocol::Resp3, |list, range, reply| {
            list.as_ref().range(range).for_each(|element| reply.bulk(element));
        });
        let mut expected = Vec::new();
        let mut reply = Reply::new(&mut expected, Protocol::Resp3);
        (1..4999).for_each(|number: usize| reply.bulk(number.to_string()));
        let (written, slices) = drain(&mut producer);
        assert_eq!(written, expected);
        assert_eq!(slices, 5, "a slice has 16 steps of 64 elements");
        assert_eq!(producer.remaining_bytes(), 0);
    }

    #[test]
    fn what_was_cut_off_is_not_produced() {
        let mut slices = Slices::default();
        let mut out = b"*2\r\n".to_vec();
        for _ in 0..2 {
            Reply::new(&mut out, Protocol::Resp2).array(2000);
            slices.push(out.len(), Part::Excerpt(Excerpt::new(Blob::default(), 0..0)));
        }
        assert_eq!(slices.list.iter().map(|slice| slice.at).collect::<Vec<_>>(), [11, 18]);
        slices.truncate(11);
        assert_eq!(slices.list.len(), 1);
        slices.truncate(4);
        assert!(slices.is_empty());
    }
}
